"""The cluster as it is: one glance, brokers, quorum, topics, partitions, groups with lag and Burrow's status.

What the console's services give, as JSON. Each answer names what is missing of it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from console.history.snapshot import Snapshot
from console.lag.burrow import LagStatus
from console.lag.measure import GroupLag, PartitionLag, measure_group
from console.lag.tracker import LagTracker
from console.services.brokers import BrokerDescription, list_brokers
from console.services.configs import ConfigEntry
from console.services.group_members import GroupMember
from console.services.groups import describe_groups, list_groups
from console.services.partial import Missing
from console.services.partitions import PartitionDescription, list_partitions
from console.services.quorum import Quorum, describe_quorum
from console.services.topics import TopicSummary, describe_topic, list_topics
from web.api.errors import Failure, api_error
from web.api.limits import LISTED_MAX
from web.api.names import GroupId, TopicName, now_ms
from web.api.operations import Asked, Call, Nothing, operation


class Overview(msgspec.Struct, kw_only=True):
    """Is the cluster well? What nobody answered is null; before the first look all of it is."""

    cluster: str
    """How the console calls it."""
    is_readonly: bool
    at_ms: int | None
    """When this was seen, a few seconds ago at most while `failure` is null."""
    failure: Failure | None
    """Why the newest look failed."""
    is_healthy: bool | None
    """No partition is without leader or under-replicated, and nothing is missing."""
    cluster_id: str | None
    controller: int | None
    broker_count: int | None
    topic_count: int | None
    partition_count: int | None
    unavailable_partitions: int | None
    under_replicated_partitions: int | None
    offline_replicas: int | None
    group_count: int | None
    groups_by_status: dict[str, int] | None
    """Burrow's: OK, WARN, ERROR."""
    lag: int | None
    """Records that groups are behind, all together."""
    size_bytes: int | None
    """Of all replicas."""
    missing: list[Missing]


@operation("GET", "/api/overview", tag="cluster", summary="Is the cluster well?")
async def get_overview(call: Call, asked: Nothing) -> Overview:
    """From the newest pass over the cluster; asks nobody."""
    cluster = call.cluster
    snapshot = cluster.latest
    failure = None if cluster.failure is None else api_error(cluster.failure).failure
    figures: dict[str, Any] = dict.fromkeys(Overview.__struct_fields__)
    if snapshot is not None:
        figures |= _figures(snapshot, cluster.sampler.tracker)
    figures |= {"cluster": cluster.name, "is_readonly": cluster.door.readonly, "failure": failure}
    figures["missing"] = list(snapshot.missing) if snapshot is not None else []
    return Overview(**figures)


def _figures(snapshot: Snapshot, tracker: LagTracker) -> dict[str, Any]:
    partitions = snapshot.partitions.values()
    unavailable = sum(each.leader_id < 0 for each in partitions)
    under = sum(len(each.isr) < len(each.replicas) for each in partitions)
    statuses: dict[str, int] = {}
    lags = [
        lag
        for group in snapshot.groups.values()
        for partition in group.committed
        if (lag := snapshot.lag(group, partition)) is not None
    ]
    for group_id in snapshot.groups:
        found = tracker.group(group_id)
        if found is not None:
            statuses[found[0].name] = statuses.get(found[0].name, 0) + 1
    return {
        "at_ms": snapshot.at_ms,
        "is_healthy": not (unavailable or under or snapshot.missing),
        "cluster_id": snapshot.cluster_id,
        "controller": snapshot.quorum.leader if snapshot.quorum is not None else None,
        "broker_count": len(snapshot.brokers),
        "topic_count": len({each.topic for each in snapshot.partitions}),
        "partition_count": len(snapshot.partitions),
        "unavailable_partitions": unavailable,
        "under_replicated_partitions": under,
        "offline_replicas": sum(len(each.offline_replicas) for each in partitions),
        "group_count": len(snapshot.groups),
        "groups_by_status": statuses,
        "lag": sum(lags),
        "size_bytes": sum(sum(each.values()) for each in snapshot.sizes.values()),
    }


class ClusterView(msgspec.Struct, kw_only=True):
    """A cluster that the console can show."""

    name: str
    is_default: bool


@operation("GET", "/api/clusters", tag="cluster", summary="Which clusters there are", clusterless=True)
async def list_clusters(call: Call, asked: Nothing) -> list[ClusterView]:
    """The one that the console was started on, and those of the contexts file: at `/clusters/NAME/api/…`."""
    clusters = call.request.app.state.clusters
    return [ClusterView(name=name, is_default=name == clusters.default.name) for name in clusters.names()]


class Brokers(msgspec.Struct, kw_only=True):
    """Brokers by id."""

    brokers: list[BrokerDescription]
    knows_fenced: bool
    """Whether the cluster tells of fenced brokers."""
    missing: list[Missing]


