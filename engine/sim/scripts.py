"""Scripts that walk into a bug of Kafka's past on purpose, for the safeguards that storms seldom put to the test.

    SCRIPTS["check_quorum"]()                     -> [] with the safeguard in place
    with safeguards.without("check_quorum"): ...  -> ["stale-controller: ..."]

Each plays one story in a calm world and returns what the judges saw. `python -m engine.sim.hunt` knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from engine.sim.assignors import ASSIGNORS, COOPERATIVE
from engine.sim.crash import PowerLoss
from engine.sim.group_load import GroupMemberLoad, GroupWatch
from engine.sim.isr_scripts import epoch_start_at_election, isr_needs_current_broker_epoch, pending_isr_counts
from engine.sim.nodes import SimNode
from engine.sim.script import Script, ScriptFailed
from engine.sim.world import TOPIC


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


def _played(
    story: Callable[[Script], Coroutine[Any, Any, list[str]]], nodes: int, properties: Mapping[str, str] | None = None
) -> Callable[[], list[str]]:
    def play() -> list[str]:
        script = Script(nodes, properties)
        return script.play(story(script))

    return play


SCRIPTS: Mapping[str, Callable[[], Sequence[str]]] = {
    "check_quorum": _played(_check_quorum, 3),
    "commit_generation_fencing": _played(_commit_generation_fencing, 3),
    "epoch_start_at_election": _played(epoch_start_at_election, 5),
    "isr_needs_current_broker_epoch": _played(isr_needs_current_broker_epoch, 5),
    "pending_isr_counts": _played(pending_isr_counts, 5, {"broker.session.timeout.ms": "9000"}),
    "unclean_shutdown_leaves_elr": _played(_unclean_shutdown_leaves_elr, 5),
}
"""Safeguard -> its script."""
