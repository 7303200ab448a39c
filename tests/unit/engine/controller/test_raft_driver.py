"""The quorum with real files and sockets: what is appended is committed everywhere, survives restarts, and moves with
the leader. The rules themselves are tested in tests/unit/engine/raft."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from engine.controller.raft_driver import RaftDriver
from engine.controller.raft_log import RaftLogSettings
from engine.controller.raft_settings import RaftSettings
from engine.errors import KafkaError
from engine.net.client import ClientConnection
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeQuorumRequest, FetchRequest, VoteRequest
from engine.raft.quorum_state_file import CorruptQuorumState
from engine.raft.types import METADATA_TOPIC_ID
from engine.runtime import Runtime
from engine.types import OffsetAndEpoch
from tests.unit.engine.controller.raft_nodes import RaftNodes, Recorder, raft_nodes, record, until

SMALL_LOG = RaftSettings(log=RaftLogSettings(segment_bytes=4_096, retention_bytes=1, file_delete_delay_ms=0))


def run(coroutine: object) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(40):
            await coroutine  # type: ignore[misc]

    asyncio.run(bounded())


def test_a_single_voter_leads_at_once_and_commits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            assert await nodes.write("a", "b") == 2  # 0 is the LeaderChange record
            assert nodes[1].recorder.values == ["a", "b"]
            assert nodes[1].raft.high_watermark == 3
            assert nodes[1].raft.log_end_offset == 3

    run(scenario())


def test_voters_and_observers_are_told_the_same_in_the_same_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3, 2) as nodes:
            values = [str(number) for number in range(30)]
            for value in values:
                await nodes.write(value)
            await nodes.until_all_have(values)
            leader = await nodes.leader()
            for node in nodes:
                await node.raft.until_leader_known()
                assert node.raft.leader == (leader.node_id, leader.raft.leader.epoch)
                assert node.recorder.records == leader.recorder.records

    run(scenario())


def test_what_is_appended_in_one_turn_of_the_loop_shares_a_batch(tmp_path: Path) -> None:
    """Kafka: BatchAccumulator."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            leader = await nodes.leader()
            offsets = [
                leader.raft.append([record("a"), record("b")], epoch=1),
                leader.raft.append([record("c")], epoch=1),
            ]
            assert offsets == [2, 3]
            assert leader.raft.log_end_offset == 4
            await leader.raft.committed(3)
            batch = leader.recorder.batches[-1]
            assert (batch.base_offset, batch.last_offset, batch.epoch, len(batch.records)) == (1, 3, 1, 3)

    run(scenario())


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.write("a")
            await nodes[1].stop()
            await nodes.restart(1)
            await nodes.write("b")
            assert nodes[1].recorder.values == ["a", "b"]
            assert nodes[1].raft.leader == (1, 2)
            nodes[1].kill()
            await nodes.restart(1)
            await nodes.write("c")
            assert nodes[1].recorder.values == ["a", "b", "c"]

    run(scenario())


def test_a_leader_that_stops_is_replaced_and_catches_up_when_it_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3, 1) as nodes:
            await nodes.write("a")
            await nodes.until_all_have(["a"])
            first = await nodes.leader()
            started = asyncio.get_running_loop().time()
            await first.stop()
            second = await nodes.leader()
            assert second is not first
            assert asyncio.get_running_loop().time() - started < 2.0, "successors do not wait for timeouts"
            await nodes.write("b")
            await nodes.restart(first.node_id)
            await nodes.until_all_have(["a", "b"])

    run(scenario())


def test_a_leader_that_is_killed_takes_no_committed_record_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3) as nodes:
            written: list[str] = []
            for round_ in range(3):
                for number in range(5):
                    written.append(f"{round_}-{number}")
                    await nodes.write(written[-1])
                leader = await nodes.leader()
                leader.kill()
                await nodes.leader()
                await nodes.restart(leader.node_id)
            await nodes.until_all_have(written)

    run(scenario())


