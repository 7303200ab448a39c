"""One partition's log: what the rest of the engine appends to, reads from and truncates (Kafka: UnifiedLog, LocalLog).

Invariant: log_start_offset <= last_stable_offset <= high_watermark <= log_end_offset, and recovery_point <=
log_end_offset. Offsets are record numbers; ends are exclusive.

Synchronous, except where it waits for the disk: `flush` and `close`. It starts no task. Every call that meets a disk
error, or comes after one, raises KafkaError(KAFKA_STORAGE_ERROR); the first one is also reported to `on_failure`, so that
the directory goes offline. After a failed sync nothing is synced again.
"""

from collections.abc import Callable

from engine.errors import KafkaError
from engine.log import timestamp_search
from engine.log.append_validation import batch_header_fields, check_client_batch, check_records, with_append_time
from engine.log.batch_runs import BatchRun, read_run
from engine.log.batch_sequences import (
    FoundBatches,
    check_ascending,
    check_raft_batches,
    stamp_coordinator_batches,
    whole_batches,
)
from engine.log.batches import PREFIX, PREFIX_BYTES, DamagedBatch
from engine.log.local_log import LocalLog
from engine.log.producer_snapshots import DamagedSegment, apply_batch, rebuild_producers
from engine.log.producer_state import BatchMetadata
from engine.log.retention import deletable_segments
from engine.log.segment import INT_MAX, LogSegment
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
from engine.protocol.records.batch import LENGTH_OVERHEAD_BYTES, BatchHeader, TimestampType
from engine.runtime import safeguards
from engine.runtime.disk import StorageError

FailureListener = Callable[["PartitionLog", StorageError], None]


