"""The stage for scripts that walk into a bug on purpose: a calm world, one partition, nodes by their part in the story."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from engine.sim import final_state
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.nemesis import Level
from engine.sim.nodes import CLIENT_PORT, NodeState, SimNode
from engine.sim.world import LIVENESS_S, TOPIC, Shape, World

PROPERTIES: Mapping[str, str] = {
    "replica.lag.time.max.ms": "1500",
    "replica.high.watermark.checkpoint.interval.ms": "3600000",
    "broker.session.timeout.ms": "2000",
}


class ScriptFailed(Exception):
    """The story did not come to the point where the safeguard matters."""


class Script:
    """One partition, one idempotent producer with acks=all, and nodes by their part in the story."""

    def __init__(self, nodes: int = 3, properties: Mapping[str, str] | None = None) -> None:
        """`properties` besides PROPERTIES, or instead of some."""
        shape = Shape(nodes=nodes, partitions=1, properties={**PROPERTIES, **(properties or {})})
        self.world = World(1, level=Level.CALM, shape=shape)
        self._producer: SimProducer | None = None

    async def begin(self) -> tuple[SimNode, list[SimNode], list[SimNode]]:
        """Start everything. Returns the leader, the followers, and the nodes without a replica."""
        world = self.world
        self._watching = world.loop.create_task(world._watch(), name="monitor")
        await world.start()
        await world.create_topic(TOPIC, 1)
        producer = self._producer = SimProducer(
            "p", world.bootstrap, TOPIC, world.randomness.stream("p"), world.history, world.violations.append
        )
        await world.client_process.spawn(producer.start())
        world.producers.append(producer)
        await asyncio.sleep(1)
        found = world.leader(0)
        if found is None:
            raise ScriptFailed("nobody leads")
        leader = found[0]
        replicas = self.partition(leader).replicas
        others = [node for node in world.nodes.values() if node is not leader]
        return (
            leader,
            [node for node in others if node.node_id in replicas],
            [node for node in others if node.node_id not in replicas],
        )

    async def send(self, count: int) -> None:
        """Produce and wait until all is acknowledged. Raises ScriptFailed."""
        for _ in range(count):
            self.produce()
            await asyncio.sleep(0.02)
        await self.until(lambda: self.unanswered == 0, "everything is acknowledged")

    def produce(self, count: int = 1) -> None:
        """Give the producer records to send, and do not wait."""
        assert self._producer is not None
        for _ in range(count):
            self.world.client_process.run(self._producer.send)

    @property
    def unanswered(self) -> int:
        """Records the producer still waits for."""
        assert self._producer is not None
        return self._producer.unanswered

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
        """Wait until that comes true. Raises ScriptFailed."""
        if not await self.comes(condition, seconds):
            raise ScriptFailed(f"not in {seconds} s: {what}")

    async def comes(self, condition: Callable[[], Any], seconds: float) -> bool:
        """Whether that comes true in so many seconds."""
        for _ in range(int(seconds / 0.01)):
            if condition():
                return True
            await asyncio.sleep(0.01)
        return bool(condition())

    def partition(self, node: SimNode) -> Any:
        """The one partition of the topic on that node."""
        return next(p for place, p in final_state.hosted(node).items() if place.topic == TOPIC)

    def log_end(self, node: SimNode) -> int:
        """How far that node's log goes."""
        end: int = self.partition(node).log.log_end_offset
        return end

    def leads(self, node: SimNode) -> bool:
        """Whether it is the leader, as far as anybody knows."""
        found = self.world.leader(0)
        return found is not None and found[0] is node

    def committed_isr(self) -> tuple[int, ...]:
        """The ISR as the newest metadata have it."""
        image = self.world.image()
        partition = None if image is None else image.partition(TOPIC, 0)
        return () if partition is None else tuple(partition.isr)

    def isr(self, leader: SimNode) -> tuple[int, ...]:
        """The ISR as the leader knows it."""
        isr: tuple[int, ...] = self.partition(leader).leader.state.isr
        return isr

    def proposed_isr(self, leader: SimNode) -> tuple[int, ...]:
        """The ISR as the leader would have it."""
        isr: tuple[int, ...] = self.partition(leader).leader.state.maximal_isr
        return isr

    def cut(self, one: SimNode, other: SimNode, cut: bool = True) -> None:
        """No fetches and produces between those two; the quorum's traffic goes on."""
        self.world.network.cut_port(one.host, other.host, CLIENT_PORT, cut)

    async def judge(self, seconds: float = LIVENESS_S) -> list[str]:
        """Heal everything, wait so long at most until it is whole, look at all of it."""
        world = self.world
        world.network.heal_all()
        for node in world.nodes.values():
            if node.state is NodeState.DOWN:
                node.start()
        if await world.settle(seconds):
            self._watching.cancel()
            world.monitor.look()
            world.monitor.look_at_the_end()
            logs = final_state.judge_logs(world.nodes.values(), world.complain)
            final_state.judge_groups(world.nodes.values(), world.complain)
            world.violations.extend(check(world.history, logs))
        return [str(violation) for violation in world.violations]

    def play(self, story: Coroutine[Any, Any, list[str]]) -> list[str]:
        """Run it to its end; the world is closed after it."""
        try:
            return self.world.loop.run_until_complete(story)
        finally:
            self.world.close()
