"""The faults of a run: which, when, for how long; all drawn from the seed.

Swarm testing: each run enables a random half of the kinds (`engine.sim.faults.KINDS`), with random weights, so that some
runs have only crashes and others only networks that misbehave. The plan is drawn before the run, and each fault has a
stream of randomness of its own, so that a fault can be left out without changing the others (`engine.sim.shrink`).

A budget keeps every loss the engine's fault. Kafka promises to keep acknowledged records while fewer than
min.insync.replicas replicas go down uncleanly at once (KIP-966), and cannot tell kill -9 from a power cut. So a node may
lose unsynced data only while every other node runs and is in every ISR, and until it is back in every ISR itself no
other node is killed. Kills alone, which keep the page cache, are unlimited.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from engine.sim.crash import PowerLoss
from engine.sim.faults import KINDS
from engine.sim.faults.cluster import set_back_configs
from engine.sim.links import SECOND, LinkProfile
from engine.sim.nodes import NodeState, SimNode
from engine.sim.process import Host

if TYPE_CHECKING:
    from engine.sim.network import SimNetwork
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


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault to be: when (virtual seconds after the storm began), which kind, and the number of its own stream."""

    at_s: float
    kind: str
    number: int


def draw_plan(
    source: random.Random, level: Level, storm_s: float, only: Sequence[str] = ()
) -> tuple[PlannedFault, ...]:
    """The faults of a run. `only` names the kinds it may have, instead of a random half. KeyError for unknown ones."""
    if only:
        for name in only:
            KINDS[name]
        chosen = list(only)
        mean_s = source.choice((0.5, 1.0, 2.0)) / (4 if level is Level.RADIOACTIVE else 1)
    elif level is Level.CALM:
        chosen = ["stop"]
        mean_s = 10.0
    else:
        share = 0.35 if level is Level.STORMY else 0.9
        chosen = [name for name in KINDS if source.random() < share] or [source.choice(list(KINDS))]
        mean_s = source.choice((0.5, 1.0, 2.0, 4.0)) / (4 if level is Level.RADIOACTIVE else 1)
    weights = [source.choice((1, 1, 2, 4)) for _ in chosen]
    plan: list[PlannedFault] = []
    at_s = 0.0
    while True:
        at_s += min(source.expovariate(1 / mean_s), 10.0)
        if at_s >= storm_s:
            return tuple(plan)
        plan.append(PlannedFault(round(at_s, 6), source.choices(chosen, weights=weights)[0], len(plan)))


