"""Groups as they are: lag, in records and in time, and Burrow's status. Each answer names what is missing of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from console.lag.burrow import LagStatus
from console.lag.measure import GroupLag, PartitionLag, measure_group
from console.services.group_members import GroupMember
from console.services.groups import describe_groups, list_groups
from console.services.partial import Missing
from web.api.limits import LISTED_MAX
from web.api.names import GroupId, now_ms
from web.api.operations import Asked, Call, operation
from web.api.views import Limit


class GroupView(msgspec.Struct, kw_only=True):
    """A group in a list. `status` is Burrow's, null before the console has seen it commit."""

    group_id: str
    type: str
    state: str
    protocol_type: str
    coordinator: int
    member_count: int | None
    topic_count: int | None
    lag: int | None
    status: str | None
    status_meaning: str | None
    lag_ms: int | None
    """Of the partition that is furthest behind, in time."""


class GroupsAsked(Asked, kw_only=True):
    """Which groups."""

    contains: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    limit: Limit = LISTED_MAX


class Groups(msgspec.Struct, kw_only=True):
    """Groups by id."""

    groups: list[GroupView]
    left_out: int
    limit_max: int
    missing: list[Missing]


@operation("GET", "/api/groups", tag="cluster", summary="Groups, with lag and Burrow's status")
async def get_groups(call: Call, asked: GroupsAsked) -> Groups:
    """Lag is asked for now; status and lag in time are those of the newest pass over the cluster."""
    listing = await list_groups(call.cluster.client)
    tracker = call.cluster.sampler.tracker
    found = [each for each in listing.groups if asked.contains.lower() in each.group_id.lower()]
    views = []
    for group in found[: asked.limit]:
        tracked = tracker.group(group.group_id)
        status: LagStatus | None = None
        lag_ms = None
        if tracked is not None:
            status, partitions = tracked
            times = [each.lag_time.ms for each in partitions.values() if each.lag_time is not None]
            lag_ms = max(times, default=None)
        views.append(
            GroupView(
                group_id=group.group_id,
                type=group.type,
                state=group.state,
                protocol_type=group.protocol_type,
                coordinator=group.coordinator,
                member_count=group.member_count,
                topic_count=group.topic_count,
                lag=group.lag,
                status=None if status is None else status.name,
                status_meaning=None if status is None else status.meaning,
                lag_ms=lag_ms,
            )
        )
    return Groups(
        groups=views,
        left_out=max(0, len(found) - asked.limit),
        limit_max=LISTED_MAX,
        missing=list(listing.missing),
    )


class PartitionName(msgspec.Struct, kw_only=True):
    """A partition."""

    topic: str
    partition: int


class MemberView(msgspec.Struct, kw_only=True):
    """A member of a group."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    rack: str | None
    assignment: list[PartitionName]
    assignment_error: str | None


class PartitionLagView(msgspec.Struct, kw_only=True):
    """How a group does on a partition. Rates are in records per second; `drain_ms` null with a lag: never."""

    topic: str
    partition: int
    committed_offset: int | None
    log_start_offset: int | None
    log_end_offset: int | None
    lag: int | None
    lag_ms: int | None
    commit_rate: float | None
    production_rate: float | None
    drain_ms: int | None
    status: str | None
    status_meaning: str | None
    last_commit_ms: int | None
    retention: str
    """Whether what is not read yet is about to be deleted."""
    lost_records: int
    member_id: str | None
    metadata: str | None


class GroupDetail(msgspec.Struct, kw_only=True):
    """A group in full, measured now."""

    group_id: str
    type: str
    state: str
    protocol_type: str
    assignor: str
    coordinator: int
    status: str | None
    status_meaning: str | None
    lag: int | None
    lag_ms: int | None
    commit_rate: float | None
    production_rate: float | None
    drain_ms: int | None
    lost_records: int
    retention: str
    members: list[MemberView]
    partitions: list[PartitionLagView]
    missing: list[Missing]


class GroupAsked(Asked, kw_only=True):
    """A group."""

    group_id: GroupId


@operation("GET", "/api/groups/{group_id}", tag="cluster", summary="One group, measured now")
async def get_group(call: Call, asked: GroupAsked) -> GroupDetail:
    """Members, assignments, lag in records and time, rates, when it will have drained, and what is about to be deleted."""
    client = call.cluster.client
    now = now_ms()
    (found,) = await describe_groups(client, [asked.group_id], now_ms=now)
    measured: GroupLag = await measure_group(client, found, now_ms=now)
    owners = {(each.topic, each.partition): each for each in found.partitions}
    summary = found.summary
    return GroupDetail(
        group_id=summary.group_id,
        type=summary.type,
        state=summary.state,
        protocol_type=summary.protocol_type,
        assignor=found.membership.assignor,
        coordinator=summary.coordinator,
        status=_name(measured.status),
        status_meaning=_meaning(measured.status),
        lag=measured.lag,
        lag_ms=measured.lag_ms,
        commit_rate=measured.commit_rate,
        production_rate=measured.production_rate,
        drain_ms=measured.drain_ms,
        lost_records=measured.lost_records,
        retention=measured.retention.value,
        members=[_member(each) for each in found.membership.members],
        partitions=[_partition(each, owners[each.topic, each.partition]) for each in measured.partitions],
        missing=[*found.missing, *measured.missing],
    )


def _name(status: LagStatus | None) -> str | None:
    return None if status is None else status.name


def _meaning(status: LagStatus | None) -> str | None:
    return None if status is None else status.meaning


def _member(member: GroupMember) -> MemberView:
    return MemberView(
        member_id=member.member_id,
        group_instance_id=member.group_instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rack=member.rack,
        assignment=[PartitionName(topic=each.topic, partition=each.partition) for each in member.assignment],
        assignment_error=member.assignment_error,
    )


def _partition(each: PartitionLag, described: Any) -> PartitionLagView:
    return PartitionLagView(
        topic=each.topic,
        partition=each.partition,
        committed_offset=each.committed_offset,
        log_start_offset=each.log_start_offset,
        log_end_offset=each.log_end_offset,
        lag=each.lag,
        lag_ms=None if each.lag_time is None else each.lag_time.ms,
        commit_rate=each.commit_rate,
        production_rate=each.production_rate,
        drain_ms=each.drain_ms,
        status=_name(each.status),
        status_meaning=_meaning(each.status),
        last_commit_ms=each.last_commit_ms,
        retention=each.retention.state.value,
        lost_records=each.retention.lost_records,
        member_id=None if described.member is None else described.member.member_id,
        metadata=described.metadata,
    )
