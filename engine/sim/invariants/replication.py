"""Leaders, in-sync sets and high watermarks of all partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.metadata.image import PartitionImage
from engine.sim.invariants.judge import Judge, Report
from engine.sim.invariants.views import FetcherView, ReplicaView
from engine.types import TopicPartition

Key = tuple[bytes, int]
"""(topic id, partition)"""


class ReplicationJudge(Judge):
    """Sees every replica of every partition, again and again."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._leaders: dict[tuple[Key, int], int] = {}
        self._newest_epoch: dict[Key, int] = {}
        self._epochs: dict[tuple[int, int, Key], int] = {}
        self._high_watermarks: dict[tuple[Key, int, int], int] = {}
        self._min_isr_frozen: dict[tuple[Key, int, int], int] = {}
        self.committed: dict[Key, int] = {}
        """The highest high watermark any leader has shown (exclusive)."""
        self.acknowledged: dict[TopicPartition, int] = {}
        """One past the highest offset acknowledged to a producer with acks=all; kept by whoever knows."""
        self.elections: dict[TopicPartition, int] = {}
        """How many leader epochs were seen led."""

    def look(self, views: Sequence[ReplicaView]) -> None:
        """All replicas at one moment."""
        for view in views:
            self._look_at(view)
        for view in views:
            # A node that starts may find itself leader in metadata of its former life; it serves nobody before it is up.
            if view.leads and view.is_up:
                self._look_at_leader(view)

    def _look_at(self, view: ReplicaView) -> None:
        if not view.log_start_offset <= view.last_stable_offset <= view.high_watermark <= view.log_end_offset:
            self.complain(
                "bad-offsets",
                view.key,
                f"node {view.node_id} {view.place}: log start {view.log_start_offset}, last stable "
                f"{view.last_stable_offset}, high watermark {view.high_watermark}, log end {view.log_end_offset}",
            )
        life = (view.node_id, view.life, view.key)
        before = self._epochs.get(life, -1)
        if view.leader_epoch < before:
            self.complain(
                "epoch-back", view.key, f"node {view.node_id} {view.place}: {before} then {view.leader_epoch}"
            )
        self._epochs[life] = view.leader_epoch

    def _look_at_leader(self, view: ReplicaView) -> None:
        key, place, epoch = view.key, view.place, view.leader_epoch
        known = self._leaders.get((key, epoch))
        if known is None:
            self._leaders[(key, epoch)] = view.node_id
            self.elections[place] = self.elections.get(place, 0) + 1
            if epoch > self._newest_epoch.get(key, -1):
                self._newest_epoch[key] = epoch
                self._look_at_new_leader(view)
        elif known != view.node_id:
            self.complain("two-leaders", key, f"nodes {known} and {view.node_id} lead {place} in epoch {epoch}")
        if view.isr and view.node_id not in view.isr:
            self.complain("leader-not-in-isr", key, f"node {view.node_id} leads {place} and its ISR is {view.isr}")
        # A restarted leader begins its high watermark anew, from its checkpoint.
        life = (key, epoch, view.life)
        before = self._high_watermarks.get(life, 0)
        if view.high_watermark < before:
            self.complain(
                "high-watermark-back",
                key,
                f"node {view.node_id} {place} epoch {epoch}: high watermark {before} then {view.high_watermark}",
            )
        self._look_at_min_isr(view, life)
        self._high_watermarks[life] = view.high_watermark
        if view.high_watermark > self.committed.get(key, 0):
            self.committed[key] = view.high_watermark

    def _look_at_new_leader(self, view: ReplicaView) -> None:
        for kind, offset in (
            ("leader-incomplete", self.committed.get(view.key, 0)),
            ("acknowledged-incomplete", self.acknowledged.get(view.place, 0)),
        ):
            if view.log_end_offset < offset:
                self.complain(
                    kind,
                    view.key,
                    f"node {view.node_id} leads {view.place} from epoch {view.leader_epoch} with log end "
                    f"{view.log_end_offset}; {offset} was promised",
                )

    def _look_at_min_isr(self, view: ReplicaView, life: tuple[Key, int, int]) -> None:
        """The high watermark stands still from one look that finds the ISR too small to the next that does."""
        if len(view.isr) >= view.min_isr:
            self._min_isr_frozen.pop(life, None)
            return
        # The stamp carries what the ISR was: between two looks it may have been whole for a moment.
        stamp = view.partition_epoch
        frozen = self._min_isr_frozen.get(life)
        if frozen == stamp and view.high_watermark > self._high_watermarks.get(life, 0):
            self.complain(
                "under-min-isr-commit",
                view.key,
                f"node {view.node_id} {view.place}: high watermark {view.high_watermark} with ISR {view.isr} and "
                f"min.insync.replicas {view.min_isr}",
            )
        self._min_isr_frozen[life] = stamp

    # ---- against each other

    def look_across(
        self,
        views: Sequence[ReplicaView],
        partitions: Mapping[TopicPartition, PartitionImage],
        is_current: Iterable[int],
    ) -> None:
        """All replicas and the newest committed metadata. `is_current`: nodes that are registered with this very life."""
        current = dict.fromkeys(is_current)
        by_place: dict[TopicPartition, dict[int, ReplicaView]] = {}
        for view in views:
            by_place.setdefault(view.place, {})[view.node_id] = view
        for place, held in by_place.items():
            image = partitions.get(place)
            if image is None:
                continue
            leader = held.get(image.leader)
            if leader is None or not leader.leads or not leader.is_up or leader.leader_epoch != image.leader_epoch:
                continue
            self._look_at_isr(place, held, leader, image, current)

    def _look_at_isr(
        self,
        place: TopicPartition,
        held: Mapping[int, ReplicaView],
        leader: ReplicaView,
        image: PartitionImage,
        current: Mapping[int, None],
    ) -> None:
        # The leader may know of a later ISR than the newest image, from the controller's answer to its proposal.
        if leader.partition_epoch == image.partition_epoch and not set(image.isr) <= set(leader.maximal_isr):
            self.complain(
                "quorum-superset",
                leader.key,
                f"{place}: node {leader.node_id} counts {leader.maximal_isr}, {image.isr} is committed",
            )
        newest = image.isr if image.partition_epoch >= leader.partition_epoch else leader.isr
        for node_id in leader.isr:
            replica = held.get(node_id)
            if (
                replica is None
                or node_id not in current
                or node_id not in newest
                or replica.topic_id != leader.topic_id
            ):
                continue
            if replica.log_end_offset < leader.high_watermark:
                self.complain(
                    "strong-isr",
                    leader.key,
                    f"{place}: node {node_id} is in the ISR of {leader.node_id} with log end "
                    f"{replica.log_end_offset}; {leader.high_watermark} is committed",
                )
        if image.partition_epoch < leader.partition_epoch:
            return
        for node_id in (*image.isr, *image.elr):
            replica = held.get(node_id)
            if replica is None or node_id not in current or replica.topic_id != leader.topic_id:
                continue
            if replica.log_end_offset < min(self.committed.get(leader.key, 0), leader.log_end_offset):
                self.complain(
                    "candidate-incomplete",
                    leader.key,
                    f"{place}: node {node_id} may be elected with log end {replica.log_end_offset}; "
                    f"{self.committed[leader.key]} is committed",
                )

    def look_at_fetchers(self, views: Iterable[FetcherView]) -> None:
        """Who copies from whom."""
        for view in views:
            wrong = (
                len(view.sources) > 1
                or (view.leads and view.sources)
                or (len(view.sources) == 1 and view.sources[0] != view.leader_id)
            )
            if wrong:
                self.complain(
                    "fetcher-state",
                    (view.node_id, view.place),
                    f"node {view.node_id} fetches {view.place} from {view.sources}; its leader is {view.leader_id}",
                )
