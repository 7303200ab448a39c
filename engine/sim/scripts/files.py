"""Stories of disks and directories: what a failed sync and an old directory must not pass for."""

from __future__ import annotations

import asyncio

from engine.sim.crash import PowerLoss
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.nodes import DATA_DIRECTORY
from engine.sim.scripts.by_hand import ByHand
from engine.sim.scripts.stage import Script
from engine.sim.workloads import TOPIC

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
    for number in range(5):
        await hand.produce(leader, [b"of the first topic %d" % number], is_noted=False)
    away = others[0]
    away.kill()
    await script.until(lambda: away.node_id not in script.isr(leader), "the replica is out of the ISR")
    await script.delete_topic(_SIDE)
    await world.create_topic(_SIDE, 1)
    await script.until(lambda: world.leader(0, _SIDE) is not None, "the new one has a leader")
    leader = next(filter(script.leads, world.nodes.values()))
    for number in range(10):
        await hand.produce(leader, [b"of the second topic %d" % number])
    away.start()
    return await script.judge(20)


async def clean_shutdown_mark_goes_first(script: Script) -> list[str]:
    """KAFKA-10471. A follower stops cleanly, starts, and loses power: a batch on its disk has torn."""
    leader, (follower, _), _ = await script.begin()
    hand = ByHand(script.world)
    await script.send(5)
    await follower.stop()
    follower.start()
    await script.until(lambda: follower.is_up, "it is up again")
    await script.until(lambda: follower.node_id in script.committed_isr(), "it is in the ISR")
    await hand.produce(leader, [b"%d" % number * 500 for number in range(10)])
    follower.lose_power(PowerLoss.DURABLE)
    segment = follower.disk.files()[f"{DATA_DIRECTORY}/{TOPIC}-0/{0:020}.log"]
    torn = bytearray(segment.data)
    torn[-1000:-500] = bytes(500)  # of the last batch one sector was not written
    segment.restart(torn)
    await script.until(lambda: follower.node_id not in script.isr(leader), "it is out of the ISR")
    await script.send(5)
    follower.start()
    return await script.judge(30)
