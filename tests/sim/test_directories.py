"""One log directory of several fails for good: its node goes on with the others, and leaders move away (KIP-112, KIP-858)."""

import asyncio
import errno

import pytest

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeLogDirsRequest
from engine.sim import final_state
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.nemesis import Level
from engine.sim.nodes import NodeState
from engine.sim.workloads import TOPIC
from engine.sim.world import Shape, World
from engine.types import TopicPartition

PARTITIONS = 6
FAILING = "/data-2"


@pytest.mark.parametrize("operation", ["pwrite", "fsync", "open", "rename"])
def test_a_node_goes_on_without_a_directory_that_failed(operation):
    properties = {"log.flush.interval.messages": "1", "log.flush.offset.checkpoint.interval.ms": "200"}
    world = World(1, level=Level.CALM, shape=Shape(partitions=PARTITIONS, directories=2, properties=properties))

    async def story():
        await world.start()
        await world.create_topic(TOPIC, PARTITIONS)
        stream = world.randomness.stream("p")
        producer = SimProducer("p", world.bootstrap, TOPIC, stream, world.history, world.violations.append)
        await world.client_process.spawn(producer.start())
        world.producers.append(producer)
        sending = world.client_process.spawn(producer.keep_sending(50))
        await asyncio.sleep(3)
        node, _ = world.leader(0)
        places = [TopicPartition(TOPIC, index) for index in range(PARTITIONS)]
        inside = [place for place in places if node.directory_of(place) == FAILING]
        assert 0 < len(inside) < PARTITIONS, "replicas are spread over the directories"

        rule = node.disk.faults.add(DiskFaultRule(operation, f"{FAILING}/*", errno.EIO))
        await asyncio.sleep(10)
        assert node.state is NodeState.UP, "the node itself has not given up"
        assert node.has_lost_a_directory
        for place in places:
            leader, _ = world.leader(place.partition)
            hosted = final_state.hosted(node)[place]
            if place in inside:
                assert leader is not node, f"{place} has another leader"
                assert node.node_id not in world.image().partition(*place).isr
                assert hosted.log is None
            else:
                assert hosted.log is not None
                assert node.node_id in world.image().partition(*place).isr
        answer = await world.ask(DescribeLogDirsRequest(topics=None), node)
        assert {each.log_dir: ErrorCode.of(each.error_code) for each in answer.results} == {
            "/data": ErrorCode.NONE,
            FAILING: ErrorCode.KAFKA_STORAGE_ERROR,
        }
        acknowledged = len(list(world.history.acknowledged()))
        await asyncio.sleep(2)
        assert len(list(world.history.acknowledged())) > acknowledged, "clients go on"

        node.disk.faults.lift(rule)  # a sound disk again, and the node is started anew
        world.nemesis.give_up(node)
        node.start()
        producer.stop()
        await sending
        assert await world.settle(), world.violations
        logs = final_state.judge_logs(world.nodes.values(), world.complain)
        world.violations.extend(check(world.history, logs))

    try:
        world.loop.run_until_complete(story())
    finally:
        world.close()
    assert world.violations == []
