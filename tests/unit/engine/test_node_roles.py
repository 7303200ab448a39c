"""Nodes that are only brokers or only controllers, and where they put and find things. Real sockets, real disk."""

import asyncio
import contextlib
import functools

import pytest

from engine.config import BrokerConfig
from engine.errors import ConfigError
from engine.log import MetaProperties, format_directory, read_meta_properties
from engine.net.client import ClientConnection
from engine.node import Node
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    CreateTopicsRequest,
    FetchRequest,
    FindCoordinatorRequest,
    IncrementalAlterConfigsRequest,
    MetadataRequest,
    OffsetCommitRequest,
    OffsetFetchRequest,
    ProduceRequest,
)
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.runtime import Runtime
from engine.runtime.system_disk import SystemDisk
from engine.types import TopicPartition

PROPERTIES = {
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.append.linger.ms": "0",
    "broker.heartbeat.interval.ms": "200",
    "broker.session.timeout.ms": "2000",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "group.initial.rebalance.delay.ms": "0",
}


def run(coroutine):
    async def bounded():
        async with asyncio.timeout(50):
            await coroutine

    asyncio.run(bounded())


async def make_node(path, node_id, properties):
    """A formatted node, its ports taken."""
    directory = str(path / f"node-{node_id}")
    directories = {directory, properties.get("metadata.log.dir", directory)}
    for number, each in enumerate(sorted(directories)):
        if read_meta_properties(SystemDisk(), each) is not None:
            continue
        await format_directory(
            SystemDisk(), each, MetaProperties("cluster-of-roles", node_id, bytes([node_id, number] * 8))
        )
    config = BrokerConfig.from_properties({**PROPERTIES, "node.id": str(node_id), "log.dirs": directory, **properties})
    node = Node(config, Runtime.real())
    await node.bind()
    return node


def controller_properties(node_id=1):
    return {
        "process.roles": "controller",
        "listeners": "CONTROLLER://127.0.0.1:0",
        "controller.quorum.voters": f"{node_id}@127.0.0.1:0",
    }


def broker_properties(endpoint, how):
    address = f"{endpoint.host}:{endpoint.port}"
    quorum = (
        {"controller.quorum.bootstrap.servers": address}
        if how == "bootstrap servers"
        else {"controller.quorum.voters": f"1@{address}"}
    )
    return {"process.roles": "broker", "listeners": "PLAINTEXT://127.0.0.1:0", **quorum}


@contextlib.asynccontextmanager
async def stopping(*nodes):
    try:
        yield
    finally:
        for node in reversed(nodes):
            await node.stop()


async def until(happened):
    """Ask again and again; bounded by `run`."""
    while not await happened():
        await asyncio.sleep(0.03)


async def connect(node):
    host, port = node.bootstrap_server.split(":")
    return await ClientConnection.open(host, int(port))


async def create_topic(connection, name, *, replicas=1, **configs):
    response = await connection.request(
        CreateTopicsRequest(
            topics=[
                CreateTopicsRequest.CreatableTopic(
                    name=name,
                    num_partitions=1,
                    replication_factor=replicas,
                    configs=[
                        CreateTopicsRequest.CreatableTopicConfig(name=key, value=value)
                        for key, value in configs.items()
                    ],
                )
            ],
            timeout_ms=10_000,
        )
    )
    assert ErrorCode.of(response.topics[0].error_code) is ErrorCode.NONE, response.topics[0].error_message


async def leader_of(nodes, topic):
    """The node that leads the topic's only partition, once it does."""
    while True:
        for node in nodes:
            for key, partition in node.broker.replicas.partitions.items():
                if key.topic == topic and partition.leader is not None:
                    return node, partition
        await asyncio.sleep(0.02)


async def produce(connection, topic, *pairs):
    batch = build_batch([Record(offset, 1_000, key, value, []) for offset, (key, value) in enumerate(pairs)])
    response = await connection.request(
        ProduceRequest(
            acks=-1,
            timeout_ms=10_000,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=topic, partition_data=[ProduceRequest.PartitionProduceData(index=0, records=batch)]
                )
            ],
        ),
        version=9,
    )
    return ErrorCode.of(response.responses[0].partition_responses[0].error_code)


async def read(connection, topic):
    """(offset, key, value) of every record."""
    found, offset = [], 0
    while True:
        response = await connection.request(
            FetchRequest(
                max_wait_ms=0,
                min_bytes=0,
                max_bytes=1 << 20,
                topics=[
                    FetchRequest.FetchTopic(
                        topic=topic,
                        partitions=[
                            FetchRequest.FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
                        ],
                    )
                ],
            ),
            version=12,
        )
        data = response.responses[0].partitions[0].records
        if not data:
            return found
        for position, header in iterate_batches(data):
            found += [(record.offset, record.key, record.value) for record in decode_records(data, position)]
            offset = header.next_offset


