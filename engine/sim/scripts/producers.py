"""Stories of idempotent producers: what arrives twice, late, out of order, or from nobody that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteRecordsRequest
from engine.sim.history import Fate
from engine.sim.nodes import SimNode
from engine.sim.scripts.by_hand import ByHand, ProducerId
from engine.sim.scripts.stage import Script
from engine.sim.workloads import TOPIC


async def _send_all(hand: ByHand, leader: SimNode, producer: ProducerId, values: Sequence[bytes]) -> None:
    """One batch each, as a client since KIP-360 does: called out of order, it begins a new epoch and sends all anew."""
    for sequence, value in enumerate(values):
        produced = await hand.produce(leader, [value], producer=producer, sequence=sequence)
        if produced.code is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
            await _send_all(hand, leader, replace(producer, epoch=producer.epoch + 1), values[sequence:])
            return


async def five_batches_are_remembered(script: Script) -> list[str]:
    """KAFKA-5494. Five batches were in flight and written; no answer arrived, so all five are sent again."""
    leader, _, _ = await script.begin()
    hand = ByHand(script.world)
    producer = await hand.producer_id()
    values = [b"in flight %d" % number for number in range(5)]
    for _ in range(2):
        await _send_all(hand, leader, producer, values)
    return await script.judge()


async def new_epoch_begins_at_sequence_zero(script: Script) -> list[str]:
    """KIP-360. A producer begins a new epoch; of two batches in flight the first is lost, the second arrives."""
    leader, _, _ = await script.begin()
    hand = ByHand(script.world)
    producer = await hand.producer_id()
    await hand.produce(leader, [b"of the old epoch"], producer=producer, sequence=0)
    again = replace(producer, epoch=producer.epoch + 1)
    first, second = [b"first"], [b"second"]
    hand.note(first, is_idempotent=True)
    await hand.produce(leader, second, producer=again, sequence=1)
    await _send_all(hand, leader, again, [*first, *second])
    return await script.judge()


async def older_producer_epoch_is_fenced(script: Script) -> list[str]:
    """KIP-98. A producer gives a batch up and sends it anew in its next epoch; then the first copy arrives."""
    leader, _, _ = await script.begin()
    hand = ByHand(script.world)
    producer = await hand.producer_id()
    await hand.produce(leader, [b"before"], producer=producer, sequence=0)
    await hand.produce(leader, [b"late"], producer=replace(producer, epoch=producer.epoch + 1), sequence=0)
    await hand.produce(leader, [b"late"], producer=producer, sequence=1)
    return await script.judge()


async def unknown_producer_may_begin_anywhere(script: Script) -> list[str]:
    """KIP-360. All of a producer's records are deleted; new replicas never see it; one of them leads."""
    world = script.world
    leader, followers, _ = await script.begin()
    await script.send(10)
    topic = DeleteRecordsRequest.DeleteRecordsTopic(
        name=TOPIC, partitions=[DeleteRecordsRequest.DeleteRecordsPartition(partition_index=0, offset=10)]
    )
    await world.ask(DeleteRecordsRequest(topics=[topic], timeout_ms=3_000), leader)
    for send in world.history.sends:
        send.fate = Fate.UNKNOWN  # deleted, as was asked for
    for node in followers:
        await script.replace(node, leader)
    leader.kill()
    await script.until(lambda: any(map(script.leads, followers)), "one of them leads")
    script.produce(5)
    await script.comes(lambda: script.unanswered == 0, 10)
    await asyncio.sleep(1)
    return await script.judge()
