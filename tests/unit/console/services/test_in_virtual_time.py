"""What the services tell and change of real nodes in virtual time: whole, with a broker dead, and healed again."""

import asyncio

import pytest

from console.errors import OperatorError
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.brokers import list_brokers
from console.services.cluster import describe_cluster
from console.services.configs import Resource, ResourceType, alter_config, describe_config
from console.services.group_changes import commit_offsets, delete_group
from console.services.group_offsets import CommittedOffset
from console.services.groups import describe_groups, list_groups
from console.services.partition_changes import ElectionType, delete_records, elect_leaders
from console.services.partitions import list_partitions
from console.services.quorum import describe_quorum
from console.services.topic_changes import NewTopic, add_partitions, create_topic, delete_topic
from console.services.topics import describe_topic, list_topics
from engine.net.cluster_client import ClusterClient
from engine.sim.world import Shape, World
from engine.types import TopicPartition

ORDERS = [TopicPartition("orders", number) for number in range(3)]


class LoopClock:
    def now_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)


def in_virtual_time(story, seed=3):
    """Three nodes; `story(world, client)` is told inside of the clients' process."""
    world = World(seed, shape=Shape(nodes=3, partitions=3))

    async def tell():
        async with ClusterClient(
            world.bootstrap,
            request_timeout_ms=3_000,
            connect_timeout_ms=3_000,
            retry_timeout_ms=20_000,
            randomness=world.randomness.stream("console"),
        ) as client:
            return await story(world, client)

    async def run():
        await world.start()
        return await world.client_process.spawn(tell())

    try:
        return world.loop.run_until_complete(run())
    finally:
        world.close()


async def filled(client, count=30):
    """A topic `orders` with three partitions, `count` records spread evenly, and a group `readers` at offset 4 of each."""
    await create_topic(client, NewTopic("orders", 3, 3, {"min.insync.replicas": "1"}))
    async with RecordProducer(client, LoopClock()) as producer:
        for number in range(count):
            await producer.send("orders", NewRecord(None, b"%d" % number, partition=number % 3))
        await producer.flush()
    await commit_offsets(client, "readers", {partition: CommittedOffset(4, -1, None) for partition in ORDERS})


async def until(question, holds, limit_s=60):
    """Asks until the answer is as wanted, and gives it: the cluster learns of a death only after a while."""
    async with asyncio.timeout(limit_s):
        while not holds(answer := await question()):
            await asyncio.sleep(0.5)
    return answer


def test_every_service_answers_of_a_whole_cluster():
    async def story(world, client):
        await filled(client)
        return (
            await describe_cluster(client),
            await list_brokers(client),
            await describe_quorum(client),
            await list_topics(client),
            await list_partitions(client, ["orders"]),
            await list_groups(client),
            await describe_groups(client, ["readers"], now_ms=None),
        )

    cluster, brokers, quorum, topics, partitions, groups, described = in_virtual_time(story)

    assert cluster.is_healthy
    assert cluster.broker_count == 3
    assert cluster.group_count == 1
    assert [broker.node_id for broker in brokers.brokers] == [1, 2, 3]
    assert not any((brokers.missing, topics.missing, partitions.missing, groups.missing))
    assert sum(broker.leaders for broker in brokers.brokers) >= 3
    assert quorum.leader in (1, 2, 3)
    assert quorum.leader == cluster.controller
    assert [(topic.name, topic.partition_count, topic.records_at_most) for topic in topics.topics] == [
        ("orders", 3, 30)
    ]
    assert [each.high_watermark for each in partitions.partitions] == [10, 10, 10]
    assert all(sorted(each.isr) == [1, 2, 3] for each in partitions.partitions)
    assert [(group.group_id, group.lag) for group in groups.groups] == [("readers", 18)]
    assert [(each.partition, each.committed_offset) for each in described[0].partitions] == [(0, 4), (1, 4), (2, 4)]


