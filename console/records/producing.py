"""What a producer is given and gives back: records to send, where they went, and how the whole went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from console.errors import OperatorError
from engine.protocol.errors import ErrorCode
from engine.protocol.records.record import Record
from engine.types import TopicPartition


class NewRecord(NamedTuple):
    """A record to be sent. `value` None is a tombstone; `partition` None lets key or stickiness decide; `timestamp` None
    is the time of sending (ms). A tuple, because a frozen dataclass takes five times as long to make."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None
    timestamp: int | None = None


@dataclass(slots=True)
class ProducerStatistics:
    """Counts since the producer was made. Bytes are those of keys, values and headers."""

    sent_records: int = 0
    acknowledged_records: int = 0
    acknowledged_bytes: int = 0
    failed_records: int = 0
    batches: int = 0
    retries: int = 0
    first_error: OperatorError | None = None


class ProducerBatch:
    """Records of one partition that travel, and succeed or fail, together."""

    __slots__ = (
        "base_offset", "base_sequence", "created_at", "done", "encoded", "error", "halves", "partition", "producer",
        "records", "retry_at", "size_bytes", "timestamp", "tries", "waiter",
    )  # fmt: skip

    def __init__(self, partition: TopicPartition, created_at: float) -> None:
        self.partition = partition
        self.created_at = created_at
        """Of the loop's clock."""
        self.records: list[Record] = []
        self.size_bytes = 0
        self.producer = (-1, -1)
        """Producer id and epoch it was sealed with."""
        self.base_sequence = -1
        self.encoded: bytes | None = None
        """Once sealed; sent again as it is, so that the broker recognises it."""
        self.tries = 0
        self.retry_at = 0.0
        self.base_offset = -1
        self.timestamp = -1
        self.error: OperatorError | None = None
        self.halves: tuple[ProducerBatch, ProducerBatch] | None = None
        """What it was split into, when it was too large for the topic."""
        self.done = False
        self.waiter: asyncio.Future[None] | None = None

    def finish(self) -> None:
        """Tells whoever waits that it was acknowledged, has failed, or was split."""
        self.done = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


@dataclass(frozen=True, slots=True)
class ProducedRecord:
    """Where a record is. `offset` is -1 when the broker did not say (acks=0, or a duplicate it no longer remembers)."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class Delivery(NamedTuple):
    """A record on its way."""

    batch: ProducerBatch
    place: int
    """Among the records of the batch."""

    async def result(self) -> ProducedRecord:
        """Waits for the acknowledgement. Raises OperatorError when there will be none."""
        batch, index = self.batch, self.place
        while True:
            if batch.waiter is None:
                batch.waiter = asyncio.get_running_loop().create_future()
                if batch.done:
                    batch.finish()
            await asyncio.shield(batch.waiter)
            if batch.halves is None:
                break
            first, second = batch.halves
            batch, index = (first, index) if index < len(first.records) else (second, index - len(first.records))
        if batch.error is not None:
            raise batch.error
        topic, partition = batch.partition
        offset = batch.base_offset + index if batch.base_offset >= 0 else -1
        timestamp = batch.timestamp if batch.timestamp >= 0 else batch.records[index].timestamp
        return ProducedRecord(topic, partition, offset, timestamp)


UNKNOWN_OUTCOME = frozenset({ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.UNKNOWN_PRODUCER_ID})
"""Answers after which the broker and we disagree about sequences: a new producer id is needed to go on."""
