"""What can be wrong with a node's surroundings, what it says then, and that nothing is lost over it.

Real sockets and a real disk (with faults laid over it): these are the seams' real halves.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct

import pytest

from engine.cluster import Cluster
from engine.config import BrokerConfig
from engine.errors import ConfigError
from engine.log import MetaProperties, format_directory
from engine.net.client import ClientConnection, ConnectionLost
from engine.node import Node
from engine.processes import new_event_loop
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    FetchRequest,
    ListOffsetsRequest,
    MetadataRequest,
    ProduceRequest,
)
from engine.protocol.records.record import Record, build_batch
from engine.runtime import Runtime, StorageError
from tests.unit.engine.failing_disk import FailingDisk, full, read_only, runtime_on

FAST = {"broker.heartbeat.interval.ms": "100", "broker.session.timeout.ms": "1000"}


def run(coroutine):
    """Every test has its own loop, and half a minute."""

    async def bounded():
        async with asyncio.timeout(30):
            await coroutine

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(bounded())


@contextlib.asynccontextmanager
async def one_node(data_dir=None, **options):
    properties = {**FAST, **options.pop("properties", {})}
    async with Cluster(1, data_dir=data_dir, properties=properties, **options) as cluster:
        yield cluster


async def connect(cluster, node_id=1):
    host, port = cluster.nodes[node_id].bootstrap_server.split(":")
    return await ClientConnection.open(host, int(port))


async def produce(connection, topic, *values, partition=0):
    """The error code of an acks=all produce of one batch."""
    records = build_batch([Record(offset, 1, None, value, []) for offset, value in enumerate(values)])
    request = ProduceRequest(
        acks=-1,
        timeout_ms=10_000,
        topic_data=[
            ProduceRequest.TopicProduceData(
                name=topic,
                partition_data=[ProduceRequest.PartitionProduceData(index=partition, records=records)],
            )
        ],
    )
    response = await connection.request(request, version=12)
    return ErrorCode.of(response.responses[0].partition_responses[0].error_code)


async def fetch(connection, topic, offset=0, partition=0):
    """(error code, the bytes of the batches) of what a consumer gets at once."""
    request = FetchRequest(
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=1 << 20,
        topics=[
            FetchRequest.FetchTopic(
                topic=topic,
                partitions=[
                    FetchRequest.FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20)
                ],
            )
        ],
    )
    response = await connection.request(request, version=12)
    row = response.responses[0].partitions[0]
    return ErrorCode.of(row.error_code), bytes(row.records or b"")


async def end_offset(connection, topic, partition=0):
    request = ListOffsetsRequest(
        replica_id=-1,
        topics=[
            ListOffsetsRequest.ListOffsetsTopic(
                name=topic,
                partitions=[ListOffsetsRequest.ListOffsetsPartition(partition_index=partition, timestamp=-1)],
            )
        ],
    )
    return (await connection.request(request)).topics[0].partitions[0].offset


# Before it runs: somebody else has what the node needs


def test_a_port_in_use_is_named_and_what_was_written_stays(tmp_path):
    async def scenario():
        async with one_node(str(tmp_path)) as cluster:
            await cluster.create_topic("kept")
            assert await produce(await connect(cluster), "kept", b"a") is ErrorCode.NONE
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be taken: .*in use"):
                await Cluster(1, data_dir=str(tmp_path), port=port, properties=FAST).start()
        async with one_node(str(tmp_path), port=port) as cluster:
            assert await end_offset(await connect(cluster), "kept") == 1

    run(scenario())


def test_a_data_directory_in_use_is_named_and_its_owner_does_not_notice(tmp_path):
    async def scenario():
        async with one_node(str(tmp_path)) as cluster:
            await cluster.create_topic("kept")
            with pytest.raises(ConfigError, match=rf"{tmp_path}/node-1 is in use by another node.*stop it or use"):
                await Cluster(1, data_dir=str(tmp_path), properties=FAST).start()
            assert await produce(await connect(cluster), "kept", b"a") is ErrorCode.NONE

    run(scenario())


# Before it runs: the directory is not the node's


def node_on(directory, node_id=1):
    return Node(BrokerConfig.combined(node_id, {"log.dirs": str(directory)}), Runtime.real())


def bind(directory, node_id=1):
    run(node_on(directory, node_id).bind())


def write_identity(directory, cluster_id="c" * 22, node_id=1):
    async def write():
        runtime = Runtime.real()
        await format_directory(
            runtime.disk, str(directory), MetaProperties(cluster_id, node_id, runtime.randomness.uuid())
        )

    asyncio.run(write())


def test_a_directory_that_was_not_formatted_says_how_to(tmp_path):
    with pytest.raises(ConfigError, match=rf"{tmp_path}: not formatted. Run `stoker format`"):
        bind(tmp_path)
    assert not os.listdir(tmp_path)


def test_a_directory_of_another_node_is_refused_untouched(tmp_path):
    write_identity(tmp_path, node_id=7)
    before = (tmp_path / "meta.properties").read_bytes()
    with pytest.raises(ConfigError, match=r"belongs to node 7, but this is node\.id=1; use another log\.dirs"):
        bind(tmp_path)
    assert (tmp_path / "meta.properties").read_bytes() == before


def test_a_directory_of_another_cluster_is_refused_before_anything_starts(tmp_path):
    write_identity(tmp_path / "node-1", "a" * 22, 1)
    write_identity(tmp_path / "node-2", "b" * 22, 2)
    with pytest.raises(ConfigError, match=rf"node-2 belongs to cluster {'b' * 22}, the other nodes to {'a' * 22}"):
        run(Cluster(2, data_dir=str(tmp_path)).start())


def test_two_directories_of_different_clusters_are_refused_by_the_node(tmp_path):
    write_identity(tmp_path / "a", "a" * 22)
    write_identity(tmp_path / "b", "b" * 22)
    node = Node(BrokerConfig.combined(1, {"log.dirs": f"{tmp_path}/a,{tmp_path}/b"}), Runtime.real())
    with pytest.raises(ConfigError, match=rf"/b belongs to cluster {'b' * 22}, but this node is of cluster {'a' * 22}"):
        run(node.bind())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "version is missing"),
        (b"\x00\xff\x17garbage", "version is missing"),
        (b"version=1\nnode.id=1\n", "cluster.id is missing"),
        (b"version=1\nnode.id=one\ncluster.id=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n", "one"),
        (b"version=2\nnode.id=1\ncluster.id=x\n", "version is 2, only 1 is supported"),
    ],
    ids=["empty", "garbage", "cut short", "no number", "too new"],
)
def test_a_damaged_meta_properties_is_named_with_what_is_wrong_and_left_as_it_is(tmp_path, content, complaint):
    path = tmp_path / "meta.properties"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as refusal:
        bind(tmp_path)
    assert str(path) in str(refusal.value)
    assert path.read_bytes() == content


def test_an_unknown_property_is_named_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match=r"unknown property 'log\.retention\.hour'.*log\.retention\.hours"):
        run(Cluster(1, properties={"log.retention.hour": "1"}).start())


# What a crash or a failing disk left behind


def test_a_damaged_segment_is_cut_at_the_damage_and_the_log_says_so(tmp_path, caplog):
    async def scenario():
        async with one_node(str(tmp_path)) as cluster:
            await cluster.create_topic("cut")
            connection = await connect(cluster)
            for value in (b"first", b"second", b"third"):
                assert await produce(connection, "cut", value) is ErrorCode.NONE
            cluster.kill_node(1)
            segment = tmp_path / "node-1" / "cut-0" / f"{0:020}.log"
            data = bytearray(segment.read_bytes())
            data[data.index(b"third")] ^= 1
            segment.write_bytes(data)
            with caplog.at_level(logging.WARNING):
                await cluster.start_node(1)
            connection = await connect(cluster)
            code, records = await fetch(connection, "cut")
            assert code is ErrorCode.NONE
            assert b"first" in records
            assert b"second" in records
            assert await end_offset(connection, "cut") == 2

    run(scenario())
    assert any("cut-0" in each.getMessage() and "cut at offset 2" in each.getMessage() for each in caplog.records)


def test_what_a_damaged_follower_has_to_cut_it_gets_back_from_its_leader(tmp_path):
    async def scenario():
        async with Cluster(3, data_dir=str(tmp_path), properties=FAST) as cluster:
            await cluster.create_topic("healed")
            image = cluster.nodes[1].broker.metadata.image
            leader = image.topic("healed").partitions[0].leader
            victim = next(node_id for node_id in cluster.node_ids if node_id != leader)
            connection = await connect(cluster, leader)
            for value in (b"first", b"second", b"third"):
                assert await produce(connection, "healed", value) is ErrorCode.NONE
            cluster.kill_node(victim)
            segment = f"healed-0/{0:020}.log"
            path = tmp_path / f"node-{victim}" / segment
            data = bytearray(path.read_bytes())
            data[data.index(b"second")] ^= 1
            path.write_bytes(data)
            await cluster.start_node(victim)
            broker = cluster.nodes[victim].broker
            while len(broker.metadata.image.topic("healed").partitions[0].isr) < 3:
                await broker.metadata.reached(broker.metadata.image.offset + 1)
            assert path.read_bytes() == (tmp_path / f"node-{leader}" / segment).read_bytes()

    run(scenario())


# A disk that will not


def two_directories(tmp_path):
    """Properties of a node with its metadata and one log directory here and a second one there, both formatted."""
    write_identity(tmp_path / "node-1")
    write_identity(tmp_path / "second")
    directories = {"log.dirs": f"{tmp_path}/node-1,{tmp_path}/second", "metadata.log.dir": f"{tmp_path}/node-1"}
    return {1: directories}


def test_a_full_disk_takes_its_directory_offline_and_the_others_go_on(tmp_path):
    """KAFKA_STORAGE_ERROR for every partition there, for reads too (KIP-112; Kafka: ReplicaManager.handleLogDirFailure)."""

    async def scenario():
        disk = FailingDisk()
        async with one_node(str(tmp_path), node_properties=properties, runtimes={1: runtime_on(disk)}) as cluster:
            await cluster.create_topic("spread", partitions=4)
            connection = await connect(cluster)
            there = {index for index in range(4) if (tmp_path / "second" / f"spread-{index}").exists()}
            assert 0 < len(there) < 4, "both directories have partitions"
            for index in range(4):
                assert await produce(connection, "spread", b"before", partition=index) is ErrorCode.NONE
            full(disk, f"{tmp_path}/second")
            victim = min(there)
            assert await produce(connection, "spread", b"too much", partition=victim) is ErrorCode.KAFKA_STORAGE_ERROR
            for index in range(4):
                expected = ErrorCode.KAFKA_STORAGE_ERROR if index in there else ErrorCode.NONE
                code, records = await fetch(connection, "spread", partition=index)
                # A broker that knows already that nobody leads them says so.
                assert code is expected or (index in there and code is ErrorCode.NOT_LEADER_OR_FOLLOWER)
                assert (b"before" in records) == (index not in there)
                if index not in there:
                    assert await produce(connection, "spread", b"after", partition=index) is ErrorCode.NONE
            assert cluster.nodes[1].failed is None
            cluster.kill_node(1)
            cluster._runtimes[1] = Runtime.real()  # somebody made room
            await cluster.start_node(1)
            connection = await connect(cluster)
            for index in range(4):
                assert b"before" in (await fetch(connection, "spread", partition=index))[1]

    properties = two_directories(tmp_path)
    run(scenario())


def test_a_node_whose_only_disk_is_full_stops_and_the_others_take_over(tmp_path):
    async def scenario():
        disk = FailingDisk()
        runtimes = {1: runtime_on(disk)}
        async with Cluster(3, data_dir=str(tmp_path), properties=FAST, runtimes=runtimes) as cluster:
            await cluster.create_topic("led", partitions=3)
            image = cluster.nodes[2].broker.metadata.image
            index = next(i for i, each in image.topic("led").partitions.items() if each.leader == 1)
            connection = await connect(cluster, 1)
            assert await produce(connection, "led", b"before", partition=index) is ErrorCode.NONE
            full(disk, f"{tmp_path}/node-1")
            with contextlib.suppress(ConnectionLost):
                code = await produce(connection, "led", b"too much", partition=index)
                assert code in (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_LEADER_OR_FOLLOWER)
            broker = cluster.nodes[2].broker
            while broker.metadata.image.topic("led").partitions[index].leader in (1, -1):
                await broker.metadata.reached(broker.metadata.image.offset + 1)
            assert isinstance(cluster.nodes[1].failed, StorageError)
            assert "No space left" in str(cluster.nodes[1].failed)
            leader = broker.metadata.image.topic("led").partitions[index].leader
            connection = await connect(cluster, leader)
            assert await produce(connection, "led", b"after", partition=index) is ErrorCode.NONE
            records = (await fetch(connection, "led", partition=index))[1]
            assert b"before" in records
            assert b"after" in records
            cluster.kill_node(1)

    run(scenario())


def test_a_read_only_directory_is_said_to_be_one(tmp_path):
    write_identity(tmp_path)
    disk = FailingDisk()
    read_only(disk, str(tmp_path))
    node = Node(BrokerConfig.combined(1, {"log.dirs": str(tmp_path)}), runtime_on(disk))
    with pytest.raises((ConfigError, StorageError), match=rf"{tmp_path}.*Read-only file system"):
        run(node.bind())


# Strangers on the port


async def talk(cluster, data):
    """What comes back for raw bytes before the connection closes."""
    host, port = cluster.nodes[1].bootstrap_server.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\x00\x00\x00\x08" + b"\xff" * 8,
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        struct.pack(">i", 100 * 1024 * 1024 + 1),
        struct.pack(">ihhih", 4 + 10, 3, 12, 1, -2) + b"\x00" * 4,
    ],
    ids=["HTTP", "TLS", "no such API", "empty frame", "negative size", "frame too large", "bad client id"],
)
def test_garbage_closes_its_connection_and_disturbs_nobody(data, caplog):
    async def scenario():
        async with one_node() as cluster:
            await cluster.create_topic("calm")
            neighbour = await connect(cluster)
            async with asyncio.timeout(5):
                assert await talk(cluster, data) == b""
            assert await produce(neighbour, "calm", b"a") is ErrorCode.NONE

    run(scenario())
    assert any(each.name == "engine.net.server" and "127.0.0.1" in each.getMessage() for each in caplog.records)


def test_a_frame_larger_than_socket_request_max_bytes_closes_the_connection():
    async def scenario():
        async with one_node(properties={"socket.request.max.bytes": "10000"}) as cluster:
            await cluster.create_topic("small")
            connection = await connect(cluster)
            assert await produce(connection, "small", bytes(5_000)) is ErrorCode.NONE
            with pytest.raises(ConnectionLost):
                await produce(connection, "small", bytes(20_000))
            connection = await connect(cluster)
            assert await end_offset(connection, "small") == 1

    run(scenario())


def test_a_client_of_the_future_is_told_what_is_understood():
    """An unknown version of ApiVersions is answered in version 0 with error 35 and the ranges (KIP-511)."""

    async def scenario():
        async with one_node() as cluster:
            host, port = cluster.nodes[1].bootstrap_server.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(struct.pack(">ihhih", 12, 18, 99, 17, 0) + b"\x00\x00")
            size = struct.unpack(">i", await reader.readexactly(4))[0]
            frame = await reader.readexactly(size)
            assert struct.unpack(">i", frame[:4]) == (17,)
            answer = ApiVersionsResponse.decode(frame[4:], 0)
            assert answer.error_code == ErrorCode.UNSUPPORTED_VERSION
            ranges = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
            assert ranges[ApiVersionsRequest.API_KEY] == (0, 4)
            writer.close()

    run(scenario())


@pytest.mark.parametrize("version", [2, 99], ids=["of the past", "of the future"])
def test_any_other_request_of_an_unsupported_version_closes_the_connection(version, caplog):
    """Kafka: RequestContext.parseRequest throws, SocketServer closes."""

    async def scenario():
        async with one_node() as cluster:
            frame = struct.pack(">hhih", ProduceRequest.API_KEY, version, 1, -1) + bytes(20)
            assert await talk(cluster, struct.pack(">i", len(frame)) + frame) == b""
            connection = await connect(cluster)
            await connection.request(MetadataRequest(topics=[]))

    run(scenario())
    assert any(str(version) in each.getMessage() for each in caplog.records if each.name == "engine.net.server")


@pytest.mark.parametrize("steps", range(5))
def test_a_connection_that_comes_in_while_a_node_is_killed_finds_nobody(steps):
    """Or what is left of the node would go on telling its client of a cluster that has moved on."""

    async def scenario():
        async with one_node() as cluster:
            host, port = cluster.nodes[1].bootstrap_server.split(":")
            with socket.create_connection((host, int(port))) as client:
                for _ in range(steps):
                    await asyncio.sleep(0)
                cluster.kill_node(1)
                client.setblocking(False)
                loop = asyncio.get_running_loop()
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(client, struct.pack(">ihhih", 12, 18, 0, 1, 2) + b"me")
                    async with asyncio.timeout(5):
                        assert await loop.sock_recv(client, 1000) == b""

    run(scenario())
