"""The machine's disk, with operations that can be made to fail: what a full or read-only file system looks like."""

import errno
import os

from engine.runtime import Runtime, StorageError
from engine.runtime.clock import SystemClock
from engine.runtime.randomness import SystemRandomness
from engine.runtime.system_disk import SystemDisk, SystemFile

WRITES = ("pwrite", "truncate", "create", "rename", "make_directories", "lock", "unlink")


class FailingFile(SystemFile):
    def pwrite(self, parts, position):
        self._disk.check("pwrite", self.path)
        return super().pwrite(parts, position)

    def truncate(self, size):
        self._disk.check("truncate", self.path)
        super().truncate(size)


class FailingDisk(SystemDisk):
    """`fail(errno.ENOSPC, "/dir")` makes every write below that path fail from now on."""

    def __init__(self):
        super().__init__()
        self._failing = {}

    def fail(self, number, prefix, operations=WRITES):
        self._failing[prefix] = (number, operations)

    def check(self, operation, path):
        for prefix, (number, operations) in self._failing.items():
            if path.startswith(prefix) and operation in operations:
                raise StorageError(operation, path, os.strerror(number), number)

    def open(self, path, *, create=False):
        if create and not os.path.exists(path):
            self.check("create", path)
        plain = super().open(path, create=create)
        return FailingFile(plain.path, plain._fd, self)

    def rename(self, source, target):
        self.check("rename", source)
        super().rename(source, target)

    def unlink(self, path):
        self.check("unlink", path)
        super().unlink(path)

    def make_directories(self, path):
        if not os.path.isdir(path):
            self.check("make_directories", path)
        super().make_directories(path)

    def lock(self, path):
        self.check("lock", path)
        return super().lock(path)


def full(disk, path):
    disk.fail(errno.ENOSPC, path, ("pwrite", "create", "make_directories"))


def read_only(disk, path):
    disk.fail(errno.EROFS, path)


def runtime_on(disk):
    return Runtime(SystemClock(), disk, SystemRandomness())
