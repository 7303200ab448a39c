"""Offsets of groups: set, clamped, shifted, forgotten, brought back. Authority: ConsumerGroupCommand.resetOffsets."""

import pytest

from console.changes.kinds import (
    DeleteGroup,
    DeleteOffsets,
    GroupOffset,
    OffsetTarget,
    PartitionScope,
    ResetOffsets,
    SetOffsets,
    TargetKind,
)
from console.errors import OperatorError
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.group_changes import commit_offsets, group_standing
from console.services.group_offsets import CommittedOffset
from console.services.topic_changes import delete_topic
from engine.runtime import SystemClock
from engine.types import TopicPartition

pytestmark = pytest.mark.anyio

EARLIEST, LATEST = OffsetTarget(TargetKind.EARLIEST), OffsetTarget(TargetKind.LATEST)


@pytest.fixture
async def records(anyio_backend, client, topic):
    """Ten records in partition 0, at 1000, 2000, ... ms; none in partition 1."""
    async with RecordProducer(client, SystemClock()) as producer:
        for number in range(10):
            await producer.send(topic, NewRecord(None, b"v", [], 0, 1000 * (number + 1)))
        await producer.flush()
    return topic


async def commit(client, group, topic, offset, partition=0, metadata="note"):
    await commit_offsets(client, group, {TopicPartition(topic, partition): CommittedOffset(offset, -1, metadata)})


async def committed(client, group):
    return {str(each): offset.offset for each, offset in (await group_standing(client, group)).committed.items()}


@pytest.mark.parametrize(
    ("target", "offset", "note"),
    [
        (EARLIEST, 0, "reads 4 again"),
        (LATEST, 10, "skips 6"),
        (OffsetTarget(TargetKind.OFFSET, 7), 7, "skips 3"),
        (OffsetTarget(TargetKind.OFFSET, 99), 10, "skips 6; 99 is beyond the end: to 10"),
        (OffsetTarget(TargetKind.SHIFT, -3), 1, "reads 3 again"),
        (OffsetTarget(TargetKind.SHIFT, 2), 6, "skips 2"),
        (OffsetTarget(TargetKind.SHIFT, -50), 0, "reads 4 again; -46 is before the first record: to 0"),
        (OffsetTarget(TargetKind.TIMESTAMP, 7500), 7, "skips 3"),
        (OffsetTarget(TargetKind.TIMESTAMP, 99_000), 10, "skips 6; no record so late: to the end"),
    ],
    ids=lambda value: value.word if isinstance(value, OffsetTarget) else None,
)
async def test_a_reset_sets_the_offset_within_the_log_and_says_what_it_means(
    door, client, records, group, target, offset, note
):
    await commit(client, group, records, 4)

    plan = await door.plan(ResetOffsets(group, target, (PartitionScope(records, (0,)),)))

    assert [str(each) for each in plan.difference] == [f"~ {records}-0: 4 -> {offset} ({note})"]
    assert plan.command == f"stoker groups reset {group} --to {target.word} --topic {records}:0 --execute"
    assert await committed(client, group) == {f"{records}-0": 4}
    assert (await plan.execute()).verified
    assert await committed(client, group) == {f"{records}-0": offset}


async def test_a_reset_is_undone_with_the_note_of_the_consumer(door, client, records, group):
    await commit(client, group, records, 4, metadata="where I was")
    result = await (await door.plan(ResetOffsets(group, EARLIEST, (PartitionScope(records),)))).execute()
    assert await committed(client, group) == {f"{records}-0": 0, f"{records}-1": 0}

    await (await door.plan_undo(result.audit_id)).execute()

    assert await committed(client, group) == {f"{records}-0": 4}
    kept = (await group_standing(client, group)).committed[TopicPartition(records, 0)]
    assert kept.metadata == "where I was"


async def test_without_scope_all_that_is_committed_is_reset(door, client, records, group):
    await commit(client, group, records, 4)

    plan = await door.plan(ResetOffsets(group, LATEST))

    assert dict(plan.after) == {f"{records}-0": 10}


