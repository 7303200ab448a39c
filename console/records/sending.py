"""Sending many records with one call: a few with their places as the answer, or a stream of them with progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from console.errors import OperatorError
from console.records.producer import ACKS_ALL, RecordProducer
from console.records.producing import NewRecord, ProducedRecord, ProducerStatistics
from engine.net.cluster_client import ClusterClient
from engine.protocol.records.compression import Compression
from engine.runtime import Clock

CODECS = tuple(codec.name.lower() for codec in Compression)

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ProduceOptions:
    """How records are sent."""

    acks: int = ACKS_ALL
    """-1 all in-sync replicas, and without duplicates; 1 the leader; 0 none."""
    compression: str = "none"
    """One of CODECS."""
    rate: float | None = None
    """At most so many records a second."""


async def produce(
    client: ClusterClient,
    clock: Clock,
    topic: str,
    records: Iterable[NewRecord],
    options: ProduceOptions = ProduceOptions(),
) -> list[ProducedRecord]:
    """Sends records and says where they are, in the same order. Raises OperatorError, for the first that failed."""
    async with _producer(client, clock, options, None) as producer:
        deliveries = [await producer.send(topic, record) for record in records]
        await producer.flush()
        return [await delivery.result() for delivery in deliveries]


async def produce_stream(
    client: ClusterClient,
    clock: Clock,
    topic: str,
    records: AsyncIterator[list[NewRecord]],
    options: ProduceOptions,
    statistics: ProducerStatistics,
    on_progress: Callable[[], None] = lambda: None,
) -> None:
    """Sends records as they come; `statistics` is kept up to date, and `on_progress` called now and then.

    It ends early at the first record that fails, which `statistics.first_error` tells. What was taken before `records`
    raised an OperatorError is sent and counted; then that error is raised.
    """
    loop = asyncio.get_running_loop()
    failure: OperatorError | None = None
    async with _producer(client, clock, options, statistics) as producer:
        began = loop.time()
        try:
            async for some in records:
                for record in some:
                    if options.rate is not None:
                        due = began + statistics.sent_records / options.rate
                        if due > loop.time():
                            await asyncio.sleep(due - loop.time())
                            on_progress()
                    await producer.send(topic, record)
                    if statistics.first_error is not None:
                        break
                on_progress()
                if statistics.first_error is not None:
                    break
        except OperatorError as error:
            failure = error
        rest = loop.create_task(producer.flush())
        try:
            while not rest.done():
                await asyncio.wait([rest], timeout=_PROGRESS_SECONDS)
                on_progress()
            await rest
        finally:
            rest.cancel()
    if failure is not None:
        raise failure


def _producer(
    client: ClusterClient, clock: Clock, options: ProduceOptions, statistics: ProducerStatistics | None
) -> RecordProducer:
    if options.compression not in CODECS:
        raise OperatorError.words(f"unknown codec {options.compression!r}", f"One of {', '.join(CODECS)}.")
    codec = Compression[options.compression.upper()]
    return RecordProducer(client, clock, acks=options.acks, compression=codec, statistics=statistics)
