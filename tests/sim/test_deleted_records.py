"""Records are deleted up to the middle of a batch, and replicas that are new copy what is left."""

import asyncio

import pytest

from engine.protocol.messages import DeleteRecordsRequest
from engine.sim.history import Fate
from engine.sim.scripts.by_hand import ByHand
from engine.sim.scripts.stage import Script
from engine.sim.workloads import TOPIC


async def delete_before(script, leader, offset):
    topic = DeleteRecordsRequest.DeleteRecordsTopic(
        name=TOPIC, partitions=[DeleteRecordsRequest.DeleteRecordsPartition(partition_index=0, offset=offset)]
    )
    answer = await script.world.ask(DeleteRecordsRequest(topics=[topic], timeout_ms=3_000), leader)
    assert answer.topics[0].partitions[0].low_watermark == offset
    for send in script.world.history.sends:
        if send.offset < offset:
            send.fate = Fate.UNKNOWN  # deleted, as was asked for


@pytest.mark.parametrize("left", [0, 1, 10])
def test_a_new_replica_copies_a_log_that_begins_inside_a_batch(left):
    """It asked again for ever: the first batch begins before what it asked for, and was taken for one that it has.

    Kafka: Partition.appendRecordsToFollowerOrFutureReplica. `left` is the number of records behind that batch.
    """
    script = Script()

    async def story():
        leader, followers, _ = await script.begin()
        hand = ByHand(script.world)
        await hand.produce(leader, [b"in one batch %d" % number for number in range(5)])
        await script.send(left)
        await delete_before(script, leader, 3)
        for node in followers:
            await script.replace(node, leader)
            partition = script.partition(node)
            assert partition.log.log_start_offset == 3
            assert partition.log.log_end_offset == 5 + left
        leader.kill()
        await script.until(lambda: any(map(script.leads, followers)), "one of the new replicas leads")
        await script.send(1)
        await asyncio.sleep(1)
        return await script.judge()

    assert script.play(story()) == []


def test_a_replica_that_has_begun_behind_the_start_keeps_what_it_copied_when_it_is_killed():
    """Seed 704: it was taken for a log whose beginning a power cut had taken, and deleted as a whole; and it led."""
    script = Script()

    async def story():
        leader, followers, _ = await script.begin()
        await script.send(10)
        await delete_before(script, leader, 5)
        await script.replace(followers[0], leader)
        await script.send(3)
        for node in script.world.nodes.values():
            node.kill()
        for node in script.world.nodes.values():
            node.start()
        await script.until(lambda: followers[0].is_up, "it is up again")
        assert script.partition(followers[0]).log.log_start_offset == 5
        assert script.log_end(followers[0]) == 13
        return await script.judge()

    assert script.play(story()) == []
