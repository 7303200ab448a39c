"""Opening a partition's directory: what was clean is taken as it is, what was not is recovered (Kafka: LogLoader)."""

import logging
import random

from engine.errors import KafkaError
from engine.log.batches import scan_spans
from engine.log.checkpoints import CorruptCheckpoint
from engine.log.file_names import (
    CLEANED_SUFFIX,
    DELETED_SUFFIX,
    LEADER_EPOCH_CHECKPOINT,
    LOG_SUFFIX,
    PARTITION_METADATA,
    SEGMENT_SUFFIXES,
    SNAPSHOT_SUFFIX,
    SWAP_SUFFIX,
    TEMPORARY_SUFFIX,
    TXN_INDEX_SUFFIX,
    offset_of,
)
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.log_config import LogConfig
from engine.log.offset_index import CorruptIndex
from engine.log.open_files import OpenFiles
from engine.log.partition_log import FailureListener, PartitionLog
from engine.log.partition_metadata import CorruptPartitionMetadata, DamagedPartition, decode_partition_metadata
from engine.log.producer_snapshots import DamagedSegment, ProducerSnapshots, rebuild_producers
from engine.log.producer_state import DEFAULT_PRODUCER_ID_EXPIRATION_MS, ProducerStateManager
from engine.log.recovery import recover_segments
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments
from engine.log.values import RecoveryReport
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID, uuid_to_text
from engine.runtime import safeguards
from engine.runtime.clock import Clock
from engine.runtime.disk import Disk, StorageError, read_file
from engine.types import CLUSTER_METADATA, TopicPartition

logger = logging.getLogger(__name__)

_KRAFT_SNAPSHOT_DELETED = ".checkpoint" + DELETED_SUFFIX


def open_log(
    disk: Disk,
    clock: Clock,
    directory: str,
    topic_partition: TopicPartition,
    config: LogConfig,
    *,
    topic_id: bytes = ZERO_UUID,
    log_start_offset: int = 0,
    recovery_point: int = 0,
    had_clean_shutdown: bool = False,
    recovery_point_is_kept: bool = False,
    was_cleaned: bool = False,
    pool: OpenFiles | None = None,
    randomness: random.Random | None = None,
    producer_id_expiration_ms: int = DEFAULT_PRODUCER_ID_EXPIRATION_MS,
    on_failure: FailureListener | None = None,
) -> tuple[PartitionLog, RecoveryReport]:
    """The log in `directory`, which is made when missing, and what had to be done to it.

    `log_start_offset` and `recovery_point` are the checkpointed ones (0 when unknown: then everything is recovered).
    `recovery_point_is_kept` says that the recovery point would not be 0 any more had the log's first segments ever been
    deleted, so that a log that begins later has lost them (`LogManager` keeps it so). `was_cleaned` says that compaction
    may have left holes.
    Synchronous; the time of an unclean open is bounded by the bytes behind the recovery point. Raises KafkaError
    INCONSISTENT_TOPIC_ID when the directory belongs to another topic, DamagedPartition, StorageError, LegacyFormat.
    """
    report = RecoveryReport(directory)
    loader = _Loader(disk, clock, directory, config, report, pool or OpenFiles(), topic_partition)
    is_new = not disk.is_directory(directory)
    never_synced = recovery_point_is_kept and not had_clean_shutdown and recovery_point == 0
    if is_new:
        disk.make_directories(directory)
        stored_topic_id = ZERO_UUID
    else:
        loader.read_directory()
        # Of the metadata log everybody knows the topic: there is one, for ever.
        stored_topic_id = loader.topic_id(is_needed=not never_synced and topic_partition != CLUSTER_METADATA)
    if topic_id not in (ZERO_UUID, stored_topic_id) and stored_topic_id != ZERO_UUID:
        raise KafkaError(
            ErrorCode.INCONSISTENT_TOPIC_ID,
            f"{directory} holds topic id {uuid_to_text(stored_topic_id)}, expected {uuid_to_text(topic_id)}",
        )
    producers = ProducerStateManager(str(topic_partition), producer_id_expiration_ms)
    epochs = loader.leader_epochs()
    if never_synced:
        loader.drop_what_lost_its_beginning(log_start_offset)
    end_offset = loader.load(
        producers, epochs, log_start_offset, recovery_point, had_clean_shutdown, was_cleaned or config.compact
    )
    start_offset = max(log_start_offset, loader.segments.first.base_offset)
    log = PartitionLog(
        disk,
        loader.pool,
        clock,
        randomness or random.Random(0),
        directory=directory,
        topic_partition=topic_partition,
        topic_id=stored_topic_id,
        config=config,
        segments=loader.segments,
        snapshots=loader.snapshots,
        producers=producers,
        leader_epochs=epochs,
        log_start_offset=start_offset,
        log_end_offset=end_offset,
        recovery_point=end_offset if had_clean_shutdown else min(recovery_point, end_offset),
        recovery_point_checkpointed=recovery_point,
        is_new=is_new or bool(report.recovered_segments),
        unsynced_from=loader.unsynced_from(recovery_point),
        on_failure=on_failure,
    )
    if stored_topic_id == ZERO_UUID and topic_id != ZERO_UUID:
        log.assign_topic_id(topic_id)
    for reason in report.reasons:
        logger.warning("%s: %s", topic_partition, reason)
    return log, report


