"""Faults of disks. Those that lose data stay within the budget: never on two nodes at once (`Nemesis.may_lose_data`)."""

from __future__ import annotations

import asyncio
import errno
import random
from typing import TYPE_CHECKING

from engine.protocol.records.batch import HEADER_BYTES, iterate_batches
from engine.sim.crash import PowerLoss
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.faults.catalogue import fault
from engine.sim.inodes import FileNode
from engine.sim.links import MILLISECOND
from engine.sim.nodes import NodeState, SimNode

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis


# ---- what a power cut leaves


@fault("disk")
async def lose_power(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark; what was not synced is at the mercy of the seed."""
    await _lose_power(storm, draw, "lose_power", None)


@fault("disk")
async def lost_writes(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark, and everything that was not synced is gone."""
    await _lose_power(storm, draw, "lost_writes", PowerLoss.LOST)


@fault("disk")
async def torn_write(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark in the middle of a write: some of its sectors are there."""
    await _lose_power(storm, draw, "torn_write", PowerLoss.TORN)


@fault("disk")
async def reordered_writes(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark; of the unsynced writes any may be there, later ones without earlier ones."""
    await _lose_power(storm, draw, "reordered_writes", PowerLoss.SCATTERED)


@fault("disk")
async def missing_entry(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark; names that were not synced are gone though the files' bytes had been."""
    await _lose_power(storm, draw, "missing_entry", PowerLoss.NAMELESS)


@fault("disk")
async def misdirected_write(storm: Nemesis, draw: random.Random) -> None:
    """A machine goes dark; one unsynced write has landed elsewhere in its file's unsynced part."""
    await _lose_power(storm, draw, "misdirected_write", PowerLoss.MISDIRECTED)


async def _lose_power(storm: Nemesis, draw: random.Random, name: str, how: PowerLoss | None) -> None:
    node = storm.pick_node(draw, NodeState.UP, NodeState.STARTING, NodeState.STOPPING)
    if node is None or not storm.may_lose_data(node):
        return
    storm.lossy[node] = None
    how = node.lose_power(how)
    storm.note(name, f"{node.name} {how.value}")
    await storm.restart(node, draw.uniform(0.5, 10.0))


# ---- calls that fail


@fault("disk")
async def read_error(storm: Nemesis, draw: random.Random) -> None:
    """A sector cannot be read any more: reads of logs fail with EIO."""
    await _failing(storm, draw, "read_error", DiskFaultRule("pread", "*.log", errno.EIO))


@fault("disk")
async def write_error(storm: Nemesis, draw: random.Random) -> None:
    """Writes fail with EIO."""
    await _failing(storm, draw, "write_error", DiskFaultRule("pwrite", "*", errno.EIO))


@fault("disk")
async def sync_error(storm: Nemesis, draw: random.Random) -> None:
    """One fsync fails with EIO; its pages count as clean from then on (fsyncgate)."""
    await _failing(storm, draw, "sync_error", DiskFaultRule("fsync", "*", errno.EIO, remaining=1))


async def _failing(storm: Nemesis, draw: random.Random, name: str, rule: DiskFaultRule) -> None:
    """Calls of one disk fail until its node has given up, or for a while; then it gets a new start on a sound disk."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or not storm.may_lose_data(node):
        return
    seconds = draw.uniform(2.0, 8.0)
    storm.note(name, f"{node.name} {seconds:.3f}")
    storm.lossy[node] = None
    storm.hold(node)
    node.disk.faults.add(rule)
    await _given_up(storm, node, seconds)
    node.disk.faults.lift(rule)
    storm.give_up(node)
    storm.release(node)
    await storm.restart(node, draw.uniform(0.2, 4.0))


@fault("disk", directories=2)
async def directory_fails(storm: Nemesis, draw: random.Random) -> None:
    """One log directory of several fails for good; its node goes on with the others until the disk is replaced (KIP-858)."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or len(node.directories) < 2 or not storm.may_lose_data(node):
        return
    directory = draw.choice(node.directories[1:])
    operation = draw.choice(("pwrite", "fsync", "open"))
    seconds = draw.uniform(2.0, 8.0)
    storm.note("directory_fails", f"{node.name} {directory} {operation} {seconds:.3f}")
    storm.lossy[node] = None
    storm.hold(node)
    rule = node.disk.faults.add(DiskFaultRule(operation, f"{directory}/*", errno.EIO))
    await asyncio.sleep(seconds)
    node.disk.faults.lift(rule)
    storm.give_up(node)
    storm.release(node)
    await storm.restart(node, draw.uniform(0.2, 4.0))


@fault("disk")
async def disk_full(storm: Nemesis, draw: random.Random) -> None:
    """A disk has a few more bytes only, until somebody makes room."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or not storm.may_lose_data(node):
        return
    seconds = draw.uniform(1.0, 8.0)
    room = draw.choice((0, 100, 2_000, 20_000))
    storm.note("disk_full", f"{node.name} {room} {seconds:.3f}")
    storm.lossy[node] = None
    storm.hold(node)
    node.disk.faults.capacity_bytes = node.disk.used_bytes + room
    await _given_up(storm, node, seconds)
    node.disk.faults.capacity_bytes = None
    storm.give_up(node)
    storm.release(node)
    if node.state is NodeState.DOWN:
        await storm.restart(node, draw.uniform(0.2, 4.0))


async def _given_up(storm: Nemesis, node: SimNode, seconds: float) -> None:
    """Wait until the node has stopped itself, at most that long; a moment more, so that others notice."""
    life = node.lives
    node.may_fail = True
    for _ in range(int(seconds / 0.05)):
        if node.has_failed or node.state is NodeState.DOWN or node.lives != life:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


# ---- bytes that are wrong, and time


@fault("disk")
async def bit_flip(storm: Nemesis, draw: random.Random) -> None:
    """A bit of a record batch reads wrong for a while.

    Only where the batch's own checksum covers it: Kafka's format leaves 21 bytes of each batch unprotected.
    """
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or not storm.may_lose_data(node):
        return
    found = _flippable(node, draw)
    if found is None:
        return
    path, file, position = found
    seconds = draw.uniform(0.5, 6.0)
    storm.note("bit_flip", f"{node.name} {path} {position} {seconds:.3f}")
    storm.lossy[node] = None  # a restart meanwhile cuts the log there
    storm.hold(node)
    file.flips[position] = 1 << draw.randrange(8)
    await asyncio.sleep(seconds)
    file.flips.pop(position, None)
    storm.release(node)


CRC_COVERS_FROM = 21
"""The first byte of a batch that its checksum covers (attributes)."""


def _flippable(node: SimNode, draw: random.Random) -> tuple[str, FileNode, int] | None:
    """A byte of a user topic's log on that node, of a batch, covered by the batch's checksum."""
    logs = [
        (path, file)
        for path, file in node.disk.files().items()
        if path.endswith(".log") and "/__" not in path and len(file.data) > HEADER_BYTES
    ]
    if not logs:
        return None
    path, file = draw.choice(logs)
    batches = list(iterate_batches(bytes(file.data), allow_partial_tail=True))
    if not batches:
        return None
    start, header = draw.choice(batches)
    return path, file, draw.randrange(start + CRC_COVERS_FROM, start + header.size_bytes)


@fault("disk")
async def slow_disk(storm: Nemesis, draw: random.Random) -> None:
    """Every sync of one disk takes up to two seconds more."""
    node = draw.choice(storm.nodes)
    delay_ns = draw.choice((20, 200, 2000)) * MILLISECOND
    seconds = draw.uniform(0.5, 8.0)
    storm.note("slow_disk", f"{node.name} {delay_ns} {seconds:.3f}")
    node.disk.faults.sync_delay_ns = delay_ns
    await asyncio.sleep(seconds)
    node.disk.faults.sync_delay_ns = 0
