"""Stories of compaction: what it must leave alone."""

from __future__ import annotations

import asyncio

from engine.protocol.messages import CreateTopicsRequest
from engine.sim.compacted import judge_compacted
from engine.sim.nodes import SimNode
from engine.sim.scripts.by_hand import ByHand
from engine.sim.scripts.stage import Script

PROPERTIES = {"log.cleaner.backoff.ms": "200"}
_TOPIC = "accounts"
_CONFIGS = {"cleanup.policy": "compact", "internal.segment.bytes": "150", "min.cleanable.dirty.ratio": "0.01"}
"""A segment holds one record or two, and is compacted as soon as it is closed and committed."""
_COMPACTION_S = 2.0


async def cleaner_stops_at_high_watermark(script: Script) -> list[str]:
    """KAFKA-13194. A leader that nobody copies from takes newer values, and compacts; then it is deposed."""
    world = script.world
    leader, others = await _begin(script)
    hand = ByHand(world, topic=_TOPIC)
    for number in range(3):
        await hand.produce(leader, [b"committed %d" % number], keys=[b"k"])
    world.network.cut([leader.host], [node.host for node in others])
    alone = [
        world.loop.create_task(hand.produce(leader, [b"not committed %d" % number], keys=[b"k"])) for number in range(5)
    ]
    await script.until(lambda: any(map(script.leads, others)), "another leads")
    await asyncio.sleep(_COMPACTION_S)
    world.network.heal_all()
    await asyncio.gather(*alone)
    return await _judge(script)


async def cleaner_keeps_producers_last_batch(script: Script) -> list[str]:
    """KAFKA-6568. A producer's only record is replaced and compacted away; new replicas copy what is left.

    Then its batch arrives again, as after an answer that was lost.
    """
    world = script.world
    leader, others = await _begin(script)
    once, hand = ByHand(world, "once", _TOPIC), ByHand(world, topic=_TOPIC)
    await once.produce(leader, [b"old"], keys=[b"k"], producer=await once.producer_id(), sequence=0)
    for number in range(4):
        await hand.produce(leader, [b"new %d" % number], keys=[b"k"])
    await asyncio.sleep(_COMPACTION_S)
    for node in others:
        await script.replace(node, leader)
    leader.kill()
    await script.until(lambda: any(map(script.leads, others)), "one of the new replicas leads")
    await once.send_again(next(filter(script.leads, others)))
    return await _judge(script)


async def _begin(script: Script) -> tuple[SimNode, list[SimNode]]:
    """A compacted topic, which is the script's from here on: its leader and the others."""
    await script.begin()
    world = script.world
    configs = [CreateTopicsRequest.CreatableTopicConfig(name=name, value=value) for name, value in _CONFIGS.items()]
    topic = CreateTopicsRequest.CreatableTopic(name=_TOPIC, num_partitions=1, replication_factor=3, configs=configs)
    await world.ask(CreateTopicsRequest(topics=[topic], timeout_ms=10_000))
    script.topic = _TOPIC
    script.compacted = (_TOPIC,)
    world.monitor.compacted[_TOPIC] = None
    await script.until(lambda: world.leader(0, _TOPIC) is not None, "somebody leads the compacted topic")
    found = world.leader(0, _TOPIC)
    assert found is not None
    return found[0], [node for node in world.nodes.values() if node is not found[0]]


async def _judge(script: Script) -> list[str]:
    await script.judge()
    world = script.world
    judge_compacted(_TOPIC, world.history.sends, world.nodes.values(), world.complain)
    return [str(violation) for violation in world.violations]