class _Loader:
    """The steps of opening one directory, and what they have found so far."""

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        directory: str,
        config: LogConfig,
        report: RecoveryReport,
        pool: OpenFiles,
        topic_partition: TopicPartition,
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._config = config
        self._report = report
        self._now_ms = clock.now_ms()
        self._names: list[str] = []
        self._topic_partition = topic_partition
        self.pool = pool
        self.segments = LogSegments()
        self.snapshots = ProducerSnapshots(disk, directory, [])

    def read_directory(self) -> None:
        """List the files, remove what is left over, and open the segments."""
        names = self._disk.list_directory(self._directory)
        if any(name.endswith((DELETED_SUFFIX, TEMPORARY_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX)) for name in names):
            self._finish_interrupted_work(names)
            names = self._disk.list_directory(self._directory)
        self._names = names
        present = set(names)
        snapshot_offsets: list[int] = []
        for name in names:
            offset = offset_of(name)
            if offset < 0:
                continue
            if name.endswith(LOG_SUFFIX):
                self._open_segment(offset, has_transaction_index=name[:-4] + TXN_INDEX_SUFFIX in present)
            elif name.endswith(SNAPSHOT_SUFFIX):
                snapshot_offsets.append(offset)
            elif name.endswith(SEGMENT_SUFFIXES) and name.partition(".")[0] + LOG_SUFFIX not in present:
                self._disk.unlink(f"{self._directory}/{name}")
        self.snapshots = ProducerSnapshots(self._disk, self._directory, snapshot_offsets)

    def _open_segment(self, base_offset: int, *, has_transaction_index: bool) -> None:
        segment = LogSegment.open_existing(
            self._disk,
            self.pool,
            self._directory,
            base_offset,
            self._config,
            created_ms=self._now_ms,
            has_transaction_index=has_transaction_index,
        )
        self.segments.add(segment)

    def _finish_interrupted_work(self, names: list[str]) -> None:
        """Remove files on their way out, and finish or undo a compaction that was swapping its result in.

        A `.swap` segment is complete: the segments it replaces go, and it takes its name. A `.cleaned` one is not, and
        neither are swap files at or above the lowest of them (KAFKA-6264; Kafka: LogLoader.load).
        """
        cleaned = [offset_of(name) for name in names if name.endswith(CLEANED_SUFFIX)]
        lowest_cleaned = min(cleaned, default=-1)
        swaps: list[str] = []
        for name in names:
            is_invalid_swap = name.endswith(SWAP_SUFFIX) and 0 <= lowest_cleaned <= offset_of(name)
            is_rubbish = name.endswith((DELETED_SUFFIX, TEMPORARY_SUFFIX, CLEANED_SUFFIX))
            if (is_rubbish and not name.endswith(_KRAFT_SNAPSHOT_DELETED)) or is_invalid_swap:
                self._disk.unlink(f"{self._directory}/{name}")
            elif name.endswith(SWAP_SUFFIX):
                swaps.append(name)
        replaced = [self._swapped_range(name) for name in swaps if name.endswith(LOG_SUFFIX + SWAP_SUFFIX)]
        if replaced:
            start = min(first for first, _ in replaced)
            end = max(after for _, after in replaced)
            for name in names:
                if name.endswith((*SEGMENT_SUFFIXES, SNAPSHOT_SUFFIX)) and start <= offset_of(name) < end:
                    self._disk.unlink(f"{self._directory}/{name}")
        for name in swaps:
            path = f"{self._directory}/{name}"
            self._disk.rename(path, path.removesuffix(SWAP_SUFFIX))

    def _swapped_range(self, name: str) -> tuple[int, int]:
        """First offset and end (exclusive) of what a swap segment replaces."""
        base_offset = end = offset_of(name)
        file = self._disk.open(f"{self._directory}/{name}")
        try:
            for span in scan_spans(file, 0, file.size()):
                end = span.last_offset + 1
        finally:
            file.close()
        return base_offset, end

    def topic_id(self, *, is_needed: bool) -> bytes:
        """From partition.metadata; ZERO_UUID when there is none, or when it is damaged and not needed."""
        if PARTITION_METADATA not in self._names:
            return ZERO_UUID
        path = f"{self._directory}/{PARTITION_METADATA}"
        try:
            return decode_partition_metadata(read_file(self._disk, path))
        except CorruptPartitionMetadata as error:
            if not is_needed:
                self._report.reasons.append(f"{PARTITION_METADATA} is damaged and made anew: {error}")
                return ZERO_UUID
            raise DamagedPartition("read", path, str(error)) from error

    def leader_epochs(self) -> LeaderEpochCache:
        if LEADER_EPOCH_CHECKPOINT not in self._names:
            return LeaderEpochCache()
        path = f"{self._directory}/{LEADER_EPOCH_CHECKPOINT}"
        try:
            return LeaderEpochCache.decode(read_file(self._disk, path), path)
        except CorruptCheckpoint as error:
            raise StorageError("read", path, str(error)) from error

    def load(
        self,
        producers: ProducerStateManager,
        epochs: LeaderEpochCache,
        log_start_offset: int,
        recovery_point: int,
        had_clean_shutdown: bool,
        is_compacted: bool,
    ) -> int:
        """Recover when due, and bring everything in line with the batches. Returns the log end offset."""
        if not len(self.segments):
            self._begin_at(log_start_offset)
            producers.clear(log_start_offset)
            epochs.truncate_from_end(log_start_offset)
            return log_start_offset
        had_clean_shutdown = had_clean_shutdown or not safeguards.recovery_after_unclean_shutdown
        damaged = self._damaged_transaction_index()
        if damaged is not None:
            had_clean_shutdown = False
            recovery_point = min(recovery_point, damaged)
        if had_clean_shutdown:
            try:
                end_offset = self._load_clean(producers, log_start_offset)
            except DamagedSegment as damage:
                self._report.reasons.append(str(damage))
                had_clean_shutdown, recovery_point = False, damage.base_offset
        if not had_clean_shutdown:
            end_offset = recover_segments(
                self.segments,
                self.snapshots,
                producers,
                epochs,
                self._report,
                recovery_point=recovery_point,
                log_start_offset=log_start_offset,
                now_ms=self._now_ms,
                is_compacted=is_compacted,
            )
        if end_offset < log_start_offset:
            self._delete_all(f"the log ends at {end_offset}, before its start {log_start_offset}")
            self._begin_at(log_start_offset)
            producers.clear(log_start_offset)
            epochs.clear()
            return log_start_offset
        epochs.truncate_from_end(end_offset)
        epochs.truncate_from_start(log_start_offset)
        self.snapshots.remove_above(end_offset)
        return end_offset

    def _load_clean(self, producers: ProducerStateManager, log_start_offset: int) -> int:
        """The log end offset, and producer state up to it, of a log that was closed properly."""
        end_offset = self.segments.active.next_offset()
        if end_offset >= log_start_offset:
            self._report.reasons += rebuild_producers(
                producers,
                self.snapshots,
                self.segments,
                log_start_offset=max(log_start_offset, self.segments.first.base_offset),
                end_offset=end_offset,
                now_ms=self._now_ms,
            )
        return end_offset

    def unsynced_from(self, recovery_point: int) -> int | None:
        """The first segment that has to be synced although it may end at the recovery point: recovery has written it, or
        the process that was killed has cut it there. None after a clean stop."""
        if not self._report.recovered_segments:
            return None
        floor = self.segments.floor(max(recovery_point - 1, 0)) or self.segments.first
        return min(floor.base_offset, self._report.recovered_segments[0])

    def drop_what_lost_its_beginning(self, log_start_offset: int) -> None:
        """Nothing of this log was ever synced, and the names of its first segments did not survive a power cut: what is
        left begins in the middle, and would pass for a log whose beginning was deleted."""
        if len(self.segments) and self.segments.first.base_offset > log_start_offset:
            self._delete_all(
                f"the log begins at {self.segments.first.base_offset} instead of {log_start_offset}, and nothing of it was "
                "ever synced"
            )

    def _damaged_transaction_index(self) -> int | None:
        """The base offset of the first segment whose transaction index cannot be read: it has to be recovered."""
        for segment in self.segments:
            if segment.has_transaction_index:
                try:
                    segment.aborted_transactions()
                except CorruptIndex as error:
                    self._report.reasons.append(f"segment {segment.base_offset}: transaction index: {error}")
                    return segment.base_offset
        return None

    def _begin_at(self, offset: int) -> None:
        segment = LogSegment(self._disk, self.pool, self._directory, offset, self._config, created_ms=self._now_ms)
        if offset:
            segment.file()
        self.segments.add(segment)

    def _delete_all(self, reason: str) -> None:
        self._report.reasons.append(f"{reason}: all segments were deleted")
        for segment in reversed(list(self.segments)):
            self._report.deleted_segments.insert(0, segment.base_offset)
            self.segments.remove(segment)
            segment.rename_to_deleted()
        self.snapshots.remove_above(-1)
