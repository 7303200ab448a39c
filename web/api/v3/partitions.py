"""Partitions, their offsets and replicas, and replicas that are being moved."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from console.errors import OperatorError, operator_errors
from console.services.offsets import start_and_end_offsets
from console.services.partitions import raise_topic_error
from engine.net.cluster_view import PartitionView
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ListPartitionReassignmentsRequest
from engine.types import TopicPartition
from web.api.errors import not_found
from web.api.names import BrokerId, ClusterId, PartitionId, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.errors import no_partition
from web.api.v3.links import Links, links_of
from web.api.v3.shapes import Listing, PartitionData, PartitionOffsetData, ReassignmentData, ReplicaData

_TOPIC = "/v3/clusters/{cluster_id}/topics/{topic_name}"


class TopicAsked(Asked, kw_only=True):
    """A topic."""

    cluster_id: ClusterId
    topic_name: TopicName


class PartitionAsked(TopicAsked, kw_only=True):
    """A partition."""

    partition_id: PartitionId


class OffsetAsked(PartitionAsked, kw_only=True):
    """A partition, and which of its offsets."""

    offset_type: Annotated[Literal["earliest_and_latest"], Meta(description="There is one.")] = "earliest_and_latest"


class ReplicaAsked(PartitionAsked, kw_only=True):
    """A replica."""

    broker_id: BrokerId


class ClusterOnly(Asked, kw_only=True):
    """A cluster."""

    cluster_id: ClusterId


async def partitions_of(call: Call, topic: str) -> tuple[PartitionView, ...]:
    """Raises OperatorError when there is no such topic."""
    with operator_errors(f"topic {topic}"):
        view = await call.cluster.client.metadata([topic])
        raise_topic_error(view, topic)
    return tuple(view.topics[topic].partitions)


async def _partition(call: Call, asked: PartitionAsked) -> PartitionView:
    for each in await partitions_of(call, asked.topic_name):
        if each.partition == asked.partition_id:
            return each
    raise no_partition(asked.topic_name, asked.partition_id)


def partition_data(links: Links, topic: str, partition: PartitionView) -> PartitionData:
    at = ("topics", topic, "partitions", partition.partition)
    return PartitionData(
        kind="KafkaPartition",
        metadata=links.metadata(at, ("topic", topic), ("partition", partition.partition)),
        cluster_id=links.cluster_id,
        topic_name=topic,
        partition_id=partition.partition,
        leader=links.related(*at, "replicas", partition.leader_id) if partition.leader_id >= 0 else None,
        replicas=links.related(*at, "replicas"),
        reassignment=links.related(*at, "reassignment"),
    )


def replica_data(links: Links, topic: str, partition: PartitionView, broker_id: int) -> ReplicaData:
    at = ("topics", topic, "partitions", partition.partition, "replicas", broker_id)
    name = (("topic", topic), ("partition", partition.partition), ("replica", broker_id))
    return ReplicaData(
        kind="KafkaReplica",
        metadata=links.metadata(at, *name),
        cluster_id=links.cluster_id,
        topic_name=topic,
        partition_id=partition.partition,
        broker_id=broker_id,
        is_leader=broker_id == partition.leader_id,
        is_in_sync=broker_id in partition.isr,
        broker=links.related("brokers", broker_id),
    )


@operation("GET", _TOPIC + "/partitions", tag="v3", summary="List partitions")
async def list_v3_partitions(call: Call, asked: TopicAsked) -> Listing[PartitionData]:
    links = await links_of(call, asked.cluster_id)
    data = [partition_data(links, asked.topic_name, each) for each in await partitions_of(call, asked.topic_name)]
    metadata = links.list_metadata("topics", asked.topic_name, "partitions")
    return Listing(kind="KafkaPartitionList", metadata=metadata, data=data)


@operation("GET", _TOPIC + "/partitions/{partition_id}", tag="v3", summary="Get a partition")
async def get_v3_partition(call: Call, asked: PartitionAsked) -> PartitionData:
    links = await links_of(call, asked.cluster_id)
    return partition_data(links, asked.topic_name, await _partition(call, asked))


@operation("GET", _TOPIC + "/partitions/{partition_id}/offset", tag="v3", summary="Get the offsets of a partition")
async def get_v3_partition_offset(call: Call, asked: OffsetAsked) -> PartitionOffsetData:
    """Until where it is readable: `latest_offset` is the high watermark."""
    links = await links_of(call, asked.cluster_id)
    await _partition(call, asked)
    partition = TopicPartition(asked.topic_name, asked.partition_id)
    with operator_errors(f"partition {partition}"):
        answers = await start_and_end_offsets(call.cluster.client, [partition], patience_ms=2_000)
    if partition not in answers.values:
        raise OperatorError.refused(
            f"partition {partition}", ErrorCode.LEADER_NOT_AVAILABLE, answers.why_not(partition) or None
        )
    start, end = answers.values[partition]
    at = ("topics", asked.topic_name, "partitions", asked.partition_id, "offset")
    return PartitionOffsetData(
        kind="KafkaPartitionWithOffsets",
        metadata=links.metadata(
            at, ("topic", asked.topic_name), ("partition", asked.partition_id), ("offset_type", asked.offset_type)
        ),
        cluster_id=links.cluster_id,
        topic_name=asked.topic_name,
        partition_id=asked.partition_id,
        earliest_offset=start,
        latest_offset=end,
    )


@operation("GET", _TOPIC + "/partitions/{partition_id}/replicas", tag="v3", summary="List replicas")
async def list_v3_replicas(call: Call, asked: PartitionAsked) -> Listing[ReplicaData]:
    links = await links_of(call, asked.cluster_id)
    partition = await _partition(call, asked)
    data = [replica_data(links, asked.topic_name, partition, each) for each in partition.replicas]
    metadata = links.list_metadata("topics", asked.topic_name, "partitions", asked.partition_id, "replicas")
    return Listing(kind="KafkaReplicaList", metadata=metadata, data=data)


@operation("GET", _TOPIC + "/partitions/{partition_id}/replicas/{broker_id}", tag="v3", summary="Get a replica")
async def get_v3_replica(call: Call, asked: ReplicaAsked) -> ReplicaData:
    links = await links_of(call, asked.cluster_id)
    partition = await _partition(call, asked)
    if asked.broker_id not in partition.replicas:
        raise not_found(
            f"Replica not found: broker {asked.broker_id} has none of {asked.topic_name}-{asked.partition_id}"
        )
    return replica_data(links, asked.topic_name, partition, asked.broker_id)


@operation(
    "GET",
    "/v3/clusters/{cluster_id}/topics/-/partitions/-/reassignment",
    tag="v3",
    summary="List replicas that are being moved",
)
async def list_v3_all_reassignments(call: Call, asked: ClusterOnly) -> Listing[ReassignmentData]:
    """Of all topics."""
    links = await links_of(call, asked.cluster_id)
    metadata = links.list_metadata("topics", "-", "partitions", "-", "reassignment")
    return Listing(kind="KafkaReassignmentList", metadata=metadata, data=await _reassignments(call, links, None))


@operation(
    "GET", _TOPIC + "/partitions/-/reassignment", tag="v3", summary="List replicas of a topic that are being moved"
)
async def list_v3_topic_reassignments(call: Call, asked: TopicAsked) -> Listing[ReassignmentData]:
    links = await links_of(call, asked.cluster_id)
    numbers = [each.partition for each in await partitions_of(call, asked.topic_name)]
    data = await _reassignments(call, links, {asked.topic_name: numbers})
    metadata = links.list_metadata("topics", asked.topic_name, "partitions", "-", "reassignment")
    return Listing(kind="KafkaReassignmentList", metadata=metadata, data=data)


@operation("GET", _TOPIC + "/partitions/{partition_id}/reassignment", tag="v3", summary="Get a reassignment")
async def get_v3_reassignment(call: Call, asked: PartitionAsked) -> ReassignmentData:
    """404 when none is going on."""
    links = await links_of(call, asked.cluster_id)
    await _partition(call, asked)
    found = await _reassignments(call, links, {asked.topic_name: [asked.partition_id]})
    if not found:
        raise not_found(f"No reassignment is going on for {asked.topic_name}-{asked.partition_id}")
    return found[0]


async def _reassignments(call: Call, links: Links, topics: dict[str, list[int]] | None) -> list[ReassignmentData]:
    client = call.cluster.client
    wanted = ListPartitionReassignmentsRequest.ListPartitionReassignmentsTopics
    request = ListPartitionReassignmentsRequest(
        timeout_ms=client.request_timeout_ms,
        topics=None
        if topics is None
        else [wanted(name=name, partition_indexes=numbers) for name, numbers in topics.items()],
    )
    with operator_errors("reassignments"):
        response = await client.request_to_controller(request)
    if response.error_code:
        raise OperatorError.refused("reassignments", ErrorCode.of(response.error_code), response.error_message)
    found = []
    for topic in response.topics:
        for each in topic.partitions:
            at = ("topics", topic.name, "partitions", each.partition_index)
            found.append(
                ReassignmentData(
                    kind="KafkaReassignment",
                    metadata=links.metadata(
                        (*at, "reassignment"),
                        ("topic", topic.name),
                        ("partition", each.partition_index),
                        ("reassignment", None),
                    ),
                    cluster_id=links.cluster_id,
                    topic_name=topic.name,
                    partition_id=each.partition_index,
                    adding_replicas=list(each.adding_replicas),
                    removing_replicas=list(each.removing_replicas),
                    replicas=links.related(*at, "replicas"),
                )
            )
    return found
