"""The cluster as it is: one glance, brokers, quorum, topics, partitions. Groups are in `group_views`.

What the console's services give, as JSON. Each answer names what is missing of it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.services.brokers import BrokerDescription, list_brokers
from console.services.configs import ConfigEntry
from console.services.partial import Missing
from console.services.partitions import PartitionDescription, list_partitions
from console.services.quorum import Quorum, describe_quorum
from console.services.topics import TopicSummary, describe_topic, list_topics
from web.api.answers import view_of
from web.api.errors import Failure, api_error
from web.api.limits import LISTED_MAX
from web.api.listed import Limit, Listed, listed
from web.api.names import TopicName
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


class TopicsAsked(Asked, kw_only=True):
    """Which topics."""

    contains: Annotated[str, msgspec.Meta(max_length=249, description="In the name, in any letter case.")] = ""
    internal: Annotated[bool, msgspec.Meta(description="Kafka's own, too.")] = False
    limit: Limit = LISTED_MAX
    with_configs: Annotated[bool, msgspec.Meta(description="What is overridden, and what is under min ISR.")] = False


class Topics(Listed, kw_only=True):
    """Topics by name."""

    topics: list[TopicSummary]
    hidden_internal: int


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
            return Topics(topics=[], left_out=left_out, hidden_internal=hidden, missing=[])
    listing = await list_topics(client, names=names, include_internal=asked.internal, with_configs=asked.with_configs)
    topics, rest = listed(listing.topics, asked.limit, listing.missing)
    rest["left_out"] = left_out or rest["left_out"]
    return Topics(topics=topics, hidden_internal=hidden or listing.hidden_internal, **rest)


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
    return view_of(ConfigView, entry, source=entry.source.name)


class PartitionsAsked(Asked, kw_only=True):
    """Of which topics; of all when none is named."""

    topic: Annotated[tuple[TopicName, ...], msgspec.Meta(max_length=1_000, description="Only these.")] = ()
    limit: Limit = LISTED_MAX


class Partitions(Listed, kw_only=True):
    """Partitions by topic and number."""

    partitions: list[PartitionDescription]


@operation("GET", "/api/partitions", tag="cluster", summary="Partitions, with leader, ISR, offsets and sizes")
async def get_partitions(call: Call, asked: PartitionsAsked) -> Partitions:
    found = await list_partitions(call.cluster.client, asked.topic or None)
    partitions, rest = listed(found.partitions, asked.limit, found.missing)
    return Partitions(partitions=partitions, **rest)
