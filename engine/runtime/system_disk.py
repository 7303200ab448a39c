"""The disk seam over the operating system's files."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.runtime.disk import Buffer, DiskLockHeld, StorageError

try:  # POSIX only; Windows has no fcntl and no os.pread
    import fcntl
except ImportError:  # pragma: no cover - not on the platforms CI has
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

# Buffers one writev may carry; POSIX guarantees 16, Linux gives 1024.
_IOV_MAX = 1024


def _failed(operation: str, path: str, error: OSError) -> StorageError:
    return StorageError(operation, path, error.strerror or str(error), error.errno or 0)


class SystemFile:
    """A file of the operating system, read and written by position."""

    __slots__ = ("_disk", "_fd", "_path")

    def __init__(self, path: str, fd: int, disk: "SystemDisk") -> None:
        self._path = path
        self._fd = fd
        self._disk = disk

    @property
    def path(self) -> str:
        return self._path

    def size(self) -> int:
        try:
            return os.fstat(self._fd).st_size
        except OSError as error:
            raise _failed("size", self._path, error) from error

    def pread(self, length: int, position: int) -> bytes:
        try:
            data = os.pread(self._fd, length, position)
            if len(data) == length or not data:
                return data
            parts = [data]
            got = len(data)
            while got < length:
                data = os.pread(self._fd, length - got, position + got)
                if not data:
                    break
                parts.append(data)
                got += len(data)
            return b"".join(parts)
        except OSError as error:
            raise _failed("pread", self._path, error) from error

    def pwrite(self, parts: Sequence[Buffer], position: int) -> int:
        total = sum(map(len, parts))
        try:
            written = os.pwritev(self._fd, parts if len(parts) <= _IOV_MAX else parts[:_IOV_MAX], position)
            while written < total:
                rest = memoryview(b"".join(parts))[written:]
                count = os.pwrite(self._fd, rest, position + written)
                if count == 0:
                    raise StorageError("pwrite", self._path, "wrote nothing", errno.EIO)
                written += count
        except OSError as error:
            raise _failed("pwrite", self._path, error) from error
        return total

    def truncate(self, size: int) -> None:
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise _failed("truncate", self._path, error) from error

    async def fsync(self) -> None:
        fd = os.dup(self._fd)  # so that a close while the sync runs cannot hand the number to another file
        try:
            await self._disk.run_blocking(lambda: os.fsync(fd))
        except OSError as error:
            raise _failed("fsync", self._path, error) from error
        finally:
            os.close(fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SystemDiskLock:
    """An flock on a file; the operating system drops it when the process dies."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SystemDisk:
    """The machine's file system, with a small thread pool for what blocks."""

    def __init__(self, workers_max: int = 4) -> None:
        self._workers_max = workers_max
        self._executor: ThreadPoolExecutor | None = None

    def open(self, path: str, *, create: bool = False) -> SystemFile:
        flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | (os.O_CREAT if create else 0)
        try:
            return SystemFile(path, os.open(path, flags, 0o644), self)
        except OSError as error:
            raise _failed("open", path, error) from error

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)

    def list_directory(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            raise _failed("list_directory", path, error) from error

    def make_directories(self, path: str) -> None:
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise _failed("make_directories", path, error) from error

    def rename(self, source: str, target: str) -> None:
        try:
            os.replace(source, target)
        except OSError as error:
            raise _failed("rename", source, error) from error

    def unlink(self, path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _failed("unlink", path, error) from error

    def remove_tree(self, path: str) -> None:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _failed("remove_tree", path, error) from error

    def free_bytes(self, path: str) -> int:
        return self._usage(path)[0]

    def total_bytes(self, path: str) -> int:
        return self._usage(path)[1]

    def _usage(self, path: str) -> tuple[int, int]:
        try:
            usage = shutil.disk_usage(path)
        except OSError as error:
            raise _failed("disk_usage", path, error) from error
        return usage.free, usage.total

    async def fsync_directory(self, path: str) -> None:
        def sync() -> None:
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

        try:
            await self.run_blocking(sync)
        except OSError as error:
            raise _failed("fsync_directory", path, error) from error

    def lock(self, path: str) -> SystemDiskLock:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise _failed("lock", path, error) from error
        try:
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise DiskLockHeld("lock", path, "held by another node", error.errno or 0) from error
        return SystemDiskLock(fd)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._workers_max, thread_name_prefix="stoker-disk")
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
