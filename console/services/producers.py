"""Who writes to a topic: idempotent and transactional producers, as the leaders know them (DescribeProducers, key 61,
KIP-664). Producers without idempotence leave no trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from console.errors import operator_errors
from console.services.partial import Missing, missing_partitions
from console.services.partitions import raise_topic_error
from engine.net.cluster_client import ClusterClient
from engine.net.partition_requests import ask_leaders
from engine.protocol.messages import DescribeProducersRequest
from engine.types import TopicPartition


@dataclass(frozen=True, slots=True)
class ActiveProducer:
    """One producer on one partition."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    last_sequence: int | None
    last_timestamp: int | None
    """Of its newest batch, ms since 1970."""
    transaction_start_offset: int | None
    """Where its open transaction began in this partition; None without one."""


@dataclass(frozen=True, slots=True)
class ProducerListing:
    """Producers by partition and id, and what is missing."""

    producers: tuple[ActiveProducer, ...]
    missing: tuple[Missing, ...]


async def active_producers(client: ClusterClient, topic: str) -> ProducerListing:
    """The producers that the leaders of `topic` know. Raises OperatorError when there is no such topic, or when the
    cluster does not know the request (before Kafka 2.8)."""
    with operator_errors(f"topic {topic}"):
        view = await client.metadata([topic])
        raise_topic_error(view, topic)
        partitions = list(view.topic_partitions([topic]))
        answers = await ask_leaders(client, partitions, _build, _read, patience_ms=2_000)
    failed = {partition: f"{error.name}: {error.text}" for partition, error in answers.errors.items()}
    found = [each for partition in partitions for each in answers.values.get(partition, ())]
    return ProducerListing(tuple(found), tuple(missing_partitions("producers", {**answers.missing, **failed})))


def _build(_: int, partitions: list[TopicPartition]) -> DescribeProducersRequest:
    topics: dict[str, list[int]] = {}
    for partition in partitions:
        topics.setdefault(partition.topic, []).append(partition.partition)
    request = DescribeProducersRequest.TopicRequest
    return DescribeProducersRequest(
        topics=[request(name=name, partition_indexes=numbers) for name, numbers in topics.items()]
    )


def _read(response: Any) -> Iterable[tuple[TopicPartition, int, tuple[ActiveProducer, ...]]]:
    for topic in response.topics:
        for answer in topic.partitions:
            partition = TopicPartition(topic.name, answer.partition_index)
            producers = tuple(
                ActiveProducer(
                    *partition,
                    each.producer_id,
                    each.producer_epoch,
                    each.last_sequence if each.last_sequence >= 0 else None,
                    each.last_timestamp if each.last_timestamp >= 0 else None,
                    each.current_txn_start_offset if each.current_txn_start_offset >= 0 else None,
                )
                for each in sorted(answer.active_producers, key=lambda each: int(each.producer_id))
            )
            yield partition, answer.error_code, producers
