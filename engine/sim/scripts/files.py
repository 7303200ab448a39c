"""Stories of disks and directories: what a failed sync and an old directory must not pass for."""

from __future__ import annotations

import asyncio

from engine.protocol.messages import DeleteTopicsRequest
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.scripts.by_hand import ByHand
from engine.sim.scripts.stage import Script

FLUSH_EVERY_RECORD = {"log.flush.interval.messages": "1"}
_SIDE = "side"


async def failed_sync_is_final(script: Script) -> list[str]:
    """fsyncgate. A leader must have each record on its disk before it answers; one sync of its log fails."""
    leader, _, _ = await script.begin()
    await script.send(3)
    leader.may_fail = True
    leader.disk.faults.add(DiskFaultRule("fsync", "*/orders-0/*.log", remaining=1))
    await script.send(5)
    await asyncio.sleep(1)
    script.world.nemesis.give_up(leader)  # whoever has failed comes back after a power cut
    leader.may_fail = False
    return await script.judge()


async def logs_belong_to_topic_ids(script: Script) -> list[str]:
    """KAFKA-12257. A topic is deleted and created anew under its name while one of its replicas is down."""
    world = script.world
    await script.begin()
    await world.create_topic(_SIDE, 1)
    script.topic = _SIDE
    await script.until(lambda: world.leader(0, _SIDE) is not None, "somebody leads the side topic")
    hand = ByHand(world, topic=_SIDE)
    leader, *others = sorted(world.nodes.values(), key=lambda node: not script.leads(node))
    await hand.produce(leader, [b"of the first topic %d" % number for number in range(5)], is_noted=False)
    away = others[0]
    away.kill()
    await script.until(lambda: away.node_id not in script.isr(leader), "the replica is out of the ISR")
    state = DeleteTopicsRequest.DeleteTopicState(name=_SIDE)
    await world.ask(DeleteTopicsRequest(topics=[state], topic_names=[_SIDE], timeout_ms=5_000), leader)
    await script.until(lambda: world.leader(0, _SIDE) is None, "it is gone")
    await world.create_topic(_SIDE, 1)
    await script.until(lambda: world.leader(0, _SIDE) is not None, "the new one has a leader")
    leader = next(filter(script.leads, world.nodes.values()))
    await hand.produce(leader, [b"of the second topic %d" % number for number in range(10)])
    away.start()
    return await script.judge(20)
