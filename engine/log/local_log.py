"""The files of one partition's log: segments, snapshots, epochs, and how they reach the disk (Kafka: LocalLog).

`PartitionLog` builds on it what records mean. Here is when a segment begins and goes, what a flush has to sync and in
which order, and what happens after a disk error.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from engine.errors import KafkaError
from engine.log.append_validation import needs_records
from engine.log.file_names import LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA, SWAP_SUFFIX, TEMPORARY_SUFFIX
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.log_config import LogConfig
from engine.log.open_files import OpenFiles
from engine.log.partition_metadata import encode_partition_metadata
from engine.log.producer_snapshots import ProducerSnapshots
from engine.log.producer_state import ProducerStateManager
from engine.log.segment import INT_MAX, LogSegment
from engine.log.segments import LogSegments
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID
from engine.runtime import safeguards
from engine.runtime.clock import Clock
from engine.runtime.disk import Disk, StorageError, write_file_atomically
from engine.types import TopicPartition


class LocalLog:
    """Everything about a log that does not look at records. See the module's docstring, and `PartitionLog`'s."""

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
        "_pending_swap",
        "_pool",
        "_random",
        "_segments",
        "_snapshots",
        "_truncations",
        "_unsynced_from",
        "cleaner_offset",
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
        "topic_id_unsynced",
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
        on_failure: Callable[[Any, StorageError], None] | None,
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
        self._pending_swap: LogSegment | None = None
        self.cleaner_offset: int | None = None
        """Compaction has seen everything before this offset; None while it never looked (cleaner-offset-checkpoint)."""
        self._config = config
        self._needs_records = needs_records(config)
        self.closed = False
        self.directory = directory
        self.topic_partition = topic_partition
        self.topic_id = topic_id
        """16 bytes; ZERO_UUID when the topic has none."""
        self.topic_id_unsynced = False
        """partition.metadata was written here and does not survive a power cut yet: `sync_topic_id`, or any flush."""
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
    def segments(self) -> LogSegments:
        """For compaction, which reads them and hands others back by `replace_segments`; nobody else changes them."""
        return self._segments

    @property
    def open_files(self) -> OpenFiles:
        """The budget that the log's files count against."""
        return self._pool

    @property
    def truncations(self) -> int:
        """How often the log was cut: whoever works on its segments for longer compares."""
        return self._truncations

    @property
    def unflushed_messages(self) -> int:
        return self.log_end_offset - self.recovery_point

    @property
    def begins_unrecorded(self) -> bool:
        """Whether no recovery point was ever checkpointed, though there is one or the log begins later than at 0: recovery
        would take that for a log whose beginning a power cut took, and delete it all (`LogManager.record_beginning`)."""
        return self.recovery_point_checkpointed == 0 < max(self.recovery_point, self._segments.first.base_offset)

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
            path = f"{self.directory}/{PARTITION_METADATA}"
            file = self._disk.open(path + TEMPORARY_SUFFIX, create=True)
            try:
                file.pwrite([encode_partition_metadata(topic_id)], 0)
            finally:
                file.close()
            self._disk.rename(path + TEMPORARY_SUFFIX, path)
        except StorageError as error:
            self._fail(error)
        self.topic_id = topic_id
        self._directory_dirty = self.topic_id_unsynced = True

    # Segments ---------------------------------------------------------------------------------------------------------

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

    def _remove_segment(self, segment: LogSegment, due_ms: int = 0) -> None:
        self._segments.remove(segment)
        paths = segment.rename_to_deleted() + self._snapshots.rename_to_deleted(segment.base_offset)
        self._pending_deletions += [(due_ms, path) for path in paths]

    # Compaction -----------------------------------------------------------------------------------------------------------

    def begin_swap(self, replacement: LogSegment) -> None:
        """Compaction made `replacement` (files `.cleaned`, synced): its files get the suffix `.swap`.

        Once the directory is synced it has taken the place of the segments it was made from, whatever happens: a crash
        before `replace_segments` is made good at the next start. Truncating the log meanwhile undoes it.
        """
        self._check_usable()
        try:
            replacement.change_file_suffix(SWAP_SUFFIX)
        except StorageError as error:
            self._fail(error)
        self._pending_swap = replacement

    def replace_segments(self, old: Sequence[LogSegment], replacement: LogSegment, now_ms: int) -> None:
        """Let `replacement` (begun by `begin_swap`, directory synced) take the place of `old`, adjacent and inactive.

        The old files get the suffix `.deleted`. The replacement keeps `.swap` until the caller has synced the directory
        and calls `end_swap`: before that, a power cut could leave both (Kafka: LocalLog.replaceSegments).
        """
        self._check_usable()
        self._pending_swap = None
        try:
            for segment in old:
                self._segments.remove(segment)
                paths = segment.rename_to_deleted()
                if segment.base_offset != replacement.base_offset:
                    paths += self._snapshots.rename_to_deleted(segment.base_offset)
                self._pending_deletions += [(now_ms + self._config.file_delete_delay_ms, path) for path in paths]
            self._segments.add(replacement)
        except StorageError as error:
            self._fail(error)
        self._directory_dirty = True

    def end_swap(self, replacement: LogSegment) -> None:
        """The old names are gone for good: the replacement takes them, unless it went itself meanwhile."""
        self._check_usable()
        if replacement.removed:
            return
        try:
            replacement.change_file_suffix("")
        except StorageError as error:
            self._fail(error)
        self._directory_dirty = True

    def _drop_pending_swap(self) -> None:
        replacement, self._pending_swap = self._pending_swap, None
        if replacement is not None:
            replacement.unlink_files()

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

    def lower_recovery_point(self, offset: int) -> None:
        """Recovery shall begin at `offset` at the latest: ahead of a truncation to there."""
        self.recovery_point = min(self.recovery_point, offset)

    def _log_ends_at(self, offset: int) -> None:
        self.log_end_offset = offset
        self.log_start_offset = min(self.log_start_offset, offset)
        self.recovery_point = min(self.recovery_point, offset)
        self.high_watermark = min(self.high_watermark, offset)
        if self.cleaner_offset is not None:
            self.cleaner_offset = min(self.cleaner_offset, offset)
        self.leader_epochs.truncate_from_end(offset)
        self._truncations += 1
        self._directory_dirty = True

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
                try:
                    await self._flush(target)
                except StorageError as error:
                    if error.operation != "fsync" or safeguards.failed_sync_is_final:
                        raise
                    await self._flush(target)  # what everybody did before fsyncgate: try again, and believe it
            except StorageError as error:
                if not self.closed:  # Deleted meanwhile: its files are elsewhere, and nobody needs them.
                    self._fail(error)
            if truncations == self._truncations and not self.closed:
                self.recovery_point = max(self.recovery_point, target)
                self.last_flush_ms = self._clock.now_ms()

    async def sync_topic_id(self) -> None:
        """partition.metadata survives a power cut, also when nothing is ever written to this log."""
        await self.flush(0)

    async def _flush(self, target: int) -> None:
        if self._directory_dirty:
            self._directory_dirty = False
            self.topic_id_unsynced = False
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

    def report_failure(self, error: StorageError) -> None:
        """A disk error was met on this log's files, here or by compaction: it is offline, and its owner is told once."""
        first = self._failure is None
        self.mark_offline(error)
        if first and self._on_failure is not None:
            self._on_failure(self, error)

    def _fail(self, error: StorageError) -> NoReturn:
        self.report_failure(error)
        raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"{self.topic_partition}: {error}") from error
