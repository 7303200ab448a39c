"""Faults of processes: they end, hang, crawl, or come back with nothing."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from engine.sim.faults.catalogue import fault
from engine.sim.nodes import CLIENT_PORT, NodeState, SimNode
from engine.sim.process import Host

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis


@fault("process")
async def kill(storm: Nemesis, draw: random.Random) -> None:
    """Kill -9 of a node; it comes back."""
    node = storm.pick_node(draw, NodeState.UP, NodeState.STARTING, NodeState.STOPPING)
    if node is not None and not storm.lossy_besides(node):
        storm.note("kill", node.name)
        node.kill()
        await storm.restart(node, draw.uniform(0.05, 8.0))


@fault("process")
async def kill_all(storm: Nemesis, draw: random.Random) -> None:
    """Kill -9 of every node at once."""
    if storm.lossy_besides(None):
        return
    storm.note("kill_all", "")
    nodes = [node for node in storm.nodes if node.state is not NodeState.DOWN]
    for node in nodes:
        node.kill()
    await asyncio.gather(*(storm.restart(node, draw.uniform(0.05, 4.0)) for node in nodes))


@fault("process")
async def crash_loop(storm: Nemesis, draw: random.Random) -> None:
    """A node is killed again and again while it starts."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None:
        return
    rounds = draw.randint(2, 4)
    storm.note("crash_loop", f"{node.name} {rounds}")
    for _ in range(rounds):
        if node.state is NodeState.DOWN or storm.lossy_besides(node):
            return
        node.kill()
        await storm.restart(node, draw.uniform(0.05, 0.5))
        await asyncio.sleep(draw.choice((0.0, 0.01, 0.2, 1.0)) * draw.random())


@fault("process")
async def stop(storm: Nemesis, draw: random.Random) -> None:
    """A node is asked to go, and comes back."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None:
        return
    storm.note("stop", node.name)
    storm.spawn(node.stop(), f"stop {node.name}")
    await storm.wait_for_stop(node)
    await storm.restart(node, draw.uniform(0.05, 5.0))


@fault("process")
async def pause(storm: Nemesis, draw: random.Random) -> None:
    """A node stands still for a while, as in a long garbage collection."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or node.process is None:
        return
    process = node.process
    seconds = draw.uniform(0.2, 8.0)
    storm.note("pause", f"{node.name} {seconds:.3f}")
    node.pause()
    await asyncio.sleep(seconds)
    process.resume()


@fault("process")
async def slow_cpu(storm: Nemesis, draw: random.Random) -> None:
    """A node gets the processor for a few milliseconds at a time only."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or node.process is None:
        return
    process = node.process
    rounds = draw.randint(20, 80)
    storm.note("slow_cpu", f"{node.name} {rounds}")
    for _ in range(rounds):
        process.pause()
        await asyncio.sleep(draw.uniform(0.01, 0.12))
        process.resume()
        await asyncio.sleep(draw.uniform(0.001, 0.01))


@fault("process")
async def wipe(storm: Nemesis, draw: random.Random) -> None:
    """A node loses its disk and rejoins with an empty one under its old id."""
    node = storm.pick_node(draw, NodeState.UP)
    if node is None or not storm.may_lose_data(node) or not storm.may_wipe(node):
        return
    storm.lossy[node] = None
    storm.note("wipe", node.name)
    node.kill()
    storm.hold(node)
    await asyncio.sleep(draw.uniform(0.5, 5.0))
    await node.wipe()
    storm.release(node)
    await storm.restart(node, 0.1)


@fault("process")
async def chase_leader(storm: Nemesis, draw: random.Random) -> None:
    """Whoever is elected to lead a partition dies soon after, a few times over; followers may not hear each other.

    The history of KIP-101 and KAFKA-7128: what a follower cut away, or had not yet fetched when it was let into the
    ISR, is gone when the next leader dies before it is fetched again.
    """
    if storm.lossy_besides(None):
        return
    index = draw.randrange(storm.world.shape.partitions)
    last_epoch = -1
    rounds = draw.randint(2, 3)
    storm.note("chase_leader", f"{index} {rounds}")
    cut: list[tuple[Host, Host]] = []
    for _ in range(rounds):
        found = await _wait_for_leader(storm, index, last_epoch)
        if found is None:
            break
        leader, last_epoch = found
        await asyncio.sleep(draw.choice((0.0, 0.005, 0.05, 0.3)) * draw.random())
        others = [node.host for node in storm.nodes if node is not leader]
        if draw.random() < 0.6 and len(others) > 1:
            cut.append((others[0], others[1]))
            storm.network.cut_port(others[0], others[1], CLIENT_PORT)
        if leader.state is NodeState.DOWN or storm.lossy_besides(leader):
            break
        leader.kill()
        storm.spawn(storm.restart(leader, draw.uniform(0.05, 6.0)), "restart")
    await asyncio.sleep(draw.uniform(0.0, 1.0))
    for one, other in cut:
        storm.network.cut_port(one, other, CLIENT_PORT, cut=False)


async def _wait_for_leader(storm: Nemesis, index: int, after_epoch: int) -> tuple[SimNode, int] | None:
    """The node that leads that partition in a later epoch, as soon as it knows; None after 10 s."""
    for _ in range(2000):
        found = storm.world.leader(index)
        if found is not None and found[1] > after_epoch:
            return found
        await asyncio.sleep(0.005)
    return None


@fault("process")
async def starve_leader(storm: Nemesis, draw: random.Random) -> None:
    """A leader loses its followers but not its clients or the quorum; perhaps it dies before they are back.

    The history of KAFKA-15583: with the ISR shrunk below min.insync.replicas nothing may count as committed.
    """
    found = storm.world.leader(draw.randrange(storm.world.shape.partitions))
    if found is None:
        return
    leader = found[0]
    seconds = draw.uniform(1.0, 12.0)
    storm.note("starve_leader", f"{leader.name} {seconds:.3f}")
    others = [node.host for node in storm.nodes if node is not leader]
    for other in others:
        storm.network.cut_port(leader.host, other, CLIENT_PORT)
    await asyncio.sleep(seconds)
    if draw.random() < 0.6 and leader.state is NodeState.UP and not storm.lossy_besides(leader):
        storm.note("kill", leader.name)
        leader.kill()
        storm.spawn(storm.restart(leader, draw.uniform(3.0, 10.0)), "restart")
    for other in others:
        storm.network.cut_port(leader.host, other, CLIENT_PORT, cut=False)
