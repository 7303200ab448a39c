"""Data outlives the nodes: clean stops, rolling restarts under load."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from engine.cluster import Cluster
from tests.cluster.conftest import FAST_FAILURES, Operator, running
from tests.cluster.group_reader import committed
from tests.cluster.load import Load, judge, read_all

PARTITIONS = 4
pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("processes", [False, True], ids=["one-process", "processes"])
def test_a_stopped_cluster_comes_back_with_topics_records_offsets_and_producer_ids(tmp_path, processes):
    directory = str(tmp_path / "data")
    with running(data_dir=directory, processes=processes) as operator:
        operator.create_topic("kept", 2, retention_ms="123456789")
        cluster_id, producer_id = operator.cluster.cluster_id, _produce(operator.bootstrap, range(20))
        _commit(operator.bootstrap, {0: 7, 1: 3})
        before = read_all(operator.bootstrap, "kept", 2)
    with running(data_dir=directory, processes=processes) as operator:
        assert operator.cluster.cluster_id == cluster_id
        assert read_all(operator.bootstrap, "kept", 2) == before
        assert committed(operator.bootstrap, "keeps", "kept", 2) == {0: 7, 1: 3}
        assert _config(operator, "kept", "retention.ms") == "123456789"
        assert _produce(operator.bootstrap, range(20, 30)) > producer_id  # ids are handed out once (KIP-730)
        after = read_all(operator.bootstrap, "kept", 2)
        assert {index: rows[: len(before[index])] for index, rows in after.items()} == before
        assert sorted(int(value) for rows in after.values() for _, value in rows) == list(range(30))


def test_restarting_one_node_after_the_other_under_load_gives_clients_nothing_but_retries(operator):
    topic = operator.create_topic("rolled", PARTITIONS, min_insync_replicas="2")
    with Load(operator.bootstrap, topic, partitions=PARTITIONS) as load:
        load.until_progress()
        for node_id in (1, 2, 3):
            operator.stop(node_id)
            load.until_progress()
            operator.start(node_id)
            operator.until_whole(topic)
    assert not load.refused
    assert len(load.acknowledged) == load.sent
    judge(load, operator.bootstrap)


def test_a_temporary_cluster_leaves_nothing_behind():
    import os

    with Cluster.running(nodes=1, properties=FAST_FAILURES) as cluster:
        Operator(cluster).create_topic("gone", 1)
        directory = cluster.data_dir
        assert os.path.isdir(directory)
    assert not os.path.exists(directory)


def _produce(bootstrap, numbers):
    """Write the numbers to topic `kept` by a new idempotent producer; returns its id."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 2})
    for number in numbers:
        producer.produce("kept", b"%d" % number, partition=number % 2)
    assert producer.flush(20) == 0
    return _producer_id(bootstrap)


def _producer_id(bootstrap):
    """The highest producer id that partition 0 of `kept` knows (DescribeProducers)."""
    import asyncio

    from engine.net.cluster_client import ClusterClient
    from engine.protocol.messages import DescribeProducersRequest

    host, port = bootstrap.split(",")[0].split(":")

    async def ask():
        async with ClusterClient([(host, int(port))]) as client:
            view = await client.metadata(["kept"])
            leader = view.leader("kept", 0)
            request = DescribeProducersRequest(
                topics=[DescribeProducersRequest.TopicRequest(name="kept", partition_indexes=[0])]
            )
            response = await client.request_to(leader, request)
            return max(each.producer_id for each in response.topics[0].partitions[0].active_producers)

    return asyncio.run(ask())


def _commit(bootstrap, offsets):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "keeps", "enable.auto.commit": False})
    consumer.commit(
        offsets=[TopicPartition("kept", index, offset) for index, offset in offsets.items()], asynchronous=False
    )
    consumer.close()


def _config(operator, topic, name):
    from confluent_kafka.admin import ConfigResource, ResourceType

    resource = ConfigResource(ResourceType.TOPIC, topic)
    return operator.admin.describe_configs([resource])[resource].result(20)[name].value
