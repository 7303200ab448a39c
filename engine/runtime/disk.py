"""The disk seam: files and directories as the engine sees them.

Plain calls touch the page cache and return at once; `fsync` is awaited, because it is the one call that may take long
and the one whose completion promises anything. Every failure of the operating system surfaces as `StorageError` (Kafka:
KafkaStorageException), which takes the log directory offline. Rule for all callers: after a failed fsync the file is
never trusted nor synced again (ATC'20, Rebello et al.: the kernel marks failed pages clean).

Paths are plain strings with "/" between parts.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from engine.runtime import safeguards

Buffer = bytes | bytearray | memoryview
T = TypeVar("T")


class StorageError(Exception):
    """The disk would not do it. Names the operation, the path and the operating system's reason.

    Attributes: `operation` ("pwrite"), `path`, `errno` (0 when there is none).
    """

    def __init__(self, operation: str, path: str, reason: str, errno: int = 0) -> None:
        super().__init__(f"{operation} {path}: {reason}")
        self.operation = operation
        self.path = path
        self.reason = reason
        self.errno = errno


class DiskLockHeld(StorageError):
    """Another process (or another node of this process) holds the lock on that path."""


class File(Protocol):
    """An open file. Positions and sizes are in bytes. Not for use after `close`."""

    @property
    def path(self) -> str: ...

    def size(self) -> int:
        """Current length."""
        ...

    def pread(self, length: int, position: int) -> bytes:
        """Up to `length` bytes from `position`; fewer at the end of the file, b"" beyond it."""
        ...

    def pwrite(self, parts: Sequence[Buffer], position: int) -> int:
        """Write all `parts` one after the other at `position` (whole or StorageError); returns the bytes written."""
        ...

    def truncate(self, size: int) -> None:
        """Cut or extend (with zeros) to `size`."""
        ...

    async def fsync(self) -> None:
        """Returns when everything written before the call survives a power cut."""
        ...

    def close(self) -> None:
        """Close without syncing. Idempotent."""
        ...


class DiskLock(Protocol):
    """An exclusive lock on a path, held until released or the process dies."""

    def release(self) -> None: ...


class Disk(Protocol):
    """A file system. All calls may raise StorageError."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open for reading and writing; `create` makes it when missing, else a missing file is a StorageError (ENOENT)."""
        ...

    def exists(self, path: str) -> bool: ...

    def is_directory(self, path: str) -> bool: ...

    def list_directory(self, path: str) -> list[str]:
        """Names (not paths) in it, sorted, so that order never depends on the file system."""
        ...

    def make_directories(self, path: str) -> None:
        """Like mkdir -p."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Atomic; replaces `target`. Works for files and directories (a target directory must not exist)."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file; a missing one is fine."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a directory and everything in it; a missing one is fine."""
        ...

    def free_bytes(self, path: str) -> int: ...

    def total_bytes(self, path: str) -> int: ...

    async def fsync_directory(self, path: str) -> None:
        """Returns when the names in the directory survive a power cut."""
        ...

    def lock(self, path: str) -> DiskLock:
        """Create and exclusively lock the file `path`; DiskLockHeld when someone else has it."""
        ...

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run CPU- or disk-heavy work that touches only its own data away from the event loop (a small thread pool);
        in the laboratory it runs in place, taking virtual time."""
        ...


def read_file(disk: Disk, path: str) -> bytes:
    """The whole file."""
    file = disk.open(path)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


async def write_file_atomically(disk: Disk, path: str, data: bytes, *, sync: bool = True) -> None:
    """Replace `path` by `data` so that a crash leaves either the old or the new content, never a mixture.

    Writes `path`.tmp, syncs it, renames it over `path`, syncs the directory (Kafka: CheckpointFile.write, with the
    order KAFKA-16541 was about). `sync=False` skips both syncs: for files that recovery can rebuild.
    """
    sync = sync and safeguards.checkpoints_are_synced
    temporary = path + ".tmp"
    file = disk.open(temporary, create=True)
    try:
        file.truncate(0)
        file.pwrite([data], 0)
        if sync:
            await file.fsync()
    finally:
        file.close()
    disk.rename(temporary, path)
    if sync:
        await disk.fsync_directory(path.rsplit("/", 1)[0] or "/")