@pytest.mark.parametrize("dead", [1, 2, 3])
def test_with_a_broker_dead_each_answer_is_given_and_says_what_it_lacks(dead):
    """Whoever dies: the quorum's leader, the group's coordinator, a partition's leader."""

    async def story(world, client):
        await filled(client)
        world.nodes[dead].kill()
        brokers = await until(
            lambda: list_brokers(client), lambda found: any(each.is_fenced for each in found.brokers), limit_s=120
        )
        partitions = await until(
            lambda: list_partitions(client, ["orders"]),
            lambda found: all(each.leader not in (None, dead) for each in found.partitions),
        )
        return (
            await describe_cluster(client),
            brokers,
            await until(lambda: describe_quorum(client), lambda found: found.leader not in (None, dead)),
            await list_topics(client),
            partitions,
            await until(lambda: list_groups(client), lambda found: bool(found.groups)),
        )

    cluster, brokers, quorum, topics, partitions, groups = in_virtual_time(story)

    assert not cluster.is_healthy
    assert cluster.under_replicated_partitions >= 3
    assert cluster.unavailable_partitions == 0
    assert [(each.node_id, each.is_fenced) for each in brokers.brokers] == [(n, n == dead) for n in (1, 2, 3)]
    assert next(each for each in brokers.brokers if each.node_id == dead).size_bytes is None
    assert [each.size_bytes is None for each in brokers.brokers].count(True) == 1
    assert quorum.leader != dead
    assert topics.topics[0].under_replicated_partitions == 3
    assert topics.topics[0].records_at_most == 30
    assert all(dead not in each.isr and each.high_watermark == 10 for each in partitions.partitions)
    assert [(group.group_id, group.lag) for group in groups.groups] == [("readers", 18)]


def test_changes_are_made_while_brokers_die_and_come_back():
    async def story(world, client):
        await filled(client)
        world.nodes[1].kill()
        # A request that was on its way to the dead one may have been obeyed: that is said, and never repeated by itself.
        await until(lambda: list_brokers(client), lambda found: any(each.is_fenced for each in found.brokers))
        await add_partitions(client, "orders", 4)
        await alter_config(client, Resource(ResourceType.TOPIC, "orders"), {"retention.ms": "60000"})
        deleted = await delete_records(client, {ORDERS[0]: 5})
        await commit_offsets(client, "readers", {ORDERS[0]: CommittedOffset(7, -1, "by hand")})
        await world.nodes[1].start()
        whole = await until(
            lambda: describe_topic(client, "orders"),
            lambda found: all(len(each.isr) == len(each.replicas) for each in found.partitions),
            limit_s=120,
        )
        config = await describe_config(client, Resource(ResourceType.TOPIC, "orders"))
        refused = await elect_leaders(client, ORDERS, ElectionType.PREFERRED)
        led = await until(
            lambda: list_partitions(client, ["orders"]),
            lambda found: all(each.leader == each.replicas[0] for each in found.partitions[:3]),
        )
        listed = await list_groups(client)
        await delete_group(client, "readers")
        await delete_topic(client, "orders")
        left = await until(lambda: list_topics(client), lambda found: not found.topics)
        return deleted, whole, config, refused, led, listed, left

    deleted, whole, config, refused, led, listed, left = in_virtual_time(story)

    assert deleted.values == {ORDERS[0]: 5}
    assert not deleted.errors
    assert whole.summary.partition_count == 4
    assert config.overrides()["retention.ms"] == "60000"
    assert refused == {}
    assert led.partitions[0].log_start_offset == 5
    assert [group.lag for group in listed.groups] == [3 + 6 + 6]
    assert left.topics == ()


def test_a_refusal_is_the_clusters_own_and_changes_nothing():
    async def story(world, client):
        await filled(client)
        with pytest.raises(OperatorError, match=r"TOPIC_ALREADY_EXISTS|already exists"):
            await create_topic(client, NewTopic("orders", 1, 1))
        with pytest.raises(OperatorError, match=r"retention\.ms|INVALID_CONFIG"):
            await alter_config(client, Resource(ResourceType.TOPIC, "orders"), {"retention.ms": "soon"})
        return await describe_topic(client, "orders")

    topic = in_virtual_time(story)
    assert topic.summary.partition_count == 3
    assert "retention.ms" not in (topic.summary.overrides or {})


def test_the_same_seed_gives_the_same_answers():
    async def story(world, client):
        await filled(client)
        world.nodes[2].kill()
        await asyncio.sleep(15)
        return await list_brokers(client), await list_partitions(client), await list_groups(client)

    first, second = in_virtual_time(story, seed=8), in_virtual_time(story, seed=8)
    assert first == second
