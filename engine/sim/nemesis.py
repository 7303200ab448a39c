"""The faults of a run: which, when, for how long; all drawn from the seed.

Swarm testing: each run enables a random half of the kinds, with random weights, so that some runs have only crashes and
others only networks that misbehave. Faults overlap. A budget keeps every loss the engine's fault. Kafka promises to keep
acknowledged records while fewer than min.insync.replicas replicas go down uncleanly at once (KIP-966), and cannot tell
kill -9 from a power cut. So a node may lose unsynced data only while every other node runs and is in every ISR, and
until it is back in every ISR itself no other node is killed. Kills alone, which keep the page cache, are unlimited.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from engine.sim.links import MILLISECOND, SECOND, LinkProfile
from engine.sim.nodes import CLIENT_PORT, NodeState, SimNode
from engine.sim.process import Host

if TYPE_CHECKING:
    from engine.sim.world import World


STOP_S_MAX = 60.0
"""Virtual seconds a polite stop may take."""


class Level(Enum):
    """How bad it gets."""

    CALM = "calm"
    """No faults but latency and polite restarts."""
    STORMY = "stormy"
    RADIOACTIVE = "radioactive"
    """Faults come four times as fast, and nearly all kinds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was done: when, what, for how long."""

    at_ns: int
    name: str
    detail: str


class Nemesis:
    """Runs faults in the world until told to stop; then puts everything right."""

    def __init__(self, world: World, source: random.Random, level: Level) -> None:
        self._world = world
        self._random = source
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._stopping = False
        self.lossy: dict[SimNode, None] = {}
        """Nodes that lost unsynced data and are not back in every ISR."""
        self.done: list[Fault] = []
        kinds = self._kinds()
        if level is Level.CALM:
            chosen = ["stop"]
            mean_s = 10.0
        else:
            share = 0.5 if level is Level.STORMY else 0.9
            chosen = [name for name in kinds if source.random() < share] or [source.choice(list(kinds))]
            mean_s = source.choice((0.5, 1.0, 2.0, 4.0)) / (4 if level is Level.RADIOACTIVE else 1)
        self.mean_s = mean_s
        self.weights = {name: source.choice((1, 1, 2, 4)) for name in chosen}

    def _kinds(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        return {
            "kill": self._kill,
            "kill_all": self._kill_all,
            "lose_power": self._lose_power,
            "stop": self._stop,
            "pause": self._pause,
            "chase_leader": self._chase_leader,
            "starve_leader": self._starve_leader,
            "isolate": self._isolate,
            "split": self._split,
            "one_way": self._one_way,
            "bridge": self._bridge,
            "swizzle": self._swizzle,
            "reset": self._reset,
            "cut_frame": self._cut_frame,
            "slow_link": self._slow_link,
            "clock_jump": self._clock_jump,
            "slow_disk": self._slow_disk,
        }

    async def run(self, seconds: float) -> None:
        """Faults for that long, in virtual time."""
        loop = self._world.loop
        until_ns = loop.now_ns + int(seconds * SECOND)
        kinds = self._kinds()
        names, weights = list(self.weights), list(self.weights.values())
        while True:
            await asyncio.sleep(min(self._random.expovariate(1 / self.mean_s), 10.0))
            if loop.now_ns >= until_ns:
                return
            name = self._random.choices(names, weights=weights)[0]
            task = loop.create_task(kinds[name](), name=f"nemesis {name}")
            self._tasks[task] = None
            task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def _note(self, name: str, detail: str) -> None:
        self.done.append(Fault(self._world.loop.now_ns, name, detail))
        self._world.network.record(f"fault {name} {detail}")

    async def heal(self) -> None:
        """Stop all faults and put everything right: network whole, nodes started, clocks and disks as they should be."""
        self._stopping = True
        for task in list(self._tasks):
            task.cancel()
        world = self._world
        for link in world.network.links():
            link.profile = world.link_profile(link)
        world.network.heal_all()
        for node in world.nodes.values():
            node.resume()
            node.disk.faults.clear()
            node.clock.offset_ms = 0
            if node.state is NodeState.DOWN:
                node.start()
        for node in world.nodes.values():
            if node.state is NodeState.STOPPING:
                # It may be the last that holds a record: to kill it now would be another unclean shutdown.
                await self._wait_for_stop(node)
            if node.state is NodeState.DOWN:
                node.start()

    async def _wait_for_stop(self, node: SimNode) -> None:
        for _ in range(int(STOP_S_MAX / 0.1)):
            if node.state is NodeState.DOWN:
                return
            await asyncio.sleep(0.1)
        self._world.complain("stop-hangs", f"{node.name} did not stop within {STOP_S_MAX:.0f} s")
        node.kill()

    # ---- drawing

    def _seconds(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def _node(self, *states: NodeState) -> SimNode | None:
        found = [node for node in self._world.nodes.values() if node.state in states]
        return self._random.choice(found) if found else None

    def _hosts(self) -> list[Host]:
        return [node.host for node in self._world.nodes.values()] + [self._world.client_host]

    # ---- processes

    async def _kill(self) -> None:
        node = self._node(NodeState.UP, NodeState.STARTING, NodeState.STOPPING)
        if node is not None and not self._lossy_besides(node):
            self._note("kill", node.name)
            node.kill()
            await self._restart(node, self._seconds(0.05, 8.0))

    async def _kill_all(self) -> None:
        if self._lossy_besides(None):
            return
        self._note("kill_all", "")
        nodes = [node for node in self._world.nodes.values() if node.state is not NodeState.DOWN]
        for node in nodes:
            node.kill()
        await asyncio.gather(*(self._restart(node, self._seconds(0.05, 4.0)) for node in nodes))

    async def _restart(self, node: SimNode, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if node.state is NodeState.DOWN and not self._stopping:
            node.start()

    async def _lose_power(self) -> None:
        node = self._node(NodeState.UP, NodeState.STARTING, NodeState.STOPPING)
        if node is None or not self.may_lose_data(node):
            return
        self.lossy[node] = None
        how = node.lose_power()
        self._note("lose_power", f"{node.name} {how.value}")
        await self._restart(node, self._seconds(0.5, 10.0))

    def may_lose_data(self, node: SimNode) -> bool:
        """Whether the budget allows `node` to lose what it has not synced."""
        others = [other for other in self._world.nodes if other != node.node_id]
        return not self._lossy_besides(node) and all(self._world.is_in_every_isr(other) for other in others)

    def _lossy_besides(self, node: SimNode | None) -> bool:
        """Whether some other node still lacks what it lost."""
        for other in list(self.lossy):
            if other.state is NodeState.UP and self._world.is_in_every_isr(other.node_id):
                del self.lossy[other]
        return any(other is not node for other in self.lossy)

    async def _chase_leader(self) -> None:
        """Whoever is elected to lead a partition dies soon after, a few times over; followers may not hear each other.

        The history of KIP-101 and KAFKA-7128: what a follower cut away, or had not yet fetched when it was let into the
        ISR, is gone when the next leader dies before it is fetched again.
        """
        if self._lossy_besides(None):
            return
        index = self._random.randrange(self._world.shape.partitions)
        last_epoch = -1
        rounds = self._random.randint(2, 3)
        self._note("chase_leader", f"{index} {rounds}")
        cut: list[tuple[Host, Host]] = []
        for _ in range(rounds):
            found = await self._wait_for_leader(index, last_epoch)
            if found is None:
                break
            leader, last_epoch = found
            await asyncio.sleep(self._random.choice((0.0, 0.005, 0.05, 0.3)) * self._random.random())
            others = [node.host for node in self._world.nodes.values() if node is not leader]
            if self._random.random() < 0.6 and len(others) > 1:
                cut.append((others[0], others[1]))
                self._world.network.cut_port(others[0], others[1], CLIENT_PORT)
            if leader.state is NodeState.DOWN or self._lossy_besides(leader):
                break
            leader.kill()
            self._world.loop.create_task(self._restart(leader, self._seconds(0.05, 6.0)))
        await asyncio.sleep(self._seconds(0.0, 1.0))
        for one, other in cut:
            self._world.network.cut_port(one, other, CLIENT_PORT, cut=False)

    async def _wait_for_leader(self, index: int, after_epoch: int) -> tuple[SimNode, int] | None:
        """The node that leads that partition in a later epoch, as soon as it knows; None after 10 s."""
        for _ in range(2000):
            found = self._world.leader(index)
            if found is not None and found[1] > after_epoch:
                return found
            await asyncio.sleep(0.005)
        return None

    async def _starve_leader(self) -> None:
        """A leader loses its followers but not its clients or the quorum; perhaps it dies before they are back.

        The history of KAFKA-15583: with the ISR shrunk below min.insync.replicas nothing may count as committed.
        """
        index = self._random.randrange(self._world.shape.partitions)
        found = self._world.leader(index)
        if found is None:
            return
        leader = found[0]
        seconds = self._seconds(1.0, 12.0)
        self._note("starve_leader", f"{index} {leader.name} {seconds:.3f}")
        others = [node.host for node in self._world.nodes.values() if node is not leader]
        for other in others:
            self._world.network.cut_port(leader.host, other, CLIENT_PORT)
        await asyncio.sleep(seconds)
        if self._random.random() < 0.6 and leader.state is NodeState.UP and not self._lossy_besides(leader):
            self._note("kill", leader.name)
            leader.kill()
            self._world.loop.create_task(self._restart(leader, self._seconds(3.0, 10.0)))
        for other in others:
            self._world.network.cut_port(leader.host, other, CLIENT_PORT, cut=False)

    async def _stop(self) -> None:
        node = self._node(NodeState.UP)
        if node is None:
            return
        self._note("stop", node.name)
        self._world.loop.create_task(node.stop(), name=f"stop {node.name}")
        await self._wait_for_stop(node)
        await self._restart(node, self._seconds(0.05, 5.0))

    async def _pause(self) -> None:
        node = self._node(NodeState.UP)
        if node is None or node.process is None:
            return
        process = node.process
        seconds = self._seconds(0.2, 8.0)
        self._note("pause", f"{node.name} {seconds:.3f}")
        node.pause()
        await asyncio.sleep(seconds)
        process.resume()

    # ---- network

    async def _cut(self, name: str, left: list[Host], right: list[Host], both_ways: bool = True) -> None:
        seconds = self._seconds(0.1, 10.0)
        sides = f"{[host.name for host in left]} {[host.name for host in right]}"
        self._note(name, f"{sides} both={both_ways} {seconds:.3f}")
        network = self._world.network
        network.cut(left, right, both_ways=both_ways)
        await asyncio.sleep(seconds)
        network.heal(left, right, both_ways=both_ways)

    async def _isolate(self) -> None:
        host = self._random.choice(self._hosts()[:-1])
        others = [other for other in self._hosts() if other is not host]
        if self._random.random() < 0.5:
            others.pop()  # clients still reach it
        await self._cut("isolate", [host], others)

    async def _split(self) -> None:
        hosts = self._hosts()
        self._random.shuffle(hosts)
        at = self._random.randint(1, len(hosts) - 1)
        await self._cut("split", hosts[:at], hosts[at:])

    async def _one_way(self) -> None:
        source, destination = self._random.sample(self._hosts(), 2)
        await self._cut("one_way", [source], [destination], both_ways=False)

    async def _bridge(self) -> None:
        """Two nodes that see everyone but each other."""
        one, other = self._random.sample(self._hosts()[:-1], 2)
        await self._cut("bridge", [one], [other])

    async def _swizzle(self) -> None:
        """Clog machines one by one, unclog them in another order (FoundationDB)."""
        hosts = [host for host in self._hosts() if self._random.random() < 0.5]
        self._note("swizzle", f"{[host.name for host in hosts]}")
        network = self._world.network
        for host in hosts:
            network.cut([host], self._hosts())
            await asyncio.sleep(self._seconds(0.0, 1.5))
        self._random.shuffle(hosts)
        for host in hosts:
            network.heal([host], self._hosts())
            await asyncio.sleep(self._seconds(0.0, 1.5))

    async def _reset(self) -> None:
        one, other = self._random.sample(self._hosts(), 2)
        self._note("reset", f"{one.name} {other.name}")
        self._world.network.reset_connections(one, other)

    async def _cut_frame(self) -> None:
        transports = self._world.network.transports()
        if transports:
            transport = self._random.choice(transports)
            self._note("cut_frame", transport.name)
            self._world.network.cut_in_frame(transport)

    async def _slow_link(self) -> None:
        one, other = self._random.sample(self._hosts(), 2)
        profile = LinkProfile(
            latency_ns=self._random.randint(5, 300) * MILLISECOND,
            jitter_ns=self._random.randint(1, 100) * MILLISECOND,
            spike_probability=0.01,
            spike_ns=2 * SECOND,
            split_probability=0.3,
            dribble_bytes=self._random.choice((0, 0, 0, 40)),
        )
        if profile.dribble_bytes:
            profile = replace(profile, latency_ns=MILLISECOND, jitter_ns=0)
        seconds = self._seconds(0.5, 8.0)
        self._note("slow_link", f"{one.name} {other.name} {profile.latency_ns} {seconds:.3f}")
        links = [self._world.network.link(one, other), self._world.network.link(other, one)]
        for link in links:
            link.profile = profile
        await asyncio.sleep(seconds)
        for link in links:
            link.profile = self._world.link_profile(link)

    # ---- clocks and disks

    async def _clock_jump(self) -> None:
        node = self._random.choice(list(self._world.nodes.values()))
        by_ms = self._random.choice((-60_000, -1_000, 1_000, 60_000, 3_600_000))
        self._note("clock_jump", f"{node.name} {by_ms}")
        node.clock.jump(by_ms)

    async def _slow_disk(self) -> None:
        node = self._random.choice(list(self._world.nodes.values()))
        delay_ns = self._random.choice((20, 200, 2000)) * MILLISECOND
        seconds = self._seconds(0.5, 8.0)
        self._note("slow_disk", f"{node.name} {delay_ns} {seconds:.3f}")
        node.disk.faults.sync_delay_ns = delay_ns
        await asyncio.sleep(seconds)
        node.disk.faults.sync_delay_ns = 0
