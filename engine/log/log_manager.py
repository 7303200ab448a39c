"""A node's logs in its log directories (Kafka: LogManager, LogDirFailureChannel).

It owns no task and no timer: the node calls `flush_due`, `run_retention`, `purge_deleted` and the checkpoints at the
intervals it is configured with. A directory on which anything fails goes offline with all its logs, and stays so until
the node restarts; a sync that failed is never tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from engine.errors import ConfigError, KafkaError
from engine.log.checkpoints import (
    CLEANER_CHECKPOINT,
    HIGH_WATERMARK_CHECKPOINT,
    LOG_START_OFFSET_CHECKPOINT,
    RECOVERY_POINT_CHECKPOINT,
)
from engine.log.clean_shutdown import NO_BROKER_EPOCH
from engine.log.file_names import (
    DELETE_DIRECTORY_SUFFIX,
    FUTURE_DIRECTORY_SUFFIX,
    STRAY_DIRECTORY_SUFFIX,
    directory_name_with_suffix,
    parse_directory_name,
)
from engine.log.log_config import LONG_MAX, LogConfig
from engine.log.log_directory import LogDirectory
from engine.log.open_files import DEFAULT_OPEN_FILES_MAX, OpenFiles
from engine.log.opening import open_log
from engine.log.partition_log import PartitionLog
from engine.log.partition_metadata import DamagedPartition
from engine.log.producer_state import DEFAULT_PRODUCER_ID_EXPIRATION_MS
from engine.log.values import RecoveryReport
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID
from engine.runtime import points
from engine.runtime.clock import Clock
from engine.runtime.disk import Disk, StorageError
from engine.runtime.randomness import Randomness
from engine.types import CLUSTER_METADATA, TopicPartition

logger = logging.getLogger(__name__)

_LOGS_PER_TURN = 64
"""How many logs are looked at before the loop gets a turn."""
_CLOSES_AT_ONCE = 16
_TOPIC_IDS_PER_ROUND = 100
"""Of how many new partitions a round of `flush_due` syncs partition.metadata: thousands may be created at once."""


class LogManager:
    """All partition logs of one node. `open` makes one.

    `logs` has every log, those of offline directories included: their calls raise KAFKA_STORAGE_ERROR. The metadata log
    is not among them; it belongs to the quorum.
    """

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        randomness: Randomness,
        directories: Sequence[LogDirectory],
        *,
        default_config: LogConfig,
        producer_id_expiration_ms: int,
        open_files_max: int,
        on_directory_failure: Callable[[str, StorageError], None] | None,
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._randomness = randomness
        self._directories = {directory.path: directory for directory in directories}
        self._default_config = default_config
        self._producer_id_expiration_ms = producer_id_expiration_ms
        self._pool = OpenFiles(open_files_max)
        self._on_directory_failure = on_directory_failure
        self._log_directories: dict[TopicPartition, LogDirectory] = {}
        self._doomed: list[tuple[int, str, LogDirectory]] = []
        self.logs: dict[TopicPartition, PartitionLog] = {}
        self.damaged: dict[TopicPartition, str] = {}
        """Partitions that are here and cannot be opened, and why: offline, while the rest of their directory goes on."""
        self.recovery_reports: list[RecoveryReport] = []
        """What opening found wrong, one for each log that was recovered or repaired."""

    @classmethod
    async def open(
        cls,
        disk: Disk,
        clock: Clock,
        randomness: Randomness,
        log_dirs: Sequence[str],
        *,
        cluster_id: str,
        node_id: int,
        default_config: LogConfig | None = None,
        config_of: Callable[[str], LogConfig] | None = None,
        producer_id_expiration_ms: int = DEFAULT_PRODUCER_ID_EXPIRATION_MS,
        open_files_max: int = DEFAULT_OPEN_FILES_MAX,
        on_directory_failure: Callable[[str, StorageError], None] | None = None,
    ) -> "LogManager":
        """Take the formatted directories over and open every log in them, recovering those that need it.

        `config_of` gives a topic's configuration by name; until the cluster's metadata is known, `default_config` does.
        Raises ConfigError (in use, not formatted, of another cluster or node), and StorageError when no directory is
        left that works.
        """
        directories: list[LogDirectory] = []
        try:
            for path in log_dirs:
                directories.append(await LogDirectory.open(disk, path.rstrip("/") or "/", cluster_id, node_id))
            ids = [directory.properties.directory_id for directory in directories]
            if len(set(ids)) < len(ids):
                raise ConfigError(f"two of log.dirs={','.join(log_dirs)} have the same directory.id")
            manager = cls(
                disk,
                clock,
                randomness,
                directories,
                default_config=default_config or LogConfig(),
                producer_id_expiration_ms=producer_id_expiration_ms,
                open_files_max=open_files_max,
                on_directory_failure=on_directory_failure,
            )
            for directory in directories:
                try:
                    await manager._load(directory, config_of or (lambda topic: manager._default_config))
                except StorageError as error:
                    manager._take_offline(directory, error)
            manager._check_any_online()
        except BaseException:
            for directory in directories:
                directory.release()
            raise
        return manager

    async def _load(self, directory: LogDirectory, config_of: Callable[[str], LogConfig]) -> None:
        recovery_points = directory.read_checkpoint(RECOVERY_POINT_CHECKPOINT)
        log_start_offsets = directory.read_checkpoint(LOG_START_OFFSET_CHECKPOINT)
        cleaned = directory.read_checkpoint(CLEANER_CHECKPOINT)
        high_watermarks = directory.read_checkpoint(HIGH_WATERMARK_CHECKPOINT)
        for number, name in enumerate(self._disk.list_directory(directory.path)):
            path = f"{directory.path}/{name}"
            if name.endswith(DELETE_DIRECTORY_SUFFIX) and self._disk.is_directory(path):
                self._doomed.append((0, path, directory))
                continue
            if name.endswith((STRAY_DIRECTORY_SUFFIX, FUTURE_DIRECTORY_SUFFIX)):
                logger.warning("%s is left alone: it is no partition of this node", path)
                continue
            topic_partition = parse_directory_name(name)
            if topic_partition is None or topic_partition == CLUSTER_METADATA or not self._disk.is_directory(path):
                continue
            if topic_partition in self.logs:
                raise ConfigError(
                    f"{topic_partition} is in two log directories: {self.logs[topic_partition].directory} and {path}"
                )

            def open_it(path: str = path, topic_partition: TopicPartition = topic_partition) -> PartitionLog:
                return self._open_log(
                    directory,
                    path,
                    topic_partition,
                    config_of(topic_partition.topic),
                    log_start_offset=log_start_offsets.get(topic_partition, 0),
                    recovery_point=recovery_points.get(topic_partition, 0),
                    had_clean_shutdown=directory.had_clean_shutdown,
                    was_cleaned=topic_partition in cleaned,
                )

            try:
                if directory.had_clean_shutdown:
                    log = open_it()
                    if number % _LOGS_PER_TURN == 0:
                        await asyncio.sleep(0)
                else:
                    log = await self._disk.run_blocking(open_it)
            except DamagedPartition as error:
                self.damaged[topic_partition] = str(error)
                logger.error("%s is offline: %s; once it is repaired or removed, start again", topic_partition, error)
                continue
            log.update_high_watermark(high_watermarks.get(topic_partition, 0))
            log.cleaner_offset = cleaned.get(topic_partition)

    def _open_log(
        self,
        directory: LogDirectory,
        path: str,
        topic_partition: TopicPartition,
        config: LogConfig,
        *,
        topic_id: bytes = ZERO_UUID,
        log_start_offset: int = 0,
        recovery_point: int = 0,
        had_clean_shutdown: bool = False,
        was_cleaned: bool = False,
    ) -> PartitionLog:
        log, report = open_log(
            self._disk,
            self._clock,
            path,
            topic_partition,
            config,
            topic_id=topic_id,
            log_start_offset=log_start_offset,
            recovery_point=recovery_point,
            had_clean_shutdown=had_clean_shutdown,
            recovery_point_is_kept=True,
            was_cleaned=was_cleaned,
            pool=self._pool,
            randomness=self._randomness.stream("log"),
            producer_id_expiration_ms=self._producer_id_expiration_ms,
            on_failure=self._on_log_failure,
        )
        self.logs[topic_partition] = log
        self._log_directories[topic_partition] = directory
        if report.recovered_segments or report.reasons:
            self.recovery_reports.append(report)
        return log

    # Directories --------------------------------------------------------------------------------------------------------

    @property
    def online_directories(self) -> list[str]:
        return [directory.path for directory in self._directories.values() if directory.is_online]

    @property
    def offline_directories(self) -> list[str]:
        return [directory.path for directory in self._directories.values() if not directory.is_online]

    @property
    def directory_ids(self) -> dict[str, bytes]:
        """Path -> directory id of the directories that are online."""
        return {path: self._directories[path].properties.directory_id for path in self.online_directories}

    def directory_id(self, directory: str) -> bytes:
        """The id of a log directory, online or not. Raises KeyError for a path that is none."""
        return self._directories[directory].properties.directory_id

    def path_of(self, directory_id: bytes) -> str | None:
        """The log directory with that id; None unless it is here and online."""
        for path, directory in self._directories.items():
            if directory.is_online and directory.properties.directory_id == directory_id:
                return path
        return None

    def directory_of(self, topic_partition: TopicPartition) -> str:
        """The log directory that has the partition. Raises KeyError."""
        return self._log_directories[topic_partition].path

    def directory_id_of(self, topic_partition: TopicPartition) -> bytes:
        """The id of the log directory that has the partition. Raises KeyError."""
        return self._log_directories[topic_partition].properties.directory_id

    @property
    def previous_broker_epoch(self) -> int:
        """The broker epoch all directories were cleanly shut down in; -1 unless they all agree (KIP-966)."""
        epochs = {directory.broker_epoch for directory in self._directories.values()}
        return epochs.pop() if len(epochs) == 1 else NO_BROKER_EPOCH

    def _check_any_online(self) -> None:
        failures = [directory.failure for directory in self._directories.values() if directory.failure is not None]
        if failures and len(failures) == len(self._directories):
            raise failures[0]

    def _on_log_failure(self, log: PartitionLog, error: StorageError) -> None:
        directory = self._log_directories.get(log.topic_partition)
        if directory is not None:
            self._take_offline(directory, error)

    def _take_offline(self, directory: LogDirectory, error: StorageError) -> None:
        if directory.failure is not None:
            return
        directory.failure = error
        logger.error("log directory %s is offline: %s", directory.path, error)
        for topic_partition, log in self.logs.items():
            if self._log_directories[topic_partition] is directory:
                log.mark_offline(error)
        if self._on_directory_failure is not None:
            self._on_directory_failure(directory.path, error)

    # Logs ---------------------------------------------------------------------------------------------------------------

    def get(self, topic_partition: TopicPartition) -> PartitionLog | None:
        """The log of that partition, None when it is not here."""
        return self.logs.get(topic_partition)

    def create(
        self,
        topic_partition: TopicPartition,
        topic_id: bytes,
        config: LogConfig | None = None,
        *,
        is_new: bool = True,
        directory: str | None = None,
    ) -> PartitionLog:
        """The log of that partition, made when it is not here, in `directory` or in the one with the fewest logs.

        `is_new` says that the cluster knows the partition was never here before; when it may have been, and a directory
        is offline, nothing is made, as it may be there. Raises KafkaError INCONSISTENT_TOPIC_ID for a directory of
        another topic of that name, KAFKA_STORAGE_ERROR.
        """
        log = self.logs.get(topic_partition)
        if log is not None:
            if log.topic_id != topic_id:
                log.assign_topic_id(topic_id)
            if config is not None:
                log.update_config(config)
            return log
        damage = self.damaged.get(topic_partition)
        if damage is not None:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"{topic_partition} is damaged: {damage}")
        if not is_new and self.offline_directories:
            raise KafkaError(
                ErrorCode.KAFKA_STORAGE_ERROR,
                f"{topic_partition} may be in an offline log directory: {', '.join(self.offline_directories)}",
            )
        target = self._choose_directory(directory)
        path = f"{target.path}/{topic_partition}"
        try:
            return self._open_log(target, path, topic_partition, config or self._default_config, topic_id=topic_id)
        except StorageError as error:
            self._take_offline(target, error)
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"{topic_partition}: {error}") from error

    def _choose_directory(self, path: str | None) -> LogDirectory:
        online = [directory for directory in self._directories.values() if directory.is_online]
        if path is not None:
            online = [directory for directory in online if directory.path == path]
        if not online:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"log directory {path or 'of any kind'} is not online")
        if len(online) == 1:
            return online[0]
        counts = {directory.path: 0 for directory in online}
        for holder in self._log_directories.values():
            if holder.path in counts:
                counts[holder.path] += 1
        return min(online, key=lambda directory: counts[directory.path])

    def delete(self, topic_partition: TopicPartition) -> None:
        """Forget the partition. Its directory gets the suffix `-delete` now, and is removed by `purge_deleted`.

        Raises KafkaError KAFKA_STORAGE_ERROR; nothing happens when it is not here.
        """
        self._move_away(topic_partition, DELETE_DIRECTORY_SUFFIX)

    def move_strays(self, is_stray: Callable[[PartitionLog], bool]) -> list[TopicPartition]:
        """Put aside the logs the cluster does not want here, with the suffix `-stray` (Kafka: LogManager.isStrayKraftReplica).

        Returns the partitions; a person decides what becomes of their directories.
        """
        strays = [topic_partition for topic_partition, log in self.logs.items() if not log.is_offline and is_stray(log)]
        for topic_partition in strays:
            logger.warning("%s does not belong to this node: its directory is set aside", topic_partition)
            self._move_away(topic_partition, STRAY_DIRECTORY_SUFFIX)
        return strays

    def _move_away(self, topic_partition: TopicPartition, suffix: str) -> None:
        log = self.logs.pop(topic_partition, None)
        if log is None:
            return
        directory = self._log_directories.pop(topic_partition)
        log.abandon()
        if log.is_offline:
            return
        unique = self._randomness.uuid()
        target = f"{directory.path}/{directory_name_with_suffix(topic_partition, unique, suffix)}"
        try:
            self._disk.rename(log.directory, target)
        except StorageError as error:
            self._take_offline(directory, error)
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"{topic_partition}: {error}") from error
        if suffix == DELETE_DIRECTORY_SUFFIX:
            self._doomed.append((self._clock.now_ms() + log.config.file_delete_delay_ms, target, directory))

    async def truncate_to(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Truncate logs so that no power cut can undo it by half (Kafka: LogManager.truncateTo).

        The recovery points go down in the checkpoint first, so that recovery looks at everything that is cut now or written
        over it later; then the cuts are made, and synced. Raises KafkaError KAFKA_STORAGE_ERROR.
        """
        lowered = await self.prepare_truncation(offsets)
        for key, offset in offsets.items():
            self.logs[key].truncate_to(offset)
        for key in lowered:
            await self.logs[key].flush()

    async def prepare_truncation(self, offsets: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """The first half of `truncate_to`, for callers whose right to cut may be gone once the disk has answered: lower
        and write down the recovery points above these offsets.

        Returns the partitions it lowered; `flush` their logs after the cut.
        """
        lowered = [key for key, offset in offsets.items() if offset < self.logs[key].recovery_point_checkpointed]
        if lowered:
            for key in lowered:
                self.logs[key].lower_recovery_point(offsets[key])
            await self.checkpoint_recovery_points()
        return lowered

    async def record_beginning(self, topic_partition: TopicPartition) -> None:
        """After `truncate_fully_and_start_at`: no power cut undoes it any more, and recovery knows that the log begins there."""
        await self.logs[topic_partition].flush()
        await self.checkpoint_recovery_points()

    async def _checkpoint_urgent(self) -> None:
        """Checkpoint recovery points that must not wait: those that moved down, and a log's first one."""
        online = [(key, log) for key, log in self.logs.items() if not log.is_offline]
        lowered = [(key, log) for key, log in online if log.recovery_point_lowered]
        unrecorded = [(key, log) for key, log in online if log.begins_unrecorded]
        for topic_partition, log in unrecorded:
            if log.recovery_point < log.first_segment_base_offset:
                await self._guarded(topic_partition, log.flush(log.first_segment_base_offset))
        if lowered or unrecorded:
            await self.checkpoint_recovery_points()
        for topic_partition, log in lowered:
            await self._guarded(topic_partition, log.flush())

    # What the node calls from time to time --------------------------------------------------------------------------------

    async def flush_due(self, now_ms: int) -> None:
        """Flush what flush.ms asks for, the segments that have rolled since, and new partition.metadata files
        (log.flush.scheduler.interval.ms)."""
        await self._checkpoint_urgent()
        topic_ids_left = _TOPIC_IDS_PER_ROUND
        for topic_partition, log in list(self.logs.items()):
            if log.is_offline or log.closed:
                continue
            target = log.active_segment_base_offset
            config = log.config
            if config.flush_ms < LONG_MAX and now_ms - log.last_flush_ms >= config.flush_ms:
                target = log.log_end_offset
            if target > log.recovery_point:
                await self._guarded(topic_partition, log.flush(target))
            elif log.topic_id_unsynced and topic_ids_left:
                topic_ids_left -= 1
                await self._guarded(topic_partition, log.sync_topic_id())
        await self._checkpoint_urgent()

    async def _guarded(self, topic_partition: TopicPartition, work: Awaitable[None]) -> bool:
        try:
            await work
        except KafkaError as error:
            # The directory is offline by now, and has been reported; the other directories go on.
            logger.error("%s: %s", topic_partition, error)
            return False
        return True

    async def run_retention(self, now_ms: int) -> int:
        """Retention and removal of `.deleted` files for all logs; returns the segments deleted.

        A log keeps its first segments until its first recovery point is checkpointed (`flush_due`): until then, a missing
        beginning means that a power cut took it.
        """
        deleted = 0
        for number, (topic_partition, log) in enumerate(list(self.logs.items())):
            if log.is_offline or log.closed:
                continue
            try:
                if log.recovery_point_checkpointed:
                    deleted += log.delete_old_segments(now_ms)
                log.remove_deleted_files(now_ms)
            except KafkaError as error:
                logger.error("retention of %s: %s", topic_partition, error)
            if number % _LOGS_PER_TURN == 0:
                await asyncio.sleep(0)
        return deleted

    def set_producer_id_expiration(self, expiration_ms: int) -> None:
        """producer.id.expiration.ms, for every log that is open and those to come (KIP-854)."""
        self._producer_id_expiration_ms = expiration_ms
        for log in self.logs.values():
            log.producers.expiration_ms = expiration_ms

    async def expire_producers(self, now_ms: int) -> None:
        """Forget the producers that wrote nothing for producer.id.expiration.ms."""
        for number, log in enumerate(list(self.logs.values())):
            log.producers.remove_expired(now_ms)
            if number % _LOGS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def purge_deleted(self, now_ms: int) -> int:
        """Remove the directories of deleted partitions whose delay is over; returns how many."""
        due = [entry for entry in self._doomed if entry[0] <= now_ms]
        self._doomed = [entry for entry in self._doomed if entry[0] > now_ms]
        for _, path, directory in due:
            if not directory.is_online:
                continue

            def remove(path: str = path) -> None:
                self._disk.remove_tree(path)

            try:
                await self._disk.run_blocking(remove)
            except StorageError as error:
                self._take_offline(directory, error)
        return len(due)

    async def checkpoint_recovery_points(self) -> None:
        """Write down from where each log would have to be recovered."""
        for directory in self._online():
            logs = self._logs_in(directory)
            offsets = {key: log.recovery_point for key, log in logs}
            for key, log in logs:
                # Until the write is through, either may be on the disk.
                log.recovery_point_checkpointed = max(log.recovery_point_checkpointed, offsets[key])
            await points.passing("log.before_recovery_checkpoint")
            if await self._checkpoint(directory, directory.write_recovery_points(offsets)):
                for key, log in logs:
                    log.recovery_point_checkpointed = offsets[key]

    async def checkpoint_log_start_offsets(self) -> None:
        """Write down the log start offsets that the names of the segments do not tell."""
        for directory in self._online():
            offsets = {
                key: log.log_start_offset
                for key, log in self._logs_in(directory)
                if log.log_start_offset > log.first_segment_base_offset
            }
            await self._checkpoint(directory, directory.write_log_start_offsets(offsets))

    async def checkpoint_high_watermarks(self, high_watermarks: Mapping[TopicPartition, int] | None = None) -> None:
        """Write down the high watermarks: those given, and each log's own for the rest."""
        given = high_watermarks or {}
        for directory in self._online():
            offsets = {key: given.get(key, log.high_watermark) for key, log in self._logs_in(directory)}
            await self._checkpoint(directory, directory.write_high_watermarks(offsets))

    async def checkpoint_cleaner_offsets(self) -> None:
        """Write down how far each log has been compacted; deleted ones are forgotten."""
        for directory in self._online():
            offsets = {
                key: log.cleaner_offset for key, log in self._logs_in(directory) if log.cleaner_offset is not None
            }
            await self._checkpoint(directory, directory.write_cleaner_offsets(offsets))

    def _online(self) -> list[LogDirectory]:
        return [directory for directory in self._directories.values() if directory.is_online]

    def _logs_in(self, directory: LogDirectory) -> list[tuple[TopicPartition, PartitionLog]]:
        return [(key, log) for key, log in self.logs.items() if self._log_directories[key] is directory]

    async def _checkpoint(self, directory: LogDirectory, work: Awaitable[None]) -> bool:
        try:
            await work
        except StorageError as error:
            self._take_offline(directory, error)
            return False
        return True

    # The end --------------------------------------------------------------------------------------------------------------

    async def close(self, broker_epoch: int = NO_BROKER_EPOCH) -> None:
        """Shut down cleanly: flush and close every log, checkpoint, leave the mark, give the locks back.

        A directory on which any of it fails gets no mark, and is recovered at the next start.
        """
        for directory in self._online():
            try:
                await self._disk.fsync_directory(directory.path)
            except StorageError as error:
                self._take_offline(directory, error)
        gate = asyncio.Semaphore(_CLOSES_AT_ONCE)

        async def close_log(topic_partition: TopicPartition, log: PartitionLog) -> None:
            async with gate:
                log.on_parent_synced()
                await self._guarded(topic_partition, log.close())

        pairs = [(key, log) for key, log in self.logs.items() if not log.is_offline]
        await asyncio.gather(*(close_log(key, log) for key, log in pairs))
        await self.checkpoint_recovery_points()
        await self.checkpoint_log_start_offsets()
        await self.checkpoint_high_watermarks()
        for directory in self._online():
            await self._checkpoint(directory, directory.mark_clean(broker_epoch))
        for directory in self._directories.values():
            directory.release()

    def abandon(self) -> None:
        """Stop as a killed process does: files closed, locks free, nothing flushed or written down."""
        for log in self.logs.values():
            log.abandon()
        for directory in self._directories.values():
            directory.release()
