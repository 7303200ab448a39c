"""Sending records through the door: counted in the audit log, refused in read-only mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from console.changes.door import Produced
from console.errors import OperatorError
from console.open_cluster import OpenCluster
from console.records.producer import ACKS_ALL, RecordProducer
from console.records.producing import Delivery, NewRecord, ProducedRecord, ProducerStatistics
from console.services.topics import existing_topic
from engine.protocol.records.compression import Compression
from engine.runtime import SystemClock


@asynccontextmanager
async def sending(
    cluster: OpenCluster,
    topic: str,
    *,
    compression: Compression = Compression.NONE,
    acks: int = ACKS_ALL,
    linger_ms: int = 5,
) -> AsyncIterator[RecordProducer]:
    """A producer for records of that topic, all of which are one entry of the audit log. Raises OperatorError."""
    statistics = ProducerStatistics()

    def sent() -> Produced:
        error = statistics.first_error
        return Produced(
            statistics.acknowledged_records, statistics.acknowledged_bytes, None if error is None else error.title
        )

    async with cluster.door.producing(topic, sent):
        producer = RecordProducer(
            cluster.client,
            SystemClock(),
            acks=acks,
            compression=compression,
            linger_ms=linger_ms,
            statistics=statistics,
        )
        async with producer:
            yield producer


async def send(
    cluster: OpenCluster,
    topic: str,
    records: Sequence[NewRecord],
    *,
    compression: Compression = Compression.NONE,
    acks: int = ACKS_ALL,
) -> list[ProducedRecord | OperatorError]:
    """Where each record is, or why it is not. Raises OperatorError when there is no such topic: none is created by a
    name that somebody mistyped. They are one entry of the audit log."""
    await existing_topic(cluster.client, topic)
    async with sending(cluster, topic, compression=compression, acks=acks) as producer:
        return await deliver(producer, topic, records)


async def deliver(
    producer: RecordProducer, topic: str, records: Sequence[NewRecord]
) -> list[ProducedRecord | OperatorError]:
    """The same through a producer that is there already."""
    deliveries: list[Delivery | OperatorError] = []
    for record in records:
        try:
            deliveries.append(await producer.send(topic, record))
        except OperatorError as error:
            deliveries.append(error)
    return [each if isinstance(each, OperatorError) else await _outcome(each) for each in deliveries]


async def _outcome(delivery: Delivery) -> ProducedRecord | OperatorError:
    try:
        return await delivery.result()
    except OperatorError as error:
        return error
