"""Nodes of a simulated cluster: one machine each, with a disk and a clock, and one life after another on it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from enum import Enum

from engine.config import BrokerConfig
from engine.log import MetaProperties, format_directory
from engine.node import Node
from engine.runtime import Runtime
from engine.sim.clock import SimClock
from engine.sim.crash import PowerLoss, power_loss
from engine.sim.disk import SimDisk
from engine.sim.network import SimNetwork
from engine.sim.process import Process
from engine.sim.randomness import SimRandomness
from engine.sim.trace import Trace
from engine.types import TopicPartition

DATA_DIRECTORY = "/data"
CLIENT_PORT = 9092
CONTROLLER_PORT = 9093


class NodeState(Enum):
    """DOWN -> STARTING -> UP -> DOWN; STOPPING on the way down when asked politely."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class SimNode:
    """One node of the cluster, across its lives."""

    def __init__(
        self,
        node_id: int,
        network: SimNetwork,
        randomness: SimRandomness,
        trace: Trace,
        properties: Mapping[str, str],
    ) -> None:
        self.node_id = node_id
        self.name = f"node-{node_id}"
        self.host = network.add_host(self.name)
        self.network = network
        self.loop = network.loop
        self.state = NodeState.DOWN
        self.lives = 0
        self.node: Node | None = None
        """The engine's node of this life; None while down."""
        self.process: Process | None = None
        self.properties = dict(properties)
        self.directories = tuple(self.properties.get("log.dirs", DATA_DIRECTORY).split(","))
        """Its log directories; the metadata log is in the first."""
        self.failed: BaseException | None = None
        """Why the node ended by itself, if it did."""
        self.on_failure: Callable[[SimNode, BaseException], None] = _raise
        self.may_fail = False
        """Its disk is failing: that it ends by itself is what it should do."""
        self._cluster_id = ""
        self.note: Callable[[str], None] = _forget
        """Told when this node reaches an interesting state (`engine.sim.sometimes`)."""
        self._ended_cleanly = False
        self._randomness = randomness
        self.clock = SimClock(network.loop)
        self.disk = SimDisk(network.loop, randomness.stream("disk"), name=f"{self.name}:disk", trace=trace)
        self._crash_random: random.Random = randomness.stream("crash")

    async def format(self, cluster_id: str, directory_id: bytes) -> None:
        """Give the disk its identity, as `stoker format` does. `directory_id` is that of the first directory."""
        self._cluster_id = cluster_id
        disk = self.disk.attach()
        for directory in self.directories:
            await format_directory(disk, directory, MetaProperties(cluster_id, self.node_id, directory_id))
            directory_id = self._randomness.uuid()
        await disk.fsync_directory("/")

    async def wipe(self) -> None:
        """A new disk, formatted as a person would: with a directory id of its own (KIP-858). For nodes that are down."""
        assert self.state is NodeState.DOWN, f"{self.name} is {self.state.value}"
        self.network.record(f"wipe {self.name}")
        disk = self.disk.attach()
        for name in disk.list_directory("/"):
            disk.remove_tree(f"/{name}")
        await disk.fsync_directory("/")
        await self.format(self._cluster_id, self._randomness.uuid())
        self.note("node-wiped")

    def directory_of(self, place: TopicPartition) -> str:
        """The log directory that holds that partition; the first when none does."""
        return next(
            (directory for directory in self.directories if self.disk.find(f"{directory}/{place}") is not None),
            self.directories[0],
        )

    @property
    def has_failed(self) -> bool:
        """Whether this life ended by itself, because its disk failed."""
        return self.node is not None and self.node.failed is not None

    @property
    def has_lost_a_directory(self) -> bool:
        """Whether this life goes on without one of its log directories."""
        logs = self.node.logs if self.node is not None else None
        return logs is not None and bool(logs.offline_directories)

    # ---- lives

    def start(self) -> asyncio.Task[None]:
        """Begin a new life; the task ends when the node serves."""
        assert self.state is NodeState.DOWN, f"{self.name} is {self.state.value}"
        self.lives += 1
        if self.lives > 1:
            self.note("clean-restart" if self._ended_cleanly else "unclean-restart")
        self._ended_cleanly = False
        self.failed = None
        self.state = NodeState.STARTING
        if not self.host.up:
            self.network.power_on(self.host)
        self.network.record(f"start {self.name} life {self.lives}")
        process = self.process = self.network.new_process(f"{self.name}/{self.lives}", self.host)
        runtime = Runtime(self.clock, self.disk.attach(process), self._randomness.part(f"life-{self.lives}"))
        return process.spawn(self._run(process, runtime), name=f"start {self.name}")

    async def _run(self, process: Process, runtime: Runtime) -> None:
        try:
            node = self.node = Node(BrokerConfig.from_properties(self.properties), runtime)
            await node.bind()
            await node.start()
        except BaseException as error:
            if self.process is process and not isinstance(error, asyncio.CancelledError | GeneratorExit):
                if self.may_fail:
                    # Not from within: a process that is killed closes the task that runs this.
                    self.loop.call_soon(self._ended, process, context=self.network.context)
                    return
                self.failed = error
                self.on_failure(self, error)
            raise
        if self.process is process and self.state is NodeState.STARTING:
            self.state = NodeState.UP
            self.network.record(f"up {self.name}")

    def _ended(self, process: Process) -> None:
        if self.process is process:
            self.network.record(f"ended {self.name}")
            process.kill()
            self._gone()

    async def stop(self) -> None:
        """Ask the node to go: it hands over its leaders and leaves a clean-shutdown file.

        Returns when it is gone, by itself or killed in between. Raises what the engine's `stop` raises.
        """
        assert self.node is not None
        assert self.process is not None
        process = self.process
        self.state = NodeState.STOPPING
        self.network.record(f"stop {self.name}")
        stopping = process.spawn(self.node.stop(), name=f"stop {self.name}")
        await asyncio.wait([stopping, process.died], return_when=asyncio.FIRST_COMPLETED)
        if self.process is process:  # the program has returned from its main function
            process.kill()
            self._ended_cleanly = stopping.done() and not stopping.cancelled() and stopping.exception() is None
            self._gone()
        if stopping.done():
            stopping.result()

    def kill(self) -> None:
        """Kill -9: the connections are reset, the page cache stays."""
        self.network.record(f"kill {self.name}")
        if self.process is not None:
            self.process.kill()
        self._gone()

    def lose_power(self, how: PowerLoss | None = None) -> PowerLoss:
        """The machine goes dark at once: nobody is told, and what was not synced is at the mercy of the seed."""
        self.network.power_off(self.host)
        if self.process is not None:
            self.process.kill(silent=True)
        self._gone()
        return power_loss(self.disk, self._crash_random, how)

    def _gone(self) -> None:
        self.state = NodeState.DOWN
        self.node = None
        self.process = None

    def pause(self) -> None:
        """Freeze, as in a long garbage collection."""
        if self.process is not None:
            self.network.record(f"pause {self.name}")
            self.process.pause()

    def resume(self) -> None:
        if self.process is not None:
            self.network.record(f"resume {self.name}")
            self.process.resume()

    @property
    def is_up(self) -> bool:
        return self.state is NodeState.UP

    def __repr__(self) -> str:
        return f"<{self.name} {self.state.value} life {self.lives}>"


def _forget(_point: str) -> None:
    pass


def _raise(_node: SimNode, error: BaseException) -> None:
    raise error
