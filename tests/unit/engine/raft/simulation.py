"""A quorum of pure cores in virtual time: messages late, lost or overtaken, nodes that crash and lose what they had not
synced, partitions, slow disks. After every step Kafka's own invariants are checked (RaftEventSimulationTest).
"""

import heapq
import random
from collections import deque
from collections.abc import Callable

from engine.errors import KafkaError
from engine.raft.effects import (
    Effect,
    FlushLog,
    FreezeSnapshot,
    HighWatermarkAdvanced,
    LeaderChanged,
    PersistElectionState,
    Respond,
    SendRequest,
)
from engine.raft.leader import Leader
from engine.raft.replica import RaftReplica
from engine.raft.states import Resigned
from engine.raft.types import ElectionState, RaftConfig, ReplicaKey
from engine.types import OffsetAndEpoch
from tests.unit.engine.raft.memory_log import Batch, MemoryLog, data


class Node:
    """One process: what survives (log, election state) and what does not (the replica and its effects)."""

    def __init__(self, world: "World", config: RaftConfig) -> None:
        self.world = world
        self.config = config
        self.log = MemoryLog()
        self.stored: ElectionState | None = None
        self.replica: RaftReplica | None = None
        self.incarnation = 0
        self.queue: deque[Effect] = deque()
        self.busy = False
        self.last_high_watermark = -1
        self.checked_offset = 0
        self.last_epoch = 0
        self.wake_scheduled = float("inf")
        self.unanswered: dict[int, Callable[[object], None]] = {}
        self.flush_sequence = 0
        self.flushed_sequence = 0

    @property
    def id(self) -> int:
        return self.config.node_id

    def start(self) -> None:
        assert self.replica is None
        self.incarnation += 1
        self.queue.clear()
        self.busy = False
        self.last_high_watermark = -1
        self.checked_offset = 0
        self.last_epoch = self.stored.epoch if self.stored else 0
        self.wake_scheduled = float("inf")
        self.replica = RaftReplica(self.config, self.log, self.stored, self.world.random, self.world.now)
        self.act(lambda replica: replica.start(self.world.now))

    def crash(self) -> None:
        self.replica = None
        self.incarnation += 1
        self.queue.clear()
        self.log.crash(self.world.random)
        unanswered, self.unanswered = self.unanswered, {}
        for answer in unanswered.values():
            answer(None)  # the connection breaks

    def act(self, event: Callable[[RaftReplica], list[Effect]]) -> None:
        """Feed one event, perform the effects in order."""
        assert self.replica is not None
        self.queue.extend(event(self.replica))
        self.world.check(self)
        self.perform()
        self.arm()

    def arm(self) -> None:
        if self.replica is not None and self.replica.wake_ms < self.wake_scheduled:
            self.wake_scheduled = self.replica.wake_ms
            self.later(max(0.0, self.replica.wake_ms - self.world.now), self.wake)

    def wake(self) -> None:
        self.wake_scheduled = float("inf")
        self.act(lambda replica: replica.poll(self.world.now))

    def later(self, delay_ms: float, work: Callable[[], None]) -> None:
        """`work` after `delay_ms`, unless this incarnation is gone by then."""
        incarnation = self.incarnation

        def run() -> None:
            if self.incarnation == incarnation and self.replica is not None:
                work()

        self.world.later(delay_ms, run)

    def perform(self) -> None:
        world = self.world
        while self.queue and not self.busy and self.replica is not None:
            effect = self.queue.popleft()
            match effect:
                case PersistElectionState(state):
                    if not world.config.persist_before_send:
                        self.stored_later(state)
                        continue
                    self.busy = True

                    def persisted(state: ElectionState = state) -> None:
                        self.stored = state
                        self.busy = False
                        self.perform()

                    self.later(world.disk_ms(), persisted)
                case SendRequest():
                    world.send_request(self, effect)
                case Respond(handle, message):
                    handle(message)
                case FlushLog(end_offset, generation):
                    copy = self.log.copy_for_flush()
                    self.flush_sequence += 1

                    def flushed(
                        end_offset: int = end_offset,
                        generation: int = generation,
                        copy: tuple[int, list[Batch]] = copy,
                        sequence: int = self.flush_sequence,
                    ) -> None:
                        if sequence > self.flushed_sequence:  # an older flush that ends later adds nothing
                            self.flushed_sequence = sequence
                            self.log.durable = copy
                        self.act(lambda replica: replica.on_log_flushed(end_offset, generation, world.now))

                    self.later(world.disk_ms(), flushed)
                case FreezeSnapshot(snapshot_id):

                    def frozen(snapshot_id: OffsetAndEpoch = snapshot_id) -> None:
                        self.log.freeze_download()
                        self.act(lambda replica: replica.on_snapshot_frozen(snapshot_id, world.now))

                    self.later(world.disk_ms(), frozen)
                case HighWatermarkAdvanced(high_watermark):
                    world.committed(self, high_watermark)
                case LeaderChanged(leader_id, epoch):
                    world.leader_seen(self, leader_id, epoch)

    def stored_later(self, state: ElectionState) -> None:
        """The broken variant, for the test of the tests: what follows does not wait for the disk."""

        def persisted() -> None:
            self.stored = state

        self.later(self.world.disk_ms() * 5, persisted)