@pytest.mark.parametrize("how", ["voters", "bootstrap servers"])
def test_one_controller_and_two_brokers_are_a_cluster(tmp_path, how):
    """KIP-500, KIP-853: brokers find the quorum by its voters, or by addresses alone."""

    async def scenario():
        controller = await make_node(tmp_path, 1, controller_properties())
        controller.voters = {1: controller.controller_endpoint}
        async with stopping(controller):
            await controller.start()
            brokers = [
                await make_node(tmp_path, node_id, broker_properties(controller.controller_endpoint, how))
                for node_id in (2, 3)
            ]
            async with stopping(*brokers):
                await asyncio.gather(*(broker.start() for broker in brokers))
                connection = await connect(brokers[0])
                await create_topic(connection, "orders", replicas=2)
                leader, partition = await leader_of(brokers, "orders")
                connection = await connect(leader)
                assert await produce(connection, "orders", (b"a", b"1")) is ErrorCode.NONE
                assert await read(connection, "orders") == [(0, b"a", b"1")]
                assert partition.log.high_watermark == 1
                described = await connection.request(MetadataRequest(topics=None))
                assert sorted(broker.node_id for broker in described.brokers) == [2, 3]

    run(scenario())


def test_the_metadata_log_may_have_a_directory_of_its_own(tmp_path):
    async def scenario():
        metadata = tmp_path / "metadata"
        properties = {**controller_properties(), "metadata.log.dir": str(metadata)}
        node = await make_node(tmp_path, 1, properties)
        node.voters = {1: node.controller_endpoint}
        async with stopping(node):
            await node.start()
            assert (metadata / "__cluster_metadata-0").is_dir()
            assert not (tmp_path / "node-1" / "__cluster_metadata-0").exists()
            elsewhere = str(tmp_path / "elsewhere")
            await format_directory(SystemDisk(), elsewhere, MetaProperties("cluster-of-roles", 1, b"e" * 16))
            with pytest.raises(ConfigError, match="in use"):
                await make_node(tmp_path, 1, {**properties, "log.dirs": elsewhere})

    run(scenario())


@contextlib.asynccontextmanager
async def combined(tmp_path, **properties):
    node = await make_node(
        tmp_path,
        1,
        {
            "process.roles": "broker,controller",
            "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
            "controller.quorum.voters": "1@127.0.0.1:0",
            **properties,
        },
    )
    node.voters = {1: node.controller_endpoint}
    async with stopping(node):
        await node.start()
        yield node


def test_a_node_compacts_its_topics_and_restarts_with_what_is_left(tmp_path):
    async def scenario():
        settings = {"log.cleaner.backoff.ms": "100"}
        async with combined(tmp_path, **settings) as node:
            connection = await connect(node)
            await create_topic(
                connection,
                "accounts",
                **{"cleanup.policy": "compact", "internal.segment.bytes": "400", "min.cleanable.dirty.ratio": "0.1"},
            )
            await leader_of([node], "accounts")
            for number in range(40):
                key = b"k%d" % (number % 3)
                assert await produce(connection, "accounts", (key, b"%d" % number)) is ErrorCode.NONE

            async def is_compacted():
                return len(await read(connection, "accounts")) <= 10

            await until(is_compacted)
            before = await read(connection, "accounts")
            assert {key: value for _, key, value in before} == {b"k0": b"39", b"k1": b"37", b"k2": b"38"}
            assert "accounts 0 " in (tmp_path / "node-1" / "cleaner-offset-checkpoint").read_text()
        async with combined(tmp_path, **{"log.cleaner.enable": "false"}) as node:
            await leader_of([node], "accounts")
            after = await read(await connect(node), "accounts")
            assert set(after) <= set(before)
            assert {key: value for _, key, value in after} == {key: value for _, key, value in before}

    run(scenario())


