"""A whole cluster in virtual time: real nodes, real bytes, clients, faults and judges; a function of its seed.

    result = World(seed=7).run()
    assert not result.violations, result.replay

A run: start the nodes, create a topic, load; a storm of faults while clients go on; then everything is put right and
the cluster has a bounded time to answer every request and bring every replica in sync (liveness); then the judges look
at the history and at every replica's log (safety).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.metadata.image import MetadataImage, PartitionImage
from engine.protocol.uuids import uuid_to_text
from engine.sim import final_state
from engine.sim.assignors import ASSIGNORS
from engine.sim.clients import BROKEN, REQUEST_TIMEOUT_MS, SimReader
from engine.sim.faults.catalogue import needs_of
from engine.sim.history import Fate, History, Log, Violation
from engine.sim.links import LOOPBACK, Link, LinkProfile, NetworkProfile
from engine.sim.loop import START_NS, SimLoop, SimulationError
from engine.sim.monitor import Monitor
from engine.sim.nemesis import Level, Nemesis, PlannedFault
from engine.sim.network import SimNetwork
from engine.sim.nodes import CLIENT_PORT, CONTROLLER_PORT, DATA_DIRECTORY, SimNode
from engine.sim.points import Points
from engine.sim.randomness import SimRandomness
from engine.sim.sometimes import Sometimes
from engine.sim.trace import Trace
from engine.sim.workloads import TOPIC, Workloads
from engine.types import TopicPartition

LIVENESS_S = 120.0
"""Virtual seconds in which a healed cluster must have answered everything and be whole again."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a run looks like; drawn from the seed where not given."""

    nodes: int = 3
    partitions: int = 3
    min_insync_replicas: int = 2
    storm_s: float = 20.0
    producers: int = 2
    sends_per_second: float = 20.0
    """Of all producers of a kind together: many producers are for interleaving, not for volume."""
    plain_producers: int = 0
    """Producers without idempotence, with acks drawn from 0, 1 and all."""
    groups: tuple[str, ...] = ()
    """The assignor of each consumer group (`engine.sim.assignors.ASSIGNORS`)."""
    members: int = 3
    """Members of each group."""
    directories: int = 1
    """Log directories of each node."""
    events: bool = False
    """Whether there is a topic whose records are deleted and whose partitions grow."""
    aiokafka: bool = False
    """Whether an aiokafka producer and reader take part. Needs aiokafka, which is not a dependency."""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunResult:
    """What came of a run. `trace_hash` is equal for equal seeds, in any process."""

    seed: int
    level: str
    scenario: str
    aiokafka: bool
    trace_hash: str
    violations: list[str]
    virtual_seconds: float
    callbacks: int
    sends: int
    acknowledged: int
    polled: int
    elections: int
    faults: dict[str, int]
    sometimes: dict[str, int]
    """The interesting states that were reached, and how often (`engine.sim.sometimes`)."""
    recent: list[str]
    """The last lines of the trace, when something was violated."""

    @property
    def replay(self) -> str:
        """The command that runs it again."""
        scenario = f" --scenario {self.scenario}" if self.scenario != "swarm" else ""
        aiokafka = " --aiokafka" if self.aiokafka else ""
        return f"python -m engine.sim.run --seeds {self.seed} --level {self.level}{scenario}{aiokafka}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class World:
    """One world. `run` plays it to its end; `start`, `nodes` and `settle` are for scripts that want to play themselves."""

    def __init__(
        self,
        seed: int,
        *,
        level: Level | str = Level.STORMY,
        shape: Shape | None = None,
        trace: Trace | None = None,
        plan: Sequence[PlannedFault] | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        """`plan` is what goes wrong, instead of what the seed says; `faults` names the kinds the seed may choose from."""
        self.seed = seed
        self.level = Level(level)
        self.randomness = SimRandomness(seed)
        self._draw = self.randomness.stream("shape")
        drawn = self._draw_shape()  # also when it is given: what is drawn after it must not depend on that
        self.shape = shape if shape is not None else replace(drawn, **needs_of(faults))
        self.trace = trace if trace is not None else Trace()
        self.loop = SimLoop(self.randomness.stream("loop"))  # type: ignore[abstract]
        self.base_profile = LinkProfile(
            latency_ns=self._draw.choice((50_000, 200_000, 1_000_000, 5_000_000)),
            jitter_ns=self._draw.choice((10_000, 100_000, 1_000_000)),
            split_probability=self._draw.choice((0.0, 0.05, 0.3)),
        )
        self.network = SimNetwork(
            self.loop,
            self.randomness.part("network"),
            profile=NetworkProfile(retransmission_timeout_ns=self._draw.choice((3, 15, 60)) * 1_000_000_000),
            link_profile=self.base_profile,
            trace=self.trace,
        )
        self.sometimes = Sometimes()
        """The interesting states this run has reached."""
        self.points = Points(
            self.randomness.stream("points"),
            self.network.record,
            loop=self.loop,
            active=self.level is not Level.CALM,
        )
        """The engine's named points: which fire by themselves, and which are held."""
        self.nodes: dict[int, SimNode] = {}
        for node_id in range(1, self.shape.nodes + 1):
            node = SimNode(
                node_id,
                self.network,
                self.randomness.part(f"node-{node_id}"),
                self.trace,
                self.node_properties(node_id),
            )
            node.on_failure = self._node_failed
            node.note = self.sometimes.note
            self.nodes[node_id] = node
        self.client_host = self.network.add_host("clients", "10.0.0.200")
        self.client_process = self.network.new_process("clients", self.client_host)
        self.history = History()
        self.violations: list[Violation] = []
        self.monitor = Monitor(self.nodes.values(), self.violations.append, self.history, self.sometimes)
        self.scenario = "swarm"
        """What the faults were chosen by, for the result."""
        self.topic = TOPIC
        self.duplicate_probability = 0.0
        """How likely idempotent producers repeat a batch that was acknowledged."""
        self.workloads = Workloads(self)
        self.producers = self.workloads.producers
        """The idempotent producers; scripts add their own."""
        self.groups = self.workloads.groups
        """What is known of each consumer group; likewise."""
        self.nemesis = Nemesis(self, self.randomness.stream("nemesis"), self.level, plan=plan, only=faults)

    def _draw_shape(self) -> Shape:
        draw = self._draw
        workloads = self.randomness.stream("workloads")
        return Shape(
            nodes=workloads.choice((3, 3, 3, 3, 4, 5)),
            plain_producers=workloads.choice((0, 0, 1, 2)),
            groups=tuple(workloads.choice(list(ASSIGNORS)) for _ in range(workloads.choice((0, 1, 1, 2)))),
            members=workloads.choice((1, 2, 3)),
            directories=workloads.choice((1, 1, 2)),
            events=workloads.random() < 0.4,
            partitions=draw.choice((1, 3, 6)),
            storm_s=draw.choice((10.0, 15.0, 25.0)),
            producers=draw.choice((1, 2, 3)),
            sends_per_second=draw.choice((5.0, 15.0, 40.0)),
            properties={
                "replica.lag.time.max.ms": draw.choice(("1500", "3000", "10000")),
                "broker.session.timeout.ms": draw.choice(("2000", "3000", "6000")),
                "metadata.log.max.record.bytes.between.snapshots": draw.choice(("2000", "20000", "20971520")),
                "replica.fetch.wait.max.ms": draw.choice(("100", "500")),
            },
        )

    def link_profile(self, link: Link) -> LinkProfile:
        """How that link behaves when nothing is wrong."""
        source, _, destination = link.name.partition("->")
        return LOOPBACK if source == destination else self.base_profile

    def node_properties(self, node_id: int) -> dict[str, str]:
        """The properties of a node, as its properties file would have them."""
        ids = range(1, self.shape.nodes + 1)
        replication = str(min(3, self.shape.nodes))
        min_isr = str(self.shape.min_insync_replicas)
        return {
            "node.id": str(node_id),
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://node-{node_id}:{CLIENT_PORT},CONTROLLER://node-{node_id}:{CONTROLLER_PORT}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{each}@node-{each}:{CONTROLLER_PORT}" for each in ids),
            "log.dirs": ",".join(
                [DATA_DIRECTORY, *(f"{DATA_DIRECTORY}-{n}" for n in range(2, self.shape.directories + 1))]
            ),
            "default.replication.factor": replication,
            "min.insync.replicas": min_isr,
            "offsets.topic.replication.factor": replication,
            "offsets.topic.num.partitions": "3",
            "group.initial.rebalance.delay.ms": "0",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "3000",
            "log.retention.check.interval.ms": "500",
            **self.shape.properties,
        }

    # ---- playing

    def run(self) -> RunResult:
        """Play the whole run and judge it. Never raises for what the engine did: that is a violation."""
        with _quiet(), self._aiokafka(), self.points.in_charge():
            try:
                self.loop.run_until_complete(self._play())
                self.loop.raise_unretrieved()
            except SimulationError as error:
                cause = error.__cause__ or error
                where = "".join(traceback.format_exception(cause)[-3:]).strip()
                self.complain("engine-error", f"{error}\n{where}")
            finally:
                self.close()
        return self._result()

    def _aiokafka(self) -> Any:
        if not self.shape.aiokafka:
            return nullcontext()
        from engine.sim.aiokafka_time import aiokafka_in

        return aiokafka_in(self.loop, self.randomness.stream("aiokafka"))

    def close(self) -> None:
        """Let go of everything."""
        for node in self.nodes.values():
            if node.process is not None:
                node.process.kill(silent=True)
        self.client_process.kill(silent=True)
        self.loop.close()

    async def _play(self) -> None:
        watching = self.loop.create_task(self._watch(), name="monitor")
        await self.start()
        await self.workloads.start()
        await asyncio.sleep(1)
        await self.nemesis.run(self.shape.storm_s)
        await self.nemesis.heal()
        self.workloads.stop_producing()
        if await self.settle():
            watching.cancel()
            self.monitor.look()
            self.monitor.look_at_the_end()
            logs = final_state.judge_logs(self.nodes.values(), self.complain)
            final_state.judge_groups(self.nodes.values(), self.complain)
            self._note_reached(logs)
            self.violations.extend(self.workloads.judge(logs))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            self.monitor.look()
            for node in self.nodes.values():
                if node.has_failed and node.failed is None:
                    assert node.node is not None
                    node.failed = node.node.failed
                    self.sometimes.note("directory-failed")
                    if not node.may_fail and node.failed is not None:
                        self._node_failed(node, node.failed)

    def _note_reached(self, logs: Mapping[TopicPartition, Log]) -> None:
        """What can only be told by looking back."""
        note = self.sometimes.note
        note("batch-sent-twice", sum(producer.duplicates for producer in self.producers))
        note("offset-committed", sum(group.commits for group in self.groups))
        readers = [reader for reader in self.workloads.readers if isinstance(reader, SimReader)]
        note("wrong-epoch-refused", sum(reader.refused_epochs for reader in readers))
        present = {value for log in logs.values() for value in log.values()}
        weak = [send for send in self.history.acknowledged() if send.acks == 1]
        note("record-lost-with-leader", sum(send.value not in present for send in weak))

    async def start(self) -> None:
        """Format every disk, start every node; returns when all serve. For nodes that were never started."""
        cluster_id = uuid_to_text(self.randomness.uuid())
        for node in self.nodes.values():
            await node.format(cluster_id, self.randomness.uuid())
        starting = [node.start() for node in self.nodes.values()]
        _, late = await asyncio.wait(starting, timeout=LIVENESS_S)
        if late:
            self.complain("not-live", "the cluster did not start")
            raise SimulationError("the cluster did not start")

    async def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with three replicas; tries until it is there."""
        await self.client_process.spawn(self._create_topic(name, partitions))

    async def _create_topic(self, name: str, partitions: int) -> None:
        from engine.protocol.errors import ErrorCode

        deadline = self.loop.now_ns + int(LIVENESS_S * 1e9)
        while self.loop.now_ns < deadline:
            answer = await self._ask(self.topic_request(name, partitions))
            if answer is not None:
                code = ErrorCode.of(answer.topics[0].error_code)
                if code in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS):
                    return
            await asyncio.sleep(0.2)
        raise SimulationError(f"topic {name} could not be created within {LIVENESS_S} s")

    def topic_request(self, name: str, partitions: int) -> Any:
        """The request that creates a topic, with as many replicas as the cluster's default."""
        from engine.protocol.messages import CreateTopicsRequest

        topic = CreateTopicsRequest.CreatableTopic(
            name=name, num_partitions=partitions, replication_factor=min(3, self.shape.nodes)
        )
        return CreateTopicsRequest(topics=[topic], timeout_ms=10_000)

    async def ask(self, request: Any, node: SimNode | None = None) -> Any | None:
        """The answer of a node (the first that can be reached) to a request of the clients' machine; None for none."""
        return await self.client_process.spawn(self._ask(request, node))

    async def _ask(self, request: Any, node: SimNode | None = None) -> Any | None:
        from engine.net.client import ClientConnection

        addresses = self.bootstrap if node is None else [(node.name, CLIENT_PORT)]
        for address in addresses:
            try:
                connection = await ClientConnection.open(*address, timeout_ms=REQUEST_TIMEOUT_MS)
                try:
                    return await connection.request(request, timeout_ms=2 * REQUEST_TIMEOUT_MS)
                finally:
                    connection.close()
            except BROKEN:
                continue
        return None

    @property
    def bootstrap(self) -> list[tuple[str, int]]:
        """Host and port of every node."""
        return [(node.name, CLIENT_PORT) for node in self.nodes.values()]

    async def settle(self, seconds: float = LIVENESS_S) -> bool:
        """After healing: wait until all is answered and whole. False, with a violation, when it takes too long."""
        deadline = self.loop.now_ns + int(seconds * 1e9)
        while self.loop.now_ns < deadline:
            missing = self._unsettled()
            if not missing:
                return True
            await asyncio.sleep(0.25)
        self.complain("not-live", f"{seconds:.0f} s after healing: {missing}")
        return False

    def _unsettled(self) -> str:
        """What is still open; "" when nothing is."""
        for node in self.nodes.values():
            if not node.is_up:
                return f"{node.name} is {node.state.value}"
        return self.workloads.unsettled() or final_state.unsettled_replicas(self.nodes.values())

    # ---- looking

    def image(self) -> MetadataImage | None:
        """The newest metadata image any node has."""
        images = [
            node.node.broker.metadata.image
            for node in self.nodes.values()
            if node.node is not None and node.node.broker is not None
        ]
        return max(images, key=lambda image: image.offset, default=None)

    def leader(self, index: int, topic: str = TOPIC) -> tuple[SimNode, int] | None:
        """The node that is up and itself believes to lead that partition in the newest epoch, and the epoch."""
        place = TopicPartition(topic, index)
        newest: tuple[SimNode, int] | None = None
        for sim_node in self.nodes.values():
            broker = sim_node.node.broker if sim_node.node is not None else None
            partition = broker.replicas.partitions.get(place) if broker is not None else None
            if (
                partition is not None
                and sim_node.is_up
                and partition.leader is not None
                and (newest is None or partition.leader_epoch > newest[1])
            ):
                newest = sim_node, partition.leader_epoch
        return newest

    def is_in_every_isr(self, node_id: int) -> bool:
        """Whether the newest image knows this life of the node and has it in sync in each partition it replicates."""
        image = self.image()
        return (
            image is not None
            and image.partition_count > 0
            and self._is_registered(image, node_id)
            and all(node_id in partition.isr for partition in _replicated_by(image, node_id))
        )

    def is_in_this_life(self, node_id: int) -> bool:
        """Whether the newest image has the node active, in the life it lives now."""
        image = self.image()
        return image is not None and self._is_registered(image, node_id)

    def _is_registered(self, image: MetadataImage, node_id: int) -> bool:
        """Whether the node is up and active in `image` with the epoch of its present life."""
        node = self.nodes[node_id].node
        registration = image.brokers.get(node_id)
        return (
            self.nodes[node_id].is_up
            and node is not None
            and node.broker is not None
            and registration is not None
            and registration.is_active
            and registration.epoch == node.broker.broker_epoch
        )

    def complain(self, kind: str, detail: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(kind, detail))

    def _node_failed(self, node: SimNode, error: BaseException) -> None:
        where = "".join(traceback.format_exception(error)[-3:]).strip()
        self.complain("node-failed", f"{node.name} life {node.lives}: {error!r}\n{where}")

    def _result(self) -> RunResult:
        faults: dict[str, int] = {}
        for fault in self.nemesis.done:
            faults[fault.name] = faults.get(fault.name, 0) + 1
        sends = self.history.sends
        return RunResult(
            seed=self.seed,
            level=self.level.value,
            scenario=self.scenario,
            aiokafka=self.shape.aiokafka,
            trace_hash=self.trace.hash,
            violations=[str(violation) for violation in self.violations],
            virtual_seconds=round((self.loop.now_ns - START_NS) / 1e9, 3),
            callbacks=self.loop.callbacks,
            sends=len(sends),
            acknowledged=sum(send.fate is Fate.ACKNOWLEDGED for send in sends),
            polled=sum(len(consumer.records) for consumer in self.history.consumers),
            elections=sum(self.monitor.elections.values()),
            faults=faults,
            sometimes=dict(sorted(self.sometimes.reached.items())),
            recent=self.trace.recent() if self.violations else [],
        )


def _replicated_by(image: MetadataImage, node_id: int) -> Iterator[PartitionImage]:
    for topic in image.topics():
        for partition in topic.partitions.values():
            if node_id in partition.replicas:
                yield partition


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines unless somebody listens, and the collector runs only when asked: its timing is not the seed's."""
    silenced = []
    for name in ("engine", "aiokafka"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            silenced.append((logger, logger.level))
            logger.setLevel(logging.CRITICAL + 1)
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before the world (every module) need not be gone through when it asks
    try:
        yield
    finally:
        gc.unfreeze()
        for logger, level in silenced:
            logger.setLevel(level)
        if enabled:
            gc.enable()
