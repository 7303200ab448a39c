"""One quorum of our voters and a controller of Apache Kafka 4.3, and Kafka's own tools on our files."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.controller.raft_settings import RaftSettings
from engine.net.client import ClientConnection
from engine.protocol.messages import FeatureLevelRecord
from engine.raft.types import NO_LEADER
from engine.types import Endpoint, OffsetAndEpoch
from tests.java.classpath import kafka_classpath, run_java
from tests.unit.engine.controller.raft_nodes import CLUSTER_ID, RaftNode, raft_nodes, record, until
from tests.unit.engine.controller.test_raft_driver import describe_request

pytestmark = [pytest.mark.java, pytest.mark.timeout(240)]

KAFKA_ID = 3
PROPERTIES = """\
process.roles=controller
node.id={node_id}
controller.quorum.voters={voters}
listeners=CONTROLLER://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT
log.dirs={directory}/data
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def kafka_controller(properties: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += [
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        kafka_classpath(),
        "kafka.Kafka",
        str(properties),
    ]
    with open(properties.with_suffix(".log"), "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class MixedQuorum:
    """Voters 1 and 2 are ours, 3 is Apache Kafka's."""

    def __init__(self, directory: Path) -> None:
        self.voters = {node_id: Endpoint("CONTROLLER", "127.0.0.1", free_port()) for node_id in (1, 2, KAFKA_ID)}
        self.ours = {node_id: RaftNode(node_id, directory / f"node-{node_id}", RaftSettings()) for node_id in (1, 2)}
        self.properties = directory / "kafka.properties"
        self.properties.write_text(
            PROPERTIES.format(
                node_id=KAFKA_ID,
                voters=",".join(f"{node_id}@{at.host}:{at.port}" for node_id, at in self.voters.items()),
                port=self.voters[KAFKA_ID].port,
                directory=directory,
            )
        )

    async def start(self, node_id: int) -> None:
        await self.ours[node_id].bind(self.voters[node_id].port)
        await self.ours[node_id].start(self.voters)

    async def our_leader(self) -> RaftNode:
        def found() -> list[RaftNode]:
            return [node for node in self.ours.values() if node.raft.is_leader]

        await until(lambda: bool(found()), 20)
        return found()[0]

    async def write(self, value: str) -> int:
        leader = await self.our_leader()
        offset = leader.raft.append([record(value)], epoch=leader.raft.leader.epoch)
        await leader.raft.committed(offset)
        return offset

    async def until_kafka_leads(self) -> None:
        """None of ours runs when this starts. Who is elected is drawn by lot, so it may take more than one election."""
        ours = list(self.ours.values())
        for _ in range(10):
            await asyncio.sleep(3)  # now it waits for anybody's vote
            for node_id in self.ours:
                await self.start(node_id)
                await asyncio.sleep(0.5)
            await until(lambda: ours[0].raft.leader.leader_id == ours[1].raft.leader.leader_id != NO_LEADER, 60)
            if ours[0].raft.leader.leader_id == KAFKA_ID:
                return
            for node in ours:
                node.kill()
        raise AssertionError("in ten elections Apache Kafka's controller was never elected")

    async def until_kafka_has(self, offset: int) -> None:
        """By the word of our leader."""
        leader = await self.our_leader()

        def has() -> bool:
            voters = leader.raft.describe(describe_request()).topics[0].partitions[0].current_voters
            return any(voter.replica_id == KAFKA_ID and voter.log_end_offset > offset for voter in voters)

        await until(has, 60)


def test_our_voters_and_a_controller_of_apache_kafka_are_one_quorum(tmp_path: Path) -> None:
    """It follows ours, its word commits, it is elected, ours follow it, and its records become ours."""

    async def scenario() -> None:
        quorum = MixedQuorum(tmp_path)
        try:
            for node_id in quorum.ours:
                await quorum.start(node_id)
            leader = await quorum.our_leader()
            # Kafka's state machine wants to know how to read the rest.
            features = [FeatureLevelRecord(name="metadata.version", feature_level=30)]
            await leader.raft.committed(leader.raft.append(features, epoch=leader.raft.leader.epoch))
            offset = await quorum.write("before")
            with kafka_controller(quorum.properties) as kafka:
                await quorum.until_kafka_has(offset)
                other = next(node for node in quorum.ours.values() if node is not leader)
                await other.stop()
                await quorum.write("committed by Kafka's word")
                leader.kill()
                await quorum.until_kafka_leads()
                ours = list(quorum.ours.values())
                at = quorum.voters[KAFKA_ID]
                connection = await ClientConnection.open(at.host, at.port)
                described = await connection.request(describe_request())
                assert described.topics[0].partitions[0].leader_id == KAFKA_ID
                connection.close()
                await until(lambda: all(node.recorder.records for node in ours), 20)
                assert [node.recorder.values for node in ours] == [["before", "committed by Kafka's word"]] * 2
                kafka.kill()
                offset = await quorum.write("after")
            with kafka_controller(quorum.properties):
                await quorum.until_kafka_has(offset)
            assert not any(node.failures for node in quorum.ours.values())
        finally:
            for node in quorum.ours.values():
                node.kill()

    properties = MixedQuorum(tmp_path).properties
    run_java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))
    asyncio.run(scenario())


def test_kafka_dump_log_reads_our_metadata_log_and_snapshot(tmp_path: Path) -> None:
    """kafka-dump-log --cluster-metadata-decoder."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.write("a", "b")
            last = nodes[1].recorder.batches[-1]
            snapshot_id = OffsetAndEpoch(last.last_offset, last.epoch)
            nodes[1].raft.write_snapshot(snapshot_id, [record("a"), record("b")], last.append_timestamp_ms)
            await until(lambda: bool(list((tmp_path / "node-1").glob("*/*.checkpoint"))))
            await nodes[1].stop()

    asyncio.run(scenario())
    directory = tmp_path / "node-1" / "__cluster_metadata-0"
    files = f"{directory}/00000000000000000000.log,{directory}/00000000000000000003-0000000001.checkpoint"
    dumped = run_java(
        "org.apache.kafka.tools.DumpLogSegments", "--cluster-metadata-decoder", "--deep-iteration", "--files", files
    )
    assert '"leaderId":1' in dumped
    assert dumped.count('"type":"CONFIG_RECORD"') == 4
    assert "Snapshot end offset: 3, epoch: 1" in dumped
    assert "SnapshotHeader" in dumped
    assert "SnapshotFooter" in dumped
    assert "rror" not in dumped
