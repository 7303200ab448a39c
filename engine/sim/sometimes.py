"""Interesting states that a suite of runs must reach, or it proves less than it seems to (Antithesis: sometimes).

A run notes which of POINTS it reached and how often; `missing` tells which a whole suite never did. Points are reached
by looking at the world from outside, by what clients were told, and by named places in the engine
(`engine.runtime.points`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.sim.invariants.views import GroupView, QuorumView, ReplicaView
from engine.types import TopicPartition

POINTS: dict[str, str] = {
    "leader-changed": "another node leads a partition than before",
    "same-leader-again": "a node leads a partition in a later epoch of its own",
    "isr-shrunk": "a leader's ISR got smaller",
    "isr-grew": "a leader's ISR got larger",
    "under-min-isr": "a leader's ISR is below min.insync.replicas",
    "committed-with-small-isr": "the high watermark moved while a replica was out of sync",
    "isr-change-pending": "a leader has proposed an ISR and has no answer yet",
    "follower-truncated": "a follower cut records off its log",
    "leader-log-shorter": "a follower's log is longer than its leader's",
    "two-believe-they-lead": "two nodes believe to lead a partition, in different epochs",
    "no-controller": "no node leads the quorum",
    "controller-changed": "another node leads the quorum than before",
    "two-controllers-in-epochs": "two nodes believe to lead the quorum, in different epochs",
    "metadata-truncated": "a node cut records off its metadata log",
    "metadata-snapshot": "a node's metadata log begins at a snapshot",
    "unclean-restart": "a node came back without a clean shutdown",
    "clean-restart": "a node came back after a clean shutdown",
    "directory-failed": "a node gave up because its disk failed",
    "directory-offline": "a node went on without one of its log directories",
    "node-wiped": "a node came back with an empty disk",
    "batch-sent-twice": "an idempotent producer's batch arrived again",
    "group-rebalanced": "a group had a second generation",
    "group-stable": "a group was stable",
    "group-moved": "a group has another coordinator than before",
    "offset-committed": "a group's commit was acknowledged",
    "records-deleted": "records were deleted by request",
    "partitions-added": "a topic got more partitions",
    "log-start-moved": "the beginning of a log was deleted",
    "topic-recreated": "a topic was created anew under an old name",
    "record-lost-with-leader": "a record that only acks=1 had acknowledged is gone",
    "wrong-epoch-refused": "a fetch of a wrong leader epoch was refused",
}


class Sometimes:
    """The points one run has reached. `reached` is name -> how often."""

    def __init__(self) -> None:
        self.reached: dict[str, int] = {}
        self._leaders: dict[tuple[bytes, int], tuple[int, int]] = {}
        self._isr: dict[tuple[bytes, int, int], tuple[int, int]] = {}
        self._ends: dict[tuple[int, int, bytes, int], int] = {}
        self._starts: dict[tuple[int, int, bytes, int], int] = {}
        self._controller = -1
        self._metadata_ends: dict[tuple[int, int], int] = {}
        self._groups: dict[str, tuple[int, int]] = {}
        self._topics: dict[TopicPartition, bytes] = {}

    def note(self, point: str, times: int = 1) -> None:
        """`point` was reached. KeyError for one that is not in POINTS."""
        POINTS[point]
        if times:
            self.reached[point] = self.reached.get(point, 0) + times

    def look(self, replicas: Sequence[ReplicaView], quorum: Sequence[QuorumView]) -> None:
        """The world at one moment."""
        leading: dict[tuple[bytes, int], list[ReplicaView]] = {}
        for view in replicas:
            self._look_at_replica(view)
            if view.leads and view.is_up:
                leading.setdefault(view.key, []).append(view)
        newest: dict[tuple[bytes, int], ReplicaView] = {}
        for key, leaders in leading.items():
            if len(leaders) > 1:
                self.note("two-believe-they-lead")
            newest[key] = max(leaders, key=lambda view: view.leader_epoch)
            self._look_at_leader(newest[key])
        for view in replicas:
            leader = newest.get(view.key)
            if leader is not None and not view.leads and view.log_end_offset > leader.log_end_offset:
                self.note("leader-log-shorter")
        self._look_at_quorum(quorum)

    def _look_at_replica(self, view: ReplicaView) -> None:
        life = (view.node_id, view.life, *view.key)
        if view.log_end_offset < self._ends.get(life, 0) and not view.leads:
            self.note("follower-truncated")
        self._ends[life] = view.log_end_offset
        if view.log_start_offset > self._starts.get(life, view.log_start_offset):
            self.note("log-start-moved")
        self._starts[life] = view.log_start_offset
        if self._topics.setdefault(view.place, view.topic_id) != view.topic_id:
            self._topics[view.place] = view.topic_id
            self.note("topic-recreated")

    def _look_at_leader(self, view: ReplicaView) -> None:
        before = self._leaders.get(view.key)
        if before is not None and before[1] != view.leader_epoch:
            self.note("leader-changed" if before[0] != view.node_id else "same-leader-again")
        self._leaders[view.key] = view.node_id, view.leader_epoch
        led = (*view.key, view.leader_epoch)
        size, high_watermark = self._isr.get(led, (len(view.isr), view.high_watermark))
        if len(view.isr) != size:
            self.note("isr-shrunk" if len(view.isr) < size else "isr-grew")
        if len(view.isr) < view.min_isr:
            self.note("under-min-isr")
        elif view.high_watermark > high_watermark and len(view.isr) < 3 and view.min_isr > 1:
            self.note("committed-with-small-isr")
        if len(view.maximal_isr) != len(view.isr):
            self.note("isr-change-pending")
        self._isr[led] = len(view.isr), view.high_watermark

    def _look_at_quorum(self, quorum: Sequence[QuorumView]) -> None:
        leaders = [view for view in quorum if view.is_leader]
        if quorum and not leaders:
            self.note("no-controller")
        if len(leaders) > 1:
            self.note("two-controllers-in-epochs")
        for view in leaders:
            if self._controller not in (-1, view.node_id):
                self.note("controller-changed")
            self._controller = view.node_id
        for view in quorum:
            life = (view.node_id, view.life)
            if view.log_end_offset < self._metadata_ends.get(life, 0):
                self.note("metadata-truncated")
            self._metadata_ends[life] = view.log_end_offset
            if view.log_start_offset > 0:
                self.note("metadata-snapshot")

    def look_at_groups(self, groups: Iterable[GroupView]) -> None:
        """The groups at one moment."""
        for view in groups:
            node_id, generation = self._groups.get(view.group_id, (view.node_id, view.generation))
            if view.state == "Stable":
                self.note("group-stable")
            if view.generation > generation:
                self.note("group-rebalanced")
            if view.node_id != node_id:
                self.note("group-moved")
            self._groups[view.group_id] = view.node_id, view.generation


def missing(runs: Iterable[Mapping[str, int]]) -> list[str]:
    """The points that none of the runs reached, in the order of POINTS."""
    reached: set[str] = set()
    for run in runs:
        reached.update(run)
    return [point for point in POINTS if point not in reached]
