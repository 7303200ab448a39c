"""Stories of the in-sync set: what a leader counts, what a controller accepts, where an epoch begins."""

from __future__ import annotations

import asyncio

from engine.sim.crash import PowerLoss
from engine.sim.nodes import CLIENT_PORT, CONTROLLER_PORT, SimNode
from engine.sim.scripts.stage import Script, ScriptFailed, leads_quorum


async def pending_isr_counts(script: Script) -> list[str]:
    """KIP-497. The controller has put a follower back into the ISR; the leader waits for the answer, and must count it.

    It commits without it otherwise, and whoever is elected from the controller's ISR need not hold what was committed.
    """
    leader, (in_sync, joins), others = await script.begin()
    await _lead_no_quorum(script, leader, in_sync)
    await script.send(5)
    script.cut(leader, joins)
    script.cut(in_sync, joins)
    await script.send(5)  # acknowledged once `joins` has left the ISR
    for node in (in_sync, joins, *others):  # the leader is heard, and hears nothing
        script.world.network.link(node.host, leader.host).set_port_cut(CONTROLLER_PORT, True)
    script.cut(leader, joins, False)
    await script.until(lambda: joins.node_id in script.committed_isr(), "the controller has it in the ISR", 3)
    script.cut(leader, joins)
    if joins.node_id in script.isr(leader):
        raise ScriptFailed("the leader has heard of it")
    await asyncio.sleep(1.6)  # so long the high watermark waits for a follower that was caught up, in the ISR or not
    script.produce(5)
    await script.comes(lambda: script.unanswered == 0, 1)
    leader.kill()
    in_sync.kill()
    await script.until(lambda: script.leads(joins), "the one that joined leads")
    return await script.judge()


async def isr_join_at_leader_epoch_start(script: Script) -> list[str]:
    """KAFKA-7128. A leader that was restarted knows an old high watermark; a follower that holds no more than that.

    Records beyond it were acknowledged. Once the follower is in the ISR the leader dies, and the follower leads.
    """
    leader, (in_sync, behind), _ = await script.begin()
    await script.send(10)
    script.cut(leader, behind)
    script.cut(in_sync, behind)
    await script.send(10)  # acknowledged once `behind` is out of the ISR: held by leader and in_sync only
    leader.kill()
    in_sync.kill()
    await asyncio.sleep(0.5)
    script.cut(leader, in_sync)  # so that in_sync does not come back to the ISR
    leader.start()
    in_sync.start()
    await script.until(lambda: script.leads(leader) or script.leads(in_sync), "one of the two leads again")
    if script.leads(in_sync):
        leader, in_sync = in_sync, leader
    script.cut(leader, behind, False)
    remotes = script.partition(leader).leader.remotes
    await script.until(lambda: remotes[behind.node_id].log_end_offset == 10, "it has asked", step_s=0.00001)
    script.world.network.link(leader.host, behind.host).set_port_cut(CLIENT_PORT, True)  # and will not be answered
    await script.comes(lambda: behind.node_id in script.isr(leader), 0.3)
    leader.kill()
    await script.comes(lambda: script.world.leader(0) is not None, 8)
    return await script.judge()


async def isr_needs_current_broker_epoch(script: Script) -> list[str]:
    """KAFKA-15221, KIP-903. A follower catches up; before its leader can say so it loses power and comes back with less.

    What the leader then says is of its former life.
    """
    leader, (in_sync, restarts), _ = await script.begin()
    world = script.world
    await script.send(5)
    script.cut(leader, restarts)
    script.cut(in_sync, restarts)
    await script.send(10)  # acknowledged once `restarts` has left the ISR
    with world.points.in_charge():
        world.points.hold("isr.before_proposal")
        script.cut(leader, restarts, False)
        await script.until(lambda: restarts.node_id in script.proposed_isr(leader), "it has caught up")
        script.cut(leader, restarts)
        restarts.lose_power(PowerLoss.LOST)
        await asyncio.sleep(0.5)
        restarts.start()
        await script.until(lambda: world.is_in_this_life(restarts.node_id), "the controller knows its new life")
        world.points.release("isr.before_proposal")
        await script.comes(lambda: restarts.node_id in script.committed_isr(), 1)
    leader.kill()
    in_sync.kill()
    await asyncio.sleep(6)
    return await script.judge()


async def epoch_start_at_election(script: Script) -> list[str]:
    """KAFKA-7415. A leader of a new epoch that nobody writes to; a follower that has records of an epoch in between.

    Both logs are as long as each other. Only where the new epoch begins tells the follower what to cut.
    """
    first, followers, _ = await script.begin()
    replicas = script.partition(first).replicas
    between, last = sorted(followers, key=lambda node: int(replicas.index(node.node_id)))
    await script.send(10)
    script.cut(first, between)
    script.cut(between, last)
    script.produce()
    await script.until(lambda: script.log_end(last) == 11, "the last has what was sent")
    first.kill()
    await script.until(lambda: script.leads(between), "the one without it leads")
    await script.until(lambda: script.log_end(between) == 11, "the producer has sent it again")
    between.kill()
    await script.until(lambda: script.leads(last), "the last leads, in a third epoch")
    return await script.judge(20)  # it takes two; without the safeguard it takes for ever


async def unclean_shutdown_leaves_elr(script: Script) -> list[str]:
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


async def _lead_no_quorum(script: Script, *nodes: SimNode) -> None:
    """Another node is the controller: its quorum's traffic is to go on when these are gone."""
    world = script.world
    others = [node for node in world.nodes.values() if node not in nodes]

    def cut(is_cut: bool) -> None:
        for node in nodes:
            for other in others:
                world.network.cut_port(node.host, other.host, CONTROLLER_PORT, is_cut)

    cut(True)
    await script.until(lambda: any(map(leads_quorum, others)), "the others elect one of them")
    cut(False)
    await script.until(lambda: not any(map(leads_quorum, nodes)), "the old controller has heard of it")
    await asyncio.sleep(1)
