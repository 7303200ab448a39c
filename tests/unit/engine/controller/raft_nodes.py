"""Raft drivers with real files and sockets: what the driver's tests stand on."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from engine.controller.raft_driver import RaftDriver
from engine.controller.raft_settings import RaftSettings
from engine.handlers.api_18_api_versions import unsupported_version
from engine.handlers.registry import ListenerKind, handlers
from engine.metadata.image import MetadataImage
from engine.metadata.listener import CommittedBatch, SnapshotSource
from engine.net.dispatch import HandlerTable
from engine.net.server import Server
from engine.protocol.message import Message
from engine.protocol.messages import ConfigRecord, NoOpRecord
from engine.runtime import Runtime
from engine.types import Endpoint, LeaderAndEpoch, OffsetAndEpoch

CLUSTER_ID = "p8fFEbKGQ22B6M_Da_vCBw"


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[tuple[int, Message]] = []
        self.batches: list[CommittedBatch] = []
        self.snapshots: list[OffsetAndEpoch] = []
        self.leaders: list[LeaderAndEpoch] = []
        self.next_offset = 0

    def on_committed(self, batches: Sequence[CommittedBatch]) -> None:
        for batch in batches:
            assert batch.base_offset == self.next_offset, "a gap between committed batches"
            self.next_offset = batch.last_offset + 1
            self.batches.append(batch)
            self.records += [(batch.base_offset + index, record) for index, record in enumerate(batch.records)]

    def on_snapshot(self, snapshot: SnapshotSource) -> None:
        self.snapshots.append(snapshot.snapshot_id)
        self.next_offset = snapshot.snapshot_id.offset
        self.records = [(-1, record) for record in snapshot.records()]

    def on_leader_change(self, leader: LeaderAndEpoch) -> None:
        self.leaders.append(leader)

    @property
    def values(self) -> list[str | None]:
        """The values of the config records, in order."""
        return [record.value for _, record in self.records if isinstance(record, ConfigRecord)]


class RaftNode:
    """A driver, and, where it votes, the listener the others reach it at. Owner of its own server."""

    def __init__(self, node_id: int, directory: Path, settings: RaftSettings) -> None:
        self.node_id = node_id
        self.directory = directory
        self.settings = settings
        self.server: Server | None = None
        self.recorder = Recorder()
        self.image = MetadataImage()
        self.raft: RaftDriver
        self.failures: list[BaseException] = []

    async def bind(self, port: int = 0) -> None:
        self.server = Server("CONTROLLER", HandlerTable(handlers(ListenerKind.CONTROLLER), unsupported_version), self)
        await self.server.bind("127.0.0.1", port)

    @property
    def endpoint(self) -> Endpoint:
        assert self.server is not None
        return Endpoint("CONTROLLER", "127.0.0.1", self.server.port)

    async def start(self, voters: dict[int, Endpoint]) -> None:
        self.recorder = Recorder()
        self.raft = RaftDriver(
            Runtime.real(),
            node_id=self.node_id,
            directory_id=bytes([self.node_id] * 16),
            cluster_id=CLUSTER_ID,
            voters=voters,
            is_voter=self.node_id in voters,
            log_directory=str(self.directory),
            settings=self.settings,
            listener=self.recorder,
            on_failure=self.failures.append,
        )
        if self.server is not None:
            await self.server.start()
        await self.raft.start()

    async def stop(self) -> None:
        await self.raft.stop()
        if self.server is not None:
            await self.server.stop()

    def kill(self) -> None:
        self.raft.kill()
        if self.server is not None:
            self.server.kill()


class RaftNodes:
    """Voters 1..n and observers after them."""

    def __init__(self, directory: Path, voters: int, observers: int, settings: RaftSettings) -> None:
        self.voter_ids = list(range(1, voters + 1))
        self.nodes = {
            node_id: RaftNode(node_id, directory / f"node-{node_id}", settings)
            for node_id in range(1, voters + observers + 1)
        }
        self.voters: dict[int, Endpoint] = {}

    def __getitem__(self, node_id: int) -> RaftNode:
        return self.nodes[node_id]

    def __iter__(self) -> Iterator[RaftNode]:
        return iter(self.nodes.values())

    async def start(self) -> None:
        for node_id in self.voter_ids:
            await self.nodes[node_id].bind()
        self.voters = {node_id: self.nodes[node_id].endpoint for node_id in self.voter_ids}
        for node in self:
            await node.start(self.voters)

    async def restart(self, node_id: int) -> RaftNode:
        node = self.nodes[node_id]
        if node_id in self.voters:
            await node.bind(self.voters[node_id].port)
        await node.start(self.voters)
        return node

    async def leader(self) -> RaftNode:
        """The node that leads, once one does and has committed the start of its epoch."""

        def found() -> RaftNode | None:
            for node in self:
                if node.raft.is_leader and (node.node_id, node.raft.leader.epoch) in node.recorder.leaders:
                    return node
            return None

        await until(lambda: found() is not None)
        node = found()
        assert node is not None
        return node

    async def write(self, *values: str) -> int:
        """Append config records at the leader and wait until they are committed; the last offset."""
        leader = await self.leader()
        offset = leader.raft.append([record(value) for value in values], epoch=leader.raft.leader.epoch)
        await leader.raft.committed(offset)
        return offset

    async def until_all_have(self, values: list[str]) -> None:
        await until(lambda: all(node.recorder.values == values for node in self))


def record(value: str) -> ConfigRecord:
    return ConfigRecord(resource_type=2, resource_name="orders", name="retention.ms", value=value)


def no_op() -> NoOpRecord:
    return NoOpRecord()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def raft_nodes(directory: Path, voters: int = 3, observers: int = 0, settings: RaftSettings | None = None):
    nodes = RaftNodes(directory, voters, observers, settings or RaftSettings())
    await nodes.start()
    try:
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        await asyncio.sleep(0)
