"""librdkafka, through confluent-kafka: an independent author's idea of the protocol."""

import time

import pytest

from tests.wire.clients import CODECS

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import (  # noqa: E402
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)


def produce(bootstrap, topic, records, **config):
    """Send (key, value, headers) and return the delivered (partition, offset) in order of delivery."""
    delivered = []

    def on_delivery(error, message):
        assert error is None, error
        delivered.append((message.partition(), message.offset()))

    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **config})
    for key, value, headers in records:
        producer.produce(topic, value, key, headers=headers, on_delivery=on_delivery)
        producer.poll(0)
    assert producer.flush(30) == 0
    return delivered


def consume(consumer, count, timeout=30):
    messages = []
    deadline = time.monotonic() + timeout
    while len(messages) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None:
            assert message.error() is None, message.error()
            messages.append(message)
    return messages


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("idempotent", [False, True])
def test_records_come_back_as_sent(bootstrap, new_topic, group_id, codec, idempotent):
    topic = new_topic()
    records = [(b"k%d" % i, b"v%d" % i * 20, [("h", b"%d" % i), ("empty", None)]) for i in range(200)]
    delivered = produce(
        bootstrap, topic, records, **{"compression.type": codec, "enable.idempotence": idempotent, "acks": "all"}
    )
    assert sorted(offset for _, offset in delivered) == list(range(200))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group_id, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consume(consumer, 200)
    consumer.close()
    assert [(m.key(), m.value(), m.headers()) for m in messages] == records
    assert [m.offset() for m in messages] == list(range(200))


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_acks(bootstrap, new_topic, acks):
    topic = new_topic(partitions=3)
    produce(bootstrap, topic, [(b"k%d" % i, b"v", None) for i in range(100)], acks=acks)


def test_a_group_divides_partitions_commits_and_resumes(bootstrap, new_topic, group_id):
    topic = new_topic(partitions=4)
    produce(bootstrap, topic, [(b"k%d" % i, b"v%d" % i, None) for i in range(400)])
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": group_id,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,
    }
    first, second = Consumer(config), Consumer(config)
    first.subscribe([topic])
    second.subscribe([topic])
    deadline = time.monotonic() + 30
    seen = set()  # a rebalance before the first commit may deliver twice
    while time.monotonic() < deadline and not (first.assignment() and second.assignment() and len(seen) >= 400):
        for consumer in (first, second):
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                seen.add((message.partition(), message.offset()))
    assert len(first.assignment()) == len(second.assignment()) == 2
    assert len(seen) == 400
    first.commit(asynchronous=False)
    second.commit(asynchronous=False)
    first.close()
    second.close()
    produce(bootstrap, topic, [(b"k%d" % i, b"new", None) for i in range(10)])
    third = Consumer(config)
    third.subscribe([topic])
    resumed = consume(third, 10)
    third.close()
    assert {m.value() for m in resumed} == {b"new"}


def test_cooperative_rebalance_keeps_what_stays(bootstrap, new_topic, group_id):
    """KIP-429."""
    topic = new_topic(partitions=4)
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": group_id,
        "partition.assignment.strategy": "cooperative-sticky",
        "auto.offset.reset": "earliest",
    }
    revoked = []
    first, second = Consumer(config), Consumer(config)
    first.subscribe([topic], on_revoke=lambda _, partitions: revoked.append(len(partitions)))
    deadline = time.monotonic() + 30
    while len(first.assignment()) != 4 and time.monotonic() < deadline:
        first.poll(0.1)
    second.subscribe([topic])
    while len(second.assignment()) != 2 and time.monotonic() < deadline:
        first.poll(0.05)
        second.poll(0.05)
    assert len(first.assignment()) == len(second.assignment()) == 2
    assert revoked == [2]
    first.close()
    second.close()