async def test_a_new_group_is_made_by_a_reset_that_names_a_topic_and_only_then(door, records, group):
    plan = await door.plan(ResetOffsets(group, LATEST, (PartitionScope(records),)))
    assert "this makes it" in plan.risks[0]

    with pytest.raises(OperatorError, match="GROUP_ID_NOT_FOUND"):
        await door.plan(ResetOffsets(group, LATEST))


async def test_what_has_no_offset_cannot_be_shifted(door, records, group):
    with pytest.raises(OperatorError, match="nothing to shift"):
        await door.plan(ResetOffsets(group, OffsetTarget(TargetKind.SHIFT, 1), (PartitionScope(records),)))


async def test_a_partition_that_stays_because_its_log_ends_there_is_named(door, client, records, group):
    await commit(client, group, records, 10)

    plan = await door.plan(ResetOffsets(group, OffsetTarget(TargetKind.SHIFT, 5)))

    assert plan.difference == ()
    assert plan.risks == (f"{records}-0 stays: 15 is beyond the end: to 10.",)


async def test_a_partition_that_does_not_exist_is_refused(door, records, group):
    with pytest.raises(OperatorError, match=f"partition {records}-7: UNKNOWN_TOPIC_OR_PARTITION"):
        await door.plan(ResetOffsets(group, LATEST, (PartitionScope(records, (7,)),)))


async def test_offsets_that_were_committed_meanwhile_are_not_overwritten(door, client, records, group):
    await commit(client, group, records, 4)
    plan = await door.plan(ResetOffsets(group, EARLIEST))
    await commit(client, group, records, 5)

    with pytest.raises(OperatorError, match="has changed since"):
        await plan.execute()

    assert await committed(client, group) == {f"{records}-0": 5}


async def test_offsets_are_set_one_command_per_offset_and_forgotten_where_there_were_none(door, client, records, group):
    await commit(client, group, records, 4)
    await commit(client, group, records, 0, partition=1)
    change = SetOffsets(group, (GroupOffset(records, 0, 2), GroupOffset(records, 1, None)))

    plan = await door.plan(change)

    assert plan.command.splitlines() == [
        f"stoker groups reset {group} --to 2 --topic {records}:0 --execute",
        f"stoker groups delete-offsets {group} --topic {records}:1",
    ]
    await plan.execute()
    assert await committed(client, group) == {f"{records}-0": 2}


async def test_an_offset_outside_of_its_log_is_set_with_a_warning(door, records, group):
    plan = await door.plan(SetOffsets(group, (GroupOffset(records, 0, 50),)))

    assert "outside of its log, 0 to 10" in plan.risks[0]


async def test_offsets_of_topics_that_are_gone_are_named_and_left_out(door, client, records, group):
    await commit(client, group, records, 4)
    change = SetOffsets(group, (GroupOffset(records, 0, 2), GroupOffset("gone", 0, 1)))

    plan = await door.plan(change)

    assert list(plan.after) == [f"{records}-0"]
    assert "gone-0" in plan.risks[0]


async def test_forgotten_offsets_come_back(door, client, records, group):
    await commit(client, group, records, 4)
    await commit(client, group, records, 0, partition=1)

    result = await (await door.plan(DeleteOffsets(group, (PartitionScope(records, (0,)),)))).execute()

    assert await committed(client, group) == {f"{records}-1": 0}
    await (await door.plan_undo(result.audit_id)).execute()
    assert await committed(client, group) == {f"{records}-0": 4, f"{records}-1": 0}


async def test_a_deleted_group_comes_back_with_its_offsets(door, client, records, group):
    await commit(client, group, records, 4)
    plan = await door.plan(DeleteGroup(group))
    assert (plan.destroys, plan.can_undo) == (group, True)

    result = await plan.execute()

    assert not (await group_standing(client, group)).exists
    await (await door.plan_undo(result.audit_id)).execute()
    assert await committed(client, group) == {f"{records}-0": 4}


async def test_deleting_a_topic_names_the_groups_that_read_it(door, client, records, group):
    from console.changes.kinds import DeleteTopic

    await commit(client, group, records, 4)

    plan = await door.plan(DeleteTopic(records))

    assert f"1 group has read it: {group}." in plan.risks
    await delete_topic(client, records)
