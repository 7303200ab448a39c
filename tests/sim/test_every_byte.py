"""Every byte of a replicated segment is wrong once, on one replica: nothing wrong is served, and its peers repair it.

A node is killed, one bit of each of its segments is flipped (another byte in each partition), it comes back, finds the damage and copies what it cut from
the partition's leader. The segments were synced, so what Kafka's format leaves without a checksum (base offset, length and
leader epoch of a batch) is told by its neighbours and by the epoch checkpoint.
"""

import asyncio
import random

import pytest

from engine.protocol.records.batch import iterate_batches
from engine.sim import final_state
from engine.sim.anomalies import violations_of
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.nemesis import Level
from engine.sim.workloads import TOPIC
from engine.sim.world import Shape, World

PARTITIONS = 40
SYNCED = {"log.flush.interval.messages": "1", "log.flush.offset.checkpoint.interval.ms": "100"}
"""Every record is on the platter, and the recovery points say so soon."""


class Rot:
    """Three nodes, a topic whose segments hold batches of several leader epochs, and a reader of all of it."""

    def __init__(self, seed):
        self.world = World(seed, level=Level.CALM, shape=Shape(partitions=PARTITIONS, properties=SYNCED))
        self.source = random.Random(seed)

    async def begin(self):
        world = self.world
        await world.start()
        await world.create_topic(TOPIC, PARTITIONS)
        stream = world.randomness.stream("p")
        self.producer = SimProducer("p", world.bootstrap, TOPIC, stream, world.history, world.violations.append)
        await world.client_process.spawn(self.producer.start())
        world.producers.append(self.producer)
        world.workloads.start_reader("reader")
        await asyncio.sleep(1)
        await self.send()
        for _ in range(2):
            leader, _ = world.leader(0)
            leader.kill()
            await asyncio.sleep(5)
            await self.send()
            leader.start()
            assert await world.settle()

    async def send(self):
        for _ in range(3 * PARTITIONS):
            self.world.client_process.run(self.producer.send)
            await asyncio.sleep(0.01)

    def segment(self, node, partition):
        return node.disk.files()[f"/data/{TOPIC}-{partition}/{0:020d}.log"]

    def flip(self, node, partition, position):
        file = self.segment(node, partition)
        file.data[position] ^= 1 << self.source.randrange(8)
        file.restart(bytearray(file.data))

    async def repaired(self, node):
        node.start()
        assert await self.world.settle()
        logs = final_state.judge_logs(self.world.nodes.values(), self.world.complain)
        assert self.world.violations == []
        return logs

    async def play(self):
        await self.begin()
        nodes = list(self.world.nodes.values())
        contents = [bytes(self.segment(nodes[0], partition).data) for partition in range(PARTITIONS)]
        epochs = [{header.partition_leader_epoch for _, header in iterate_batches(content)} for content in contents]
        assert max(map(len, epochs)) > 2
        length = min(map(len, contents))
        for first in range(0, length, PARTITIONS):
            node = nodes[first // PARTITIONS % 3]
            await asyncio.sleep(0.5)
            node.kill()
            for partition in range(PARTITIONS):
                self.flip(node, partition, min(first + partition, length - 1))
            logs = await self.repaired(node)
        world = self.world
        world.violations.extend(check(world.history, logs))
        world.violations.extend(violations_of(world.history))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_whichever_byte_of_a_replicated_segment_is_wrong_it_is_repaired_from_a_peer(seed):
    rot = Rot(seed)
    try:
        rot.world.loop.run_until_complete(rot.play())
    finally:
        rot.world.close()
    assert rot.world.violations == []
