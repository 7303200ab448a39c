"""Topics: list, create, get, grow, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from console.changes.kinds import AlterTopic, CreateTopic, DeleteTopic
from console.errors import OperatorError, operator_errors
from console.services.partitions import raise_topic_error
from console.services.topic_changes import CLUSTER_DEFAULT, NewTopic
from engine.net.cluster_view import TopicView
from engine.protocol.errors import ErrorCode
from web.api.errors import bad_request
from web.api.names import ClusterId, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.authorized import authorized_operations
from web.api.v3.links import Links, carry_out, links_of
from web.api.v3.partitions import ClusterOnly, TopicAsked
from web.api.v3.shapes import Listing, NewValue, TopicData

_TOPICS = "/v3/clusters/{cluster_id}/topics"

PartitionCount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Broker = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


PARTITIONS_ASSIGNED_MAX = 100_000
ReplicasAssignments = Annotated[
    dict[str, Annotated[list[Broker], msgspec.Meta(min_length=1, max_length=1_000)]],
    msgspec.Meta(
        max_length=PARTITIONS_ASSIGNED_MAX,
        description='By partition: the brokers that are to have it, the preferred leader first. `{"0": [1, 2]}`',
    ),
]


class NewConfig(Asked, kw_only=True):
    """A property of the topic."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
    value: NewValue


class NewTopicBody(Asked, kw_only=True):
    """A topic to create. Without counts: as the brokers are configured."""

    topic_name: TopicName
    partitions_count: PartitionCount | None = None
    replication_factor: Annotated[int, msgspec.Meta(ge=1, le=32_767)] | None = None
    replicas_assignments: ReplicasAssignments = msgspec.field(default_factory=dict)
    configs: Annotated[tuple[NewConfig, ...], msgspec.Meta(max_length=1_000)] = ()
    validate_only: bool = False


class CreateAsked(Asked, kw_only=True):
    """A cluster, and a topic to create in it."""

    cluster_id: ClusterId
    body: NewTopicBody


AuthorizedOperations = Annotated[bool, msgspec.Meta(description="Say what we may do with it, too (KIP-430).")]


class ListAsked(ClusterOnly, kw_only=True):
    """A cluster. The parameter is called so here, and otherwise for one topic: that is how Confluent has it."""

    include_authorized_operations: AuthorizedOperations = msgspec.field(
        name="includeAuthorizedOperations", default=False
    )


class GetAsked(TopicAsked, kw_only=True):
    """A topic."""

    include_authorized_operations: AuthorizedOperations = False


class PartitionCountBody(Asked, kw_only=True):
    """How many partitions there are to be."""

    partitions_count: PartitionCount


class GrowAsked(TopicAsked, kw_only=True):
    """A topic, and how many partitions it is to have."""

    body: PartitionCountBody


def _topic_data(links: Links, name: str, partition_count: int, replication_factor: int, **more: Any) -> TopicData:
    return TopicData(
        kind="KafkaTopic",
        metadata=links.metadata(("topics", name), ("topic", name)),
        cluster_id=links.cluster_id,
        topic_name=name,
        replication_factor=replication_factor,
        partitions_count=partition_count,
        partitions=links.related("topics", name, "partitions"),
        configs=links.related("topics", name, "configs"),
        partition_reassignments=links.related("topics", name, "partitions", "-", "reassignment"),
        **{"is_internal": False, **more},
    )


def _seen(links: Links, topic: TopicView, operations: Mapping[str, list[str]] | None = None) -> TopicData:
    factor = len(topic.partitions[0].replicas) if topic.partitions else 0
    more: dict[str, Any] = {"is_internal": topic.is_internal}
    if operations is not None:
        more["authorized_operations"] = operations.get(topic.name, [])
    return _topic_data(links, topic.name, len(topic.partitions), factor, **more)


async def _topic(call: Call, links: Links, name: str, *, with_operations: bool = False) -> TopicData:
    client = call.cluster.client
    with operator_errors(f"topic {name}"):
        view = await client.metadata([name])
        raise_topic_error(view, name)
        operations = await authorized_operations(client, [name]) if with_operations else None
    return _seen(links, view.topics[name], operations)


