"""Consumer groups: which there are, who is in them, what they have read, and how far behind they are.

The lists are made with as few questions as there are: every broker lists the groups it coordinates, and is asked about
those in portions; committed offsets come many groups to a request (KIP-709) and end offsets many partitions to one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from console.errors import OperatorError, operator_errors
from console.services.group_members import GroupMember, GroupMembership, describe_memberships
from console.services.group_offsets import CommittedOffset, committed_offsets, times_of_next_records
from console.services.offsets import LATEST, list_offsets
from console.services.partial import Missing, missing_brokers, missing_partitions
from engine.net.cluster_client import ClusterClient
from engine.net.coordinators import find_coordinators
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ListGroupsRequest
from engine.types import TopicPartition

NO_COMMITS = frozenset({"share"})
"""Types of groups whose progress is not a committed offset."""


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group in a list. What nobody answered is None."""

    group_id: str
    type: str
    """classic, consumer (KIP-848), share (KIP-932) or streams (KIP-1071), in small letters."""
    state: str
    """As Kafka writes it: Empty, Stable, PreparingRebalance, ..."""
    protocol_type: str
    """"consumer" for consumers, "connect" for Kafka Connect, "" for groups that only commit."""
    coordinator: int
    member_count: int | None
    topic_count: int | None
    """Topics with committed offsets."""
    lag: int | None
    """Records behind, summed over the partitions with committed offsets."""