class Settings:
    """What can go wrong in this world."""

    def __init__(
        self,
        *,
        loss: float = 0.0,
        latency_ms: tuple[float, float] = (0.2, 3.0),
        disk_ms: tuple[float, float] = (0.1, 4.0),
        snapshots: bool = False,
        persist_before_send: bool = True,
    ) -> None:
        self.loss = loss
        self.latency_ms = latency_ms
        self.disk_ms = disk_ms
        self.snapshots = snapshots
        self.persist_before_send = persist_before_send


class World:
    def __init__(
        self,
        seed: int,
        voters: int,
        observers: int = 0,
        config: Settings | None = None,
        **raft: int,
    ) -> None:
        self.random = random.Random(seed)
        self.config = config or Settings()
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.sequence = 0
        self.steps = 0
        self.cut: dict[tuple[int, int], bool] = {}
        keys = tuple(ReplicaKey(node_id, bytes([node_id] * 16)) for node_id in range(1, voters + 1))
        self.voter_ids = [key.id for key in keys]
        self.nodes: dict[int, Node] = {}
        for node_id in range(1, voters + observers + 1):
            settings = RaftConfig(
                node_id=node_id, directory_id=bytes([node_id] * 16), voters=keys, cluster_id="sim", **raft
            )
            self.nodes[node_id] = Node(self, settings)
        self.leaders: dict[int, int] = {}
        """Epoch -> who led it."""
        self.truth: dict[int, tuple[int, bytes]] = {}
        """Offset -> (epoch, payload) of everything ever committed anywhere."""
        self.committed_end = 0
        self.proposed = 0

    # --- time

    def later(self, delay_ms: float, work: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (self.now + delay_ms, self.sequence, work))

    def run_until(self, time_ms: float, condition: Callable[[], bool] | None = None) -> bool:
        """Run to that time, or until `condition` holds; tells whether it does."""
        while self.events and self.events[0][0] <= time_ms:
            if condition is not None and condition():
                return True
            self.steps += 1
            assert self.steps < 200_000, "the simulation does not come to rest"
            self.now, _, work = heapq.heappop(self.events)
            work()
        if condition is not None and condition():
            return True
        self.now = max(self.now, time_ms)
        return condition is None

    def disk_ms(self) -> float:
        low, high = self.config.disk_ms
        return self.random.uniform(low, high)

    # --- network

    def reachable(self, source: int, target: int) -> bool:
        return not self.cut.get((source, target), False)

    def partition(self, side: set[int]) -> None:
        self.cut = {(a, b): True for a in self.nodes for b in self.nodes if (a in side) != (b in side)}

    def heal(self) -> None:
        self.cut = {}

    def send_request(self, source: Node, effect: SendRequest) -> None:
        target = self.nodes[effect.node_id]
        low, high = self.config.latency_ms

        def answer(message: object) -> None:
            if self.reachable(target.id, source.id) and self.random.random() >= self.config.loss:
                source.later(
                    self.random.uniform(low, high),
                    lambda: source.act(
                        lambda replica: replica.on_response(
                            effect.node_id,
                            effect.correlation_id,
                            message,
                            self.now,  # type: ignore[arg-type]
                        )
                    ),
                )

        def arrive() -> None:
            if not self.reachable(source.id, target.id) or self.random.random() < self.config.loss:
                return  # lost: the sender's timeout will tell
            if target.replica is None:
                answer(None)  # connection refused
                return
            self.sequence += 1
            number = self.sequence
            target.unanswered[number] = answer

            def respond(message: object) -> None:
                if target.unanswered.pop(number, None) is not None:
                    answer(message)

            target.act(lambda replica: replica.on_request(respond, effect.message, self.now))

        source.later(self.random.uniform(low, high), arrive)

    # --- what must hold

    def check(self, node: Node) -> None:
        replica = node.replica
        assert replica is not None
        assert replica.epoch >= node.last_epoch, f"epoch of {node.id} went back to {replica.epoch}"
        node.last_epoch = replica.epoch
        assert replica.high_watermark >= node.last_high_watermark, f"high watermark of {node.id} went back"
        node.last_high_watermark = replica.high_watermark
        state = replica.state
        if isinstance(state, Leader | Resigned):
            first = self.leaders.setdefault(state.epoch, node.id)
            assert first == node.id, f"epoch {state.epoch} has two leaders, {first} and {node.id}"
        for offset, high_watermark in node.log.truncated_below:
            assert offset >= high_watermark, f"{node.id} truncated to {offset}, below {high_watermark}"
        node.log.truncated_below.clear()
        start_offset = node.log.start_offset
        assert start_offset == 0 or any(snapshot_id.offset == start_offset for snapshot_id in node.log.snapshots), (
            f"the log of {node.id} starts at {start_offset}, where no snapshot ends"
        )

    def committed(self, node: Node, high_watermark: int) -> None:
        """A replica says that everything before `high_watermark` is committed."""
        log = node.log
        first = max(log.start_offset, node.checked_offset)
        node.checked_offset = min(high_watermark, log.end_offset)
        for offset in range(first, node.checked_offset):
            batch = log.at(offset)
            found = self.truth.setdefault(offset, (batch.epoch, batch.payload))
            assert found == (batch.epoch, batch.payload), f"{node.id}: offset {offset} is {batch}, was {found}"
        if high_watermark > self.committed_end:
            epoch = self.truth[high_watermark - 1][0]
            holders = [i for i in self.voter_ids if self.nodes[i].log.durably_holds(high_watermark - 1, epoch)]
            assert len(holders) > len(self.voter_ids) // 2, f"{high_watermark} committed on {holders} alone"
            self.committed_end = high_watermark
        if self.config.snapshots and self.random.random() < 0.05:
            latest = log.latest_snapshot_id
            if high_watermark - (latest.offset if latest else 0) > 8:
                epoch = self.truth[high_watermark - 1][0]
                log.add_snapshot(OffsetAndEpoch(high_watermark, epoch), self.random.randbytes(300))

    def leader_seen(self, node: Node, leader_id: int, epoch: int) -> None:
        if leader_id >= 0:
            first = self.leaders.setdefault(epoch, leader_id)
            assert first == leader_id, f"epoch {epoch} has two leaders, {first} and {leader_id}"

    # --- people

    def start_all(self) -> None:
        for node in self.nodes.values():
            if node.replica is None:
                node.start()

    def live(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.replica is not None]

    def leader(self) -> Node | None:
        """The leader of the newest epoch that has one."""
        best: Node | None = None
        for node in self.live():
            if node.replica.is_leader and (best is None or node.replica.epoch > best.replica.epoch):
                best = node
        return best

    def propose(self) -> None:
        """Every node that thinks it leads gets a record of its own."""
        for node in self.live():
            if node.replica.is_leader:
                self.proposed += 1
                payload = b"%d" % self.proposed
                try:
                    node.act(lambda replica, p=payload: replica.append(data(p), replica.epoch, self.now))
                except KafkaError:
                    continue

    def propose_every(self, period_ms: float, until_ms: float) -> None:
        def again() -> None:
            self.propose()
            if self.now < until_ms:
                self.later(self.random.uniform(0.5, 1.5) * period_ms, again)

        self.later(period_ms, again)

    def agreed(self) -> bool:
        """Whether all replicas follow one leader and hold, and know to be committed, all that it has."""
        leader = self.leader()
        if leader is None or len(self.live()) < len(self.nodes):
            return False
        end_offset = leader.log.end_offset
        return all(
            node.replica.high_watermark == end_offset
            and node.replica.epoch == leader.replica.epoch
            and node.replica.leader_id == leader.id
            for node in self.live()
        )

    def check_logs_agree(self) -> None:
        """Kafka: ConsistentCommittedData."""
        for node in self.nodes.values():
            for batch in node.log.batches:
                if batch.offset < self.committed_end:
                    assert self.truth[batch.offset] == (batch.epoch, batch.payload)
