"""Copying what compaction keeps into a new segment (KIP-58, KIP-534; Kafka: Cleaner.cleanInto, MemoryRecords.filterTo).

Kept: per key the last record; records behind the map's end; tombstones and markers until the delete horizon of their
batch, which is set by the first run that leaves a tombstone without older records of its key; the last batch of every
producer and of the run, without records if need be. Offsets, sequences and leader epochs stay as they are; batches
are never merged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from engine.log.batches import scan_batches
from engine.log.cleaner_map import OffsetMap, SegmentSource
from engine.log.cleaner_records import RecordSpan, scan_records
from engine.log.cleaner_transactions import CleanedTransactions
from engine.log.segment import LogSegment
from engine.protocol.records.batch import (
    CODEC_MASK,
    DELETE_HORIZON_MASK,
    HEADER_BYTES,
    NO_TIMESTAMP,
    TIMESTAMP_TYPE_MASK,
    BatchHeader,
    TimestampType,
    codec_of,
    pack_batch,
)
from engine.protocol.records.compression import Compression, compress, decompress
from engine.protocol.records.record import read_records, write_records
from engine.runtime import safeguards
from engine.runtime.disk import Disk

_WRITE_BYTES = 512 * 1024


class LastRecord(NamedTuple):
    """What has to stay of a producer so that its state can be read back from the log (Kafka: LastRecord)."""

    last_data_offset: int
    """-1 when its last batch of this epoch is a marker."""
    producer_epoch: int


@dataclass
class CleaningCounts:
    """What a run did. Bytes and records of the segments that were read through and written."""

    bytes_read: int = 0
    bytes_written: int = 0
    records_read: int = 0
    records_written: int = 0
    records_without_key: int = 0


class RecordFilter:
    """Decides, batch by batch in the order of offsets, what is kept."""

    def __init__(
        self,
        offset_map: OffsetMap,
        transactions: CleanedTransactions,
        last_records: Mapping[int, LastRecord],
        counts: CleaningCounts,
        *,
        upper_bound_offset: int,
        delete_retention_ms: int,
        now_ms: int,
    ) -> None:
        """`upper_bound_offset` is where the run ends; `now_ms` is the time of the run."""
        self._map = offset_map
        self._transactions = transactions
        self.last_records = last_records
        self._counts = counts
        self._upper_bound_offset = upper_bound_offset
        self._delete_retention_ms = delete_retention_ms
        self._now_ms = now_ms

    def filter(self, header: BatchHeader, batch: memoryview) -> bytes | memoryview | None:
        """The batch as it stays: itself, or another, or None. Raises ProtocolError when it cannot be read."""
        counts = self._counts
        counts.records_read += header.records_count
        horizon_ms = header.delete_horizon_ms
        if header.is_control:
            marks_nothing = self._transactions.on_control(header, batch)
            keeps_records = not (marks_nothing and horizon_ms is not None and horizon_ms <= self._now_ms)
            needs_horizon = marks_nothing and horizon_ms is None
            if keeps_records and header.records_count:
                counts.records_written += header.records_count
                return self._with_delete_horizon(header, batch, None) if needs_horizon else batch
            return self._empty(header)
        if self._transactions.on_data(header) or not header.records_count:
            return self._empty(header)
        payload = bytes(decompress(codec_of(header), batch[HEADER_BYTES:]))
        spans = scan_records(payload, header)
        kept = self._kept(header, spans)
        if not kept:
            return self._empty(header)
        counts.records_written += len(kept)
        keeps_all = len(kept) == len(spans)
        if horizon_ms is None and not all(span.has_value for span in kept):
            return self._with_delete_horizon(header, batch, None if keeps_all else {span.offset_delta for span in kept})
        return batch if keeps_all else _with_records(header, payload, kept)

    def _kept(self, header: BatchHeader, spans: list[RecordSpan]) -> list[RecordSpan]:
        offset_map = self._map
        base_offset = header.base_offset
        latest_offset = offset_map.latest_offset
        horizon_ms = header.delete_horizon_ms
        keeps_tombstones = horizon_ms is None or self._now_ms < horizon_ms
        kept = []
        for span in spans:
            offset = base_offset + span.offset_delta
            if offset > latest_offset:
                kept.append(span)
            elif span.key is None:
                self._counts.records_without_key += 1
            elif offset >= offset_map.get(span.key) and (keeps_tombstones or span.has_value):
                kept.append(span)
        return kept

    def _empty(self, header: BatchHeader) -> bytes | None:
        """The batch without records when its header is still needed (Kafka: BatchRetention.RETAIN_EMPTY)."""
        if not self._is_last_of_producer(header) and header.next_offset != self._upper_bound_offset:
            return None
        return pack_batch(
            b"",
            base_offset=header.base_offset,
            leader_epoch=header.partition_leader_epoch,
            attributes=header.attributes & ~(CODEC_MASK | DELETE_HORIZON_MASK),
            last_offset_delta=header.last_offset_delta,
            base_timestamp=NO_TIMESTAMP,
            max_timestamp=header.max_timestamp,
            producer_id=header.producer_id,
            producer_epoch=header.producer_epoch,
            base_sequence=header.base_sequence,
            records_count=0,
        )

    def _is_last_of_producer(self, header: BatchHeader) -> bool:
        last = self.last_records.get(header.producer_id) if header.producer_id >= 0 else None
        if last is None or not safeguards.cleaner_keeps_producers_last_batch:
            return False
        if last.last_data_offset >= 0:
            return header.last_offset == last.last_data_offset
        return header.is_control and header.producer_epoch == last.producer_epoch

    def _with_delete_horizon(self, header: BatchHeader, batch: memoryview, kept: set[int] | None) -> bytes:
        """The batch (of it, the records with the offset deltas `kept`) with its horizon where the base timestamp was."""
        base_offset = header.base_offset
        records = read_records(bytes(decompress(codec_of(header), batch[HEADER_BYTES:])), header)
        if kept is not None:
            records = [record for record in records if record.offset - base_offset in kept]
        horizon_ms = self._now_ms + self._delete_retention_ms
        is_append_time = header.timestamp_type is TimestampType.LOG_APPEND_TIME
        return _pack(
            header,
            write_records(records, base_offset, horizon_ms),
            len(records),
            attributes=header.attributes | DELETE_HORIZON_MASK,
            base_timestamp=horizon_ms,
            max_timestamp=header.max_timestamp if is_append_time else max(record.timestamp for record in records),
        )


def _with_records(header: BatchHeader, payload: bytes, kept: list[RecordSpan]) -> bytes:
    """The batch with these of its records, whose bytes do not change: all that they are relative to stays."""
    max_timestamp = header.max_timestamp
    if not header.attributes & TIMESTAMP_TYPE_MASK:
        max_timestamp = header.base_timestamp + max(span.timestamp_delta_ms for span in kept)
    return _pack(
        header,
        b"".join([payload[span.start : span.stop] for span in kept]),
        len(kept),
        attributes=header.attributes,
        base_timestamp=header.base_timestamp,
        max_timestamp=max_timestamp,
    )


def _pack(
    header: BatchHeader, records: bytes, count: int, *, attributes: int, base_timestamp: int, max_timestamp: int
) -> bytes:
    codec = codec_of(header)
    return pack_batch(
        records if codec is Compression.NONE else compress(codec, records),
        base_offset=header.base_offset,
        leader_epoch=header.partition_leader_epoch,
        attributes=attributes,
        last_offset_delta=header.last_offset_delta,
        base_timestamp=base_timestamp,
        max_timestamp=max_timestamp,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        records_count=count,
    )


def copy_segments(
    disk: Disk,
    sources: list[SegmentSource],
    target: LogSegment,
    record_filter: RecordFilter,
    transactions: CleanedTransactions,
    counts: CleaningCounts,
    slice_bytes: int,
) -> Iterator[int]:
    """Write what `record_filter` keeps of the sources into `target`, a new segment that nobody else knows yet.

    Yields the bytes read and written after every `slice_bytes` or so. Checksums are verified: a damaged batch must not
    come out with a new, valid checksum. Raises DamagedBatch, LegacyFormat, ProtocolError, StorageError.
    """
    writer = _Writer(target)
    pending_bytes = 0
    for source in sources:
        file = disk.open(source.path)
        try:
            for _, header, data in scan_batches(file, source.position, source.size):
                kept = record_filter.filter(header, data)
                pending_bytes += header.size_bytes
                counts.bytes_read += header.size_bytes
                if kept is not None:
                    max_timestamp = header.max_timestamp if kept is data else _max_timestamp_of(kept)
                    pending_bytes += len(kept)
                    counts.bytes_written += len(kept)
                    writer.add(bytes(kept), header.last_offset, max_timestamp)
                for entry in transactions.kept:
                    target.append_aborted(entry)
                transactions.kept.clear()
                if pending_bytes >= slice_bytes:
                    writer.write_out()
                    yield pending_bytes
                    pending_bytes = 0
        finally:
            file.close()
    writer.write_out()
    target.on_rolled()
    yield pending_bytes


def _max_timestamp_of(batch: bytes | memoryview) -> int:
    return int.from_bytes(batch[35:43], "big", signed=True)


class _Writer:
    """Collects batches, so that the file is not written one small batch at a time."""

    def __init__(self, segment: LogSegment) -> None:
        self._segment = segment
        self._batches: list[tuple[bytes, int, int]] = []
        self._bytes = 0

    def add(self, batch: bytes, last_offset: int, max_timestamp_ms: int) -> None:
        self._batches.append((batch, last_offset, max_timestamp_ms))
        self._bytes += len(batch)
        if self._bytes >= _WRITE_BYTES:
            self.write_out()

    def write_out(self) -> None:
        batches, self._batches = self._batches, []
        self._bytes = 0
        if not batches:
            return
        segment = self._segment
        position = segment.size
        segment.file().pwrite([b"".join([batch for batch, _, _ in batches])], position)
        for batch, last_offset, max_timestamp_ms in batches:
            segment.account(last_offset, max_timestamp_ms, position, len(batch))
            position += len(batch)
