"""Stories of logs that part: who cuts what, and who is told so, when leadership moves quickly."""

from __future__ import annotations

import asyncio

from engine.protocol.messages import ElectLeadersRequest
from engine.sim.nodes import SimNode
from engine.sim.scripts.by_hand import ByHand, Produced
from engine.sim.scripts.stage import Script, ScriptFailed

_ALONE = [b"nobody copied this %d" % index for index in range(5)]


async def truncate_until_epochs_agree(script: Script) -> list[str]:
    """KIP-279. Two elections: the first leader's last records reached one follower, the second leader's reached nobody.

    The second leader's log has epochs 0 and 1, the third's 0 and 2, and epoch 0 ends later on the third. Told so, the
    second has to look into its own log as well.
    """
    first, followers, _ = await script.begin()
    replicas = script.partition(first).replicas
    second, third = sorted(followers, key=lambda node: int(replicas.index(node.node_id)))
    await script.send(10)
    script.cut(first, second)
    script.cut(second, third)
    script.produce(3)
    await script.until(lambda: script.log_end(third) > 10, "the third has what was sent")
    first.kill()
    await script.until(lambda: script.leads(second), "the one without it leads")
    await script.until(lambda: script.log_end(second) > 10, "the producer has sent it again")
    hand = ByHand(script.world)
    alone = script.world.loop.create_task(hand.produce(second, _ALONE))
    await script.until(lambda: script.log_end(second) > 15, "it has taken more, from another")
    second.kill()
    await script.until(lambda: script.leads(third), "the third leads")
    await alone
    return await script.judge()


async def _depose(
    script: Script, hand: ByHand, *, is_idempotent: bool = False
) -> tuple[SimNode, tuple[SimNode, SimNode], asyncio.Task[Produced]]:
    """A leader that nobody but clients can reach takes five records by hand, and another is elected.

    Returns it, the others, and the produce that still waits. The old leader does not know yet.
    """
    deposed, (one, other), bystanders = await script.begin()
    await script.send(10)
    producer, sequence = (await hand.producer_id(), 0) if is_idempotent else (None, -1)
    script.world.network.cut([deposed.host], [node.host for node in (one, other, *bystanders)])
    alone = script.world.loop.create_task(hand.produce(deposed, _ALONE, producer=producer, sequence=sequence))
    await script.until(lambda: script.log_end(deposed) == 15, "the old leader has taken them")
    await script.until(lambda: script.leads(one) or script.leads(other), "another leads")
    return deposed, (one, other), alone


async def diverging_epoch_comes_first(script: Script) -> list[str]:
    """KAFKA-14704. A deposed leader asks its successor; a consumer reads from it (KIP-392) just before it cuts its log."""
    world = script.world
    hand = ByHand(world)
    deposed, _, alone = await _depose(script, hand)
    await script.send(10)
    with world.points.in_charge():
        world.points.hold("fetcher.before_truncation")
        world.network.heal_all()
        await script.until(lambda: world.points.waiting.get("fetcher.before_truncation"), "it is about to cut its log")
        await hand.read(deposed, 10)
        world.points.release("fetcher.before_truncation")
    await alone
    return await script.judge()


async def diverging_fetch_acknowledges_nothing(script: Script) -> list[str]:
    """KAFKA-13141. A deposed leader asks for an offset as high as its successor's log is long; the logs are not the same.

    Taken for an acknowledgement this lets it into the ISR, and then the others die before it has cut its log.
    """
    world = script.world
    deposed, others, alone = await _depose(script, ByHand(world))
    successor = next(node for node in others if script.leads(node))
    while script.log_end(successor) < script.log_end(deposed):
        await script.send(1)
    with world.points.in_charge():
        world.points.hold("fetcher.before_truncation")
        world.network.heal_all()
        await script.until(lambda: world.points.waiting.get("fetcher.before_truncation"), "it is about to cut its log")
        await script.comes(lambda: deposed.node_id in script.committed_isr(), 1)
        for node in others:
            node.kill()
        await script.comes(lambda: script.leads(deposed), 6)
        world.points.release("fetcher.before_truncation")
    await alone
    return await script.judge()


async def waiting_produces_end_with_leadership(script: Script) -> list[str]:
    """Redpanda #3003. A leader is deposed while a produce waits, cuts its records off, and is elected again."""
    deposed, _, alone = await _depose(script, ByHand(script.world))
    await script.send(1)
    script.world.network.heal_all()
    await _elect_again(script, deposed)
    await script.send(10)
    await alone
    return await script.judge()


async def truncation_rewinds_producers(script: Script) -> list[str]:
    """Redpanda 8cd0bc66ed. A batch is cut off and sent again, to the very node that has cut it off."""
    hand = ByHand(script.world)
    deposed, _, alone = await _depose(script, hand, is_idempotent=True)
    script.world.network.heal_all()
    await _elect_again(script, deposed)
    await alone
    again = script.world.loop.create_task(hand.send_again(deposed))
    await script.send(10)
    await again
    return await script.judge()


async def _elect_again(script: Script, node: SimNode) -> None:
    """`node`, which is the preferred replica, leads once more as soon as it is in sync."""
    request = ElectLeadersRequest(election_type=0, topic_partitions=None, timeout_ms=3_000)
    for _ in range(60):
        if script.leads(node):
            return
        await script.world.ask(request)
        await asyncio.sleep(0.5)
    raise ScriptFailed(f"{node.name} is not elected again")