def test_a_static_member_returns_without_a_rebalance(bootstrap, new_topic, group_id):
    """KIP-345."""
    topic = new_topic(partitions=2)
    config = {"bootstrap.servers": bootstrap, "group.id": group_id, "session.timeout.ms": 10_000}
    rebalances = []
    stays = Consumer({**config, "group.instance.id": "stays"})
    stays.subscribe([topic], on_assign=lambda *_: rebalances.append(1))
    goes = Consumer({**config, "group.instance.id": "goes"})
    goes.subscribe([topic])
    deadline = time.monotonic() + 30
    while not (len(stays.assignment()) == len(goes.assignment()) == 1) and time.monotonic() < deadline:
        stays.poll(0.05)
        goes.poll(0.05)
    count = len(rebalances)
    goes.close()
    goes = Consumer({**config, "group.instance.id": "goes"})
    goes.subscribe([topic])
    while len(goes.assignment()) != 1 and time.monotonic() < deadline:
        stays.poll(0.05)
        goes.poll(0.05)
    assert len(goes.assignment()) == 1
    assert len(rebalances) == count
    stays.close()
    goes.close()


def test_topics_are_created_described_altered_and_deleted(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    name = f"admin-{time.monotonic_ns()}"
    admin.create_topics([NewTopic(name, 2, 3, config={"retention.ms": "60000"})])[name].result(30)
    topic = admin.list_topics(name, timeout=30).topics[name]
    assert {p: sorted(m.replicas) for p, m in topic.partitions.items()} == {0: [1, 2, 3], 1: [1, 2, 3]}
    resource = ConfigResource(ResourceType.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(30)
    assert config["retention.ms"].value == "60000"
    assert not config["retention.ms"].is_default
    assert config["segment.bytes"].is_default
    admin.create_partitions([NewPartitions(name, 4)])[name].result(30)
    deadline = time.monotonic() + 10
    while len(admin.list_topics(name, timeout=30).topics[name].partitions) != 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(admin.list_topics(name, timeout=30).topics[name].partitions) == 4
    admin.delete_topics([name])[name].result(30)
    deadline = time.monotonic() + 10
    while name in admin.list_topics(timeout=30).topics and time.monotonic() < deadline:
        time.sleep(0.01)
    assert name not in admin.list_topics(timeout=30).topics


def test_offsets_by_time_and_groups_are_listed(bootstrap, new_topic, group_id):
    topic = new_topic()
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(10):
        producer.produce(topic, b"v%d" % i, timestamp=1_700_000_000_000 + i * 1000)
    assert producer.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": bootstrap})
    partition = TopicPartition(topic, 0)
    results = {}
    for name, spec in [
        ("earliest", OffsetSpec.earliest()),
        ("latest", OffsetSpec.latest()),
        ("at", OffsetSpec.for_timestamp(1_700_000_004_500)),
    ]:
        results[name] = admin.list_offsets({partition: spec})[partition].result(30).offset
    assert results == {"earliest": 0, "latest": 10, "at": 5}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group_id, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    consume(consumer, 10)
    consumer.commit(asynchronous=False)
    assert group_id in {group.group_id for group in admin.list_consumer_groups().result(30).valid}
    description = admin.describe_consumer_groups([group_id])[group_id].result(30)
    assert len(description.members) == 1
    consumer.close()
    admin.delete_consumer_groups([group_id])[group_id].result(30)


def test_without_an_authorizer_acls_are_refused_as_kafka_refuses_them(bootstrap):
    """Kafka: AclApis answers SECURITY_DISABLED, each ACL or filter by itself. (What describe_acls is told, librdkafka keeps
    to itself and gives an empty list; kafka-acls has it, in tests/java.)"""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = (ResourceType.TOPIC, "t", ResourcePatternType.LITERAL, "User:ada", "*")
    acl = AclBinding(*topic, AclOperation.READ, AclPermissionType.ALLOW)
    acls = AclBindingFilter(*topic, AclOperation.ANY, AclPermissionType.ANY)
    for future in (*admin.create_acls([acl]).values(), *admin.delete_acls([acls]).values()):
        with pytest.raises(confluent_kafka.KafkaException, match="No Authorizer is configured") as raised:
            future.result(30)
        assert raised.value.args[0].code() == confluent_kafka.KafkaError.SECURITY_DISABLED
