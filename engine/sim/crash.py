"""What is left on a disk after the power went: one of the states that the disk's promises allow.

Names and contents are decided apart, as a disk does. Ways of going, drawn from the seed:

    DURABLE   everything had reached the platter just in time (FoundationDB: a tenth of the kills)
    LOST      nothing had but what was synced
    ORDERED   a prefix of the unsynced changes had, in the order they were made; the last one may be torn
    SCATTERED any subset had, in any order across files, each write whole, torn or dropped
    TORN      all of a file's changes had but for the last write, which is torn
    NAMELESS  all contents had, but no name that was not synced
    MISDIRECTED  all had, but one unsynced write of each log segment landed elsewhere in what was not synced

A torn write keeps some of its sectors (512 bytes) or pages (4096 bytes); what it does not keep is what was there
before, zeros where there was nothing, and now and then garbage.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import Enum
from itertools import product

from engine.sim.disk import SimDisk
from engine.sim.inodes import Change, Directory, FileChange, FileNode, Truncate, Write, apply_changes

SECTOR_BYTES = 512
PAGE_BYTES = 4096
_GARBAGE_PROBABILITY = 0.1


class PowerLoss(Enum):
    """How much of what was not synced is gone."""

    DURABLE = "durable"
    LOST = "lost"
    ORDERED = "ordered"
    SCATTERED = "scattered"
    TORN = "torn"
    NAMELESS = "nameless"
    MISDIRECTED = "misdirected"


def power_loss(disk: SimDisk, source: random.Random, how: PowerLoss | None = None) -> PowerLoss:
    """Put `disk` into a state it may be in after the power went and came back. `how` is drawn when not given."""
    if how is None:
        how = source.choices(list(PowerLoss), weights=(1, 3, 3, 3, 1, 1, 1))[0]
    files = _all_files(disk.root)
    _settle_names(disk, source, how)
    for node in files:
        _settle_content(node, source, how)
    disk.locks.clear()
    disk.measure()
    disk.record(f"power loss {how.value}")
    return how


def crash_states(node: FileNode) -> list[bytes]:
    """Every content the file may have after a power cut when each unsynced change is kept or dropped as a whole.

    Distinct, sorted. For exhaustive tests of short scripts: there are up to two to the power of the unsynced changes.
    """
    states = set()
    for kept in product((False, True), repeat=len(node.pending)):
        content = bytearray(node.durable)
        for keep, change in zip(kept, node.pending, strict=True):
            if keep:
                change.apply(content)
        states.add(bytes(content))
    return sorted(states)


# ---- contents


def _settle_content(node: FileNode, source: random.Random, how: PowerLoss) -> None:
    content = bytearray(node.durable)
    pending = node.pending
    match how:
        case PowerLoss.DURABLE:
            for change in pending:
                change.apply(content)
        case PowerLoss.LOST:
            pass
        case PowerLoss.ORDERED:
            reached = source.randint(0, len(pending))
            for change in pending[:reached]:
                change.apply(content)
            if reached < len(pending) and source.random() < 0.5:
                _apply_torn(pending[reached], content, source)
        case PowerLoss.SCATTERED:
            for change in pending:
                lot = source.random()
                if lot < 0.4:
                    change.apply(content)
                elif lot < 0.7:
                    _apply_torn(change, content, source)
        case PowerLoss.TORN:
            for change in pending[:-1]:
                change.apply(content)
            if pending:
                _apply_torn(pending[-1], content, source)
        case PowerLoss.NAMELESS:
            for change in pending:
                change.apply(content)
        case PowerLoss.MISDIRECTED:
            _apply_misdirected(pending, content, source)
    node.restart(content)


def _apply_misdirected(pending: Sequence[FileChange], content: bytearray, source: random.Random) -> None:
    """All changes, but one write lands at another place at or after the first unsynced byte.

    Never exactly where another write began: a whole record batch that lies where a batch may lie, behind a gap in the
    offsets, is what compaction leaves too; Kafka's format has no chain that would tell.
    """
    boundaries = {change.position for change in pending if isinstance(change, Write)}
    writes = [index for index, change in enumerate(pending) if isinstance(change, Write)]
    astray = source.choice(writes) if writes else -1
    durable_end = len(content)
    for index, change in enumerate(pending):
        if index == astray and isinstance(change, Write):
            first = min(durable_end, change.position)
            position = source.randint(first, max(first, change.position) + PAGE_BYTES)
            while position in boundaries:
                position += 1
            change = Write(position, change.data)
        change.apply(content)


def _apply_torn(change: FileChange, content: bytearray, source: random.Random) -> None:
    if isinstance(change, Truncate):
        return  # the size is metadata: changed or not
    unit = source.choice((SECTOR_BYTES, PAGE_BYTES))
    position, end = change.position, change.position + len(change.data)
    pieces = []
    while position < end:
        stop = min(end, position - position % unit + unit)
        pieces.append((position, stop))
        position = stop
    if len(pieces) == 1 or source.random() < 0.5:  # a prefix: the file was not yet extended
        pieces = pieces[: source.randint(0, len(pieces) - 1)]
    for start, stop in pieces:
        if source.random() < 0.7:
            data = change.data[start - change.position : stop - change.position]
            if source.random() < _GARBAGE_PROBABILITY:
                data = source.randbytes(len(data))
            Write(start, data).apply(content)


# ---- names


def _settle_names(disk: SimDisk, source: random.Random, how: PowerLoss) -> None:
    pending: dict[int, Change] = {}
    directories = _all_directories(disk.root)
    for directory in directories:
        for change in directory.pending:
            pending[change.sequence] = change
    changes = [pending[sequence] for sequence in sorted(pending)]
    match how:
        case PowerLoss.DURABLE | PowerLoss.TORN | PowerLoss.MISDIRECTED:
            kept = changes
        case PowerLoss.LOST | PowerLoss.NAMELESS:
            kept = []
        case PowerLoss.ORDERED:  # a journal: names reach the disk in order
            kept = changes[: source.randint(0, len(changes))]
        case PowerLoss.SCATTERED:
            kept = [change for change in changes if source.random() < 0.5]
    for change in kept:
        apply_changes(change)
    for directory in directories:
        directory.pending.clear()
        directory.entries = dict(directory.durable_entries)


def _all_directories(root: Directory) -> list[Directory]:
    """Every directory that a name leads to, in the page cache or durably, each once, in a fixed order."""
    found: dict[int, Directory] = {}
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        if id(directory) not in found:
            found[id(directory)] = directory
            waiting.extend(node for node in _children(directory) if isinstance(node, Directory))
    return list(found.values())


def _all_files(root: Directory) -> list[FileNode]:
    found: dict[int, FileNode] = {}
    for directory in _all_directories(root):
        for node in _children(directory):
            if isinstance(node, FileNode):
                found[node.number] = node
    return [found[number] for number in sorted(found)]


def _children(directory: Directory) -> list[FileNode | Directory]:
    named = [node for _, node in sorted(directory.entries.items())]
    durable = [node for _, node in sorted(directory.durable_entries.items())]
    pending = [node for change in directory.pending for _, _, node in change.entries if node is not None]
    return named + durable + pending