@dataclass(frozen=True, slots=True)
class GroupListing:
    """Groups by id, and what is missing."""

    groups: tuple[GroupSummary, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class GroupPartition:
    """What a group has read of one partition. What nobody answered, or does not exist, is None."""

    topic: str
    partition: int
    committed_offset: int | None
    """Of the next record to read; None while nothing was committed."""
    log_end_offset: int | None
    """Exclusive: the high watermark."""
    lag: int | None
    """Offsets between the two: records behind, at most (compaction and transactions leave gaps)."""
    lag_ms: int | None
    """Age of the next record to read: how long the group is behind. 0 when it is not."""
    metadata: str | None
    """What the consumer left with its commit."""
    member: GroupMember | None
    """Who the partition is assigned to."""


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """One group in full."""

    summary: GroupSummary
    membership: GroupMembership
    partitions: tuple[GroupPartition, ...]
    """Assigned or committed, by topic and number."""
    missing: tuple[Missing, ...]


async def list_group_ids(client: ClusterClient) -> tuple[list[GroupSummary], list[Missing]]:
    """Every group with type, state and coordinator as far as the brokers tell in a list."""
    partial = await client.request_to_all(ListGroupsRequest())
    missing = missing_brokers("groups", partial.missing)
    found: dict[str, GroupSummary] = {}
    for node_id, response in partial.answers.items():
        error = ErrorCode.of(response.error_code)
        if error != ErrorCode.NONE:
            missing.append(Missing(f"groups on broker {node_id}", f"{error.name}: {error.text}"))
        for group in response.groups:
            # Types came with v5 (KIP-848), states with v4 (KIP-518): older brokers leave them empty.
            found[group.group_id] = GroupSummary(
                group.group_id,
                (group.group_type or "classic").lower(),
                group.group_state,
                group.protocol_type,
                node_id,
                None,
                None,
                None,
            )
    return [found[name] for name in sorted(found)], missing


async def list_groups(client: ClusterClient, *, with_lag: bool = True) -> GroupListing:
    """All groups. Raises OperatorError when no broker answers."""
    with operator_errors("groups"):
        groups, missing = await list_group_ids(client)
        memberships, more = await describe_memberships(client, {g.group_id: (g.coordinator, g.type) for g in groups})
        missing += more
        summaries = {group.group_id: _with_membership(group, memberships.get(group.group_id)) for group in groups}
        if with_lag:
            by_coordinator: dict[int, list[str]] = {}
            for group in groups:
                if group.type not in NO_COMMITS:
                    by_coordinator.setdefault(group.coordinator, []).append(group.group_id)
            committed, more = await committed_offsets(client, by_coordinator)
            missing += more
            ends, more = await _end_offsets(client, committed.values())
            missing += more
            for group_id, offsets in committed.items():
                summaries[group_id] = replace(
                    summaries[group_id],
                    topic_count=len({partition.topic for partition in offsets}),
                    lag=_total_lag(offsets, ends),
                )
    return GroupListing(tuple(summaries.values()), tuple(missing))


async def describe_groups(
    client: ClusterClient, group_ids: Collection[str], *, now_ms: int | None
) -> list[GroupDescription]:
    """Groups in full; with the lag in time when `now_ms` is given. Raises OperatorError for one that does not exist."""
    subject = f"group {', '.join(group_ids)}"
    with operator_errors(subject):
        coordinators, errors = await find_coordinators(client, group_ids)
        for group_id, error in errors.items():
            raise OperatorError.refused(f"group {group_id}", error)
        listed = {group.group_id: group for group in (await list_group_ids(client))[0]}
        for group_id in group_ids:
            if group_id not in listed:
                raise OperatorError.refused(f"group {group_id}", ErrorCode.GROUP_ID_NOT_FOUND, "there is no such group")
        return [await _describe(client, listed[group_id], coordinators[group_id], now_ms) for group_id in group_ids]


async def _describe(
    client: ClusterClient, group: GroupSummary, coordinator: int, now_ms: int | None
) -> GroupDescription:
    memberships, missing = await describe_memberships(client, {group.group_id: (coordinator, group.type)})
    membership = memberships.get(group.group_id) or GroupMembership(group.state, "", ())
    committed: dict[TopicPartition, CommittedOffset] = {}
    if group.type not in NO_COMMITS:
        found, more = await committed_offsets(client, {coordinator: [group.group_id]})
        missing += more
        committed = found.get(group.group_id, {})
    owners = {partition: member for member in membership.members for partition in member.assignment}
    partitions = sorted({*committed, *owners})
    ends, more = await _end_offsets(client, [dict.fromkeys(partitions)])
    missing += more
    lags = {
        partition: max(0, ends[partition] - offset.offset)
        for partition, offset in committed.items()
        if partition in ends
    }
    ages: dict[TopicPartition, int] = {}
    if now_ms is not None:
        behind = {partition: committed[partition].offset for partition, lag in lags.items() if lag}
        times = await times_of_next_records(client, behind)
        ages = {partition: max(0, now_ms - time) for partition, time in times.items()}
        ages |= {partition: 0 for partition, lag in lags.items() if not lag}
    rows = tuple(
        GroupPartition(
            partition.topic,
            partition.partition,
            committed[partition].offset if partition in committed else None,
            ends.get(partition),
            lags.get(partition),
            ages.get(partition),
            committed[partition].metadata if partition in committed else None,
            owners.get(partition),
        )
        for partition in partitions
    )
    summary = replace(
        _with_membership(group, membership),
        coordinator=coordinator,
        topic_count=len({partition.topic for partition in committed}),
        lag=_total_lag(committed, ends),
    )
    return GroupDescription(summary, membership, rows, tuple(missing))


def _with_membership(group: GroupSummary, membership: GroupMembership | None) -> GroupSummary:
    if membership is None:
        return group
    return replace(group, state=membership.state or group.state, member_count=len(membership.members))


def _total_lag(offsets: Mapping[TopicPartition, CommittedOffset], ends: Mapping[TopicPartition, int]) -> int | None:
    """The sum over partitions whose end is known; None when none is, but there are some."""
    lags = [max(0, ends[partition] - each.offset) for partition, each in offsets.items() if partition in ends]
    return sum(lags) if lags or not offsets else None


async def _end_offsets(
    client: ClusterClient, groups: Iterable[Mapping[TopicPartition, object]]
) -> tuple[dict[TopicPartition, int], list[Missing]]:
    wanted = sorted({partition for partitions in groups for partition in partitions})
    if not wanted:
        return {}, []
    answers = await list_offsets(client, dict.fromkeys(wanted, LATEST), patience_ms=2_000)
    # Topics that were deleted keep their committed offsets for a while: nothing is missing there.
    failed = {
        partition: f"{error.name}: {error.text}"
        for partition, error in answers.errors.items()
        if error not in (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID)
    }
    missing = missing_partitions("end offsets", {**answers.missing, **failed})
    return {partition: found.offset for partition, found in answers.values.items()}, missing
