"""Records as they were read, and what there is to know about the batch they came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.protocol.records.batch import BatchHeader, TimestampType
from engine.protocol.records.compression import Compression


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What a record shares with the others of its batch; one object for all of them."""

    base_offset: int
    leader_epoch: int
    """-1 none"""
    producer_id: int
    """-1: neither idempotent nor transactional"""
    producer_epoch: int
    base_sequence: int
    """Of the first record of the batch, -1 none."""
    is_transactional: bool
    compression: str
    """ "none", "gzip", …"""
    size_bytes: int
    """Of the batch as it is stored."""
    aborted: bool = False
    """Of a transaction that was aborted. Known only where committed records were asked for (Kafka: read_committed)."""
    control: str | None = None
    """What the broker wrote here by itself: "commit", "abort", …; None for records of producers."""

    @classmethod
    def of(cls, header: BatchHeader, *, aborted: bool = False, control: str | None = None) -> BatchFacts:
        """The facts in a batch's header."""
        codec = header.compression
        return cls(
            header.base_offset,
            header.partition_leader_epoch,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.is_transactional,
            Compression(codec).name.lower() if codec in _CODECS else f"codec {codec}",
            header.size_bytes,
            aborted,
            control,
        )

    def sequence(self, offset: int) -> int:
        """The sequence number of the record at `offset`, -1 when there are none. It wraps after 2^31 - 1."""
        if self.base_sequence < 0:
            return -1
        return (self.base_sequence + offset - self.base_offset) & 0x7FFFFFFF


_CODECS = frozenset(int(codec) for codec in Compression)


class ConsumedRecord(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """ms since 1970, -1 none"""
    timestamp_type: TimestampType
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    """Names with bytes that are no UTF-8 have lone surrogates for them (PEP 383)."""
    batch: BatchFacts | None = None


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which records a reader wants to see."""

    read_committed: bool = False
    """Only records of committed transactions, up to the last stable offset (Kafka: isolation.level)."""
    aborted: bool = False
    """With `read_committed`: those of aborted transactions too, marked as such (`BatchFacts.aborted`)."""
    markers: bool = False
    """Control records too: where transactions ended (`BatchFacts.control`)."""


ALL_RECORDS = Visibility()


@dataclass(frozen=True, slots=True)
class Damaged:
    """A batch whose records cannot be read: they are counted, and where they are is told."""

    topic: str
    partition: int
    base_offset: int
    last_offset: int
    records_count: int
    """As its header says."""
    reason: str

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}, offsets {self.base_offset} to {self.last_offset}: {self.reason}"


def record_bytes(record: ConsumedRecord) -> int:
    """About what a record takes: key, value and headers."""
    size = 64 + (len(record.key) if record.key else 0) + (len(record.value) if record.value else 0)
    for name, content in record.headers:
        size += len(name) + (len(content) if content else 0) + 96
    return size
