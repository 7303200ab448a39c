"""One partition's log: what the rest of the engine appends to, reads from and truncates (Kafka: UnifiedLog, LocalLog).

Invariant: log_start_offset <= last_stable_offset <= high_watermark <= log_end_offset, and recovery_point <=
log_end_offset. Offsets are record numbers; ends are exclusive.

Synchronous, except where it waits for the disk: `flush` and `close`. It starts no task. Every call that meets a disk
error, or comes after one, raises KafkaError(KAFKA_STORAGE_ERROR); the first one is also reported to `on_failure`, so that
the directory goes offline. After a failed sync nothing is synced again.
"""

import asyncio
import random
from collections.abc import Callable
from typing import NoReturn

from crc32c import crc32c

from engine.errors import KafkaError
from engine.log import timestamp_search
from engine.log.append_validation import check_client_batch, check_records, needs_records, too_large, with_append_time
from engine.log.batches import CRC_COVERS_FROM, PREFIX, PREFIX_BYTES
from engine.log.file_names import LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.log_config import LogConfig
from engine.log.open_files import OpenFiles
from engine.log.partition_metadata import encode_partition_metadata
from engine.log.producer_snapshots import ProducerSnapshots, apply_batch, read_marker, rebuild_producers
from engine.log.producer_state import BatchMetadata, ProducerStateManager
from engine.log.retention import deletable_segments
from engine.log.segment import INT_MAX, LogSegment
from engine.log.segments import LogSegments
from engine.log.transaction_index import collect_aborted
from engine.log.values import (
    AbortedTransaction,
    AppendInfo,
    AppendOrigin,
    EpochEndOffset,
    LogStartOffsetReason,
    ReadResult,
    TimestampAndOffset,
    UnexpectedAppendOffset,
)
from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.records.batch import BatchHeader, TimestampType, iterate_batches, set_max_timestamp, stamp
from engine.protocol.uuids import ZERO_UUID
from engine.runtime.clock import Clock
from engine.runtime.disk import Disk, StorageError, write_file_atomically
from engine.types import TopicPartition

FailureListener = Callable[["PartitionLog", StorageError], None]


