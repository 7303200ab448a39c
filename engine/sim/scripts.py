"""Scripts that walk into a bug of Kafka's past on purpose, for the safeguards that storms seldom put to the test.

    SCRIPTS["check_quorum"]()                     -> [] with the safeguard in place
    with safeguards.without("check_quorum"): ...  -> ["stale-controller: ..."]

Each plays one story in a calm world and returns what the judges saw. `python -m engine.sim.hunt` knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from engine.sim import final_state
from engine.sim.assignors import ASSIGNORS, COOPERATIVE
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.crash import PowerLoss
from engine.sim.group_load import GroupMemberLoad, GroupWatch
from engine.sim.nemesis import Level
from engine.sim.nodes import CLIENT_PORT, NodeState, SimNode
from engine.sim.world import TOPIC, Shape, World

PROPERTIES: Mapping[str, str] = {
    "replica.lag.time.max.ms": "1500",
    "replica.high.watermark.checkpoint.interval.ms": "3600000",
    "broker.session.timeout.ms": "2000",
}


class ScriptFailed(Exception):
    """The story did not come to the point where the safeguard matters."""


class Script:
    """One partition, one idempotent producer with acks=all, and nodes by their part in the story."""

    def __init__(self, nodes: int = 3) -> None:
        self.world = World(1, level=Level.CALM, shape=Shape(nodes=nodes, partitions=1, properties=PROPERTIES))
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
        producer = self._producer
        assert producer is not None
        for _ in range(count):
            self.world.client_process.run(producer.send)
            await asyncio.sleep(0.02)
        await self.until(lambda: producer.unanswered == 0, "everything is acknowledged")

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
        """Wait until that comes true. Raises ScriptFailed."""
        for _ in range(int(seconds / 0.01)):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise ScriptFailed(f"not in {seconds} s: {what}")

    def partition(self, node: SimNode) -> Any:
        """The one partition of the topic on that node."""
        return next(p for place, p in final_state.hosted(node).items() if place.topic == TOPIC)

    def isr(self, leader: SimNode) -> tuple[int, ...]:
        """The ISR as the leader knows it."""
        isr: tuple[int, ...] = self.partition(leader).leader.state.isr
        return isr

    def cut(self, one: SimNode, other: SimNode, cut: bool = True) -> None:
        """No fetches and produces between those two; the quorum's traffic goes on."""
        self.world.network.cut_port(one.host, other.host, CLIENT_PORT, cut)

    async def judge(self) -> list[str]:
        """Heal everything, wait until it is whole, look at all of it."""
        world = self.world
        world.network.heal_all()
        for node in world.nodes.values():
            if node.state is NodeState.DOWN:
                node.start()
        if await world.settle():
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


async def _check_quorum(script: Script) -> list[str]:
    """KAFKA-15489. Nobody can reach the leader of the quorum; it must notice by itself that it leads no more."""
    await script.begin()
    world = script.world
    nodes = list(world.nodes.values())

    def leads(node: SimNode) -> bool:
        raft = node.node.raft if node.node is not None else None
        return raft is not None and raft.is_leader

    leader = next(node for node in nodes if leads(node))
    others = [node for node in nodes if node is not leader]
    world.network.cut([leader.host], [node.host for node in others])
    await script.until(lambda: any(map(leads, others)), "the others elect one of them")
    await asyncio.sleep(12)
    return await script.judge()


async def _commit_generation_fencing(script: Script) -> list[str]:
    """A member that missed a rebalance commits what it had read in its former generation, over what was read since."""
    await script.begin()
    world = script.world
    watch = GroupWatch("g", TOPIC, world.violations.append)
    assignor = next(name for name in ASSIGNORS if name != COOPERATIVE)
    member = GroupMemberLoad(
        "m", world.bootstrap, TOPIC, 1, world.randomness.stream("m"), world.history, watch, assignor
    )
    await script.send(10)

    async def join() -> None:
        for _ in range(200):
            if await member._join():
                return
            await asyncio.sleep(0.1)
        raise ScriptFailed("the member has no assignment")

    async def commit(offset: int) -> None:
        member.positions[0], member._committed[0] = offset, -1
        await member._commit()

    async def story() -> None:
        await join()
        former = member._generation
        await commit(5)
        await join()
        await commit(9)
        if watch.acknowledged.get(0) != 9:
            raise ScriptFailed("the commits were not acknowledged")
        member._generation = former
        await commit(7)
        member.positions.clear()
        await join()

    await world.client_process.spawn(story())
    return await script.judge()


async def _unclean_shutdown_leaves_elr(script: Script) -> list[str]:
    """KIP-966. A replica that is eligible to lead loses what it had not synced, and comes back first."""
    leader, (loses, behind), _ = await script.begin()
    await script.send(5)
    script.cut(leader, behind)
    await script.send(10)  # acknowledged once `behind` is out of the ISR: held by the leader and `loses` only
    await script.until(lambda: behind.node_id not in script.isr(leader), "one follower has left the ISR")
    loses.lose_power(PowerLoss.LOST)
    await script.until(lambda: script.isr(leader) == (leader.node_id,), "the leader is alone in the ISR")
    leader.kill()
    await asyncio.sleep(4)  # its session ends: no leader, and both are eligible by what the controller knows
    loses.start()
    await asyncio.sleep(6)
    return await script.judge()


def _played(story: Callable[[Script], Coroutine[Any, Any, list[str]]], nodes: int) -> Callable[[], list[str]]:
    def play() -> list[str]:
        script = Script(nodes)
        return script.play(story(script))

    return play


SCRIPTS: Mapping[str, Callable[[], Sequence[str]]] = {
    "check_quorum": _played(_check_quorum, 3),
    "commit_generation_fencing": _played(_commit_generation_fencing, 3),
    "unclean_shutdown_leaves_elr": _played(_unclean_shutdown_leaves_elr, 5),
}
"""Safeguard -> its script."""
