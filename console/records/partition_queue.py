"""What waits to be sent to one partition, and the sequence numbers that it is given (KIP-98)."""

from __future__ import annotations

from collections import deque

from console.records.producing import ProducerBatch
from engine.protocol.records.batch import increment_sequence
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import build_batch


class PartitionQueue:
    """Batches in the order in which they are sent, one under way at a time."""

    __slots__ = ("batches", "in_flight", "next_sequence", "producer")

    def __init__(self) -> None:
        self.batches: deque[ProducerBatch] = deque()
        self.in_flight = False
        """Whether the first of them is under way."""
        self.producer = (-1, -1)
        """Producer id and epoch that `next_sequence` belongs to."""
        self.next_sequence = 0

    def seal(self, batch: ProducerBatch, producer: tuple[int, int], compression: Compression) -> None:
        """Gives the batch its producer id and sequence numbers, once and for all of its tries."""
        if batch.encoded is not None:
            return
        if self.producer != producer:
            self.producer, self.next_sequence = producer, 0
        producer_id, epoch = batch.producer = self.producer
        batch.base_sequence = self.next_sequence if producer_id >= 0 else -1
        if producer_id >= 0:
            self.next_sequence = increment_sequence(self.next_sequence, len(batch.records))
        batch.encoded = build_batch(
            batch.records,
            compression=compression,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=batch.base_sequence,
        )

    def take_back(self, batch: ProducerBatch) -> None:
        """Nothing of the batch was written: the next one takes over its sequence numbers."""
        if self.producer == batch.producer and batch.base_sequence >= 0:
            self.next_sequence = batch.base_sequence

    def split(self, batch: ProducerBatch) -> None:
        """The first batch is too large for the topic as a whole: send its halves (Kafka: ProducerBatch.split)."""
        self.batches.popleft()
        self.take_back(batch)
        middle = len(batch.records) // 2
        first, second = (ProducerBatch(batch.partition, batch.created_at) for _ in range(2))
        for half, records in ((first, batch.records[:middle]), (second, batch.records[middle:])):
            half.records = [record._replace(offset=index) for index, record in enumerate(records)]
        first.size_bytes = batch.size_bytes * middle // len(batch.records)
        second.size_bytes = batch.size_bytes - first.size_bytes
        self.batches.extendleft((second, first))
        batch.halves = (first, second)
        batch.finish()