class PartitionLog:
    """The log of one partition. `opening.open_log` makes one; see the module's docstring for what holds of all calls."""

    __slots__ = (
        "_clock",
        "_config",
        "_directory_dirty",
        "_disk",
        "_failure",
        "_flush_lock",
        "_needs_records",
        "_on_failure",
        "_parent_dirty",
        "_pending_deletions",
        "_pool",
        "_random",
        "_segments",
        "_snapshots",
        "_truncations",
        "_unsynced_from",
        "closed",
        "directory",
        "high_watermark",
        "last_flush_ms",
        "leader_epochs",
        "log_end_offset",
        "log_start_offset",
        "producers",
        "recovery_point",
        "recovery_point_checkpointed",
        "topic_id",
        "topic_partition",
    )

    def __init__(
        self,
        disk: Disk,
        pool: OpenFiles,
        clock: Clock,
        randomness: random.Random,
        *,
        directory: str,
        topic_partition: TopicPartition,
        topic_id: bytes,
        config: LogConfig,
        segments: LogSegments,
        snapshots: ProducerSnapshots,
        producers: ProducerStateManager,
        leader_epochs: LeaderEpochCache,
        log_start_offset: int,
        log_end_offset: int,
        recovery_point: int,
        recovery_point_checkpointed: int,
        is_new: bool,
        unsynced_from: int | None,
        on_failure: FailureListener | None,
    ) -> None:
        self._disk = disk
        self._pool = pool
        self._clock = clock
        self._random = randomness
        self._segments = segments
        self._snapshots = snapshots
        self._on_failure = on_failure
        self._failure: StorageError | None = None
        self._flush_lock: asyncio.Lock | None = None
        self._truncations = 0
        # The first segment with changes older than the recovery point: a cut has to be synced before the recovery point
        # leaves its segment behind, or a power cut brings back what was removed.
        self._unsynced_from = unsynced_from
        self._directory_dirty = is_new
        self._parent_dirty = is_new
        self._pending_deletions: list[tuple[int, str]] = []
        self._config = config
        self._needs_records = needs_records(config)
        self.closed = False
        self.directory = directory
        self.topic_partition = topic_partition
        self.topic_id = topic_id
        """16 bytes; ZERO_UUID when the topic has none."""
        self.producers = producers
        self.leader_epochs = leader_epochs
        self.log_start_offset = log_start_offset
        self.log_end_offset = log_end_offset
        self.high_watermark = log_start_offset
        self.recovery_point = recovery_point
        """Everything before this offset survives a power cut."""
        self.recovery_point_checkpointed = recovery_point_checkpointed
        """What the directory's checkpoint says, at most; the owner of the checkpoint keeps it up to date."""
        self.last_flush_ms = clock.now_ms()

    # State ------------------------------------------------------------------------------------------------------------

    @property
    def config(self) -> LogConfig:
        return self._config

    def update_config(self, config: LogConfig) -> None:
        """Use another configuration from now on; segments take it over, too."""
        self._config = config
        self._needs_records = needs_records(config)
        for segment in self._segments:
            segment.config = config

    @property
    def latest_epoch(self) -> int:
        """The leader epoch of the last batch, or the one assigned since; -1 when there is none."""
        return self.leader_epochs.latest_epoch

    @property
    def last_stable_offset(self) -> int:
        """Below it every transaction is decided, and its marker replicated; never above the high watermark (KIP-98)."""
        first_unstable = self.producers.first_unstable_offset
        if first_unstable < 0 or first_unstable >= self.high_watermark:
            return self.high_watermark
        return max(first_unstable, self.log_start_offset)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return self._segments.size

    @property
    def segment_count(self) -> int:
        return len(self._segments)

    @property
    def active_segment_base_offset(self) -> int:
        return self._segments.active.base_offset

    @property
    def first_segment_base_offset(self) -> int:
        return self._segments.first.base_offset

    @property
    def unflushed_messages(self) -> int:
        return self.log_end_offset - self.recovery_point

    @property
    def recovery_point_lowered(self) -> bool:
        """A truncation moved the recovery point below the checkpointed one, which must follow soon.

        Until it does, no segment rolls: recovery would not look at one that ends before the stale recovery point.
        """
        return self.recovery_point < self.recovery_point_checkpointed

    @property
    def is_offline(self) -> bool:
        """A disk error was met, here or elsewhere in the directory."""
        return self._failure is not None

    def mark_offline(self, error: StorageError) -> None:
        """From now on every call raises KAFKA_STORAGE_ERROR; open files are given back."""
        if self._failure is None:
            self._failure = error
        for segment in self._segments:
            segment.abandon()

    def assign_topic_id(self, topic_id: bytes) -> None:
        """Write partition.metadata. Raises KafkaError INCONSISTENT_TOPIC_ID when it already belongs to another topic."""
        if self.topic_id not in (ZERO_UUID, topic_id):
            raise KafkaError(
                ErrorCode.INCONSISTENT_TOPIC_ID,
                f"{self.directory} belongs to topic id {self.topic_id.hex()}, not {topic_id.hex()}",
            )
        self._check_usable()
        try:
            file = self._disk.open(f"{self.directory}/{PARTITION_METADATA}", create=True)
            try:
                file.pwrite([encode_partition_metadata(topic_id)], 0)
            finally:
                file.close()
        except StorageError as error:
            self._fail(error)
        self.topic_id = topic_id
        self._directory_dirty = True

    # Appending --------------------------------------------------------------------------------------------------------

    def append_as_leader(
        self, batches: Buffer, *, leader_epoch: int, now_ms: int, origin: AppendOrigin = AppendOrigin.CLIENT
    ) -> AppendInfo:
        """Append what a client (one batch), a coordinator or the quorum's leader wrote (one or more batches).

        Offsets are assigned and the epoch stamped, except for RAFT_LEADER, whose batches already have both. Nothing is
        written when it raises KafkaError: INVALID_RECORD, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE,
        INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH,
        INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR.
        """
        if self._failure is not None or self.closed:
            self._check_usable()
        if origin is AppendOrigin.CLIENT:
            return self._append_client_batch(batches, leader_epoch, now_ms)
        if origin is AppendOrigin.RAFT_LEADER:
            return self._append_raft_batches(batches, leader_epoch, now_ms)
        return self._append_coordinator_batches(batches, leader_epoch, now_ms)

    def _append_client_batch(self, batch: Buffer, leader_epoch: int, now_ms: int) -> AppendInfo:
        """The hot path: one header parsed, one checksum, one write; the records are not looked at."""
        config = self._config
        header = check_client_batch(batch, config, now_ms, self.topic_partition)
        log_append_time_ms = -1
        if self._needs_records:
            recompressed = check_records(batch, config, now_ms, self.topic_partition)
            if recompressed is not None:
                batch = recompressed
                header = next(iterate_batches(batch))[1]
        if config.message_timestamp_type is TimestampType.LOG_APPEND_TIME:
            batch = with_append_time(memoryview(batch)[: header.batch_length + 12], now_ms)
            header = next(iterate_batches(batch))[1]
            log_append_time_ms = now_ms
        producer_id = header.producer_id
        if producer_id >= 0:
            duplicate = self._check_producer(header)
            if duplicate is not None:
                return AppendInfo(
                    first_offset=duplicate.first_offset,
                    last_offset=duplicate.last_offset,
                    log_append_time_ms=duplicate.timestamp_ms if log_append_time_ms >= 0 else -1,
                    log_start_offset=self.log_start_offset,
                    duplicate=True,
                )
        base_offset = self.log_end_offset
        batch_length = header.batch_length
        size = batch_length + 12
        last_offset = base_offset + header.last_offset_delta
        max_timestamp = header.max_timestamp
        segment = self._segments.active
        try:
            if segment.should_roll(size, last_offset, max_timestamp, now_ms) and self._may_roll(
                segment, size, last_offset
            ):
                segment = self._roll(base_offset, now_ms)
            segment.append(
                (PREFIX.pack(base_offset, batch_length, leader_epoch), memoryview(batch)[PREFIX_BYTES:size]),
                size,
                last_offset,
                max_timestamp,
            )
        except StorageError as error:
            self._fail(error)
        next_offset = self.log_end_offset = last_offset + 1
        if leader_epoch != self.leader_epochs.latest_epoch and leader_epoch >= 0:
            self.leader_epochs.assign(leader_epoch, base_offset)
        producers = self.producers
        if producer_id >= 0:
            producers.on_data_batch(
                producer_id,
                header.producer_epoch,
                header.base_sequence,
                header.last_sequence,
                base_offset,
                last_offset,
                max_timestamp,
                header.is_transactional,
            )
        producers.map_end_offset = next_offset
        return AppendInfo(
            base_offset,
            last_offset,
            max_timestamp,
            log_append_time_ms,
            self.log_start_offset,
            size,
            False,
            next_offset - self.recovery_point >= config.flush_messages,
        )

    def _check_producer(self, header: BatchHeader) -> BatchMetadata | None:
        duplicate = self.producers.check_sequence(
            header.producer_id, header.producer_epoch, header.base_sequence, header.last_sequence
        )
        if duplicate is None:
            self.producers.check_transaction_state(header.producer_id, header.is_transactional)
        return duplicate

    def _append_coordinator_batches(self, batches: Buffer, leader_epoch: int, now_ms: int) -> AppendInfo:
        data = bytearray(batches)
        append_time = self._config.message_timestamp_type is TimestampType.LOG_APPEND_TIME
        next_offset = self.log_end_offset
        for position, header in self._whole_batches(data):
            self._check_size_and_checksum(data, position, header)
            if header.producer_id >= 0:
                self._check_coordinator_batch(data, position, header)
            stamp(data, position, next_offset, leader_epoch)
            if append_time:
                set_max_timestamp(data, position, TimestampType.LOG_APPEND_TIME, now_ms)
            next_offset += header.last_offset_delta + 1
        return self._write(data, self._whole_batches(data), now_ms, now_ms if append_time else -1)

    def _check_coordinator_batch(self, data: Buffer, position: int, header: BatchHeader) -> None:
        producers = self.producers
        if not header.is_control:
            producers.check_sequence(
                header.producer_id, header.producer_epoch, header.base_sequence, header.last_sequence, check_order=False
            )
            producers.check_transaction_state(header.producer_id, header.is_transactional)
            return
        try:
            marker = read_marker(memoryview(data)[position : position + header.size_bytes], header)
        except ProtocolError as error:
            raise KafkaError(ErrorCode.INVALID_RECORD, f"{self.topic_partition}: {error}") from error
        if marker is not None:
            producers.check_marker(header.producer_id, header.producer_epoch, marker.coordinator_epoch)

    def _append_raft_batches(self, batches: Buffer, leader_epoch: int, now_ms: int) -> AppendInfo:
        found = self._whole_batches(batches)
        expected = self.log_end_offset
        for position, header in found:
            self._check_size_and_checksum(batches, position, header)
            if header.partition_leader_epoch != leader_epoch or header.base_offset != expected:
                raise KafkaError(
                    ErrorCode.INVALID_RECORD,
                    f"{self.topic_partition}: a batch of offset {header.base_offset} and epoch "
                    f"{header.partition_leader_epoch} where {expected} and {leader_epoch} are due",
                )
            expected = header.next_offset
        return self._write(batches, found, now_ms, -1)

    def append_as_follower(self, batches: Buffer, *, leader_epoch: int | None = None) -> AppendInfo:
        """Append what a leader sent, keeping its offsets and epochs. An incomplete batch at the end is left out.

        With `leader_epoch`, the epoch the fetch was made in, batches of a later epoch are left out as well: they were
        written after the leader this follower knows was replaced (KAFKA-18723). Raises KafkaError: CORRUPT_MESSAGE for a
        wrong checksum, UnexpectedAppendOffset for batches that begin before the log end offset or do not ascend.
        """
        if self._failure is not None or self.closed:
            self._check_usable()
        found = self._whole_batches(batches, allow_partial_tail=True)
        if leader_epoch is not None:
            for index, (_, header) in enumerate(found):
                if header.partition_leader_epoch > leader_epoch:
                    del found[index:]
                    break
        if not found:
            return AppendInfo(-1, -1, log_start_offset=self.log_start_offset)
        first_offset = found[0][1].base_offset
        expected = self.log_end_offset
        if first_offset < expected:
            last_offset = found[-1][1].last_offset
            if self.log_start_offset < expected or last_offset < expected:
                raise UnexpectedAppendOffset(
                    f"{self.topic_partition}: batches from offset {first_offset} to {last_offset} do not follow "
                    f"log end offset {expected}",
                    first_offset,
                    last_offset,
                )
            # The leader's log start lies inside a batch (DeleteRecords), and this log is empty: begin with that batch,
            # keeping the log start offset (Kafka: Partition.appendRecordsToFollowerOrFutureReplica).
            self.truncate_fully_and_start_at(first_offset, log_start_offset=self.log_start_offset)
            expected = first_offset
        for position, header in found:
            self._check_checksum(batches, position, header)
            if header.base_offset < expected:
                raise UnexpectedAppendOffset(
                    f"{self.topic_partition}: offset {header.base_offset} comes after {expected - 1}",
                    header.base_offset,
                    header.last_offset,
                )
            expected = header.next_offset
        end = found[-1][0] + found[-1][1].size_bytes
        return self._write(memoryview(batches)[:end], found, self._clock.now_ms(), -1)

    def _whole_batches(self, data: Buffer, allow_partial_tail: bool = False) -> list[tuple[int, BatchHeader]]:
        try:
            return list(iterate_batches(data, allow_partial_tail=allow_partial_tail))
        except ProtocolError as error:
            raise KafkaError(ErrorCode.CORRUPT_MESSAGE, f"{self.topic_partition}: {error}") from error

    def _check_size_and_checksum(self, data: Buffer, position: int, header: BatchHeader) -> None:
        if header.size_bytes > self._config.max_message_bytes:
            raise too_large(self.topic_partition, header.size_bytes, self._config)
        self._check_checksum(data, position, header)

    def _check_checksum(self, data: Buffer, position: int, header: BatchHeader) -> None:
        if crc32c(memoryview(data)[position + CRC_COVERS_FROM : position + header.size_bytes]) != header.crc:
            raise KafkaError(
                ErrorCode.CORRUPT_MESSAGE,
                f"the batch at offset {header.base_offset} for {self.topic_partition} has a wrong checksum",
            )

    def _write(
        self, data: Buffer, found: list[tuple[int, BatchHeader]], now_ms: int, log_append_time_ms: int
    ) -> AppendInfo:
        """Write checked batches that have their offsets: as many in one go as fit into the segment."""
        if not found:
            return AppendInfo(-1, -1, log_start_offset=self.log_start_offset)
        view = memoryview(data)
        try:
            start = 0
            while start < len(found):
                segment = self._segments.active
                stop = start
                pending = 0
                while stop < len(found):
                    header = found[stop][1]
                    size = header.size_bytes
                    if (
                        segment.should_roll(pending + size, header.last_offset, header.max_timestamp, now_ms)
                        and (pending or segment.size)
                        and self._may_roll(segment, pending + size, header.last_offset)
                    ):
                        break
                    pending += size
                    stop += 1
                if stop == start:
                    self._roll(self._roll_offset(found[start][1]), now_ms)
                    continue
                self._write_to_segment(segment, view, found[start:stop])
                start = stop
        except StorageError as error:
            self._fail(error)
        first, last = found[0][1], found[-1][1]
        return AppendInfo(
            first_offset=first.base_offset,
            last_offset=last.last_offset,
            max_timestamp_ms=max(header.max_timestamp for _, header in found),
            log_append_time_ms=log_append_time_ms,
            log_start_offset=self.log_start_offset,
            appended_bytes=sum(header.size_bytes for _, header in found),
            flush_due=self.log_end_offset - self.recovery_point >= self._config.flush_messages,
        )

    def _roll_offset(self, header: BatchHeader) -> int:
        """Where a segment for this batch begins: at the log end offset, so that segments leave no hole between them.

        Only a follower of a compacted log may have to leave one, when the batch is too far away for the index.
        """
        if header.last_offset - self.log_end_offset > INT_MAX:
            return header.base_offset
        return self.log_end_offset

    def _write_to_segment(self, segment: LogSegment, view: memoryview, found: list[tuple[int, BatchHeader]]) -> None:
        start = found[0][0]
        end = found[-1][0] + found[-1][1].size_bytes
        segment.append_batches(view[start:end], [(position - start, header) for position, header in found])
        self.log_end_offset = found[-1][1].next_offset
        for position, header in found:
            epoch = header.partition_leader_epoch
            if epoch >= 0 and epoch != self.leader_epochs.latest_epoch:
                self.leader_epochs.assign(epoch, header.base_offset)
            if header.producer_id >= 0:
                apply_batch(self.producers, header, view[position : position + header.size_bytes], segment)
            self.producers.map_end_offset = header.next_offset

    # Reading ----------------------------------------------------------------------------------------------------------

    def read(self, offset: int, max_bytes: int, *, max_offset: int, min_one_batch: bool = True) -> ReadResult:
        """Whole batches from the one that has `offset`, all below `max_offset`, of one segment, at most `max_bytes`.

        With `min_one_batch` the first batch is returned whatever its size. Empty when there is nothing below
        `max_offset` yet. Raises KafkaError OFFSET_OUT_OF_RANGE before the log start or behind the log end offset.
        """
        if self._failure is not None or self.closed:
            self._check_usable()
        end_offset = self.log_end_offset
        if offset > end_offset or offset < self.log_start_offset:
            raise KafkaError(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"offset {offset} of {self.topic_partition} is outside of [{self.log_start_offset}, {end_offset}]",
            )
        if max_offset > end_offset:
            max_offset = end_offset
        if offset >= max_offset:
            return ReadResult(b"", offset)
        try:
            segment: LogSegment | None = self._segments.active
            assert segment is not None
            if offset < segment.base_offset:
                segment = self._segments.floor(offset)
            while segment is not None:
                result = segment.read(offset, max_bytes, max_offset, min_one_batch)
                if result is not None:
                    return result
                # Everything behind `offset` in this segment was compacted away.
                segment = self._segments.higher(segment.base_offset)
        except StorageError as error:
            self._fail(error)
        return ReadResult(b"", offset)

    def aborted_transactions(self, start_offset: int, upper_bound_offset: int) -> list[AbortedTransaction]:
        """The aborted transactions that a read_committed reader of [start_offset, upper_bound_offset) has to skip.

        In the order of their markers.
        """
        self._check_usable()
        found: list[AbortedTransaction] = []
        try:
            segment = self._segments.floor(start_offset) or self._segments.first
            while segment is not None:
                entries, complete = collect_aborted(segment.aborted_transactions(), start_offset, upper_bound_offset)
                found += [AbortedTransaction(entry.producer_id, entry.first_offset) for entry in entries]
                if complete:
                    break
                higher = self._segments.higher(segment.base_offset)
                if higher is None:
                    break
                segment = higher
        except StorageError as error:
            self._fail(error)
        return found

    def offset_for_timestamp(self, timestamp_ms: int) -> TimestampAndOffset | None:
        """The first record at or after the log start offset with a timestamp >= `timestamp_ms`; None when all are older.

        KIP-33, KIP-79. Decodes the one batch it is in.
        """
        self._check_usable()
        try:
            found = timestamp_search.offset_for_timestamp(self._segments, timestamp_ms, self.log_start_offset)
        except StorageError as error:
            self._fail(error)
        return found

    def max_timestamp_and_offset(self) -> TimestampAndOffset | None:
        """The record with the largest timestamp, the first of several; None in an empty log (KIP-734)."""
        self._check_usable()
        try:
            found = timestamp_search.max_timestamp_and_offset(self._segments, self.log_start_offset)
        except StorageError as error:
            self._fail(error)
        return found

    # Leader epochs ------------------------------------------------------------------------------------------------------

    def end_offset_for_epoch(self, epoch: int) -> EpochEndOffset:
        """The largest epoch at or below `epoch`, and where it ends; (-1, -1) when unknown (KIP-101, KIP-279)."""
        return self.leader_epochs.end_offset_for(epoch, self.log_end_offset)

    def assign_epoch_start(self, epoch: int, start_offset: int) -> None:
        """`epoch` begins at `start_offset`: what a new leader notes down before it appends anything (KAFKA-7415)."""
        self.leader_epochs.assign(epoch, start_offset)

    def epoch_for_offset(self, offset: int) -> int:
        """The leader epoch of the record at `offset`, -1 when unknown."""
        return self.leader_epochs.epoch_for_offset(offset)

    # Moving the ends ----------------------------------------------------------------------------------------------------

    def update_high_watermark(self, offset: int) -> int:
        """Set the high watermark to `offset`, kept between log start and log end offset. Returns what it is now."""
        if offset > self.log_end_offset:
            offset = self.log_end_offset
        if offset < self.log_start_offset:
            offset = self.log_start_offset
        self.high_watermark = offset
        if self.producers.unreplicated:
            self.producers.on_high_watermark(offset)
        return offset

    def increment_log_start_offset(self, offset: int, reason: LogStartOffsetReason) -> bool:
        """Records below `offset` are gone for readers; files follow with `delete_old_segments`. Whether it moved.

        Raises KafkaError OFFSET_OUT_OF_RANGE above the high watermark.
        """
        self._check_usable()
        if offset > self.high_watermark:
            raise KafkaError(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"the log start of {self.topic_partition} cannot move to {offset} ({reason.value}), "
                f"behind the high watermark {self.high_watermark}",
            )
        if offset <= self.log_start_offset:
            return False
        self.log_start_offset = offset
        self.leader_epochs.truncate_from_start(offset)
        self.producers.on_high_watermark(offset)
        self.producers.map_end_offset = max(self.producers.map_end_offset, offset)
        return True

    def truncate_to(self, offset: int) -> None:
        """Remove every record at or behind `offset`; none when the log ends before it.

        A batch that has `offset` inside goes as a whole, and the log then ends where that batch began. Below the
        checkpointed recovery point use `LogManager.truncate_to`, which makes sure that no power cut undoes it by half.
        """
        self._check_usable()
        if offset < 0:
            raise ValueError(f"cannot truncate {self.topic_partition} to {offset}")
        if offset >= self.log_end_offset:
            # An epoch assigned on becoming leader, in which nothing was written, may contradict the next leader's.
            self.leader_epochs.truncate_from_end(self.log_end_offset)
            return
        if offset < self._segments.first.base_offset:
            self.truncate_fully_and_start_at(offset)
            return
        try:
            # From the end, so that a crash in between leaves a log without a hole.
            for segment in reversed(self._segments.higher_than(offset)):
                self._remove_segment(segment)
            segment = self._segments.active
            covering = segment.find(offset)
            if covering is not None and covering.base_offset < offset:
                offset = covering.base_offset
            segment.truncate_to(offset)
            if self._unsynced_from is None or segment.base_offset < self._unsynced_from:
                self._unsynced_from = segment.base_offset
            self._log_ends_at(offset)
            self._snapshots.remove_above(offset)
            if self.producers.map_end_offset > offset and (self.producers.producers or self.producers.unreplicated):
                rebuild_producers(
                    self.producers,
                    self._snapshots,
                    self._segments,
                    log_start_offset=self.log_start_offset,
                    end_offset=offset,
                    now_ms=self._clock.now_ms(),
                )
            self.producers.map_end_offset = offset
        except StorageError as error:
            self._fail(error)

    def lower_recovery_point(self, offset: int) -> None:
        """Recovery shall begin at `offset` at the latest: ahead of a truncation to there."""
        self.recovery_point = min(self.recovery_point, offset)

    def _log_ends_at(self, offset: int) -> None:
        self.log_end_offset = offset
        self.log_start_offset = min(self.log_start_offset, offset)
        self.recovery_point = min(self.recovery_point, offset)
        self.high_watermark = min(self.high_watermark, offset)
        self.leader_epochs.truncate_from_end(offset)
        self._truncations += 1
        self._directory_dirty = True

    def truncate_fully_and_start_at(self, offset: int, *, log_start_offset: int | None = None) -> None:
        """Remove everything; the log is then empty and goes on at `offset`, which is also its start unless given."""
        self._check_usable()
        try:
            for segment in reversed(list(self._segments)):
                self._remove_segment(segment)
            self._snapshots.remove_above(-1)
            self._segments.add(self._new_segment(offset, self._clock.now_ms()))
        except StorageError as error:
            self._fail(error)
        self._log_ends_at(offset)
        self.log_start_offset = offset if log_start_offset is None else log_start_offset
        self.high_watermark = max(offset, self.log_start_offset)
        self.leader_epochs.clear()
        self.producers.clear(offset)

    def roll(self, now_ms: int) -> None:
        """Begin a new segment at the log end offset, unless the active one is empty or `recovery_point_lowered`."""
        self._check_usable()
        if self.recovery_point_lowered:
            return
        try:
            self._roll(self.log_end_offset, now_ms)
        except StorageError as error:
            self._fail(error)

    def _roll(self, base_offset: int, now_ms: int) -> LogSegment:
        old = self._segments.active
        if old.size == 0:
            if old.base_offset == base_offset:
                old.created_ms = now_ms
                return old
            # Nothing was ever in it: a follower goes on behind a gap that would not fit its index.
            self._remove_segment(old)
        else:
            old.on_rolled()
        segment = self._new_segment(base_offset, now_ms)
        self._segments.add(segment)
        # A snapshot at a segment's beginning is where recovery of that segment starts from.
        self.producers.map_end_offset = base_offset
        self._snapshots.take(self.producers)
        return segment

    def _may_roll(self, segment: LogSegment, length: int, last_offset: int) -> bool:
        return (
            not self.recovery_point_lowered
            or segment.size + length > INT_MAX
            or last_offset - segment.base_offset > INT_MAX
        )

    def _new_segment(self, base_offset: int, now_ms: int) -> LogSegment:
        config = self._config
        jitter_max = min(config.segment_jitter_ms, config.segment_ms)
        jitter = self._random.randrange(jitter_max) if jitter_max > 0 else 0
        segment = LogSegment(
            self._disk, self._pool, self.directory, base_offset, config, created_ms=now_ms, roll_jitter_ms=jitter
        )
        segment.file()  # The name of the last segment is what tells where an empty log goes on.
        self._directory_dirty = True
        return segment

    # Deleting -----------------------------------------------------------------------------------------------------------

    def delete_old_segments(self, now_ms: int) -> int:
        """Apply retention.ms, retention.bytes and the log start offset; returns how many segments went.

        Only segments below the high watermark go. Their files get the suffix `.deleted`, and are removed
        file.delete.delay.ms later by `remove_deleted_files`.
        """
        self._check_usable()
        doomed = deletable_segments(
            self._segments, self._config, self.log_start_offset, self.high_watermark, self.log_end_offset, now_ms
        )
        if not doomed:
            return 0
        try:
            if len(doomed) == len(self._segments):
                self._roll(self.log_end_offset, now_ms)
            higher = self._segments.higher(doomed[-1].base_offset)
            assert higher is not None
            if higher.base_offset > self.log_start_offset:
                self.increment_log_start_offset(higher.base_offset, LogStartOffsetReason.SEGMENT_DELETION)
            for segment in doomed:
                self._remove_segment(segment, now_ms + self._config.file_delete_delay_ms)
        except StorageError as error:
            self._fail(error)
        return len(doomed)

    def _remove_segment(self, segment: LogSegment, due_ms: int = 0) -> None:
        self._segments.remove(segment)
        paths = segment.rename_to_deleted() + self._snapshots.rename_to_deleted(segment.base_offset)
        self._pending_deletions += [(due_ms, path) for path in paths]

    def remove_deleted_files(self, now_ms: int) -> int:
        """Remove the `.deleted` files whose delay is over; returns how many. At the next start they go anyway."""
        due = [path for due_ms, path in self._pending_deletions if due_ms <= now_ms]
        if due:
            self._check_usable()
            try:
                for path in due:
                    self._disk.unlink(path)
            except StorageError as error:
                self._fail(error)
            self._pending_deletions = [entry for entry in self._pending_deletions if entry[0] > now_ms]
        return len(due)

    # Flushing and closing -----------------------------------------------------------------------------------------------

    async def flush(self, offset: int | None = None) -> None:
        """Return when every record before `offset` (before the log end offset unless given) survives a power cut.

        The recovery point then is at least there, unless the log was truncated meanwhile.
        """
        self._check_usable()
        if self._flush_lock is None:
            self._flush_lock = asyncio.Lock()
        async with self._flush_lock:
            self._check_usable()
            target = self.log_end_offset if offset is None else min(offset, self.log_end_offset)
            truncations = self._truncations
            try:
                await self._flush(target)
            except StorageError as error:
                if not self.closed:  # Deleted meanwhile: its files are elsewhere, and nobody needs them.
                    self._fail(error)
            if truncations == self._truncations and not self.closed:
                self.recovery_point = max(self.recovery_point, target)
                self.last_flush_ms = self._clock.now_ms()

    async def _flush(self, target: int) -> None:
        if self._directory_dirty:
            self._directory_dirty = False
            if self.topic_id != ZERO_UUID:
                file = self._disk.open(f"{self.directory}/{PARTITION_METADATA}")
                try:
                    await file.fsync()
                finally:
                    file.close()
            directory_due = True
        else:
            directory_due = False
        unsynced_from, self._unsynced_from = self._unsynced_from, None
        if target > self.recovery_point or unsynced_from is not None:
            start, end = self.recovery_point, target
            if unsynced_from is not None:
                start, end = min(start, unsynced_from), max(end, self._segments.active.base_offset + 1)
            for segment in self._segments.between(start, end):
                # The first flush of a segment is also the first time its index files have names.
                directory_due = directory_due or segment.base_offset >= self.recovery_point
                if self.closed:
                    return
                await segment.flush()
        directory_due = directory_due or bool(self._snapshots.unsynced)
        await self._snapshots.sync()
        if self.leader_epochs.dirty:
            self.leader_epochs.dirty = False
            path = f"{self.directory}/{LEADER_EPOCH_CHECKPOINT}"
            await write_file_atomically(self._disk, path, self.leader_epochs.encode())
        if directory_due:
            await self._disk.fsync_directory(self.directory)
        if self._parent_dirty:
            self.on_parent_synced()
            await self._disk.fsync_directory(self.directory.rpartition("/")[0] or "/")

    def on_parent_synced(self) -> None:
        """The name of this log's directory survives a power cut: whoever syncs for many logs says so to each."""
        self._parent_dirty = False

    async def close(self) -> None:
        """Flush everything, take a producer snapshot, close the files. After it the log needs no recovery."""
        if self.closed:
            return
        self._check_usable()
        try:
            for segment in self._segments:
                segment.on_close()
            self._snapshots.take(self.producers)
        except StorageError as error:
            self._fail(error)
        await self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Close the files and nothing else, as a killed process would; what was not flushed is up to the system."""
        self.closed = True
        for segment in self._segments:
            segment.abandon()

    # Failures -----------------------------------------------------------------------------------------------------------

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise KafkaError(
                ErrorCode.KAFKA_STORAGE_ERROR,
                f"the log directory of {self.topic_partition} is offline: {self._failure}",
            ) from self._failure
        if self.closed:
            raise KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, f"the log of {self.topic_partition} is closed")

    def _fail(self, error: StorageError) -> NoReturn:
        first = self._failure is None
        self.mark_offline(error)
        if first and self._on_failure is not None:
            self._on_failure(self, error)
        raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"{self.topic_partition}: {error}") from error
