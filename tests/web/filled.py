"""A cluster with something in it, for the tests of pages: topics, records, a group that is behind, changes."""

from confluent_kafka import Producer
from playwright.sync_api import expect

from console.changes.kinds import AlterConfig, AlterTopic
from console.contexts import Context, Contexts, save_contexts
from console.records.producing import NewRecord
from console.services.configs import Resource, ResourceType
from console.services.topic_changes import NewTopic, create_topic
from engine.net.group_member import GroupMember
from engine.types import TopicPartition
from tests.web.producing import fill as produce

LONG_TOPIC = "a-name-as-long-as-kafka-allows." * 8 + "x"
EVERY_PAGE = (
    "/", "/topics", "/topics-new", "/topics/orders", "/topics/orders/configs", "/topics/orders/configs/retention.ms",
    "/topics/orders/groups", "/topics/orders/producers", "/topics/orders/add-partitions",
    "/topics/orders/delete-records", "/topics/orders/elect-leaders", "/topics/orders/records",
    "/topics/orders/records/0/1", "/topics/orders/search?all=1", "/topics/orders/tail?start=oldest",
    "/topics/orders/produce", "/topics/orders/produce-file", f"/topics/{LONG_TOPIC}", f"/topics/{LONG_TOPIC}/records",
    "/brokers", "/brokers/1", "/brokers/1/requests", "/brokers/1/configs", "/brokers/1/configs/log.retention.ms",
    "/configs", "/configs/log.retention.ms", "/quorum",
    "/groups", "/groups/billing", "/groups/billing/members", "/groups/billing/configs",
    "/groups/billing/configs/consumer.session.timeout.ms", "/groups/billing/reset", "/groups/billing/delete-offsets",
    "/sql", "/sql?q=select+*+from+orders", "/audit", "/audit/{id}", "/changes/{plan}", "/contexts",
    "/contexts/elsewhere", "/contexts-new", "/lab/lessons",
    "/topics/no-such-topic", "/clusters/nowhere/topics",
)  # fmt: skip
"""All there are, with what `fill` made, and two that there are not; `address` knows what stands for {these}. The
simulator's page has tests of its own."""

HOSTILE_GROUP = "<img src=x onerror=alert(1)>/../%2e"


def fill(console, records=300):
    """`orders` (4 partitions, 3 replicas) with records; `billing` has read 10 of each partition and is gone; so has a
    group with a hostile name."""

    async def topics(opened):
        await create_topic(opened.client, NewTopic("orders", 4, 3, {"retention.ms": "3600000"}))
        await create_topic(opened.client, NewTopic("quiet", 1, 1))
        await create_topic(opened.client, NewTopic(LONG_TOPIC, 1, 1))
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


def address(page, path):
    """The path of EVERY_PAGE as it can be gone to: a plan is made, a context kept, the newest entry of the log taken."""
    if path in ("/contexts", "/contexts/elsewhere"):
        save_contexts(Contexts({"elsewhere": Context("elsewhere", "127.0.0.1:1", decode={"orders": "json"})}, None))
    if "{plan}" in path:
        change = {"kind": "delete-topic", "name": "quiet"}
        answer = page.request.post("/changes", data=change, headers={"Origin": page.url.split("/?")[0].rstrip("/")})
        return path.replace("{plan}", answer.json()["plan"])
    if "{id}" in path:
        rows = page.request.get("/audit.json").json()["table"]["rows"]
        return path.replace("{id}", rows[0]["id"])
    return path


def show(page, path):
    """Goes there, and waits until all of it is there."""
    if "/no" in path:
        page.watched.allow("40")
    page.goto(address(page, path))
    expect(page.locator("h1")).to_have_count(1)
    if "/search" in path:
        expect(page.locator("#search[data-state=finished]")).to_be_visible()
    elif "/tail" in path:
        expect(page.locator("#tail [data-account]")).to_have_attribute("data-shown", "300")
    elif "/sql?" in path:
        page.keyboard.press("Enter")
        expect(page.locator("#result[data-state=finished]")).to_be_visible()
    else:
        expect(page.locator("main .waiting")).to_have_count(0)


async def read_and_leave(opened, group_id, topic, partitions, offset):
    member = GroupMember(opened.client, group_id, [topic], session_timeout_ms=45_000)
    await member.join()
    assert await member.commit({TopicPartition(topic, number): offset for number in range(partitions)})
    await member.leave()


def own_topic(console, name, partitions=1, records=0):
    """A topic that a test changes: of its own, with `records` spread over the partitions."""

    async def story(opened):
        made = [NewRecord(None, b"x", [], number % partitions, None) for number in range(records)]
        await produce(opened, name, made, partitions)
        await passes(opened)

    console.run(story)


def own_group(console, name, partitions=4, records=300, offset=10):
    """A group of the test's own that has read `offset` records of each partition of a topic of the same name."""
    own_topic(console, name, partitions, records)

    async def story(opened):
        await read_and_leave(opened, name, name, partitions, offset)
        await passes(opened)

    console.run(story)


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
