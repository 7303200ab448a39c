"""The judges that look when all has settled find the state they are there to find, made by hand."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from engine.broker.group_shard_host import HostState
from engine.groups.records import OffsetKey, OffsetRecord
from engine.groups.settings import GroupSettings
from engine.groups.shard import GroupShard
from engine.protocol.messages import OffsetCommitValue
from engine.protocol.records.record import Record, build_batch
from engine.sim import final_state, run
from engine.sim.nemesis import Level
from engine.sim.world import Shape, World
from engine.types import TopicPartition

PLACE = TopicPartition("t", 0)


class Found(list[str]):
    def complain(self, kind: str, detail: str) -> None:
        self.append(kind)


def log_of(*values: bytes, first: int = 0) -> bytes:
    """What a log has that holds these values, one batch each."""
    content = b""
    for number, value in enumerate(values):
        record = Record(offset=first + number, timestamp=0, key=None, value=value, headers=[])
        content += build_batch([record], base_offset=first + number, leader_epoch=0)
    return content


def nodes_with(*contents: bytes, log_start_offset: int = 0) -> list[Any]:
    """Nodes that run, each with that content of `PLACE`."""
    nodes = []
    for number, content in enumerate(contents, 1):

        def read(offset: int, size: int, max_offset: int, content: bytes = content) -> Any:
            return SimpleNamespace(records=content, next_offset=max_offset)

        log = SimpleNamespace(
            log_start_offset=log_start_offset, log_end_offset=log_start_offset + 1, high_watermark=1, read=read
        )
        partitions = {PLACE: SimpleNamespace(log=log)}
        broker = SimpleNamespace(replicas=SimpleNamespace(partitions=partitions))
        nodes.append(SimpleNamespace(name=f"node-{number}", is_up=True, node=SimpleNamespace(broker=broker)))
    return nodes


def logs(*contents: bytes) -> list[str]:
    found = Found()
    final_state.judge_logs(nodes_with(*contents), found.complain)
    return found


def test_replicas_that_hold_the_same_are_sound() -> None:
    assert logs(log_of(b"a", b"b"), log_of(b"a", b"b")) == []


def test_replicas_that_hold_different_bytes_differ() -> None:
    assert logs(log_of(b"a", b"b"), log_of(b"a")) == ["replicas-differ"]
    assert logs(log_of(b"a"), log_of(b"x")) == ["replicas-differ"]


def test_a_batch_with_a_wrong_checksum_or_out_of_order_is_bad() -> None:
    flipped = bytearray(log_of(b"a"))
    flipped[-2] ^= 1
    assert logs(bytes(flipped)) == ["bad-batch"]
    assert logs(log_of(b"b", first=1)) == ["bad-batch"]
    assert logs(log_of(b"a", b"b") + log_of(b"a")) == ["bad-batch"]


def test_a_log_may_begin_where_its_records_were_deleted_up_to() -> None:
    found = Found()
    assert list(final_state.judge_logs(nodes_with(log_of(b"d", first=3), log_start_offset=3), found.complain)) == [
        PLACE
    ]
    final_state.judge_logs(nodes_with(log_of(b"d", b"e", first=3), log_start_offset=4), found.complain)
    assert found == ["bad-batch"]


def test_replicas_of_compacted_topics_may_differ() -> None:
    found = Found()
    nodes = nodes_with(log_of(b"a", b"b"), log_of(b"b", first=1))
    assert final_state.judge_logs(nodes, found.complain, compacted=("t",)) == {}
    assert found == []


def coordinator(committed: int | None, content: bytes) -> list[str]:
    shard = GroupShard(GroupSettings(), random.Random(0))
    if committed is not None:
        shard.replay(OffsetRecord(OffsetKey("g", "t", 0), OffsetCommitValue(offset=committed)), 0, 0)
    node = nodes_with(content)[0]
    host = SimpleNamespace(topic_partition=PLACE, state=HostState.ACTIVE, shard=shard)
    node.node.broker.groups = SimpleNamespace(_hosts={0: host})
    found = Found()
    final_state.judge_groups([node], found.complain)
    return found


def test_a_coordinator_that_remembers_what_its_log_says_is_sound() -> None:
    assert coordinator(None, b"") == []


def test_a_coordinator_that_remembers_a_commit_its_log_does_not_have_was_not_replayed() -> None:
    assert coordinator(7, b"") == ["groups-not-replayed"]


def test_a_cluster_with_a_node_that_never_comes_back_is_not_live() -> None:
    world = World(1, level=Level.CALM, shape=Shape(partitions=1))

    async def story() -> bool:
        await world.start()
        world.nodes[1].kill()
        return await world.settle()

    try:
        assert not world.loop.run_until_complete(story())
    finally:
        world.close()
    assert [violation.kind for violation in world.violations] == ["not-live"]


@pytest.mark.parametrize(("other", "kinds"), [("same", []), ("another", ["not-deterministic"])])
def test_a_seed_whose_trace_another_process_does_not_repeat_is_not_deterministic(
    monkeypatch: pytest.MonkeyPatch, other: str, kinds: list[str]
) -> None:
    monkeypatch.setattr(run, "hash_in_fresh_process", lambda result, hash_seed: other)
    result: Any = SimpleNamespace(seed=20, trace_hash="same", violations=[])
    run._check_determinism(result, 20)
    assert [violation.partition(":")[0] for violation in result.violations] == kinds
