"""kafka-python, with its own reading of the newest versions."""

import time

import pytest

from tests.wire.clients import CODECS

kafka = pytest.importorskip("kafka")
from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import KafkaAdminClient, NewTopic  # noqa: E402


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_as_sent(bootstrap, new_topic, codec):
    topic = new_topic()
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec)
    futures = [producer.send(topic, b"v%d" % i * 30, key=b"k%d" % i, headers=[("h", b"%d" % i)]) for i in range(100)]
    producer.flush(30)
    assert [future.get(1).offset for future in futures] == list(range(100))
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    consumer.assign([TopicPartition(topic, 0)])
    records = []
    for record in consumer:
        records.append(record)
        if len(records) == 100:
            break
    consumer.close()
    assert [(r.key, r.value, list(r.headers)) for r in records] == [
        (b"k%d" % i, b"v%d" % i * 30, [("h", b"%d" % i)]) for i in range(100)
    ]


def test_a_group_commits_and_resumes(bootstrap, new_topic, group_id):
    topic = new_topic(partitions=2)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for i in range(20):
        producer.send(topic, b"%d" % i, partition=i % 2)
    producer.flush(30)
    options = {
        "bootstrap_servers": bootstrap,
        "group_id": group_id,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "consumer_timeout_ms": 20_000,
    }
    consumer = KafkaConsumer(topic, **options)
    seen = {next(consumer).value for _ in range(20)}
    assert len(seen) == 20
    consumer.commit()
    consumer.close()
    producer.send(topic, b"new").get(20)
    producer.close()
    consumer = KafkaConsumer(topic, **options)
    assert next(consumer).value == b"new"
    consumer.close()


def test_topics_are_created_described_and_deleted(bootstrap):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic("kafka-python-admin", 2, 3)])
    deadline = time.monotonic() + 20  # the broker asked may hear of it a moment later than the controller
    while "kafka-python-admin" not in admin.list_topics() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "kafka-python-admin" in admin.list_topics()
    described = admin.describe_topics(["kafka-python-admin"])
    assert len(described) == 1
    assert admin.describe_cluster()["cluster_id"]
    admin.delete_topics(["kafka-python-admin"])
    admin.close()