def test_who_waits_for_a_commit_is_told_when_leadership_is_lost(tmp_path: Path) -> None:
    """NOT_CONTROLLER: nobody knows yet whether it will be committed."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3) as nodes:
            leader = await nodes.leader()
            for node in nodes:
                if node is not leader:
                    node.kill()
            offset = leader.raft.append([record("lost")], epoch=leader.raft.leader.epoch)
            waiting = asyncio.ensure_future(leader.raft.committed(offset))
            await asyncio.sleep(0)
            leader.raft.resign(leader.raft.leader.epoch)
            with pytest.raises(KafkaError) as caught:
                await waiting
            assert caught.value.code is ErrorCode.NOT_CONTROLLER
            with pytest.raises(KafkaError) as caught:
                leader.raft.append([record("x")], epoch=1)
            assert caught.value.code is ErrorCode.NOT_CONTROLLER

    run(scenario())


def test_uncommitted_records_of_a_dead_leader_give_way_to_the_new_leaders(tmp_path: Path) -> None:
    """KIP-595: truncation by epoch."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3) as nodes:
            await nodes.write("a")
            await nodes.until_all_have(["a"])
            leader = await nodes.leader()
            others = [node for node in nodes if node is not leader]
            for node in others:
                node.kill()
            offset = leader.raft.append([record("never committed")], epoch=leader.raft.leader.epoch)
            await until(lambda: leader.raft._log is not None and leader.raft._log.end_offset > offset)
            leader.kill()
            for node in others:
                await nodes.restart(node.node_id)
            await nodes.write("b")
            await nodes.restart(leader.node_id)
            await nodes.until_all_have(["a", "b"])

    run(scenario())


async def write_snapshot(nodes: RaftNodes, node_id: int, values: list[str]) -> None:
    node = nodes[node_id]
    last = node.recorder.batches[-1]
    node.raft.write_snapshot(
        OffsetAndEpoch(last.last_offset, last.epoch), [record(value) for value in values], last.append_timestamp_ms
    )
    log = node.raft._log
    assert log is not None
    await until(lambda: log.latest_snapshot_id == (last.last_offset + 1, last.epoch))


def test_a_snapshot_replaces_the_log_before_it(tmp_path: Path) -> None:
    """KIP-630: the log before the oldest snapshot goes; a restart begins with the snapshot."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1, settings=SMALL_LOG) as nodes:
            values: list[str] = []
            for round_ in range(2):
                for number in range(50):
                    values.append(f"{round_}-{number}")
                    await nodes.write(values[-1])
                await write_snapshot(nodes, 1, values)
            assert nodes[1].raft.log_start_offset == 101
            directory = tmp_path / "node-1" / "__cluster_metadata-0"
            assert [path.name for path in directory.glob("*.checkpoint")] == [
                "00000000000000000101-0000000001.checkpoint"
            ]
            assert not (directory / "00000000000000000000.log").exists()
            await nodes[1].stop()
            await nodes.restart(1)
            await nodes.write("after")
            assert nodes[1].recorder.snapshots == [(101, 1)]
            assert nodes[1].recorder.values == [*values, "after"]

    run(scenario())


def test_who_is_too_far_behind_downloads_the_snapshot(tmp_path: Path) -> None:
    """KIP-630: FetchSnapshot, in pieces."""

    async def scenario() -> None:
        settings = RaftSettings(fetch_bytes_max=1_000, log=SMALL_LOG.log)
        async with raft_nodes(tmp_path, 3, 1, settings=settings) as nodes:
            leader = await nodes.leader()
            late = [node for node in nodes if node is not leader][1:]
            for node in late:
                node.kill()
            values: list[str] = []
            for round_ in range(2):
                for number in range(60):
                    values.append(f"{round_}-{number}")
                    await nodes.write(values[-1])
                await write_snapshot(nodes, leader.node_id, values)
            assert leader.raft.log_start_offset > 60
            for node in late:
                await nodes.restart(node.node_id)
            await nodes.write("after")
            await nodes.until_all_have([*values, "after"])
            for node in late:
                assert node.recorder.snapshots == [(leader.raft.log_start_offset, 1)]
                assert node.raft.log_start_offset == leader.raft.log_start_offset

    run(scenario())


def test_an_observer_finds_the_quorum_through_a_bootstrap_server(tmp_path: Path) -> None:
    """controller.quorum.bootstrap.servers: it knows an address, not who the voters are."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3) as nodes:
            await nodes.write("a")
            leader = await nodes.leader()
            follower = next(node for node in nodes if node is not leader)
            recorder = Recorder()
            observer = RaftDriver(
                Runtime.real(),
                node_id=9,
                voters={},
                is_voter=False,
                log_directory=str(tmp_path / "node-9"),
                bootstrap_servers=[follower.endpoint],
                listener=recorder,
            )
            await observer.start()
            try:
                await until(lambda: recorder.values == ["a"])
                assert observer.leader.leader_id == leader.node_id
                assert observer.controller_endpoint(leader.node_id) == leader.endpoint._replace(listener="")
                leader.kill()
                await nodes.write("b")
                await until(lambda: recorder.values == ["a", "b"])
            finally:
                await observer.stop()

    run(scenario())


