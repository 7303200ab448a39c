"""What a disk holds: files and directories, each with what programs see, what is durable, and what lies between.

    FileNode    data (page cache)   = durable + every change in `pending`, in order
    Directory   entries (cache)     = durable_entries + every change in `pending`, in order

A change of names (`Change`) may touch two directories, as a rename does; it becomes durable as a whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a position."""

    position: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        end = self.position + len(self.data)
        if self.position > len(content):
            content.extend(bytes(self.position - len(content)))
        content[self.position : end] = self.data


@dataclass(frozen=True, slots=True)
class Truncate:
    """A new length; extended with zeros."""

    size: int

    def apply(self, content: bytearray) -> None:
        if self.size < len(content):
            del content[self.size :]
        else:
            content.extend(bytes(self.size - len(content)))


FileChange = Write | Truncate


class FileNode:
    """A file. `flips` are bits shown wrong on reading: position -> mask."""

    __slots__ = ("changes_made", "data", "durable", "flips", "number", "pending", "pending_from")

    def __init__(self, number: int) -> None:
        self.number = number
        self.data = bytearray()
        self.durable = bytearray()
        self.pending: list[FileChange] = []
        self.pending_from = 0
        """How many changes had been made before the first pending one."""
        self.changes_made = 0
        self.flips: dict[int, int] = {}

    def change(self, change: FileChange) -> None:
        """Change the page cache."""
        change.apply(self.data)
        self.pending.append(change)
        self.changes_made += 1
        if self.flips:
            self._clear_flips(change)

    def _clear_flips(self, change: FileChange) -> None:
        if isinstance(change, Write):
            first, last = change.position, change.position + len(change.data)
        else:
            first, last = change.size, max(self.flips) + 1
        self.flips = {at: mask for at, mask in self.flips.items() if not first <= at < last}

    def flipped(self, data: bytes, position: int) -> bytes:
        """`data`, read at `position`, with the flipped bits in it."""
        wrong = bytearray(data)
        for at, mask in self.flips.items():
            if position <= at < position + len(data):
                wrong[at - position] ^= mask
        return bytes(wrong)

    def make_durable(self, changes: int) -> None:
        """The first `changes` changes ever made survive from now on."""
        count = changes - self.pending_from
        if count > 0:
            for change in self.pending[:count]:
                change.apply(self.durable)
            del self.pending[:count]
            self.pending_from += count

    def forget_unsynced(self) -> None:
        """A failed fsync: the pages count as clean, so nothing will ever write them."""
        self.pending_from += len(self.pending)
        self.pending.clear()

    def restart(self, content: bytearray) -> None:
        """After a power cut: `content` is all there is."""
        self.data = content
        self.durable = bytearray(content)
        self.pending_from += len(self.pending)
        self.pending.clear()


class Directory:
    """A directory."""

    __slots__ = ("durable_entries", "entries", "pending")

    def __init__(self) -> None:
        self.entries: dict[str, FileNode | Directory] = {}
        self.durable_entries: dict[str, FileNode | Directory] = {}
        self.pending: list[Change] = []


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Names that change together: (directory, name, what is there now or None). `sequence` is the order on the disk."""

    sequence: int
    entries: tuple[tuple[Directory, str, FileNode | Directory | None], ...]


def apply_changes(change: Change) -> None:
    """Make `change` durable, after every earlier one it depends on: a directory's changes of one name keep their order."""
    for directory, name, _ in change.entries:
        earlier = [
            other
            for other in directory.pending
            if other.sequence < change.sequence and any(at is directory and of == name for at, of, _ in other.entries)
        ]
        for other in earlier:
            apply_changes(other)
    if not any(change in directory.pending for directory, _, _ in change.entries):
        return
    for directory, name, node in change.entries:
        if node is None:
            directory.durable_entries.pop(name, None)
        else:
            directory.durable_entries[name] = node
    for directory, _, _ in change.entries:
        if change in directory.pending:
            directory.pending.remove(change)
