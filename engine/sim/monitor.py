"""Looks at the nodes while the world runs: what must hold at every moment.

    two-leaders           two nodes lead one partition in the same leader epoch (or the quorum in the same raft epoch)
    high-watermark-back   a leader's high watermark went back within its epoch and life; the quorum's within a life
    bad-offsets           not (log start <= last stable <= high watermark <= log end)
    leader-incomplete     a leader's log ends before an offset that was committed
    epoch-back            a leader epoch went back on a node

The monitor reads the engine's fields and keeps its own memory of them; it asks the engine for no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.sim.history import Violation
from engine.sim.nodes import SimNode
from engine.types import TopicPartition


class Monitor:
    """Call `look` often. Each kind of violation is reported once per partition, at its first sight."""

    def __init__(self, nodes: Iterable[SimNode], report: Callable[[Violation], None]) -> None:
        self._nodes = list(nodes)
        self._report = report
        self._reported: set[tuple[str, object]] = set()
        self._leaders: dict[tuple[TopicPartition, int], int] = {}
        self._raft_leaders: dict[int, int] = {}
        self._raft_high_watermarks: dict[tuple[int, int], int] = {}
        self._leader_high_watermarks: dict[tuple[TopicPartition, int, int], int] = {}
        self._epochs: dict[tuple[int, int, TopicPartition], int] = {}
        self.committed: dict[TopicPartition, int] = {}
        """The highest high watermark any leader has shown."""
        self.elections: dict[TopicPartition, int] = {}
        """How many leader epochs were seen led."""
        self.looks = 0

    def _complain(self, kind: str, subject: object, detail: str) -> None:
        if (kind, subject) not in self._reported:
            self._reported.add((kind, subject))
            self._report(Violation(kind, detail))

    def look(self) -> None:
        """Check every node that is alive, as it is now."""
        self.looks += 1
        for sim_node in self._nodes:
            if sim_node.node is not None:
                self._look_at_quorum(sim_node)
                self._look_at_partitions(sim_node)

    def _look_at_quorum(self, sim_node: SimNode) -> None:
        raft = sim_node.node.raft if sim_node.node is not None else None
        if raft is None:
            return
        node_id = sim_node.node_id
        if raft.is_leader:
            epoch = raft.leader.epoch
            other = self._raft_leaders.setdefault(epoch, node_id)
            if other != node_id:
                self._complain("two-leaders", epoch, f"nodes {other} and {node_id} lead the quorum in epoch {epoch}")
        life = (node_id, sim_node.lives)
        before = self._raft_high_watermarks.get(life, -1)
        now = -1 if raft.high_watermark is None else raft.high_watermark
        if now < before:
            self._complain("high-watermark-back", life, f"node {node_id}: the quorum's went from {before} to {now}")
        self._raft_high_watermarks[life] = now

    def _look_at_partitions(self, sim_node: SimNode) -> None:
        broker = sim_node.node.broker if sim_node.node is not None else None
        if broker is None:
            return
        node_id = sim_node.node_id
        for place, partition in broker.replicas.partitions.items():
            log = partition.log
            if log is None:
                continue
            high_watermark, log_end = log.high_watermark, log.log_end_offset
            if not log.log_start_offset <= log.last_stable_offset <= high_watermark <= log_end:
                self._complain(
                    "bad-offsets",
                    place,
                    f"node {node_id} {place}: log start {log.log_start_offset}, last stable {log.last_stable_offset}, "
                    f"high watermark {high_watermark}, log end {log_end}",
                )
            epoch = partition.leader_epoch
            life = (node_id, sim_node.lives, place)
            if epoch < self._epochs.get(life, -1):
                self._complain("epoch-back", place, f"node {node_id} {place}: {self._epochs[life]} then {epoch}")
            self._epochs[life] = epoch
            # A node that starts may find itself leader in metadata of its former life; it serves nobody before it is up.
            if partition.leader is not None and sim_node.is_up:
                self._look_at_leader(sim_node, place, epoch, high_watermark, log_end)

    def _look_at_leader(
        self, node: SimNode, place: TopicPartition, epoch: int, high_watermark: int, log_end: int
    ) -> None:
        node_id = node.node_id
        key = (place, epoch)
        # A restarted leader begins its high watermark anew, from its checkpoint.
        life = (place, epoch, node.lives)
        if key not in self._leaders:
            self._leaders[key] = node_id
            self.elections[place] = self.elections.get(place, 0) + 1
            newest = max(other for at, other in self._leaders if at == place)
            if epoch == newest and log_end < self.committed.get(place, 0):
                self._complain(
                    "leader-incomplete",
                    place,
                    f"node {node_id} leads {place} from epoch {epoch} with log end {log_end}; "
                    f"{self.committed[place]} was committed",
                )
        elif self._leaders[key] != node_id:
            self._complain(
                "two-leaders", place, f"nodes {self._leaders[key]} and {node_id} lead {place} in epoch {epoch}"
            )
        before = self._leader_high_watermarks.get(life, 0)
        if high_watermark < before:
            self._complain(
                "high-watermark-back",
                place,
                f"node {node_id} {place} epoch {epoch}: high watermark {before} then {high_watermark}",
            )
        self._leader_high_watermarks[life] = high_watermark
        if high_watermark > self.committed.get(place, 0):
            self.committed[place] = high_watermark
