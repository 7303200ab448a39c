"""The demo's flow against an embedded cluster: it goes on where the samples end, and stops cleanly."""

import asyncio
import json
from itertools import pairwise

from console.client_config import client_config
from console.demo.flow import CLEANSER_GROUP, STOPPED_GROUP, DemoFlow
from console.demo.groups import GROUPS, DemoGroup, consume
from console.demo.loader import end_offsets, load
from console.demo.samples import samples
from console.records.reader import RecordReader
from console.records.sending import produce
from console.services.group_changes import group_standing
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient
from engine.runtime import SystemClock
from engine.types import TopicPartition
from sample_data.stream_processing.cleanse import cleanse

TOPICS = {topic.name: topic for sample in samples() for topic in sample.topics}
SAMPLED = {topic: len(sample.records(topic)) for sample in samples() for topic in (each.name for each in sample.topics)}


async def counts(client):
    return {name: sum((await end_offsets(client, topic)).values()) for name, topic in TOPICS.items()}


async def until(condition):
    for _ in range(400):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


async def values(client, name):
    ends = {TopicPartition(name, number): end for number, end in (await end_offsets(client, TOPICS[name])).items()}
    found = []
    async with RecordReader(client, dict.fromkeys(ends, 0), ends) as reader:
        async for chunk in reader.chunks():
            found += [record.value for record in chunk.records]
    return found


def with_cluster(story):
    async def main():
        async with (
            Cluster(nodes=1, properties={"offsets.topic.num.partitions": "1"}) as cluster,
            ClusterClient(bootstrap(cluster)) as client,
        ):
            await story(cluster, client)

    asyncio.run(asyncio.wait_for(main(), 90))


def bootstrap(cluster):
    return client_config(cluster.bootstrap_servers, {}).bootstrap


def test_every_topic_flows_and_a_second_start_goes_on_where_the_first_was():
    async def story(cluster, client):
        async def everything_flows():
            return all(count > SAMPLED[name] for name, count in (await counts(client)).items())

        before = asyncio.all_tasks()
        flow = DemoFlow(bootstrap(cluster), speed=300)
        outcome = await flow.start()
        assert {each.topic: each.loaded_records for each in outcome} == SAMPLED
        await until(everything_flows)
        await flow.stop()
        await flow.stop()
        assert not {task for task in asyncio.all_tasks() - before if "demo" in repr(task.get_coro())}

        first = await counts(client)

        async def more_orders():
            return (await counts(client))["orders"] > first["orders"] + 20

        again = DemoFlow(bootstrap(cluster), speed=300)
        assert not any(each.loaded_records or each.created for each in await again.start())
        await until(more_orders)
        await again.stop()
        numbers = sorted(json.loads(value)["order_id"] for value in await values(client, "orders"))
        # A stop may lose the one order that was on its way; nothing is made twice.
        assert len(set(numbers)) == len(numbers)
        assert int(numbers[-1].removeprefix("o-")) - len(numbers) <= 2

    with_cluster(story)


def test_articles_become_cleansed_articles_and_what_is_none_is_passed_over():
    async def story(cluster, client):
        flow = DemoFlow(bootstrap(cluster), speed=0.001)
        await flow.start()
        (sample,) = samples(["stream_processing"])
        made = [record for (_, record), _ in zip(sample.generated(5_000), range(30), strict=False)]
        junk = [made[0]._replace(value=value) for value in (b"no json", b"[1]", b"{}", None)]
        await produce(client, SystemClock(), "articles", junk + made)
        wanted = [article for record in made if (article := cleanse(json.loads(record.value))) is not None]

        async def caught_up():
            held = (await group_standing(client, CLEANSER_GROUP)).committed
            ends = await end_offsets(client, TOPICS["articles"])
            return {at.partition: offset.offset for at, offset in held.items()} == ends

        await until(caught_up)
        await flow.stop()
        found = [json.loads(value) for value in await values(client, "articles-cleansed")]
        new = [article for article in found if article["id"] in {each["id"] for each in wanted}]
        assert sorted(new, key=lambda each: each["id"]) == wanted

    with_cluster(story)


def test_groups_have_members_that_read_on_and_leave_at_the_end():
    async def story(cluster, client):
        flow = DemoFlow(bootstrap(cluster), speed=0.001)
        await flow.start()

        async def state(group):
            standing = await group_standing(client, group.group_id)
            read = sum(offset.offset for offset in standing.committed.values())
            return len(standing.members), read

        async def they_read():
            states = [(group, await state(group)) for group in GROUPS]
            return all(members == group.members and read > 0 for group, (members, read) in states)

        async def healthy_is_level():
            return (await state(GROUPS[0]))[1] == (await counts(client))[GROUPS[0].topic]

        await until(they_read)
        await until(healthy_is_level)
        slow = (await state(GROUPS[1]))[1]
        assert slow < SAMPLED[GROUPS[1].topic] / 2
        await flow.stop()
        assert [(await state(group))[0] for group in GROUPS] == [0, 0, 0]

    with_cluster(story)


def test_a_group_that_rewinds_begins_anew():
    async def story(cluster, client):
        await load(client, ["event_sourcing"])
        group = DemoGroup("again", "account-events", 1, 100_000, rewind_after_turns=2)
        task = asyncio.create_task(consume(bootstrap(cluster), group))
        seen = []

        async def went_back():
            standing = await group_standing(client, group.group_id)
            seen.append(sum(offset.offset for offset in standing.committed.values()))
            return any(later < earlier for earlier, later in pairwise(seen))

        await until(went_back)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert max(seen) > 0

    with_cluster(story)


def test_one_group_stands_half_way_without_members():
    async def story(cluster, client):
        flow = DemoFlow(bootstrap(cluster), speed=0.001)
        await flow.start()
        standing = await group_standing(client, STOPPED_GROUP)
        await flow.stop()
        ends = await end_offsets(client, TOPICS["orders"])
        assert (standing.state, standing.members) == ("Empty", ())
        assert {at.partition: offset.offset for at, offset in standing.committed.items()} == {
            number: end // 2 for number, end in ends.items()
        }

    with_cluster(story)
