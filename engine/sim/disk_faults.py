"""Faults of a disk, laid over it and lifted again."""

from __future__ import annotations

import errno
import fnmatch
import random
from dataclasses import dataclass


@dataclass(slots=True)
class DiskFaultRule:
    """Fail `operation` ("pwrite", "pread", "fsync", "open", "rename", ...; "*" is any) on paths like `path_pattern`.

    `remaining` is how often it still fires (None: until lifted), `probability` how likely each time, `skip` how many
    matching calls pass first: failing the k-th call of a script is `skip=k, remaining=1`.
    """

    operation: str
    path_pattern: str = "*"
    number: int = errno.EIO
    remaining: int | None = None
    probability: float = 1.0
    skip: int = 0


class DiskFaults:
    """What is wrong with one disk now."""

    def __init__(self, random_source: random.Random) -> None:
        self._random = random_source
        self.rules: list[DiskFaultRule] = []
        self.capacity_bytes: int | None = None
        """The disk is this small instead of its real size: ENOSPC beyond it."""
        self.sync_delay_ns = 0
        """Every sync takes this much longer."""
        self.failed_syncs = 0
        """How many syncs were made to fail; for whoever must decide what is to become of the machine."""

    def add(self, rule: DiskFaultRule) -> DiskFaultRule:
        """Lay a fault over the disk; returns it, for `lift`."""
        self.rules.append(rule)
        return rule

    def lift(self, rule: DiskFaultRule) -> None:
        """Take one fault away; nothing happens when it is gone already."""
        if rule in self.rules:
            self.rules.remove(rule)

    def clear(self) -> None:
        """The disk is well again. Flipped bits stay: they are on the platter (`FileNode.flips`)."""
        self.rules.clear()
        self.capacity_bytes = None
        self.sync_delay_ns = 0

    def limit(self, total_bytes: int) -> int:
        """The size of the disk as it behaves now."""
        return total_bytes if self.capacity_bytes is None else min(total_bytes, self.capacity_bytes)

    def errno_for(self, operation: str, path: str) -> int:
        """The error this call shall fail with, 0 for none."""
        for rule in self.rules:
            if rule.operation not in ("*", operation) or not fnmatch.fnmatchcase(path, rule.path_pattern):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.probability < 1.0 and self._random.random() >= rule.probability:
                continue
            if rule.remaining is not None:
                rule.remaining -= 1
                if rule.remaining <= 0:
                    self.rules.remove(rule)
            if operation.startswith("fsync"):
                self.failed_syncs += 1
            return rule.number
        return 0