def test_compaction_of_the_offsets_topic_loses_no_offset(tmp_path):
    """Committed offsets are what they were, before and after the coordinator reads them anew."""

    async def commit(connection, group, offset):
        response = await connection.request(
            OffsetCommitRequest(
                group_id=group,
                topics=[
                    OffsetCommitRequest.OffsetCommitRequestTopic(
                        name="accounts",
                        partitions=[
                            OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
                        ],
                    )
                ],
            ),
            version=8,
        )
        return ErrorCode.of(response.topics[0].partitions[0].error_code) is ErrorCode.NONE

    async def committed(connection, group):
        response = await connection.request(
            OffsetFetchRequest(
                groups=[
                    OffsetFetchRequest.OffsetFetchRequestGroup(
                        group_id=group,
                        topics=[OffsetFetchRequest.OffsetFetchRequestTopics(name="accounts", partition_indexes=[0])],
                    )
                ]
            ),
            version=8,
        )
        return response.groups[0].topics[0].partitions[0].committed_offset

    async def coordinator(connection, group):
        while True:
            response = await connection.request(FindCoordinatorRequest(key_type=0, coordinator_keys=[group]), version=4)
            if ErrorCode.of(response.coordinators[0].error_code) is ErrorCode.NONE:
                return
            await asyncio.sleep(0.05)

    async def scenario():
        settings = {"log.cleaner.backoff.ms": "100", "offsets.topic.segment.bytes": "1048576"}
        groups = {f"group-{number}": 0 for number in range(4)}
        async with combined(tmp_path, **settings) as node:
            connection = await connect(node)
            await create_topic(connection, "accounts")
            await coordinator(connection, "group-0")
            for number in range(60):
                group = f"group-{number % 4}"
                await until(functools.partial(commit, connection, group, number))
                groups[group] = number
            _, partition = await leader_of([node], "__consumer_offsets")
            partition.log.roll(0)
            await until(functools.partial(commit, connection, "group-0", 1_000))
            groups["group-0"] = 1_000
            size = partition.log.size

            async def is_compacted():
                return partition.log.size < size / 2

            await until(is_compacted)
            assert {group: await committed(connection, group) for group in groups} == groups
        async with combined(tmp_path, **settings) as node:
            connection = await connect(node)
            await coordinator(connection, "group-0")
            found = {}
            while -1 in found.values() or not found:
                found = {group: await committed(connection, group) for group in groups}
                await asyncio.sleep(0.05)
            assert found == groups

    run(scenario())


def test_connections_are_counted_per_address_with_exceptions(tmp_path):
    async def scenario():
        limits = {"max.connections.per.ip": "100", "max.connections.per.ip.overrides": "localhost:2,10.1.2.3:7"}
        async with combined(tmp_path, **limits) as node:
            server = node.servers["PLAINTEXT"]
            assert server.limits.connections_per_ip_overrides["127.0.0.1"] == 2
            assert server.limits.of_address("10.1.2.3") == (7, "max.connections.per.ip.overrides")
            assert server.limits.of_address("10.1.2.4") == (100, "max.connections.per.ip")

    run(scenario())


def test_connection_bounds_and_producer_expiration_change_while_the_node_runs(tmp_path):
    """KIP-226, KIP-402, KIP-854: what is said to be dynamic is read again."""
    changes = {
        "max.connections": "40",
        "max.connections.per.ip": "30",
        "max.connections.per.ip.overrides": "10.1.2.3:7",
        "producer.id.expiration.ms": "1234",
    }

    async def alter(connection, operation):
        config = IncrementalAlterConfigsRequest.AlterableConfig
        configs = [config(name=name, config_operation=operation, value=value) for name, value in changes.items()]
        resource = IncrementalAlterConfigsRequest.AlterConfigsResource(
            resource_type=4, resource_name="1", configs=configs
        )
        response = await connection.request(IncrementalAlterConfigsRequest(resources=[resource]))
        assert response.responses[0].error_code == 0, response.responses[0].error_message

    async def scenario():
        async with combined(tmp_path) as node:
            connection = await connect(node)
            await create_topic(connection, "orders")
            server = node.servers["PLAINTEXT"]
            before = server.limits.of_address("10.1.2.3")
            log = node.logs.logs[TopicPartition("orders", 0)]
            expiration_before = log.producers.expiration_ms

            async def bounds_are(connections_max, of_address, expiration_ms):
                limits = server.limits
                found = limits.connections_max, limits.of_address("10.1.2.3"), log.producers.expiration_ms
                return found == (connections_max, of_address, expiration_ms)

            connections_before = server.limits.connections_max
            await alter(connection, 0)
            await until(lambda: bounds_are(40, (7, "max.connections.per.ip.overrides"), 1234))
            assert server.limits.of_address("10.1.2.4") == (30, "max.connections.per.ip")
            await alter(connection, 1)
            await until(lambda: bounds_are(connections_before, before, expiration_before))

    run(scenario())


def test_a_name_among_the_exceptions_that_nobody_knows_is_an_error(tmp_path):
    async def scenario():
        with pytest.raises(ConfigError, match=r"no-such-host\.invalid cannot be resolved"):
            async with combined(tmp_path, **{"max.connections.per.ip.overrides": "no-such-host.invalid:2"}):
                pass

    run(scenario())
