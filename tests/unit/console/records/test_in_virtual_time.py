"""Producer and reader against real nodes in virtual time, while leaders are killed under them."""

import asyncio

import pytest

from console.records.browse import BrowseRequest, browse
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.positions import BEGINNING
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.records.search import SearchRequest, resume_search, search
from console.records.stream import RecordStream, StreamRequest
from console.services.topics import list_topics
from engine.net.cluster_client import ClusterClient
from engine.sim.world import Shape, World

TOPIC = "orders"


def play(seed, story):
    """Starts three nodes with a topic of three partitions and tells the story inside of the clients' process."""
    world = World(seed, shape=Shape(nodes=3, partitions=3))

    async def run():
        await world.start()
        await world.create_topic(TOPIC, 3)
        return await world.client_process.spawn(story(world))

    try:
        return world.loop.run_until_complete(run())
    finally:
        world.close()


def client_of(world):
    return ClusterClient(
        world.bootstrap,
        request_timeout_ms=3_000,
        connect_timeout_ms=3_000,
        retry_timeout_ms=60_000,
        randomness=world.randomness.stream("console"),
    )


class LoopClock:
    """Wall time that follows the loop's."""

    def now_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)


async def read_all(client):
    stream = RecordStream(StreamRequest([TOPIC], BEGINNING, exit_at_end=True), 0)
    return [record async for records in stream.batches(client) for record in records]


@pytest.mark.seeds(4)
def test_every_acknowledged_record_is_there_once_and_in_order_though_leaders_are_killed(seed):
    async def story(world):
        async def kill_and_restart():
            for node_id in (1, 2, 3):
                await asyncio.sleep(2)
                world.nodes[node_id].kill()
                await asyncio.sleep(6)
                await world.nodes[node_id].start()
                await asyncio.sleep(6)

        killing = asyncio.create_task(kill_and_restart())
        async with client_of(world) as client:
            async with RecordProducer(client, LoopClock(), batch_bytes=500, linger_ms=20) as producer:
                deliveries = []
                for number in range(600):
                    deliveries.append(await producer.send(TOPIC, NewRecord(b"key-%d" % (number % 7), b"%d" % number)))
                    await asyncio.sleep(0.05)
                await producer.flush()
                placed = [await delivery.result() for delivery in deliveries]
                statistics = producer.statistics
            await killing
            return placed, statistics, await read_all(client)

    placed, statistics, records = play(seed, story)

    assert statistics.failed_records == 0
    assert statistics.retries > 0
    assert sorted(int(record.value) for record in records) == list(range(600))
    where = {int(record.value): (record.partition, record.offset) for record in records}
    assert all(
        where[number] == (place.partition, place.offset) for number, place in enumerate(placed) if place.offset >= 0
    )
    by_partition = {}
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        by_partition.setdefault(record.partition, []).append(int(record.value))
    assert all(values == sorted(values) for values in by_partition.values())


def test_a_reader_that_follows_goes_on_where_it_was_when_the_leader_dies():
    async def story(world):
        async with client_of(world) as client:
            got = []

            async def follow():
                stream = RecordStream(StreamRequest([TOPIC], BEGINNING, count=90), 0)
                async for records in stream.batches(client):
                    got.extend(int(record.value) for record in records)

            following = asyncio.create_task(follow())
            async with RecordProducer(client, LoopClock()) as producer:
                for number in range(90):
                    await producer.send(TOPIC, NewRecord(None, b"%d" % number, partition=number % 3))
                    await asyncio.sleep(0.1)
                    if number == 30:
                        world.nodes[1].kill()
                    if number == 60:
                        await world.nodes[1].start()
            await asyncio.wait_for(following, 120)
            return got

    got = play(11, story)

    assert sorted(got) == list(range(90))
    assert all([each for each in got if each % 3 == index] == list(range(index, 90, 3)) for index in range(3))


def test_a_listing_with_a_dead_broker_is_partial_and_says_so():
    async def story(world):
        world.nodes[3].kill()
        async with client_of(world) as client:
            return await list_topics(client)

    listing = play(5, story)

    assert [topic.name for topic in listing.topics] == [TOPIC]
    assert listing.topics[0].partition_count == 3
    assert any("broker 3" in str(missing) for missing in listing.missing)


def test_the_same_seed_gives_the_same_story():
    async def story(world):
        async with client_of(world) as client, RecordProducer(client, LoopClock(), linger_ms=3) as producer:
            for number in range(40):
                await producer.send(TOPIC, NewRecord(None, b"%d" % number))
                if number == 20:
                    world.nodes[2].kill()
            await producer.flush()
            records = await read_all(client)
        return [(record.partition, record.offset, record.timestamp, record.value) for record in records]

    assert play(3, story) == play(3, story)


def test_a_search_that_is_interrupted_while_a_leader_dies_is_resumed_to_the_whole_result():
    async def story(world):
        async with client_of(world) as client:
            async with RecordProducer(client, LoopClock(), batch_bytes=300) as producer:
                for number in range(300):
                    record = NewRecord(None, b"%d" % number, partition=number % 3, timestamp=1000 + number)
                    await producer.send(TOPIC, record)
                await producer.flush()
            sevens = RecordFilter((Condition(Part.VALUE, Match.CONTAINS, "7"),))
            found, steps = [], search(client, SearchRequest((TOPIC,), sevens, limit=10), 0)
            async for step in steps:
                found += [int(record.value) for record in step.records]
            world.nodes[2].kill()
            token = step.token
            async for step in resume_search(client, token, 0):
                found += [int(record.value) for record in step.records]
            page = await browse(client, BrowseRequest((TOPIC,), limit=5))
            return found, step, [int(record.value) for record in page.records]

    found, step, newest = play(7, story)

    assert found == [number for number in range(300) if b"7" in b"%d" % number]
    assert (step.scanned, step.matched, step.finished) == (300, len(found), True)
    assert newest == [299, 298, 297, 296, 295]