@operation("GET", _TOPICS, tag="v3", summary="List topics")
async def list_v3_topics(call: Call, asked: ListAsked) -> Listing[TopicData]:
    """Without Kafka's internal ones, as Confluent has it; `/api/topics?internal=true` has these, too."""
    links = await links_of(call, asked.cluster_id)
    client = call.cluster.client
    with operator_errors("topics"):
        view = await client.metadata(None)
        topics = [each for _, each in sorted(view.topics.items()) if not each.is_internal]
        operations = None
        if asked.include_authorized_operations:
            operations = await authorized_operations(client, [each.name for each in topics])
    data = [_seen(links, each, operations) for each in topics]
    return Listing(kind="KafkaTopicList", metadata=links.list_metadata("topics"), data=data)


@operation(
    "POST",
    _TOPICS,
    tag="v3",
    summary="Create a topic",
    status=201,
    also={200: "With `validate_only`: it would be created."},
    changes=True,
)
async def create_v3_topic(call: Call, asked: CreateAsked) -> TopicData:
    """With `validate_only` nothing is created, and the answer is what there would be. Location is where it is, or would
    be."""
    links = await links_of(call, asked.cluster_id)
    new = asked.body
    topic = NewTopic(
        new.topic_name,
        new.partitions_count or CLUSTER_DEFAULT,
        new.replication_factor or CLUSTER_DEFAULT,
        _configs(new),
        _assignment(new),
    )
    plan = await call.cluster.door.plan(CreateTopic(topic))
    if plan.blocked is not None:
        raise plan.blocked
    call.reply.headers["Location"] = links.url("topics", new.topic_name)
    if not new.validate_only:
        await plan.execute()
        return await _topic(call, links, new.topic_name)
    call.reply.status = 200
    counts = [int(plan.after.get(name) or 0) for name in ("partition_count", "replication_factor")]
    return _topic_data(links, new.topic_name, *counts)


def _configs(new: NewTopicBody) -> dict[str, str]:
    """Raises ApiError for names that come twice."""
    configs = {each.name: each.value for each in new.configs}
    if len(configs) < len(new.configs):
        raise bad_request("body.configs: each name may come once")
    return configs


def _assignment(new: NewTopicBody) -> list[list[int]]:
    """Replicas by partition. Raises ApiError for gaps, and for counts beside it that say something else."""
    if not new.replicas_assignments:
        return []
    wanted = new.replicas_assignments
    names = [str(each) for each in range(len(wanted))]
    if set(names) != set(wanted):
        raise bad_request("body.replicas_assignments must name each partition from 0 on once")
    factor = len(wanted["0"])
    if new.partitions_count not in (None, len(wanted)) or new.replication_factor not in (None, factor):
        raise bad_request(
            f"body.replicas_assignments has {len(wanted)} partitions with {factor} replicas, and the counts beside it say "
            "something else",
            "Leave them out.",
        )
    return [wanted[each] for each in names]


@operation("GET", _TOPICS + "/{topic_name}", tag="v3", summary="Get a topic")
async def get_v3_topic(call: Call, asked: GetAsked) -> TopicData:
    links = await links_of(call, asked.cluster_id)
    return await _topic(call, links, asked.topic_name, with_operations=asked.include_authorized_operations)


@operation(
    "PATCH", _TOPICS + "/{topic_name}", tag="v3", summary="Raise the number of partitions of a topic", changes=True
)
async def grow_v3_topic(call: Call, asked: GrowAsked) -> TopicData:
    """Keys then go to other partitions than before. As many as there are, or fewer, is refused, as by Kafka."""
    links = await links_of(call, asked.cluster_id)
    before = await _topic(call, links, asked.topic_name)
    if asked.body.partitions_count <= before.partitions_count:
        raise OperatorError.refused(
            f"topic {asked.topic_name}",
            ErrorCode.INVALID_PARTITIONS,
            f"it has {before.partitions_count} partitions, and they can only become more",
        )
    await carry_out(call, AlterTopic(asked.topic_name, asked.body.partitions_count))
    return await _topic(call, links, asked.topic_name)


@operation("DELETE", _TOPICS + "/{topic_name}", tag="v3", summary="Delete a topic", status=204, changes=True)
async def delete_v3_topic(call: Call, asked: TopicAsked) -> None:
    """With all that is in it; there is no undo."""
    links = await links_of(call, asked.cluster_id)
    await _topic(call, links, asked.topic_name)
    await carry_out(call, DeleteTopic(asked.topic_name))
