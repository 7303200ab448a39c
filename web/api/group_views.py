"""Groups as they are: lag, in records and in time, and Burrow's status. Each answer names what is missing of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from console.lag.burrow import LagStatus
from console.lag.measure import PartitionLag, measure_group
from console.lag.tracker import LagTracker
from console.services.group_members import GroupMember
from console.services.groups import GroupPartition, GroupSummary, describe_groups, list_groups
from console.services.partial import Missing
from web.api.answers import view_of
from web.api.limits import LISTED_MAX
from web.api.listed import Limit, Listed, listed
from web.api.names import GroupId, now_ms
from web.api.operations import Asked, Call, operation


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

    contains: Annotated[str, msgspec.Meta(max_length=1_000, description="In the id, in any letter case.")] = ""
    limit: Limit = LISTED_MAX


class Groups(Listed, kw_only=True):
    """Groups by id."""

    groups: list[GroupView]


@operation("GET", "/api/groups", tag="cluster", summary="Groups, with lag and Burrow's status")
async def get_groups(call: Call, asked: GroupsAsked) -> Groups:
    """Lag is asked for now; status and lag in time are those of the newest pass over the cluster."""
    listing = await list_groups(call.cluster.client)
    found = [each for each in listing.groups if asked.contains.lower() in each.group_id.lower()]
    groups, rest = listed(found, asked.limit, listing.missing)
    return Groups(groups=[_group(each, call.cluster.sampler.tracker) for each in groups], **rest)


def _group(group: GroupSummary, tracker: LagTracker) -> GroupView:
    tracked = tracker.group(group.group_id)
    if tracked is None:
        return view_of(GroupView, group, lag_ms=None, **_status(None))
    status, partitions = tracked
    times = [each.lag_time.ms for each in partitions.values() if each.lag_time is not None]
    return view_of(GroupView, group, lag_ms=max(times, default=None), **_status(status))


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
    measured = await measure_group(client, found, now_ms=now)
    owners = {(each.topic, each.partition): each for each in found.partitions}
    summary = found.summary
    return view_of(
        GroupDetail,
        measured,
        type=summary.type,
        state=summary.state,
        protocol_type=summary.protocol_type,
        coordinator=summary.coordinator,
        assignor=found.membership.assignor,
        retention=measured.retention.value,
        members=[_member(each) for each in found.membership.members],
        partitions=[_partition(each, owners[each.topic, each.partition]) for each in measured.partitions],
        missing=[*found.missing, *measured.missing],
        **_status(measured.status),
    )


def _status(status: LagStatus | None) -> dict[str, str | None]:
    if status is None:
        return {"status": None, "status_meaning": None}
    return {"status": status.name, "status_meaning": status.meaning}


def _member(member: GroupMember) -> MemberView:
    return view_of(MemberView, member, assignment=[view_of(PartitionName, each) for each in member.assignment])


def _partition(each: PartitionLag, described: GroupPartition) -> PartitionLagView:
    return view_of(
        PartitionLagView,
        each,
        lag_ms=None if each.lag_time is None else each.lag_time.ms,
        retention=each.retention.state.value,
        lost_records=each.retention.lost_records,
        member_id=None if described.member is None else described.member.member_id,
        metadata=described.metadata,
        **_status(each.status),
    )
