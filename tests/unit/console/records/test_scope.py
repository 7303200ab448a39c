"""How far the partitions reach that a reading is about."""

import pytest

from console.errors import OperatorError
from console.records import scope
from console.records.scope import Scope, find_bounds
from engine.net.partition_requests import PartitionAnswers
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

pytestmark = pytest.mark.anyio


async def test_who_reads_all_is_told_of_a_partition_without_leader_and_how_to_read_the_others(
    live, topics, monkeypatch
):
    topic = topics.make(partitions=3)
    silent = TopicPartition(topic, 1)

    async def offsets(client, wanted, **_):
        values = {each: (0, 5) for each in wanted if each != silent}
        return PartitionAnswers(values=values, errors={silent: ErrorCode.LEADER_NOT_AVAILABLE})

    monkeypatch.setattr(scope, "start_and_end_offsets", offsets)
    with pytest.raises(OperatorError) as refusal:
        await find_bounds(live, Scope([topic]))
    assert refusal.value.title == f"partition {silent}: no offsets"
    others = [number for number in range(3) if number != 1]
    assert refusal.value.hint.endswith(" ".join(f"--partition {number}" for number in others))

    bounds = await find_bounds(live, Scope([topic]), partial=True)
    assert silent not in bounds.values
    assert [missing.what for missing in bounds.missing] == [f"records of {silent}"]
