"""What a producer says to brokers: Produce (key 0) and InitProducerId (key 22)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from console.records.producing import ProducerBatch
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import InitProducerIdRequest, ProduceRequest
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition


class Outcome(NamedTuple):
    """A broker's answer about one batch."""

    error: ErrorCode
    message: str | None
    base_offset: int
    """-1: it did not say"""
    timestamp: int
    """Where the broker stamps records (LogAppendTime), else -1."""


UNACKNOWLEDGED = Outcome(ErrorCode.NONE, None, -1, -1)
"""With acks=0 nobody answers."""
UNANSWERED = Outcome(ErrorCode.UNKNOWN_SERVER_ERROR, "no answer for it", -1, -1)


def produce_request(
    batches: Iterable[ProducerBatch], topic_ids: Mapping[str, bytes], *, acks: int, timeout_ms: int
) -> Versioned:
    """The request for sealed batches of different partitions, all led by one broker."""
    by_topic: dict[str, list[ProducerBatch]] = {}
    for batch in batches:
        by_topic.setdefault(batch.partition.topic, []).append(batch)

    def build(version: int) -> ProduceRequest:
        topics = []
        for name, each in by_topic.items():
            data = [
                ProduceRequest.PartitionProduceData(index=batch.partition.partition, records=batch.encoded)
                for batch in each
            ]
            topics.append(
                ProduceRequest.TopicProduceData(topic_id=topic_ids[name], partition_data=data)
                if version >= 13
                else ProduceRequest.TopicProduceData(name=name, partition_data=data)
            )
        return ProduceRequest(acks=acks, timeout_ms=timeout_ms, topic_data=topics)

    return Versioned(ProduceRequest, build, ceiling=12 if ZERO_UUID in topic_ids.values() else 13)


def read_produce_response(response: Any, topic_ids: Mapping[str, bytes]) -> dict[TopicPartition, Outcome]:
    """The outcome of each batch that the answer names."""
    names = {topic_id: name for name, topic_id in topic_ids.items()}
    return {
        TopicPartition(topic.name or names.get(bytes(topic.topic_id), ""), each.index): Outcome(
            ErrorCode.of(each.error_code), each.error_message, each.base_offset, each.log_append_time_ms
        )
        for topic in response.responses
        for each in topic.partition_responses
    }


async def take_producer_id(client: ClusterClient) -> tuple[int, int]:
    """A new producer id and its epoch. Raises KafkaError when the cluster gives none."""
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
    deadline = Deadline(client.retry_timeout_ms)
    tries = 0
    while True:
        tries += 1
        # v6 is two-phase commit (KIP-939), which nobody offers as stable.
        response = await client.request_to_any(Versioned(InitProducerIdRequest, lambda _: request, ceiling=5))
        error = ErrorCode.of(response.error_code)
        if error == ErrorCode.NONE:
            return response.producer_id, response.producer_epoch
        if not error.retriable or not await client.backoff.wait(tries, client.randomness, deadline):
            raise KafkaError(error)