class PartitionLog(LocalLog):
    """The log of one partition. `opening.open_log` makes one; see the module's docstring for what holds of all calls."""

    __slots__ = ()

    # State: what there is besides is in `LocalLog` ----------------------------------------------------------------------

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
        fields = check_client_batch(batch, config, now_ms, self.topic_partition)
        log_append_time_ms = -1
        if self._needs_records:
            recompressed = check_records(batch, config, now_ms, self.topic_partition)
            if recompressed is not None:
                batch = recompressed
                fields = batch_header_fields(batch)
        if config.message_timestamp_type is TimestampType.LOG_APPEND_TIME:
            batch = with_append_time(memoryview(batch)[: fields[1] + LENGTH_OVERHEAD_BYTES], now_ms)
            fields = batch_header_fields(batch)
            log_append_time_ms = now_ms
        _, batch_length, _, _, _, _, last_offset_delta, _, max_timestamp, producer_id, _, _, _ = fields
        if producer_id >= 0:
            header = BatchHeader(*fields)
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
        size = batch_length + LENGTH_OVERHEAD_BYTES
        last_offset = base_offset + last_offset_delta
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
        append_time_ms = now_ms if self._config.message_timestamp_type is TimestampType.LOG_APPEND_TIME else -1
        found = stamp_coordinator_batches(
            data,
            self._config,
            self.producers,
            self.topic_partition,
            next_offset=self.log_end_offset,
            leader_epoch=leader_epoch,
            append_time_ms=append_time_ms,
        )
        return self._write(data, found, now_ms, append_time_ms)

    def _append_raft_batches(self, batches: Buffer, leader_epoch: int, now_ms: int) -> AppendInfo:
        found = check_raft_batches(
            batches, self._config, self.topic_partition, next_offset=self.log_end_offset, leader_epoch=leader_epoch
        )
        return self._write(batches, found, now_ms, -1)

    def append_as_follower(self, batches: Buffer, *, leader_epoch: int | None = None) -> AppendInfo:
        """Append what a leader sent, keeping its offsets and epochs. An incomplete batch at the end is left out.

        With `leader_epoch`, the epoch the fetch was made in, batches of a later epoch are left out as well: they were
        written after the leader this follower knows was replaced (KAFKA-18723). Raises KafkaError: CORRUPT_MESSAGE for a
        wrong checksum, UnexpectedAppendOffset for batches that begin before the log end offset or do not ascend.
        """
        if self._failure is not None or self.closed:
            self._check_usable()
        run = read_run(batches, next_offset=self.log_end_offset, leader_epoch_max=leader_epoch)
        if run is not None:
            segment = self._segments.active
            try:
                if not segment.should_roll(
                    run.size, run.last_offsets[-1], max(run.max_timestamps), self._clock.now_ms()
                ):
                    return self._append_run(segment, batches, run)
            except StorageError as error:
                self._fail(error)
        found = whole_batches(batches, self.topic_partition, leader_epoch_max=leader_epoch)
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
        check_ascending(batches, found, self.topic_partition, next_offset=expected)
        end = found[-1][0] + found[-1][1].size_bytes
        return self._write(memoryview(batches)[:end], found, self._clock.now_ms(), -1)

    def _append_run(self, segment: LogSegment, data: Buffer, run: BatchRun) -> AppendInfo:
        """Write what all fits into `segment`, in one go."""
        size = run.size
        view = memoryview(data)
        segment.append_run(view[:size], run)
        last_offset = run.last_offsets[-1]
        next_offset = self.log_end_offset = last_offset + 1
        if run.leader_epoch >= 0 and run.leader_epoch != self.leader_epochs.latest_epoch:
            self.leader_epochs.assign(run.leader_epoch, run.base_offset)
        producers = self.producers
        for position, header in run.with_producer:
            apply_batch(producers, header, view[position : position + header.size_bytes], segment)
        producers.map_end_offset = next_offset
        return AppendInfo(
            run.base_offset,
            last_offset,
            max(run.max_timestamps),
            -1,
            self.log_start_offset,
            size,
            False,
            next_offset - self.recovery_point >= self._config.flush_messages,
        )

    def _write(self, data: Buffer, found: FoundBatches, now_ms: int, log_append_time_ms: int) -> AppendInfo:
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
                        and (pending or segment.size or header.last_offset - segment.base_offset > INT_MAX)
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

    def _write_to_segment(self, segment: LogSegment, view: memoryview, found: FoundBatches) -> None:
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
        `max_offset` yet. Raises KafkaError OFFSET_OUT_OF_RANGE before the log start or behind the log end offset, and
        CORRUPT_MESSAGE where the batches on the disk are not in the order of their offsets.
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
                # Everything behind `offset` in a segment may have been compacted away: then the next is asked.
                following = None if segment is self._segments.active else self._segments.higher(segment.base_offset)
                end = max_offset if following is None else min(max_offset, following.base_offset)
                result = segment.read(offset, max_bytes, end, min_one_batch)
                if result is not None:
                    return result
                segment = following
        except StorageError as error:
            self._fail(error)
        except DamagedBatch as damage:
            raise KafkaError(ErrorCode.CORRUPT_MESSAGE, f"{self.topic_partition}: {damage}") from damage
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

        KIP-33, KIP-79. Decodes the one batch it is in; KafkaError CORRUPT_MESSAGE when that cannot be done.
        """
        self._check_usable()
        try:
            return timestamp_search.offset_for_timestamp(self._segments, timestamp_ms, self.log_start_offset)
        except StorageError as error:
            self._fail(error)
        except ProtocolError as error:
            raise self._damaged_records(error) from error

    def max_timestamp_and_offset(self) -> TimestampAndOffset | None:
        """The record with the largest timestamp, the first of several; None in an empty log (KIP-734)."""
        self._check_usable()
        try:
            return timestamp_search.max_timestamp_and_offset(self._segments, self.log_start_offset)
        except StorageError as error:
            self._fail(error)
        except ProtocolError as error:
            raise self._damaged_records(error) from error

    def _damaged_records(self, error: ProtocolError) -> KafkaError:
        # A producer may send records that nobody can decode: only their checksum was looked at.
        return KafkaError(ErrorCode.CORRUPT_MESSAGE, f"records of {self.topic_partition}: {error}")

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
            self._drop_pending_swap()
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
            if (
                self.producers.map_end_offset > offset
                and (self.producers.producers or self.producers.unreplicated)
                and safeguards.truncation_rewinds_producers
            ):
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
        except DamagedSegment as damage:
            self._fail(StorageError("read", self.directory, str(damage)))

    def truncate_fully_and_start_at(self, offset: int, *, log_start_offset: int | None = None) -> None:
        """Remove everything; the log is then empty and goes on at `offset`, which is also its start unless given.

        A power cut may undo that in part until the next flush: what goes must be behind the checkpointed recovery point
        (`LogManager.prepare_truncation`). While `begins_unrecorded`, nothing may be appended that anybody counts on.
        """
        self._check_usable()
        try:
            self._drop_pending_swap()
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

    # Deleting -----------------------------------------------------------------------------------------------------------

    def delete_old_segments(self, now_ms: int) -> int:
        """Apply retention.ms, retention.bytes and the log start offset; returns how many segments went.

        Only segments below the high watermark go. Their files get the suffix `.deleted`, and are removed
        file.delete.delay.ms later by `remove_deleted_files`.
        """
        self._check_usable()
        if self._pending_swap is not None:
            return 0  # A crash would bring back in part what goes now; the next round is early enough.
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