@operation("GET", "/api/brokers", tag="cluster", summary="Brokers, with what they lead and hold")
async def get_brokers(call: Call, asked: Nothing) -> Brokers:
    found = await list_brokers(call.cluster.client)
    return Brokers(brokers=list(found.brokers), knows_fenced=found.knows_fenced, missing=list(found.missing))


@operation("GET", "/api/quorum", tag="cluster", summary="The metadata quorum")
async def get_quorum(call: Call, asked: Nothing) -> Quorum:
    return await describe_quorum(call.cluster.client)


Limit = Annotated[int, msgspec.Meta(ge=1, le=LISTED_MAX)]


class TopicsAsked(Asked, kw_only=True):
    """Which topics."""

    contains: Annotated[str, msgspec.Meta(max_length=249, description="In the name, in any letter case.")] = ""
    internal: bool = False
    limit: Limit = LISTED_MAX
    with_configs: Annotated[bool, msgspec.Meta(description="What is overridden, and what is under min ISR.")] = False


class Topics(msgspec.Struct, kw_only=True):
    """Topics by name."""

    topics: list[TopicSummary]
    left_out: int
    """Beyond `limit`."""
    hidden_internal: int
    limit_max: int
    missing: list[Missing]


@operation("GET", "/api/topics", tag="cluster", summary="Topics, with records, sizes and health")
async def get_topics(call: Call, asked: TopicsAsked) -> Topics:
    client = call.cluster.client
    names = None
    left_out = hidden = 0
    if asked.contains or asked.limit < LISTED_MAX:
        listing = await list_topics(client, include_internal=asked.internal, with_offsets=False, with_sizes=False)
        found = [each.name for each in listing.topics if asked.contains.lower() in each.name.lower()]
        hidden = listing.hidden_internal
        names, left_out = sorted(found)[: asked.limit], max(0, len(found) - asked.limit)
        if not names:
            return Topics(topics=[], left_out=left_out, hidden_internal=hidden, limit_max=LISTED_MAX, missing=[])
    listing = await list_topics(client, names=names, include_internal=asked.internal, with_configs=asked.with_configs)
    return Topics(
        topics=list(listing.topics[: asked.limit]),
        left_out=left_out or max(0, len(listing.topics) - asked.limit),
        hidden_internal=hidden or listing.hidden_internal,
        limit_max=LISTED_MAX,
        missing=list(listing.missing),
    )


class TopicAsked(Asked, kw_only=True):
    """A topic."""

    topic_name: TopicName


class ConfigView(msgspec.Struct, kw_only=True):
    """One property; `value` is null for sensitive ones and those without value."""

    name: str
    value: str | None
    source: str
    is_sensitive: bool
    is_read_only: bool
    type: str
    is_override: bool
    """Set on the topic itself."""


class TopicView(msgspec.Struct, kw_only=True):
    """A topic with its partitions and properties."""

    summary: TopicSummary
    partitions: list[PartitionDescription]
    configs: list[ConfigView]
    missing: list[Missing]


@operation("GET", "/api/topics/{topic_name}", tag="cluster", summary="One topic")
async def get_topic(call: Call, asked: TopicAsked) -> TopicView:
    found = await describe_topic(call.cluster.client, asked.topic_name)
    return TopicView(
        summary=found.summary,
        partitions=list(found.partitions),
        configs=[_config(each) for each in found.configs],
        missing=list(found.missing),
    )


def _config(entry: ConfigEntry) -> ConfigView:
    return ConfigView(
        name=entry.name,
        value=entry.value,
        source=entry.source.name,
        is_sensitive=entry.is_sensitive,
        is_read_only=entry.is_read_only,
        type=entry.type,
        is_override=entry.is_override,
    )


class PartitionsAsked(Asked, kw_only=True):
    """Of which topics; of all when none is named."""

    topic: Annotated[tuple[TopicName, ...], msgspec.Meta(max_length=1_000)] = ()
    limit: Limit = LISTED_MAX


class Partitions(msgspec.Struct, kw_only=True):
    """Partitions by topic and number."""

    partitions: list[PartitionDescription]
    left_out: int
    limit_max: int
    missing: list[Missing]


@operation("GET", "/api/partitions", tag="cluster", summary="Partitions, with leader, ISR, offsets and sizes")
async def get_partitions(call: Call, asked: PartitionsAsked) -> Partitions:
    found = await list_partitions(call.cluster.client, asked.topic or None)
    return Partitions(
        partitions=list(found.partitions[: asked.limit]),
        left_out=max(0, len(found.partitions) - asked.limit),
        limit_max=LISTED_MAX,
        missing=list(found.missing),
    )


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
