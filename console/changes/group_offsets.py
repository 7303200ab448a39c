"""Planning to set the committed offsets of a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.changes.draft import Difference, Draft, Facts
from console.changes.kinds import Change, GroupOffset, OffsetTarget, ResetOffsets, SetOffsets, TargetKind
from console.changes.scopes import existing, log_bounds, partitions_of, scope_words, scopes_of
from console.errors import OperatorError, operator_errors
from console.output.text import plural
from console.records.positions import raise_incomplete
from console.services.group_changes import (
    GroupStanding,
    commit_offsets,
    delete_offsets,
    group_standing,
    non_empty_group,
)
from console.services.group_offsets import CommittedOffset
from console.services.offsets import list_offsets
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

_SHOWN_MAX = 10

_MEMBERS_ONLY = "its offsets can be set from outside"


async def draft_reset_offsets(client: ClusterClient, change: ResetOffsets) -> Draft:
    """Kafka: ConsumerGroupCommand.resetOffsets; offsets outside of a log are brought to its nearer end, and that is said."""
    standing = await _standing_to_change(client, change.group_id)
    risks = []
    if change.scope:
        partitions = await partitions_of(client, change.scope)
        if not standing.exists:
            risks.append(f"There is no group {change.group_id} yet: this makes it.")
    else:
        if not standing.exists:
            raise _no_such_group(change.group_id)
        there = await existing(client, standing.committed)
        partitions = sorted(there)
        risks += _gone(set(standing.committed) - there)
    bounds = await log_bounds(client, partitions)
    targets, notes = await _targets(client, change.target, standing, bounds)
    wanted = {partition: CommittedOffset(offset, -1, None) for partition, offset in targets.items()}
    scope = change.scope or scopes_of(partitions)
    words = ("stoker", "groups", "reset", change.group_id, "--to", change.target.word, *scope_words(scope), "--execute")
    return _draft(client, change, standing, wanted, notes, (words,), risks)


async def draft_set_offsets(client: ClusterClient, change: SetOffsets) -> Draft:
    standing = await _standing_to_change(client, change.group_id)
    asked = {TopicPartition(each.topic, each.partition): each for each in change.offsets}
    there = await existing(client, asked)
    risks = _gone(set(asked) - there)
    bounds = await log_bounds(client, sorted(there))
    wanted: dict[TopicPartition, CommittedOffset | None] = {}
    for partition in sorted(there):
        offset = asked[partition].offset
        if offset is None:
            wanted[partition] = None
            continue
        wanted[partition] = CommittedOffset(offset, asked[partition].leader_epoch, asked[partition].metadata)
        start, end = bounds[partition]
        if not start <= offset <= end:
            risks.append(
                f"Offset {offset} of {partition} is outside of its log, {start} to {end}: "
                "its consumers will go by their auto.offset.reset."
            )
    return _draft(client, change, standing, wanted, {}, _set_commands(change), risks)


async def _standing_to_change(client: ClusterClient, group_id: str) -> GroupStanding:
    standing = await group_standing(client, group_id)
    if standing.type == "share":
        raise OperatorError(
            f"group {group_id} is a share group",
            "its progress is no committed offset (KIP-932)",
            code=ErrorCode.GROUP_ID_NOT_FOUND,
        )
    return standing


async def _targets(
    client: ClusterClient,
    target: OffsetTarget,
    standing: GroupStanding,
    bounds: Mapping[TopicPartition, tuple[int, int]],
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, str]]:
    """The offset of each partition, and what there is to say about it."""
    notes: dict[TopicPartition, str] = {}
    wished: dict[TopicPartition, int] = {}
    match target.kind:
        case TargetKind.EARLIEST:
            return {partition: start for partition, (start, _) in bounds.items()}, notes
        case TargetKind.LATEST:
            return {partition: end for partition, (_, end) in bounds.items()}, notes
        case TargetKind.OFFSET:
            wished = dict.fromkeys(bounds, target.value)
        case TargetKind.SHIFT:
            for partition in bounds:
                committed = standing.committed.get(partition)
                if committed is None:
                    raise OperatorError.words(
                        f"group {standing.group_id} has committed nothing for {partition}, so there is nothing to shift",
                        "Name the partitions to shift with --topic T:P, or say where to with earliest, latest or an offset.",
                    )
                wished[partition] = committed.offset + target.value
        case TargetKind.TIMESTAMP:
            with operator_errors("partitions"):
                answers = await list_offsets(client, dict.fromkeys(bounds, target.value))
            raise_incomplete("offsets by time", bounds, answers.why_not)
            for partition, (_, end) in bounds.items():
                found = answers.values[partition].offset
                if found < 0:
                    notes[partition] = "no record so late: to the end"
                wished[partition] = end if found < 0 else found
    offsets = {}
    for partition, offset in wished.items():
        start, end = bounds[partition]
        offsets[partition] = min(max(offset, start), end)
        if offset < start:
            notes[partition] = f"{offset} is before the first record: to {start}"
        elif offset > end:
            notes[partition] = f"{offset} is beyond the end: to {end}"
    return offsets, notes


def _draft(
    client: ClusterClient,
    change: ResetOffsets | SetOffsets,
    standing: GroupStanding,
    wanted: Mapping[TopicPartition, CommittedOffset | None],
    notes: Mapping[TopicPartition, str],
    commands: tuple[tuple[str, ...], ...],
    risks: list[str],
) -> Draft:
    changed = {
        partition: offset
        for partition, offset in wanted.items()
        if (offset.offset if offset else None) != _committed(standing, partition)
    }
    # A partition that stays where it is because its log ends there is no difference, and must be said all the same.
    stopped = [f"{partition} stays: {note}." for partition, note in notes.items() if partition not in changed]
    more = len(stopped) - _SHOWN_MAX
    risks = [*risks, *stopped[:_SHOWN_MAX], *([f"{more} more partitions stay for such a reason."] if more > 0 else [])]

    async def carry_out() -> Change | None:
        to_set = {partition: offset for partition, offset in changed.items() if offset is not None}
        if to_set:
            await commit_offsets(client, change.group_id, to_set)
        to_forget = [partition for partition, offset in changed.items() if offset is None]
        if to_forget:
            await delete_offsets(client, change.group_id, to_forget)
        return None

    return Draft(
        change=change,
        subject=f"group {change.group_id}",
        difference=tuple(_difference(standing, each, offset, notes.get(each, "")) for each, offset in changed.items()),
        commands=commands,
        carry_out=carry_out,
        observe=lambda: observe_offsets(client, change.group_id, changed),
        before={str(partition): _committed(standing, partition) for partition in changed},
        after={str(partition): offset.offset if offset else None for partition, offset in changed.items()},
        risks=tuple(risks),
        undo=SetOffsets(change.group_id, offsets_now(standing, changed)),
        blocked=non_empty_group(standing, _MEMBERS_ONLY) if standing.is_active else None,
    )


async def observe_offsets(client: ClusterClient, group_id: str, partitions: Iterable[TopicPartition]) -> Facts:
    """What the group has committed for the partitions now."""
    standing = await group_standing(client, group_id)
    return {str(partition): _committed(standing, partition) for partition in partitions}


def offsets_now(standing: GroupStanding, partitions: Iterable[TopicPartition]) -> tuple[GroupOffset, ...]:
    """What the group has committed for the partitions, as what an undo sets it to."""
    rows = []
    for partition in partitions:
        found = standing.committed.get(partition)
        if found is None:
            rows.append(GroupOffset(partition.topic, partition.partition, None))
        else:
            rows.append(GroupOffset(*partition, found.offset, found.leader_epoch, found.metadata))
    return tuple(rows)


def _committed(standing: GroupStanding, partition: TopicPartition) -> int | None:
    found = standing.committed.get(partition)
    return None if found is None else found.offset


def _difference(
    standing: GroupStanding, partition: TopicPartition, offset: CommittedOffset | None, note: str
) -> Difference:
    before = _committed(standing, partition)
    if offset is None:
        return Difference("-", str(partition), str(before), "nothing", note)
    if before is None:
        return Difference("+", str(partition), "nothing", str(offset.offset), note)
    step = offset.offset - before
    effect = f"skips {step:,}" if step > 0 else f"reads {-step:,} again"
    return Difference("~", str(partition), str(before), str(offset.offset), f"{effect}; {note}" if note else effect)


def _set_commands(change: SetOffsets) -> tuple[tuple[str, ...], ...]:
    """One command per offset, since the command line has one target for all of its partitions."""
    by_offset: dict[int | None, list[TopicPartition]] = {}
    for each in change.offsets:
        by_offset.setdefault(each.offset, []).append(TopicPartition(each.topic, each.partition))
    commands = []
    for offset, partitions in by_offset.items():
        words = scope_words(scopes_of(partitions))
        if offset is None:
            commands.append(("stoker", "groups", "delete-offsets", change.group_id, *words))
        else:
            commands.append(("stoker", "groups", "reset", change.group_id, "--to", str(offset), *words, "--execute"))
    return tuple(commands)


def _gone(partitions: set[TopicPartition]) -> list[str]:
    if not partitions:
        return []
    names = ", ".join(map(str, sorted(partitions)[:5])) + ("…" if len(partitions) > 5 else "")
    return [f"{plural(len(partitions), 'partition')} of topics that are gone cannot be set: {names}."]


def _no_such_group(group_id: str) -> OperatorError:
    return OperatorError.refused(
        f"group {group_id}",
        ErrorCode.GROUP_ID_NOT_FOUND,
        "there is no such group",
        "`stoker groups list` shows them; with --topic a new one is made.",
    )
