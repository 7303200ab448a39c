"""`Cluster`: the way into the engine from Python."""

import asyncio

import pytest

from engine import Cluster
from engine.errors import ConfigError, KafkaError
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_every_broker_is_unfenced_when_start_returns():
    async with Cluster(nodes=3) as cluster:
        for node in cluster.nodes.values():
            assert sorted(node.broker.metadata.image.brokers) == [1, 2, 3]
        assert len(cluster.bootstrap_servers.split(",")) == 3
        await cluster.create_topic("t", partitions=2)
        image = cluster.nodes[1].broker.metadata.image
        assert [len(partition.replicas) for partition in image.topic("t").partitions.values()] == [3, 3]


async def test_a_topic_that_exists_is_kafkas_error():
    async with Cluster(nodes=1) as cluster:
        await cluster.create_topic("t")
        with pytest.raises(KafkaError) as raised:
            await cluster.create_topic("t")
        assert raised.value.code is ErrorCode.TOPIC_ALREADY_EXISTS
        await cluster.delete_topic("t")
        await cluster.create_topic("t")


async def test_a_killed_node_comes_back_and_joins_the_isr():
    async with Cluster(nodes=3) as cluster:
        await cluster.create_topic("t")
        leader = cluster.nodes[1].broker.metadata.image.partition("t", 0).leader
        cluster.kill_node(leader)
        other = next(iter(cluster.nodes.values())).broker
        await until(lambda: leader not in other.metadata.image.partition("t", 0).isr)
        new_leader = other.metadata.image.partition("t", 0).leader
        assert new_leader not in (leader, -1)
        await cluster.start_node(leader)
        await until(lambda: leader in other.metadata.image.partition("t", 0).isr)
        hosted = cluster.nodes[new_leader].broker.replicas.partitions[TopicPartition("t", 0)]
        assert hosted.leader is not None


async def test_a_stopped_node_hands_its_leaders_over_first():
    async with Cluster(nodes=3) as cluster:
        await cluster.create_topic("t", partitions=3)
        await cluster.stop_node(2)
        image = cluster.nodes[1].broker.metadata.image
        await until(
            lambda: all(
                partition.leader in (1, 3)
                for partition in cluster.nodes[1].broker.metadata.image.topic("t").partitions.values()
            )
        )
        assert image.cluster_id == cluster.cluster_id


async def test_data_survives_a_restart_of_the_whole_cluster(tmp_path):
    async with Cluster(nodes=1, data_dir=str(tmp_path)) as first:
        await first.create_topic("kept", partitions=2)
        cluster_id = first.cluster_id
    async with Cluster(nodes=1, data_dir=str(tmp_path)) as second:
        assert second.cluster_id == cluster_id
        assert len(second.nodes[1].broker.metadata.image.topic("kept").partitions) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nodes": 0}, "between 1 and 50"),
        ({"nodes": 3, "port": 65534}, "65536"),
        ({"nodes": 1, "properties": {"no.such.property": "1"}}, "no.such.property"),
        ({"nodes": 1, "properties": {"num.partitions": "many"}}, "num.partitions"),
    ],
)
async def test_what_cannot_be_is_said_by_name(options, said):
    with pytest.raises(ConfigError, match=said):
        await Cluster(**options).start()


async def test_an_unknown_node_is_named():
    async with Cluster(nodes=1) as cluster:
        with pytest.raises(ConfigError, match="there is no node 9; the nodes are 1"):
            await cluster.start_node(9)
        with pytest.raises(ConfigError, match="node 1 runs already"):
            await cluster.start_node(1)


async def test_a_cluster_tells_what_its_brokers_have_answered():
    async with Cluster(nodes=2) as cluster:
        async with ClusterClient([("127.0.0.1", int(cluster.bootstrap_servers.split(",")[0].split(":")[1]))]) as client:
            await client.metadata(None)
        figures = {
            node_id: {each.request: each.count for each in told}
            for node_id, told in (await cluster.request_figures()).items()
        }
        assert sorted(figures) == [1, 2]
        assert figures[1]["Metadata"] == 1
        assert "BrokerHeartbeat" not in figures[1]  # that is the controller's
        cluster.kill_node(2)
        assert sorted(await cluster.request_figures()) == [1]
