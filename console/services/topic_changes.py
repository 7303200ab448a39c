"""Creating, growing and deleting topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.errors import OperatorError, operator_errors
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest
from engine.protocol.uuids import ZERO_UUID, uuid_to_text

CLUSTER_DEFAULT = -1
"""Partition count or replication factor as the brokers' configuration has it (KIP-464, Kafka 2.4)."""


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to be created. `assignment`, when given, lists the replicas of each partition and replaces the counts."""

    name: str
    partition_count: int = CLUSTER_DEFAULT
    replication_factor: int = CLUSTER_DEFAULT
    configs: Mapping[str, str] = field(default_factory=dict)
    assignment: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class CreatedTopic:
    """A topic that was created (or, with `validate_only`, could be). Counts are None where an old broker does not say."""

    name: str
    topic_id: str | None
    partition_count: int | None
    replication_factor: int | None
    configs: Mapping[str, str]


async def create_topic(client: ClusterClient, topic: NewTopic, *, validate_only: bool = False) -> CreatedTopic:
    """Creates a topic, and returns when every partition has a leader that brokers know of (at most 10 s later).

    Raises OperatorError: TOPIC_ALREADY_EXISTS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, ...
    """
    subject = f"topic {topic.name}"
    creatable = CreateTopicsRequest.CreatableTopic(
        name=topic.name,
        num_partitions=-1 if topic.assignment else topic.partition_count,
        replication_factor=-1 if topic.assignment else topic.replication_factor,
        assignments=[
            CreateTopicsRequest.CreatableReplicaAssignment(partition_index=index, broker_ids=list(replicas))
            for index, replicas in enumerate(topic.assignment)
        ],
        configs=[
            CreateTopicsRequest.CreatableTopicConfig(name=name, value=value) for name, value in topic.configs.items()
        ],
    )
    request = CreateTopicsRequest(topics=[creatable], timeout_ms=client.request_timeout_ms, validate_only=validate_only)
    by_default = not topic.assignment and CLUSTER_DEFAULT in (topic.partition_count, topic.replication_factor)
    with operator_errors(subject):
        # v4 is the first that fills in the cluster's defaults (KIP-464).
        versioned = Versioned(CreateTopicsRequest, lambda _: request, floor=4 if by_default else 0)
        response = await client.request_to_controller(versioned)
        (result,) = response.topics
        if result.error_code:
            raise OperatorError.refused(subject, ErrorCode.of(result.error_code), result.error_message)
        if not validate_only:
            await until_led(client, topic.name)
    return CreatedTopic(
        topic.name,
        None if result.topic_id == ZERO_UUID else uuid_to_text(result.topic_id),
        result.num_partitions if result.num_partitions >= 0 else None,
        result.replication_factor if result.replication_factor >= 0 else None,
        {entry.name: entry.value or "" for entry in result.configs or () if entry.name in topic.configs},
    )


async def until_led(client: ClusterClient, name: str, *, timeout_ms: int = 10_000) -> bool:
    """Waits until the metadata shows a leader for every partition of the topic; false when it does not in time."""
    deadline = Deadline(timeout_ms)
    tries = 0
    while True:
        tries += 1
        topic = (await client.metadata([name])).topics.get(name)
        if topic is not None and topic.partitions and all(each.leader_id >= 0 for each in topic.partitions):
            return True
        if not await client.backoff.wait(tries, client.randomness, deadline):
            return False


async def add_partitions(client: ClusterClient, name: str, count: int, *, validate_only: bool = False) -> None:
    """Raises the number of partitions to `count`. Keys then go to other partitions than before. Raises OperatorError."""
    subject = f"topic {name}"
    request = CreatePartitionsRequest(
        topics=[CreatePartitionsRequest.CreatePartitionsTopic(name=name, count=count, assignments=None)],
        timeout_ms=client.request_timeout_ms,
        validate_only=validate_only,
    )
    with operator_errors(subject):
        response = await client.request_to_controller(request)
        (result,) = response.results
        if result.error_code:
            raise OperatorError.refused(subject, ErrorCode.of(result.error_code), result.error_message)
        if not validate_only:
            await until_led(client, name)


async def delete_topic(client: ClusterClient, name: str) -> None:
    """Deletes the topic with everything in it. There is no undo. Raises OperatorError."""
    subject = f"topic {name}"

    def build(version: int) -> DeleteTopicsRequest:
        if version >= 6:
            return DeleteTopicsRequest(
                topics=[DeleteTopicsRequest.DeleteTopicState(name=name)], timeout_ms=client.request_timeout_ms
            )
        return DeleteTopicsRequest(topic_names=[name], timeout_ms=client.request_timeout_ms)

    with operator_errors(subject):
        response = await client.request_to_controller(Versioned(DeleteTopicsRequest, build))
    (result,) = response.responses
    if result.error_code:
        raise OperatorError.refused(subject, ErrorCode.of(result.error_code), result.error_message)
