"""One segment of a log: `<base offset>.log` with its indexes (Kafka: LogSegment, FileRecords).

    .log    record batches one after the other, exactly as on the wire (header: `batches`); no file header, no padding

A torn tail is a last batch that is shorter than it says, or whose checksum is wrong: the machine stopped while it was on
its way to the disk. Recovery cuts there, and rebuilds the indexes from what is left (`opening`).

All methods are synchronous but `flush`. A StorageError leaves the segment as it was before the call, as far as memory
goes; the caller takes the directory offline.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain

from engine.log.batch_runs import BatchRun
from engine.log.batches import BatchSpan, DamagedBatch, check_order, scan_spans, whole_batches_end
from engine.log.file_names import (
    DELETED_SUFFIX,
    INDEX_SUFFIX,
    LOG_SUFFIX,
    SEGMENT_SUFFIXES,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
    file_name,
)
from engine.log.log_config import LogConfig
from engine.log.offset_index import CorruptIndex, OffsetIndex
from engine.log.open_files import OpenFiles
from engine.log.time_index import TimeIndex, TimestampOffset
from engine.log.transaction_index import ENTRY_BYTES as TXN_ENTRY_BYTES
from engine.log.transaction_index import AbortedTransactionEntry, decode_entries, encode_entry
from engine.log.values import ReadResult
from engine.protocol.records.batch import HEADER_BYTES, BatchHeader, parse_batch_header
from engine.runtime.disk import Buffer, Disk, File, read_file

# How many batches the tail remembers by position, so that reading what was just written needs no index and no scan.
_TAIL_BATCHES_MAX = 512
_TAIL_BATCHES_KEPT = 256
# Where recent reads ended, for those who read on from there.
_READ_ENDS_MAX = 16

INT_MAX = 2**31 - 1


class LogSegment:
    """A run of batches in one file, from `base_offset` on. `size` is in bytes."""

    __slots__ = (
        "_directory",
        "_disk",
        "_file",
        "_indexes",
        "_max",
        "_path",
        "_pool",
        "_read_ends",
        "_tail_last_offsets",
        "_tail_positions",
        "_transactions",
        "base_offset",
        "bytes_since_index_entry",
        "config",
        "created_ms",
        "file_exists",
        "file_suffix",
        "has_transaction_index",
        "recently_used",
        "removed",
        "roll_jitter_ms",
        "rolling_timestamp_ms",
        "size",
    )

    def __init__(
        self,
        disk: Disk,
        pool: OpenFiles,
        directory: str,
        base_offset: int,
        config: LogConfig,
        *,
        created_ms: int,
        roll_jitter_ms: int = 0,
        file_suffix: str = "",
    ) -> None:
        """A new, empty segment, whose files come with its first bytes. `open_existing` is for one that has files."""
        self._disk = disk
        self._pool = pool
        self._directory = directory
        self.file_suffix = file_suffix
        """Behind the names of all files: `.cleaned` and `.swap` while compaction makes it (see `cleaner`), else nothing."""
        self._path = f"{directory}/{file_name(base_offset, LOG_SUFFIX)}{file_suffix}"
        self._file: File | None = None
        self.recently_used = False
        self.removed = False
        """The files are gone, or on their way out: a flush that is still waiting leaves them alone."""
        self.base_offset = base_offset
        self.config = config
        self.size = 0
        self.created_ms = created_ms
        self.roll_jitter_ms = roll_jitter_ms
        self.rolling_timestamp_ms: int | None = None
        """The largest timestamp of the first append, which segment.ms counts from; None while not known."""
        self.bytes_since_index_entry = 0
        self.file_exists = False
        self.has_transaction_index = False
        self._indexes: tuple[OffsetIndex, TimeIndex] | None = (
            OffsetIndex(base_offset, config.segment_index_bytes),
            TimeIndex(base_offset, config.segment_index_bytes),
        )
        self._max: TimestampOffset | None = TimestampOffset(-1, base_offset)
        self._transactions: list[AbortedTransactionEntry] | None = []
        self._tail_last_offsets: list[int] = []
        self._tail_positions: list[int] = []
        self._read_ends: dict[int, int] = {}

    @classmethod
    def open_existing(
        cls,
        disk: Disk,
        pool: OpenFiles,
        directory: str,
        base_offset: int,
        config: LogConfig,
        *,
        created_ms: int,
        roll_jitter_ms: int = 0,
        has_transaction_index: bool = False,
        file_suffix: str = "",
    ) -> "LogSegment":
        """The segment of files that exist. Reads the length; indexes are read when first needed."""
        segment = cls(
            disk,
            pool,
            directory,
            base_offset,
            config,
            created_ms=created_ms,
            roll_jitter_ms=roll_jitter_ms,
            file_suffix=file_suffix,
        )
        segment.file_exists = True
        segment.size = segment.file().size()
        segment.has_transaction_index = has_transaction_index
        if has_transaction_index:
            segment._transactions = None
        if segment.size:
            segment._indexes = None
            segment._max = None
        return segment

    # Files ------------------------------------------------------------------------------------------------------------

    def file(self) -> File:
        """The open .log file; created when the segment has none yet."""
        self.recently_used = True
        file = self._file
        if file is None:
            file = self._disk.open(self._path, create=not self.file_exists)
            self._file = file
            self.file_exists = True
            self._pool.opened(self)
        return file

    def release_file(self) -> None:
        """Close the .log file until it is needed again, and forget indexes that the disk has as well."""
        file = self._file
        if file is not None:
            self._file = None
            file.close()
        if self._indexes is not None and self.size and not self._tail_positions:
            offset_index, time_index = self._indexes
            if offset_index.persisted_entries == len(offset_index) and time_index.persisted_entries == len(time_index):
                self._indexes = None

    def path(self, suffix: str) -> str:
        return f"{self._directory}/{file_name(self.base_offset, suffix)}{self.file_suffix}"

    def change_file_suffix(self, file_suffix: str) -> None:
        """Rename all files, the .log file first; one that is open stays open (Kafka: LogSegment.changeFileSuffixes)."""
        renames = [(self.path(suffix), suffix) for suffix in SEGMENT_SUFFIXES if self._disk.exists(self.path(suffix))]
        self.file_suffix = file_suffix
        self._path = self.path(LOG_SUFFIX)
        for old_path, suffix in renames:
            self._disk.rename(old_path, self.path(suffix))

    def unlink_files(self) -> None:
        """Close and remove all files: what compaction made is not wanted after all."""
        self.removed = True
        self.abandon()
        for suffix in SEGMENT_SUFFIXES:
            self._disk.unlink(self.path(suffix))

    def on_close(self) -> None:
        """The log closes: complete the indexes and write what their files lack. Syncs nothing, closes nothing."""
        if self._indexes is not None and self.file_exists:
            self._append_closing_time_entry()
            self.write_indexes()

    def abandon(self) -> None:
        """Close without writing anything."""
        if self._file is not None:
            self._pool.closed(self)
            self._file.close()
            self._file = None

    def rename_to_deleted(self) -> list[str]:
        """Give the files the suffix `.deleted`; returns their new paths, to be removed later."""
        self.removed = True
        self.abandon()
        renamed = []
        for suffix in SEGMENT_SUFFIXES:
            path = self.path(suffix)
            if self._disk.exists(path):
                self._disk.rename(path, path + DELETED_SUFFIX)
                renamed.append(path + DELETED_SUFFIX)
        return renamed

    # Indexes ----------------------------------------------------------------------------------------------------------

    def indexes(self) -> tuple[OffsetIndex, TimeIndex]:
        """Both indexes, read from their files on first use and rebuilt from the batches when the files are no good."""
        indexes = self._indexes
        if indexes is None:
            try:
                indexes = self._indexes = self._read_indexes()
            except CorruptIndex:
                indexes = self.rebuild_indexes()
        return indexes

    def _read_indexes(self) -> tuple[OffsetIndex, TimeIndex]:
        index_bytes = self.config.segment_index_bytes
        for suffix in (INDEX_SUFFIX, TIME_INDEX_SUFFIX):
            if not self._disk.exists(self.path(suffix)):
                raise CorruptIndex(f"{suffix} is missing")
        offsets = OffsetIndex.decode(read_file(self._disk, self.path(INDEX_SUFFIX)), self.base_offset, index_bytes)
        times = TimeIndex.decode(read_file(self._disk, self.path(TIME_INDEX_SUFFIX)), self.base_offset, index_bytes)
        if offsets.last_entry.position and offsets.last_entry.position >= self.size:
            raise CorruptIndex("an entry points behind the end of the segment")
        return offsets, times

    def rebuild_indexes(self) -> tuple[OffsetIndex, TimeIndex]:
        """Make the indexes anew from the batches' headers, which have been checked before, and write them.

        They end where the offsets do not ascend: damage since then, which reading tells (`read`).
        """
        self.begin_rebuild()
        size = self.size
        due = self.base_offset
        for span in self.spans():
            if not due <= span.base_offset <= span.last_offset <= self.base_offset + INT_MAX:
                break
            due = span.last_offset + 1
            header = parse_batch_header(self.read_header(span))
            self.account(span.last_offset, header.max_timestamp, span.position, span.size)
        self.end_rebuild(size, cut=False)
        assert self._indexes is not None
        return self._indexes

    def end_rebuild(self, size: int, *, cut: bool) -> None:
        """All batches are accounted for, and end at `size`; with `cut` the file goes on and is cut there."""
        if cut:
            self.truncate_bytes(size)
        self.size = size
        self._append_closing_time_entry()
        self.write_indexes()
        self._forget_positions()

    def begin_rebuild(self) -> None:
        """Empty indexes, to be filled by `account`; the files are emptied too."""
        self._indexes = (
            OffsetIndex(self.base_offset, self.config.segment_index_bytes),
            TimeIndex(self.base_offset, self.config.segment_index_bytes),
        )
        self._max = TimestampOffset(-1, self.base_offset)
        self.bytes_since_index_entry = 0
        self._forget_positions()
        for suffix in (INDEX_SUFFIX, TIME_INDEX_SUFFIX):
            if self._disk.exists(self.path(suffix)):
                self._truncate_file(self.path(suffix), 0)

    def reset_transactions(self) -> None:
        """Forget the aborted transactions; recovery finds them again by their markers."""
        self._transactions = []
        if self.has_transaction_index:
            self._truncate_file(self.path(TXN_INDEX_SUFFIX), 0)

    def write_indexes(self) -> None:
        """Bring the index files up to what memory has. A segment with a .log file gets both, empty ones included."""
        if self._indexes is None:
            return
        offset_index, time_index = self._indexes
        self._write_entries(self.path(INDEX_SUFFIX), 8, offset_index)
        self._write_entries(self.path(TIME_INDEX_SUFFIX), 12, time_index)

    def _write_entries(self, path: str, entry_bytes: int, index: OffsetIndex | TimeIndex) -> None:
        first = index.persisted_entries
        if first == len(index) and (first or self._disk.exists(path)):
            return
        file = self._disk.open(path, create=True)
        try:
            if first < len(index):
                file.pwrite([index.encode_from(first)], first * entry_bytes)
            # Whatever a preallocating writer left behind the last entry goes.
            file.truncate(len(index) * entry_bytes)
        finally:
            file.close()
        index.persisted_entries = len(index)

    def _append_closing_time_entry(self) -> None:
        maximum = self.max_timestamp()
        if self._indexes is not None and maximum.timestamp_ms >= 0:
            self._indexes[1].maybe_append(*maximum)

    def max_timestamp(self) -> TimestampOffset:
        """The largest timestamp, and the last offset of the batch that has it; (-1, base offset) when there is none."""
        maximum = self._max
        if maximum is None:
            maximum = self._max = self.indexes()[1].last_entry
        return maximum

    # Appending --------------------------------------------------------------------------------------------------------

    def append(self, parts: Sequence[Buffer], length: int, last_offset: int, max_timestamp_ms: int) -> None:
        """Write one batch, given as parts of `length` bytes in all."""
        file = self._file
        if file is None:
            file = self.file()
        self.recently_used = True
        position = self.size
        file.pwrite(parts, position)
        if self._indexes is None:
            self.indexes()
        self.account(last_offset, max_timestamp_ms, position, length)

    def append_batches(self, data: Buffer, batches: Sequence[tuple[int, BatchHeader]]) -> None:
        """Write several whole batches that follow each other in `data` from its beginning."""
        self.indexes()
        base = self.size
        self.file().pwrite([data], base)
        for position, batch in batches:
            self.account(batch.last_offset, batch.max_timestamp, base + position, batch.size_bytes)

    def append_run(self, data: Buffer, run: BatchRun) -> None:
        """Write the batches of `run`, which are all of `data`; as `append_batches`, but what is done per batch is next
        to nothing."""
        offset_index, time_index = self._indexes or self.indexes()
        base = self.size
        self.file().pwrite([data], base)
        positions, last_offsets, timestamps = run.positions, run.last_offsets, run.max_timestamps
        if base == 0:
            self.rolling_timestamp_ms = timestamps[0]
        interval = self.config.index_interval_bytes
        counted_from = -self.bytes_since_index_entry  # where, relative to `base`, the last index entry points
        seen = 0
        while (entry := bisect_right(positions, interval + counted_from, seen)) < len(positions):
            self._see_timestamps(run, seen, entry + 1)
            offset_index.append(last_offsets[entry], base + positions[entry])
            time_index.maybe_append(*self.max_timestamp())
            counted_from = positions[entry]
            seen = entry + 1
        self._see_timestamps(run, seen, len(positions))
        self.bytes_since_index_entry = run.size - counted_from
        self.size = base + run.size
        self._tail_last_offsets += last_offsets
        self._tail_positions += [base + position for position in positions]
        if len(self._tail_positions) > _TAIL_BATCHES_MAX:
            self._shorten_tail()

    def _see_timestamps(self, run: BatchRun, start: int, stop: int) -> None:
        """Let the batches `start` to `stop` of the run count for the largest timestamp."""
        if start < stop:
            timestamps = run.max_timestamps
            largest = max(timestamps[start:stop])
            if largest > self.max_timestamp().timestamp_ms:
                self._max = TimestampOffset(largest, run.last_offsets[timestamps.index(largest, start)])

    def account(self, last_offset: int, max_timestamp_ms: int, position: int, length: int) -> None:
        """Take note of a batch that is now in the file at `position`."""
        if position == 0:
            self.rolling_timestamp_ms = max_timestamp_ms
        maximum = self._max
        if maximum is None:
            maximum = self.max_timestamp()
        if max_timestamp_ms > maximum.timestamp_ms:
            maximum = self._max = TimestampOffset(max_timestamp_ms, last_offset)
        if self.bytes_since_index_entry > self.config.index_interval_bytes:
            assert self._indexes is not None
            offset_index, time_index = self._indexes
            offset_index.append(last_offset, position)
            time_index.maybe_append(*maximum)
            self.bytes_since_index_entry = 0
        self.bytes_since_index_entry += length
        self.size = position + length
        tail = self._tail_last_offsets
        tail.append(last_offset)
        self._tail_positions.append(position)
        if len(tail) > _TAIL_BATCHES_MAX:
            self._shorten_tail()

    def _shorten_tail(self) -> None:
        del self._tail_last_offsets[:-_TAIL_BATCHES_KEPT]
        del self._tail_positions[:-_TAIL_BATCHES_KEPT]

    def should_roll(self, length: int, last_offset: int, max_timestamp_ms: int, now_ms: int) -> bool:
        """Whether the next append belongs into a new segment (Kafka: LogSegment.shouldRoll)."""
        config = self.config
        size = self.size
        if size > config.segment_bytes - length or last_offset - self.base_offset > INT_MAX:
            return True
        if not size:
            return False
        started_ms = self.rolling_timestamp_ms
        if started_ms is None:
            started_ms = self.first_timestamp_ms()
        waited_ms = max_timestamp_ms - started_ms if started_ms >= 0 else now_ms - self.created_ms
        if waited_ms > config.roll_ms - self.roll_jitter_ms:
            return True
        offset_index, time_index = self._indexes or self.indexes()
        return offset_index.is_full or time_index.is_full

    def first_timestamp_ms(self) -> int:
        """The largest timestamp of the first batch; -1 when there is none (Kafka: LogSegment.getFirstBatchTimestamp)."""
        timestamp_ms = self.rolling_timestamp_ms
        if timestamp_ms is None and self.size:
            first = self.file().pread(HEADER_BYTES, 0)
            timestamp_ms = parse_batch_header(first).max_timestamp if len(first) == HEADER_BYTES else -1
            self.rolling_timestamp_ms = timestamp_ms
        return -1 if timestamp_ms is None else timestamp_ms

    def on_rolled(self) -> None:
        """This is no longer the active segment: complete the indexes and write them out."""
        self._append_closing_time_entry()
        if self.file_exists:
            self.write_indexes()
        self._forget_positions()

    def append_aborted(self, entry: AbortedTransactionEntry) -> None:
        """Add an aborted transaction to the transaction index."""
        entries = self.aborted_transactions()
        file = self._disk.open(self.path(TXN_INDEX_SUFFIX), create=True)
        try:
            file.pwrite([encode_entry(entry)], len(entries) * TXN_ENTRY_BYTES)
        finally:
            file.close()
        entries.append(entry)
        self.has_transaction_index = True

    def aborted_transactions(self) -> list[AbortedTransactionEntry]:
        """The transactions aborted in this segment. Raises CorruptIndex when the file is damaged."""
        entries = self._transactions
        if entries is None:
            entries = decode_entries(read_file(self._disk, self.path(TXN_INDEX_SUFFIX)), self.base_offset)
            self._transactions = entries
        return entries

    # Reading ----------------------------------------------------------------------------------------------------------

    def read(self, offset: int, max_bytes: int, max_offset: int, min_one_batch: bool) -> ReadResult | None:
        """Whole batches from the one that has `offset`, or the next one after it, all below `max_offset`.

        At most `max_bytes`, but one batch whatever its size when `min_one_batch`. None when everything in this segment
        is before `offset`, so that the next segment has to be asked. Raises DamagedBatch rather than return a batch
        whose offsets cannot be: the checksum does not cover them.
        """
        last_offsets = self._tail_last_offsets
        if last_offsets and offset > last_offsets[0]:
            return self._read_tail(offset, max_bytes, max_offset, min_one_batch)
        start = self._read_ends.get(offset, -1)
        due = offset
        if start < 0:
            located = self._locate(offset)
            if located is None:
                return None
            start, due = located
        elif start >= self.size:
            return None
        located = self._locate(max_offset)
        end = self.size if located is None else located[0]
        if start >= end:
            return ReadResult(b"", offset)
        result = self._read_up_to(offset, start, end, max_bytes, min_one_batch)
        if result.records:
            self._check_read(result, start, due, max_offset)
        return result

    def _check_read(self, result: ReadResult, start: int, due: int, max_offset: int) -> None:
        """Raise DamagedBatch when what was read does not lie between its neighbours."""
        end = start + len(result.records)
        next_offset = check_order(result.records, len(result.records), due, start)
        following = max_offset
        if end < self.size:
            following = min(following, int.from_bytes(self.file().pread(8, end), signed=True))
        if next_offset != result.next_offset or next_offset > following:
            raise DamagedBatch(end, f"offset {following} follows after {next_offset - 1}")
        if len(self._read_ends) >= _READ_ENDS_MAX:
            self._read_ends.clear()
        self._read_ends[next_offset] = end

    def _read_tail(self, offset: int, max_bytes: int, max_offset: int, min_one_batch: bool) -> ReadResult | None:
        last_offsets = self._tail_last_offsets
        positions = self._tail_positions
        count = len(last_offsets)
        first = bisect_left(last_offsets, offset)
        if first == count:
            return None
        stop = count if max_offset > last_offsets[-1] else bisect_left(last_offsets, max_offset, first)
        if stop == first:
            return ReadResult(b"", offset)
        start = positions[first]
        end = self.size if stop == count else positions[stop]
        if end - start > max_bytes:
            stop = bisect_right(positions, start + max_bytes, first, stop) - 1
            if stop <= first:
                if not min_one_batch:
                    return ReadResult(b"", offset)
                stop = first + 1
            end = self.size if stop == count else positions[stop]
        data = self.file().pread(end - start, start)
        next_offset = last_offsets[stop - 1] + 1
        if check_order(data, end - start, last_offsets[first - 1] + 1, start) != next_offset:
            raise DamagedBatch(start, f"offsets do not end before {next_offset}")
        return ReadResult(data, next_offset)

    def _locate(self, offset: int) -> tuple[int, int] | None:
        """Where the first batch lies whose last offset is >= `offset`, and the least offset it may begin with.

        None when all are before it. Raises DamagedBatch where the batches on the way there are not in order.
        """
        last_offsets = self._tail_last_offsets
        if last_offsets and offset > last_offsets[-1]:
            return None
        due = -1
        end = 0
        for position, size, base_offset, last_offset, _ in self.spans_near(offset):
            if due < 0:  # the first: where the index pointed, which has compared its last offset, or the file's first
                due = base_offset if position else self.base_offset
            if not due <= base_offset <= last_offset:
                raise DamagedBatch(position, f"offsets {base_offset} to {last_offset} where {due} was due")
            if last_offset >= offset:
                return position, due
            due = last_offset + 1
            end = position + size
        if end != self.size:
            raise DamagedBatch(end, "no batch")
        return None

    def _read_up_to(self, offset: int, start: int, end: int, max_bytes: int, min_one_batch: bool) -> ReadResult:
        file = self.file()
        data = file.pread(min(max_bytes, end - start), start)
        # The last batches are found from the last index entry inside what was read; the first batch begins at `start`.
        known = self.indexes()[0].position_at_or_before(start + len(data))
        cut, last_offset = whole_batches_end(data, max(known - start, 0))
        if last_offset < 0 and known > start:
            cut, last_offset = whole_batches_end(data, 0)
        if last_offset < 0:
            if not min_one_batch:
                return ReadResult(b"", offset)
            header = file.pread(HEADER_BYTES, start)
            data = file.pread(parse_batch_header(header).size_bytes, start)
            cut, last_offset = whole_batches_end(data, 0)
        next_offset = last_offset + 1
        return ReadResult(data if cut == len(data) else data[:cut], next_offset)

    def find(self, offset: int) -> BatchSpan | None:
        """The first batch whose last offset is >= `offset`; None when all are before it."""
        last_offsets = self._tail_last_offsets
        if last_offsets and offset > last_offsets[-1]:
            return None
        for span in self.spans_near(offset):
            if span.last_offset >= offset:
                return span
        return None

    def spans_near(self, offset: int) -> Iterator[BatchSpan]:
        """The batches from a little before `offset` on, from where the index says.

        An index whose entry does not fit the batch it points to is made anew: it was damaged in a way that its form does
        not show.
        """
        if not self.size:
            return iter(())
        entry = self.indexes()[0].lookup(offset)
        spans = self.spans(entry.position)
        if entry.position == 0:
            return spans
        first = next(spans, None)
        if first is not None and first.last_offset == entry.offset:
            return chain((first,), spans)
        self.rebuild_indexes()
        return self.spans()

    def spans(self, position: int = 0) -> Iterator[BatchSpan]:
        """All batches from `position`, where one begins."""
        return scan_spans(self.file(), position, self.size) if self.size else iter(())

    def read_header(self, span: BatchSpan) -> bytes:
        """The header's bytes of a batch."""
        return self.file().pread(HEADER_BYTES, span.position)

    def read_span(self, span: BatchSpan) -> bytes:
        """The bytes of a batch."""
        return self.file().pread(span.size, span.position)

    def last_batch(self) -> BatchSpan | None:
        """The last batch, found from the last index entry on; None in an empty segment."""
        last = None
        for span in self.spans_near(self.base_offset + INT_MAX):
            last = span
        return last

    def next_offset(self) -> int:
        """One past the last offset in the segment; the base offset when it is empty. Reads the end of the file."""
        if self._tail_last_offsets:
            return self._tail_last_offsets[-1] + 1
        last = self.last_batch()
        return self.base_offset if last is None else last.last_offset + 1

    # Truncating and flushing ------------------------------------------------------------------------------------------

    def truncate_to(self, offset: int) -> int:
        """Remove every batch that has `offset` or a later one. Returns the bytes removed."""
        span = self.find(offset)
        removed = 0 if span is None else self.size - span.position
        if span is not None:
            self.truncate_bytes(span.position)
        offset_index, time_index = self.indexes()
        offset_index.truncate_to(offset)
        time_index.truncate_to(offset)
        for suffix, entry_bytes, index in ((INDEX_SUFFIX, 8, offset_index), (TIME_INDEX_SUFFIX, 12, time_index)):
            if self._disk.exists(self.path(suffix)):
                self._truncate_file(self.path(suffix), index.persisted_entries * entry_bytes)
        entries = self.aborted_transactions()
        kept = sum(1 for entry in entries if entry.last_offset < offset)
        if kept < len(entries):
            del entries[kept:]
            self._truncate_file(self.path(TXN_INDEX_SUFFIX), kept * TXN_ENTRY_BYTES)
        self._recompute_max_timestamp()
        return removed

    def truncate_bytes(self, size: int) -> None:
        """Cut the .log file, and nothing else, at `size`."""
        self.file().truncate(size)
        self.size = size
        self.bytes_since_index_entry = 0
        if size == 0:
            self.rolling_timestamp_ms = None
        self._forget_positions()

    def _recompute_max_timestamp(self) -> None:
        offset_index, time_index = self.indexes()
        maximum = time_index.last_entry
        if self.size:
            file = self.file()
            for span in scan_spans(file, offset_index.lookup(maximum.offset).position, self.size):
                timestamp_ms = parse_batch_header(file.pread(HEADER_BYTES, span.position)).max_timestamp
                if timestamp_ms > maximum.timestamp_ms:
                    maximum = TimestampOffset(timestamp_ms, span.last_offset)
        self._max = maximum

    def _truncate_file(self, path: str, size: int) -> None:
        file = self._disk.open(path, create=True)
        try:
            file.truncate(size)
        finally:
            file.close()

    def _forget_positions(self) -> None:
        self._tail_last_offsets.clear()
        self._tail_positions.clear()
        self._read_ends.clear()

    async def flush(self) -> None:
        """Return when everything written so far survives a power cut. The directory's names are the caller's."""
        if not self.file_exists or self.removed:
            return
        await self.file().fsync()
        if self.removed:
            return
        if self._indexes is not None:
            self.write_indexes()
        for suffix in (INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX):
            if self.removed:
                return
            if suffix == TXN_INDEX_SUFFIX and not self.has_transaction_index:
                continue
            file = self._disk.open(self.path(suffix), create=True)
            try:
                await file.fsync()
            finally:
                file.close()
