"""aiokafka, over asyncio."""

import asyncio

import pytest

from tests.wire.clients import CODECS

aiokafka = pytest.importorskip("aiokafka")
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: E402

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize("codec", CODECS)
async def test_records_come_back_as_sent(bootstrap, new_topic, codec):
    topic = new_topic()
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, enable_idempotence=True
    ) as producer:
        sent = [
            await producer.send(topic, b"v%d" % i * 30, key=b"k%d" % i, headers=[("h", b"%d" % i)]) for i in range(100)
        ]
        results = await asyncio.gather(*sent)
    assert [result.offset for result in results] == list(range(100))
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        records = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(100)]
    assert [(r.key, r.value, r.headers) for r in records] == [
        (b"k%d" % i, b"v%d" % i * 30, (("h", b"%d" % i),)) for i in range(100)
    ]


async def test_a_group_commits_and_resumes(bootstrap, new_topic, group_id):
    topic = new_topic(partitions=3)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for i in range(60):
            await producer.send_and_wait(topic, b"%d" % i, partition=i % 3)
        options = {
            "bootstrap_servers": bootstrap,
            "group_id": group_id,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
        }
        seen = set()
        async with AIOKafkaConsumer(topic, **options) as first, AIOKafkaConsumer(topic, **options) as second:
            async with asyncio.timeout(30):
                while len(seen) < 60:
                    for consumer in (first, second):
                        for batch in (await consumer.getmany(timeout_ms=50)).values():
                            seen |= {record.value for record in batch}
            await first.commit()
            await second.commit()
        await producer.send_and_wait(topic, b"new", partition=1)
        async with AIOKafkaConsumer(topic, **options) as third:
            record = await asyncio.wait_for(third.getone(), 20)
            assert record.value == b"new"


async def test_topics_are_created_and_deleted(bootstrap):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("aiokafka-admin", 2, 2)])
        async with asyncio.timeout(20):  # the broker asked may hear of it a moment later than the controller
            while "aiokafka-admin" not in await admin.list_topics():
                await asyncio.sleep(0.01)
        await admin.delete_topics(["aiokafka-admin"])
    finally:
        await admin.close()
