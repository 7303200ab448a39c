"""The stage for scripts that walk into a bug on purpose: a calm world, one partition, nodes by their part in the story."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from engine.protocol.messages import DeleteTopicsRequest
from engine.sim import final_state
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.history import History
from engine.sim.nemesis import Level
from engine.sim.nodes import CLIENT_PORT, NodeState, SimNode
from engine.sim.workloads import TOPIC
from engine.sim.world import LIVENESS_S, Shape, World, _quiet

PROPERTIES: Mapping[str, str] = {
    "replica.lag.time.max.ms": "1500",
    "replica.high.watermark.checkpoint.interval.ms": "3600000",
    "broker.session.timeout.ms": "2000",
}


class ScriptFailed(Exception):
    """The story did not come to the point where the safeguard matters."""


class Script:
    """One partition, one idempotent producer with acks=all, and nodes by their part in the story."""

    def __init__(self, nodes: int = 3, properties: Mapping[str, str] | None = None, partitions: int = 1) -> None:
        """`properties` besides PROPERTIES, or instead of some."""
        shape = Shape(nodes=nodes, partitions=partitions, properties={**PROPERTIES, **(properties or {})})
        self.world = World(1, level=Level.CALM, shape=shape)
        self._producer: SimProducer | None = None
        self.topic = TOPIC
        """The topic of which the methods below speak."""
        self.compacted: tuple[str, ...] = ()
        """Topics of which only the newest values are promised."""

    async def begin(self) -> tuple[SimNode, list[SimNode], list[SimNode]]:
        """Start everything. Returns the leader, the followers, and the nodes without a replica."""
        world = self.world
        self._watching = world.loop.create_task(world._watch(), name="monitor")
        await world.start()
        await world.create_topic(TOPIC, world.shape.partitions)
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

    async def until(
        self, condition: Callable[[], Any], what: str, seconds: float = 30.0, *, step_s: float = 0.01
    ) -> None:
        """Wait until that comes true, looking every `step_s`. Raises ScriptFailed."""
        if not await self.comes(condition, seconds, step_s=step_s):
            raise ScriptFailed(f"not in {seconds} s: {what}")

    async def comes(self, condition: Callable[[], Any], seconds: float, *, step_s: float = 0.01) -> bool:
        """Whether that comes true in so many seconds."""
        for _ in range(int(seconds / step_s)):
            if condition():
                return True
            await asyncio.sleep(step_s)
        return bool(condition())

    def partition(self, node: SimNode) -> Any:
        """The one partition of the topic on that node."""
        return next(p for place, p in final_state.hosted(node).items() if place.topic == self.topic)

    def log_end(self, node: SimNode) -> int:
        """How far that node's log goes."""
        end: int = self.partition(node).log.log_end_offset
        return end

    def leads(self, node: SimNode) -> bool:
        """Whether it is the leader, as far as anybody knows."""
        found = self.world.leader(0, self.topic)
        return found is not None and found[0] is node

    def committed_isr(self) -> tuple[int, ...]:
        """The ISR as the newest metadata have it."""
        image = self.world.image()
        partition = None if image is None else image.partition(self.topic, 0)
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

    def _kept(self) -> History:
        """What was sent to topics that keep everything."""
        history = self.world.history
        sends = [
            send
            for send in history.sends
            if send.topic_partition is None or send.topic_partition.topic not in self.compacted
        ]
        return History(sends, history.consumers)

    async def delete_topic(self, name: str) -> None:
        """Delete it; returns when nobody leads it any more."""
        state = DeleteTopicsRequest.DeleteTopicState(name=name)
        request = DeleteTopicsRequest(topics=[state], topic_names=[name], timeout_ms=5_000)
        for _ in range(60):
            if self.world.leader(0, name) is None:
                return
            await self.world.ask(request)
            await asyncio.sleep(0.5)
        raise ScriptFailed(f"topic {name} cannot be deleted")

    async def replace(self, node: SimNode, leader: SimNode) -> None:
        """A follower loses its disk and copies everything anew. Returns when it is back in the ISR."""
        node.kill()
        await self.until(lambda: node.node_id not in self.isr(leader), f"{node.name} has left the ISR")
        await node.wipe()
        node.start()
        await self.until(lambda: node.node_id in self.committed_isr(), f"{node.name} is back in the ISR")

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
            logs = final_state.judge_logs(world.nodes.values(), world.complain, self.compacted)
            final_state.judge_groups(world.nodes.values(), world.complain)
            world.violations.extend(check(self._kept(), logs))
        return [str(violation) for violation in world.violations]

    def play(self, story: Coroutine[Any, Any, list[str]]) -> list[str]:
        """Run it to its end; the world is closed after it."""
        with _quiet():
            try:
                return self.world.loop.run_until_complete(story)
            finally:
                self.world.close()


def leads_quorum(node: SimNode) -> bool:
    """Whether that node believes to lead the metadata quorum."""
    raft = node.node.raft if node.node is not None else None
    return raft is not None and raft.is_leader


Story = Callable[[Script], Coroutine[Any, Any, list[str]]]


def played(
    story: Story, *, nodes: int = 3, properties: Mapping[str, str] | None = None, partitions: int = 1
) -> Callable[[], list[str]]:
    """`story` in a fresh world each time it is called; returns what the judges saw."""

    def play() -> list[str]:
        script = Script(nodes, properties, partitions)
        return script.play(story(script))

    return play
