"""One of a node's log directories: its lock, identity and checkpoints."""

import asyncio
from collections.abc import Mapping

from engine.errors import ConfigError
from engine.log.checkpoints import (
    CLEANER_CHECKPOINT,
    HIGH_WATERMARK_CHECKPOINT,
    LOG_START_OFFSET_CHECKPOINT,
    RECOVERY_POINT_CHECKPOINT,
    CorruptCheckpoint,
    read_offset_checkpoint,
    write_offset_checkpoint,
)
from engine.log.clean_shutdown import NO_BROKER_EPOCH, consume_clean_shutdown, write_clean_shutdown
from engine.log.meta_properties import META_PROPERTIES, MetaProperties, check_owner, read_meta_properties
from engine.runtime.disk import Disk, DiskLock, DiskLockHeld, StorageError
from engine.types import TopicPartition

LOCK_FILE = ".lock"


class LogDirectory:
    """A formatted directory that this node holds the lock of."""

    def __init__(self, disk: Disk, path: str, properties: MetaProperties, lock: DiskLock) -> None:
        self._disk = disk
        self._lock = lock
        self._written: dict[str, dict[TopicPartition, int]] = {}
        self._write_locks: dict[str, asyncio.Lock] = {}
        self.path = path
        self.properties = properties
        self.had_clean_shutdown = False
        self.broker_epoch = NO_BROKER_EPOCH
        """The broker epoch of the last clean shutdown, -1 when there was none."""
        self.failure: StorageError | None = None
        """Why the directory is offline; None while it is not."""

    @classmethod
    async def open(cls, disk: Disk, path: str, cluster_id: str, node_id: int) -> "LogDirectory":
        """Lock the directory, check whose it is, and take the mark of a clean shutdown off it.

        Raises ConfigError when another node uses it, when it is not formatted or belongs to another; StorageError.
        """
        if not disk.is_directory(path):
            raise ConfigError(f"log directory {path} does not exist; format it first")
        try:
            lock = disk.lock(f"{path}/{LOCK_FILE}")
        except DiskLockHeld as error:
            raise ConfigError(
                f"data directory {path} is in use by another node, which holds {path}/{LOCK_FILE}; "
                "stop it or use another log.dirs"
            ) from error
        try:
            properties = read_meta_properties(disk, path)
            if properties is None:
                raise ConfigError(f"log directory {path} has no {META_PROPERTIES}; format it first")
            check_owner(properties, path, cluster_id, node_id)
            directory = cls(disk, path, properties, lock)
            directory.had_clean_shutdown, directory.broker_epoch = await consume_clean_shutdown(disk, path)
        except BaseException:
            lock.release()
            raise
        return directory

    @property
    def is_online(self) -> bool:
        return self.failure is None

    def read_checkpoint(self, name: str) -> dict[TopicPartition, int]:
        """The offsets in a checkpoint file; none when it is damaged, which only costs time. Raises StorageError."""
        try:
            return read_offset_checkpoint(self._disk, f"{self.path}/{name}")
        except CorruptCheckpoint:
            return {}

    async def write_recovery_points(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._write(RECOVERY_POINT_CHECKPOINT, offsets)

    async def write_log_start_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._write(LOG_START_OFFSET_CHECKPOINT, offsets)

    async def write_high_watermarks(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._write(HIGH_WATERMARK_CHECKPOINT, offsets)

    async def write_cleaner_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._write(CLEANER_CHECKPOINT, offsets)

    async def _write(self, name: str, offsets: Mapping[TopicPartition, int]) -> None:
        lock = self._write_locks.setdefault(name, asyncio.Lock())
        async with lock:
            content = dict(offsets)
            if self._written.get(name) != content:
                await write_offset_checkpoint(self._disk, f"{self.path}/{name}", content)
                self._written[name] = content

    async def mark_clean(self, broker_epoch: int) -> None:
        await write_clean_shutdown(self._disk, self.path, broker_epoch)

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        self._lock.release()
