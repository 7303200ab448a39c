"""A disk in memory that forgets what was not synced.

What programs see is the page cache: every write, truncate, rename and create shows at once. What survives a power cut
is only what was synced, and of the rest whatever the seed decides (`engine.sim.crash`): kept, dropped, torn, out of
order. A file's content is made durable by `fsync` of the file, its name by `fsync_directory` of the directory it is in
(POSIX promises no more: ALICE, OSDI'14). A process that dies loses nothing but its locks.

Faults are overlays (`DiskFaults`): what is stored stays intact, so that a fault can be lifted again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.runtime.disk import Buffer, DiskLockHeld, StorageError
from engine.sim.disk_faults import DiskFaults
from engine.sim.inodes import Change, Directory, FileNode, Truncate, Write, apply_changes
from engine.sim.links import MICROSECOND
from engine.sim.loop import SimLoop
from engine.sim.process import Process, current_process
from engine.sim.trace import Trace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DiskProfile:
    """Size and speed. Times in nanoseconds."""

    total_bytes: int = 10 << 30
    sync_ns: int = 200 * MICROSECOND
    """The shortest fsync; the longest is five times that, unless `DiskFaults.sync_delay_ns` makes it slower."""
    work_ns: int = 100 * MICROSECOND
    """Mean time of `run_blocking`."""


def storage_error(operation: str, path: str, number: int) -> StorageError:
    """A StorageError as the operating system would give it."""
    return StorageError(operation, path, os.strerror(number), number)


class SimDisk:
    """The disk of one machine. Programs use it through `attach()`, which gives an `engine.runtime.disk.Disk`."""

    def __init__(
        self,
        loop: SimLoop,
        random_source: random.Random,
        *,
        name: str = "disk",
        profile: DiskProfile | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.loop = loop
        self.random = random_source
        self.name = name
        self.profile = profile if profile is not None else DiskProfile()
        self.faults = DiskFaults(random_source)
        self.root = Directory()
        self.used_bytes = 0
        self.locks: dict[str, SimDiskLock] = {}
        self._trace = trace
        self._sequence = 0

    def attach(self, process: Process | None = None) -> AttachedDisk:
        """The disk as `process` (default: the current one) sees it, until that process dies."""
        attached = AttachedDisk(self, process)
        if process is None:
            process = current_process()
        if process is not None:
            process.resources[attached] = None
        return attached

    def record(self, line: str) -> None:
        if self._trace is not None:
            self._trace.record(self.loop.now_ns, f"{self.name} {line}")

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    # ---- looking around

    def find(self, path: str) -> FileNode | Directory | None:
        """What is at `path` in the page cache."""
        node: FileNode | Directory | None = self.root
        for name in path.split("/"):
            if name:
                if not isinstance(node, Directory):
                    return None
                node = node.entries.get(name)
        return node

    def directory(self, operation: str, path: str) -> Directory:
        """The directory at `path`; ENOENT or ENOTDIR."""
        node = self.find(path)
        if node is None:
            raise storage_error(operation, path, errno.ENOENT)
        if not isinstance(node, Directory):
            raise storage_error(operation, path, errno.ENOTDIR)
        return node

    def files(self) -> dict[str, FileNode]:
        """Every file by path, sorted by path."""
        found: dict[str, FileNode] = {}
        self._collect("", self.root, found)
        return found

    def _collect(self, path: str, directory: Directory, found: dict[str, FileNode]) -> None:
        for name, node in sorted(directory.entries.items()):
            if isinstance(node, Directory):
                self._collect(f"{path}/{name}", node, found)
            else:
                found[f"{path}/{name}"] = node

    def change(self, sequence_of: Sequence[tuple[Directory, str, FileNode | Directory | None]]) -> None:
        """Change names, all at once or not at all, as far as a later crash is concerned."""
        change = Change(self.next_sequence(), tuple(sequence_of))
        for directory, name, node in sequence_of:
            if node is None:
                directory.entries.pop(name, None)
            else:
                directory.entries[name] = node
        for directory in {id(directory): directory for directory, _, _ in sequence_of}.values():
            directory.pending.append(change)

    def unsynced(self) -> list[str]:
        """Paths of the files with writes that a power cut may take, sorted."""
        return [path for path, node in self.files().items() if node.pending]

    def measure(self) -> None:
        """Count the bytes in use anew, after names went away."""
        self.used_bytes = sum(len(node.data) for node in self.files().values())


class AttachedDisk:
    """`engine.runtime.disk.Disk` for one process. Every call fails once that process is dead."""

    def __init__(self, disk: SimDisk, process: Process | None) -> None:
        self._disk = disk
        self._alive = True
        self._locks: list[SimDiskLock] = []

    def process_died(self, *, silent: bool) -> None:
        """The kernel closes the files and drops the locks; what was written stays in the page cache."""
        self._alive = False
        for lock in self._locks:
            lock.release()

    def check(self, operation: str, path: str) -> SimDisk:
        """The disk, unless the process is dead or a fault says no."""
        if not self._alive:
            raise StorageError(operation, path, "the process is dead", errno.EBADF)
        disk = self._disk
        if disk.faults.rules:
            number = disk.faults.errno_for(operation, path)
            if number:
                disk.record(f"fault {operation} {path} {errno.errorcode.get(number, number)}")
                raise storage_error(operation, path, number)
        return disk

    def open(self, path: str, *, create: bool = False) -> SimFile:
        disk = self.check("open", path)
        parent_path, name = _split(path)
        parent = disk.directory("open", parent_path)
        node = parent.entries.get(name)
        if node is None:
            if not create:
                raise storage_error("open", path, errno.ENOENT)
            node = FileNode(disk.next_sequence())
            disk.change([(parent, name, node)])
            disk.record(f"create {path}")
        if isinstance(node, Directory):
            raise storage_error("open", path, errno.EISDIR)
        return SimFile(path, node, self)

    def exists(self, path: str) -> bool:
        return self.check("exists", path).find(path) is not None

    def is_directory(self, path: str) -> bool:
        return isinstance(self.check("is_directory", path).find(path), Directory)

    def list_directory(self, path: str) -> list[str]:
        return sorted(self.check("list_directory", path).directory("list_directory", path).entries)

    def make_directories(self, path: str) -> None:
        disk = self.check("make_directories", path)
        node: FileNode | Directory = disk.root
        for name in path.split("/"):
            if not name:
                continue
            if not isinstance(node, Directory):
                raise storage_error("make_directories", path, errno.ENOTDIR)
            child = node.entries.get(name)
            if child is None:
                child = Directory()
                disk.change([(node, name, child)])
                disk.record(f"mkdir {path} {name}")
            node = child
        if not isinstance(node, Directory):
            raise storage_error("make_directories", path, errno.EEXIST)

    def rename(self, source: str, target: str) -> None:
        disk = self.check("rename", source)
        source_parent_path, source_name = _split(source)
        target_parent_path, target_name = _split(target)
        source_parent = disk.directory("rename", source_parent_path)
        target_parent = disk.directory("rename", target_parent_path)
        node = source_parent.entries.get(source_name)
        if node is None:
            raise storage_error("rename", source, errno.ENOENT)
        replaced = target_parent.entries.get(target_name)
        if replaced is node:
            return
        if isinstance(replaced, Directory) and (replaced.entries or not isinstance(node, Directory)):
            number = errno.ENOTEMPTY if isinstance(node, Directory) else errno.EISDIR
            raise storage_error("rename", source, number)
        disk.change([(source_parent, source_name, None), (target_parent, target_name, node)])
        disk.record(f"rename {source} {target}")
        if replaced is not None:
            disk.measure()

    def unlink(self, path: str) -> None:
        disk = self.check("unlink", path)
        parent_path, name = _split(path)
        parent = disk.find(parent_path)
        node = parent.entries.get(name) if isinstance(parent, Directory) else None
        if not isinstance(parent, Directory) or node is None:
            return
        if isinstance(node, Directory):
            raise storage_error("unlink", path, errno.EISDIR)
        disk.change([(parent, name, None)])
        disk.used_bytes -= len(node.data)
        disk.record(f"unlink {path}")

    def remove_tree(self, path: str) -> None:
        disk = self.check("remove_tree", path)
        node = disk.find(path)
        if node is None:
            return
        parent_path, name = _split(path)
        self._remove(disk, disk.directory("remove_tree", parent_path), name, node)
        disk.record(f"remove_tree {path}")
        disk.measure()

    def _remove(self, disk: SimDisk, parent: Directory, name: str, node: FileNode | Directory) -> None:
        """File by file, as rm -r does, so that a crash may leave a part."""
        if isinstance(node, Directory):
            for child_name, child in sorted(node.entries.items()):
                self._remove(disk, node, child_name, child)
        disk.change([(parent, name, None)])

    def free_bytes(self, path: str) -> int:
        disk = self.check("free_bytes", path)
        return max(0, disk.faults.limit(disk.profile.total_bytes) - disk.used_bytes)

    def total_bytes(self, path: str) -> int:
        disk = self.check("total_bytes", path)
        return disk.faults.limit(disk.profile.total_bytes)

    async def fsync_directory(self, path: str) -> None:
        disk = self.check("fsync_directory", path)
        directory = disk.directory("fsync_directory", path)
        changes = list(directory.pending)
        await self.sync_delay()
        self.check("fsync_directory", path)
        for change in changes:
            apply_changes(change)
        disk.record(f"fsync_directory {path}")

    async def sync_delay(self) -> None:
        """Takes as long as a sync does."""
        disk = self._disk
        low = disk.profile.sync_ns
        await _sleep_ns(disk.loop, disk.random.randint(low, 5 * low) + disk.faults.sync_delay_ns)

    def lock(self, path: str) -> SimDiskLock:
        disk = self.check("lock", path)
        path = _normal(path)
        if path in disk.locks:
            raise DiskLockHeld("lock", path, "held by another node", errno.EAGAIN)
        self.open(path, create=True).close()
        lock = disk.locks[path] = SimDiskLock(disk, path)
        self._locks.append(lock)
        return lock

    async def run_blocking(self, work: Callable[[], T]) -> T:
        disk = self.check("run_blocking", "")
        mean_ns = disk.profile.work_ns
        await _sleep_ns(disk.loop, disk.random.randint(mean_ns // 2, mean_ns * 3 // 2))
        return work()


class SimFile:
    """`engine.runtime.disk.File` over a file in memory."""

    __slots__ = ("_attached", "_node", "_path")

    def __init__(self, path: str, node: FileNode, attached: AttachedDisk) -> None:
        self._path = path
        self._node: FileNode | None = node
        self._attached = attached

    @property
    def path(self) -> str:
        return self._path

    def _checked(self, operation: str) -> tuple[SimDisk, FileNode]:
        disk = self._attached.check(operation, self._path)
        if self._node is None:
            raise StorageError(operation, self._path, "the file is closed", errno.EBADF)
        return disk, self._node

    def size(self) -> int:
        return len(self._checked("size")[1].data)

    def pread(self, length: int, position: int) -> bytes:
        node = self._checked("pread")[1]
        data = bytes(memoryview(node.data)[position : position + length])
        return node.flipped(data, position) if node.flips else data

    def pwrite(self, parts: Sequence[Buffer], position: int) -> int:
        disk, node = self._checked("pwrite")
        data = bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
        grows = position + len(data) - len(node.data)
        if grows > 0:
            room = disk.faults.limit(disk.profile.total_bytes) - disk.used_bytes
            if grows > room:
                # A real pwrite writes what fits before it says that the disk is full.
                fits = max(0, len(data) - grows + max(0, room))
                self._write(disk, node, data[: disk.random.randint(0, fits)], position)
                disk.record(f"fault pwrite {self._path} ENOSPC")
                raise storage_error("pwrite", self._path, errno.ENOSPC)
        self._write(disk, node, data, position)
        return len(data)

    def _write(self, disk: SimDisk, node: FileNode, data: bytes, position: int) -> None:
        if data:
            disk.used_bytes -= len(node.data)
            node.change(Write(position, data))
            disk.used_bytes += len(node.data)
            disk.record(f"pwrite {self._path} {position} {len(data)} {zlib.crc32(data):08x}")

    def truncate(self, size: int) -> None:
        disk, node = self._checked("truncate")
        if size == len(node.data):
            return
        if size - len(node.data) > disk.faults.limit(disk.profile.total_bytes) - disk.used_bytes:
            raise storage_error("truncate", self._path, errno.ENOSPC)
        disk.used_bytes += size - len(node.data)
        node.change(Truncate(size))
        disk.record(f"truncate {self._path} {size}")

    async def fsync(self) -> None:
        """After a failure the writes it was for count as clean and are never made durable (ATC'20, Rebello et al.)."""
        node = self._node
        if node is None:
            raise StorageError("fsync", self._path, "the file is closed", errno.EBADF)
        changes = node.changes_made
        await self._attached.sync_delay()
        try:
            disk = self._attached.check("fsync", self._path)
        except StorageError:
            node.forget_unsynced()
            raise
        node.make_durable(changes)
        disk.record(f"fsync {self._path} {len(node.durable)}")

    def close(self) -> None:
        self._node = None


class SimDiskLock:
    """A lock on a path of one disk."""

    def __init__(self, disk: SimDisk, path: str) -> None:
        self._disk = disk
        self._path = path

    def release(self) -> None:
        if self._disk.locks.get(self._path) is self:
            del self._disk.locks[self._path]


def _normal(path: str) -> str:
    return "/".join(part for part in path.split("/") if part)


def _split(path: str) -> tuple[str, str]:
    parent, _, name = _normal(path).rpartition("/")
    return parent, name


async def _sleep_ns(loop: SimLoop, delay_ns: int) -> None:
    future: asyncio.Future[None] = loop.create_future()
    timer = loop.call_at_ns(loop.now_ns + delay_ns, _finish, future)
    try:
        await future
    finally:
        timer.cancel()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