class Nemesis:
    """Plays a plan of faults in the world; then puts everything right. Also what faults need to know and may do."""

    def __init__(
        self,
        world: World,
        source: random.Random,
        level: Level,
        *,
        plan: Sequence[PlannedFault] | None = None,
        only: Sequence[str] = (),
    ) -> None:
        self.world = world
        self.plan = tuple(plan) if plan is not None else draw_plan(source, level, world.shape.storm_s, only)
        self.lossy: dict[SimNode, None] = {}
        """Nodes that lost unsynced data and are not back in every ISR."""
        self.changed_configs: dict[tuple[str, str], None] = {}
        """(topic, name of the config) of what has to be set back."""
        self.done: list[Fault] = []
        self._held: dict[SimNode, bool] = {}
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._stopping = False
        self._streams = world.randomness.part("faults")

    # ---- the run

    async def run(self, seconds: float) -> None:
        """Play the plan; returns after that many virtual seconds."""
        loop = self.world.loop
        began_ns = loop.now_ns
        for planned in self.plan:
            await self._until(began_ns, planned.at_s)
            self.play(planned.kind, planned.number)
        await self._until(began_ns, seconds)

    async def _until(self, began_ns: int, at_s: float) -> None:
        left_ns = began_ns + int(at_s * SECOND) - self.world.loop.now_ns
        if left_ns > 0:
            await asyncio.sleep(left_ns / SECOND)

    def play(self, kind: str, number: int) -> asyncio.Task[Any]:
        """Start one fault now. `number` names its stream of randomness. KeyError for an unknown kind."""
        return self.spawn(KINDS[kind].play(self, self._streams.stream(f"{kind} {number}")), f"fault {kind}")

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Something that ends when the storm does."""
        task = self.world.loop.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    async def heal(self) -> None:
        """Stop all faults and put everything right: network whole, nodes started, clocks and disks as they should be."""
        self._stopping = True
        for task in list(self._tasks):
            if not task.get_name().startswith("stop "):
                task.cancel()
        world = self.world
        for link in world.network.links():
            link.profile = world.link_profile(link)
        for host in world.network.hosts():
            host.refuses = False
        world.network.heal_all()
        world.duplicate_probability = 0.0
        world.points.stop()
        for actor in world.workloads.actors:
            actor.process.resume()
            actor.restart()
        for node in self.nodes:
            node.resume()
            node.disk.faults.clear()
            for file in node.disk.files().values():
                file.flips.clear()
            node.clock.set_right()
            self.give_up(node)
            if node.state is NodeState.DOWN:
                node.start()
        self._held.clear()
        for node in self.nodes:
            if node.state is NodeState.STOPPING:
                # It may be the last that holds a record: to kill it now would be another unclean shutdown.
                await self.wait_for_stop(node)
            if node.state is NodeState.DOWN:
                node.start()
        for _ in range(20):
            if await set_back_configs(self):
                break

    # ---- for the faults

    @property
    def nodes(self) -> list[SimNode]:
        return list(self.world.nodes.values())

    @property
    def network(self) -> SimNetwork:
        return self.world.network

    @property
    def base_profile(self) -> LinkProfile:
        """How links behave when nothing is wrong."""
        return self.world.base_profile

    def note(self, name: str, detail: str) -> None:
        """A fault begins."""
        self.done.append(Fault(self.world.loop.now_ns, name, detail))
        self.network.record(f"fault {name} {detail}")

    def pick_node(self, draw: random.Random, *states: NodeState) -> SimNode | None:
        """A node in one of these states that no fault holds."""
        found = [node for node in self.nodes if node.state in states and node not in self._held]
        return draw.choice(found) if found else None

    def node_hosts(self) -> list[Host]:
        return [node.host for node in self.nodes]

    def hosts(self) -> list[Host]:
        """The machines of the nodes, and the clients' last."""
        return [*self.node_hosts(), self.world.client_host]

    async def restart(self, node: SimNode, after_s: float) -> None:
        """Start a node that is down, then; later when another fault holds it, never when the storm is over."""
        await asyncio.sleep(after_s)
        for _ in range(1_000):
            if self._held.get(node) is not False:
                break
            await asyncio.sleep(0.1)
        if node.state is NodeState.DOWN and not self._stopping:
            node.start()

    async def wait_for_stop(self, node: SimNode) -> None:
        """Until a node that was asked to go is gone; a violation when it takes too long."""
        for _ in range(int(STOP_S_MAX / 0.1)):
            if node.state is not NodeState.STOPPING:
                return
            await asyncio.sleep(0.1)
        self.world.complain("stop-hangs", f"{node.name} did not stop within {STOP_S_MAX:.0f} s")
        node.kill()

    # ---- the budget

    def hold(self, node: SimNode, *, may_start: bool = False) -> None:
        """The node counts as lossy until `release`, and unless `may_start` nobody starts it."""
        self._held[node] = may_start

    def release(self, node: SimNode) -> None:
        """Undo `hold`."""
        self._held.pop(node, None)
        node.may_fail = False

    def give_up(self, node: SimNode) -> None:
        """End a node that has stopped itself because of its disk, or goes on without a part of it.

        What a failed sync was for can still be read, and would be gone later: only a reboot tells (fsyncgate).
        """
        lost_a_directory = node.has_lost_a_directory
        if lost_a_directory:
            self.world.sometimes.note("directory-offline")
        if node.disk.faults.failed_syncs:
            node.disk.faults.failed_syncs = 0
            node.lose_power(PowerLoss.LOST)
        elif (node.has_failed or lost_a_directory) and node.state is not NodeState.DOWN:
            node.kill()

    def may_lose_data(self, node: SimNode) -> bool:
        """Whether the budget allows `node` to lose what it has not synced."""
        others = [other for other in self.world.nodes if other != node.node_id]
        return not self.lossy_besides(node) and all(self.world.is_in_every_isr(other) for other in others)

    def lossy_besides(self, node: SimNode | None) -> bool:
        """Whether some other node still lacks what it lost."""
        for other in list(self.lossy):
            if (
                other not in self._held
                and other.state is NodeState.UP
                and not other.has_failed
                and self.world.is_in_every_isr(other.node_id)
            ):
                del self.lossy[other]
        return any(other is not node for other in self.lossy)

    def may_wipe(self, node: SimNode) -> bool:
        """Whether the other voters hold all that is committed and know the present epoch's leader.

        A voter that forgets its vote may vote twice in one epoch (Raft forbids it; KIP-853 gives such a voter a new
        identity). It does no harm where no epoch is open.
        """
        seen = []
        for other in self.nodes:
            raft = other.node.raft if other.node is not None else None
            if other is node:
                continue
            if raft is None or raft.high_watermark is None:
                return False
            seen.append((raft.leader, raft.log_end_offset, raft.high_watermark))
        leader = seen[0][0]
        return leader.leader_id >= 0 and all(one[0] == leader and one[1] == one[2] == seen[0][1] for one in seen)
