"""Topics: list, create, get, grow, delete."""

from __future__ import annotations

from typing import Annotated

import msgspec

from console.changes.kinds import AlterTopic, CreateTopic, DeleteTopic
from console.errors import OperatorError, operator_errors
from console.services.partitions import raise_topic_error
from console.services.topic_changes import CLUSTER_DEFAULT, NewTopic
from console.services.topics import is_internal
from engine.net.cluster_view import TopicView
from engine.protocol.errors import ErrorCode
from web.api.errors import bad_request
from web.api.names import ClusterId, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.links import Links, carry_out, links_of
from web.api.v3.partitions import ClusterOnly, TopicAsked
from web.api.v3.shapes import Listing, NewValue, TopicData

_TOPICS = "/v3/clusters/{cluster_id}/topics"

PartitionCount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Broker = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class ReplicasAssignment(Asked, kw_only=True):
    """Where the replicas of a partition are to be, the preferred leader first."""

    partition_id: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    broker_ids: Annotated[list[Broker], msgspec.Meta(min_length=1, max_length=1_000)]


class NewConfig(Asked, kw_only=True):
    """A property of the topic."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
    value: NewValue | None = None


class NewTopicBody(Asked, kw_only=True):
    """A topic to create. Without counts: as the brokers are configured."""

    topic_name: TopicName
    partitions_count: PartitionCount | None = None
    replication_factor: Annotated[int, msgspec.Meta(ge=1, le=32_767)] | None = None
    replicas_assignments: Annotated[tuple[ReplicasAssignment, ...], msgspec.Meta(max_length=100_000)] = ()
    configs: Annotated[tuple[NewConfig, ...], msgspec.Meta(max_length=1_000)] = ()
    validate_only: bool = False


class CreateAsked(Asked, kw_only=True):
    """A cluster, and a topic to create in it."""

    cluster_id: ClusterId
    body: NewTopicBody


class PartitionCountBody(Asked, kw_only=True):
    """How many partitions there are to be."""

    partitions_count: PartitionCount


class GrowAsked(TopicAsked, kw_only=True):
    """A topic, and how many partitions it is to have."""

    body: PartitionCountBody


def topic_data(links: Links, name: str, topic: TopicView) -> TopicData:
    return TopicData(
        kind="KafkaTopic",
        metadata=links.metadata(("topics", name), ("topic", name)),
        cluster_id=links.cluster_id,
        topic_name=name,
        is_internal=is_internal(name, topic.is_internal),
        replication_factor=len(topic.partitions[0].replicas) if topic.partitions else 0,
        partitions_count=len(topic.partitions),
        partitions=links.related("topics", name, "partitions"),
        configs=links.related("topics", name, "configs"),
        partition_reassignments=links.related("topics", name, "partitions", "-", "reassignment"),
    )


async def _topic(call: Call, links: Links, name: str) -> TopicData:
    with operator_errors(f"topic {name}"):
        view = await call.cluster.client.metadata([name])
        raise_topic_error(view, name)
    return topic_data(links, name, view.topics[name])


@operation("GET", _TOPICS, tag="v3", summary="List topics")
async def list_v3_topics(call: Call, asked: ClusterOnly) -> Listing[TopicData]:
    links = await links_of(call, asked.cluster_id)
    with operator_errors("topics"):
        view = await call.cluster.client.metadata(None)
    data = [topic_data(links, name, each) for name, each in sorted(view.topics.items())]
    return Listing(kind="KafkaTopicList", metadata=links.list_metadata("topics"), data=data)


@operation("POST", _TOPICS, tag="v3", summary="Create a topic", status=201, changes=True)
async def create_v3_topic(call: Call, asked: CreateAsked) -> TopicData:
    """With `validate_only` nothing is created, and the answer is what there would be."""
    links = await links_of(call, asked.cluster_id)
    new = asked.body
    topic = NewTopic(
        new.topic_name,
        new.partitions_count or CLUSTER_DEFAULT,
        new.replication_factor or CLUSTER_DEFAULT,
        {each.name: each.value for each in new.configs if each.value is not None},
        _assignment(new),
    )
    plan = await call.cluster.door.plan(CreateTopic(topic))
    if plan.blocked is not None:
        raise plan.blocked
    if not new.validate_only:
        await plan.execute()
        return await _topic(call, links, new.topic_name)
    counts = {name: int(plan.after.get(name) or 0) for name in ("replication_factor", "partition_count")}
    return TopicData(
        kind="KafkaTopic",
        metadata=links.metadata(("topics", new.topic_name), ("topic", new.topic_name)),
        cluster_id=links.cluster_id,
        topic_name=new.topic_name,
        is_internal=False,
        replication_factor=counts["replication_factor"],
        partitions_count=counts["partition_count"],
        partitions=links.related("topics", new.topic_name, "partitions"),
        configs=links.related("topics", new.topic_name, "configs"),
        partition_reassignments=links.related("topics", new.topic_name, "partitions", "-", "reassignment"),
    )


def _assignment(new: NewTopicBody) -> list[list[int]]:
    """Replicas by partition. Raises ApiError for gaps, and for counts beside it."""
    if not new.replicas_assignments:
        return []
    if new.partitions_count is not None or new.replication_factor is not None:
        raise bad_request("replicas_assignments stands instead of partitions_count and replication_factor")
    by_partition = {each.partition_id: list(each.broker_ids) for each in new.replicas_assignments}
    if sorted(by_partition) != list(range(len(new.replicas_assignments))):
        raise bad_request("replicas_assignments must name each partition from 0 on once")
    return [by_partition[each] for each in range(len(by_partition))]


@operation("GET", _TOPICS + "/{topic_name}", tag="v3", summary="Get a topic")
async def get_v3_topic(call: Call, asked: TopicAsked) -> TopicData:
    links = await links_of(call, asked.cluster_id)
    return await _topic(call, links, asked.topic_name)


@operation(
    "PATCH", _TOPICS + "/{topic_name}", tag="v3", summary="Raise the number of partitions of a topic", changes=True
)
async def grow_v3_topic(call: Call, asked: GrowAsked) -> TopicData:
    """Keys then go to other partitions than before. Fewer than there are is refused."""
    links = await links_of(call, asked.cluster_id)
    before = await _topic(call, links, asked.topic_name)
    if asked.body.partitions_count < before.partitions_count:
        raise OperatorError.refused(
            f"topic {asked.topic_name}",
            ErrorCode.INVALID_PARTITIONS,
            f"it has {before.partitions_count} partitions, and they cannot be taken away",
        )
    await carry_out(call, AlterTopic(asked.topic_name, asked.body.partitions_count))
    return await _topic(call, links, asked.topic_name)


@operation("DELETE", _TOPICS + "/{topic_name}", tag="v3", summary="Delete a topic", status=204, changes=True)
async def delete_v3_topic(call: Call, asked: TopicAsked) -> None:
    """With all that is in it; there is no undo."""
    links = await links_of(call, asked.cluster_id)
    await _topic(call, links, asked.topic_name)
    await carry_out(call, DeleteTopic(asked.topic_name))
