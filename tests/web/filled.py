"""A cluster with something in it, for the tests of pages: topics, records, a group that is behind, changes."""

from confluent_kafka import Producer

from console.changes.kinds import AlterConfig, AlterTopic
from console.services.configs import Resource, ResourceType
from console.services.topic_changes import NewTopic, create_topic
from engine.net.group_member import GroupMember
from engine.types import TopicPartition

HOSTILE_GROUP = "<img src=x onerror=alert(1)>/../%2e"


def fill(console, records=300):
    """`orders` (4 partitions, 3 replicas) with records; `billing` has read 10 of each partition and is gone; so has a
    group with a hostile name."""

    async def topics(opened):
        await create_topic(opened.client, NewTopic("orders", 4, 3, {"retention.ms": "3600000"}))
        await create_topic(opened.client, NewTopic("quiet", 1, 1))
        await passes(opened)

    async def groups(opened):
        for name in ("billing", HOSTILE_GROUP):
            await read_and_leave(opened, name, "orders", 4, 10)
        orders = Resource(ResourceType.TOPIC, "orders")
        await (await opened.door.plan(AlterConfig(orders, {"min.insync.replicas": "2"}))).execute()
        await (await opened.door.plan(AlterTopic("quiet", 2))).execute()
        await passes(opened)

    console.run(topics)
    producer = Producer({"bootstrap.servers": console.cluster.bootstrap_servers, "enable.idempotence": True})
    for number in range(records):
        producer.produce("orders", key=str(number), value=b"x" * 100, partition=number % 4)
    assert producer.flush(20) == 0
    console.run(groups)


async def read_and_leave(opened, group_id, topic, partitions, offset):
    member = GroupMember(opened.client, group_id, [topic], session_timeout_ms=45_000)
    await member.join()
    assert await member.commit({TopicPartition(topic, number): offset for number in range(partitions)})
    await member.leave()


async def passes(opened, count=2):
    for _ in range(count):
        await opened.sampler.next_pass()


def committed(console, group_id, topic):
    """What the group has committed, by partition."""

    async def story(opened):
        from console.services.group_changes import group_standing

        standing = await group_standing(opened.client, group_id)
        return {key.partition: each.offset for key, each in standing.committed.items() if key.topic == topic}

    return console.run(story)