def test_a_listener_that_comes_later_is_told_everything(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.write("a", "b")
            late = Recorder()
            nodes[1].raft.register(late)
            await until(lambda: late.values == ["a", "b"] and late.leaders == [(1, 1)])

    run(scenario())


def test_a_leader_is_announced_to_itself_only_when_it_knows_everything_before(tmp_path: Path) -> None:
    """Kafka: ListenerContext.maybeFireLeaderChange."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.write(*[str(number) for number in range(100)])
            nodes[1].kill()
            node = await nodes.restart(1)
            seen: list[int] = []
            original = node.recorder.on_leader_change

            def on_leader_change(leader: object) -> None:
                if leader == (1, 2):
                    seen.append(len(node.recorder.records))
                original(leader)  # type: ignore[arg-type]

            node.recorder.on_leader_change = on_leader_change  # type: ignore[method-assign]
            await nodes.leader()
            assert seen == [100]

    run(scenario())


def test_quorum_state_is_kafkas_file(tmp_path: Path) -> None:
    """Kafka: FileQuorumStateStore, data_version 0."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.leader()
        text = (tmp_path / "node-1" / "__cluster_metadata-0" / "quorum-state").read_text()
        assert json.loads(text) == {
            "clusterId": "",
            "leaderId": 1,
            "leaderEpoch": 1,
            "votedId": 1,
            "appliedOffset": 0,
            "currentVoters": [{"voterId": 1}],
            "data_version": 0,
        }

    run(scenario())


def test_a_damaged_quorum_state_stops_the_start(tmp_path: Path) -> None:
    """A replica that forgot its vote may vote twice."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.leader()
            await nodes[1].stop()
            (tmp_path / "node-1" / "__cluster_metadata-0" / "quorum-state").write_text('{"leaderId":')
            with pytest.raises(CorruptQuorumState, match="quorum-state"):
                await nodes.restart(1)

    run(scenario())


def test_a_listener_that_fails_stops_the_replica(tmp_path: Path) -> None:
    """Its state would no longer be the log's; the node has to know (Kafka: FaultHandler)."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            node = await nodes.leader()

            def broken(batches: object) -> None:
                raise ValueError("cannot apply")

            node.recorder.on_committed = broken  # type: ignore[method-assign, assignment]
            with pytest.raises(KafkaError):
                await nodes.write("a")
            assert [str(failure) for failure in node.failures] == ["cannot apply"]
            with pytest.raises(KafkaError) as caught:
                await node.raft.handle(VoteRequest())
            assert caught.value.code is ErrorCode.BROKER_NOT_AVAILABLE

    run(scenario())


# --- over the wire


def describe_request() -> DescribeQuorumRequest:
    partition = DescribeQuorumRequest.PartitionData(partition_index=0)
    topic = DescribeQuorumRequest.TopicData(topic_name="__cluster_metadata", partitions=[partition])
    return DescribeQuorumRequest(topics=[topic])


def test_describe_quorum_in_every_version(tmp_path: Path) -> None:
    """KIP-595, KIP-836, KIP-853."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3, 1) as nodes:
            await nodes.write("a")
            await nodes.until_all_have(["a"])
            leader = await nodes.leader()
            connection = await ClientConnection.open(leader.endpoint.host, leader.endpoint.port)
            for version in (0, 1, 2):
                response = await connection.request(describe_request(), version=version)
                partition = response.topics[0].partitions[0]
                assert (partition.error_code, partition.leader_id) == (0, leader.node_id)
                assert [voter.replica_id for voter in partition.current_voters] == [1, 2, 3]
                assert [observer.replica_id for observer in partition.observers] == [4]
                assert len(response.nodes) == (3 if version == 2 else 0)
            connection.close()

    run(scenario())


@pytest.mark.parametrize("version", range(4, 19))
def test_fetch_of_the_metadata_log_in_every_version(tmp_path: Path, version: int) -> None:
    """v12 is the first that carries what the quorum needs; earlier ones are told so in their own version."""

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            await nodes.write("a")
            leader = await nodes.leader()
            connection = await ClientConnection.open(leader.endpoint.host, leader.endpoint.port)
            partition = FetchRequest.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
            topic = FetchRequest.FetchTopic(topic="__cluster_metadata", partitions=[partition])
            if version >= 12:
                partition.current_leader_epoch, partition.last_fetched_epoch = 1, 0
            if version >= 13:
                topic.topic, topic.topic_id = "", METADATA_TOPIC_ID
            response = await connection.request(FetchRequest(max_wait_ms=0, topics=[topic]), version=version)
            answered = response.responses[0].partitions[0]
            if version < 12:
                assert answered.error_code == ErrorCode.INVALID_REQUEST
            else:
                assert (answered.error_code, answered.high_watermark) == (0, 2)
                assert len(answered.records) > 0
            connection.close()

    run(scenario())


def test_requests_before_the_start_and_of_other_clusters_are_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with raft_nodes(tmp_path, 1) as nodes:
            leader = await nodes.leader()
            connection = await ClientConnection.open(leader.endpoint.host, leader.endpoint.port)
            for version in (0, 1, 2):
                response = await connection.request(VoteRequest(cluster_id="another"), version=version)
                assert response.error_code == ErrorCode.INCONSISTENT_CLUSTER_ID
            leader.raft.kill()
            response = await connection.request(VoteRequest())
            assert response.error_code == ErrorCode.BROKER_NOT_AVAILABLE
            connection.close()

    run(scenario())


def test_a_loop_that_is_held_up_for_longer_than_the_timeouts_does_not_cost_the_leader_its_place(tmp_path: Path) -> None:
    """What came in time is unread then, not missing. (Kafka's controllers read on threads of their own.)"""
    settings = RaftSettings(fetch_timeout_ms=1_000, election_timeout_ms=500, request_timeout_ms=1_000)

    async def scenario() -> None:
        async with raft_nodes(tmp_path, 3, settings=settings) as nodes:
            leader = await nodes.leader()
            await nodes.write("before")
            for _ in range(3):
                time.sleep(1.7)  # noqa: ASYNC251 - the loop of all three is held up
                await nodes.write("after")
            assert [node.raft.leader for node in nodes] == [leader.raft.leader] * 3
            assert leader.raft.leader == (leader.node_id, leader.recorder.leaders[-1].epoch)

    run(scenario())
