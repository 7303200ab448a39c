"""The metadata quorum, with the invariants of Kafka's own raft tests (RaftEventSimulationTest)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.sim.invariants.judge import Judge, Report
from engine.sim.invariants.views import QuorumView

STALE_S_MAX = 8.0
"""Virtual seconds a deposed leader of the quorum may go on: it resigns after 1.5 times controller.quorum.fetch.timeout.ms."""


class QuorumJudge(Judge):
    """Sees every node's part in the quorum, again and again."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._leaders: dict[int, int] = {}
        self._high_watermarks: dict[tuple[int, int], int] = {}
        self._epochs: dict[tuple[int, int], int] = {}
        self._stale: dict[tuple[int, int, int], float] = {}
        self.committed = 0
        """The highest high watermark any node has shown (exclusive)."""

    def look(self, views: Sequence[QuorumView], now_s: float = 0.0) -> None:
        """All nodes at one moment, in virtual seconds."""
        self._look_for_stale_leaders(views, now_s)
        for view in views:
            life = (view.node_id, view.life)
            epoch = self._epochs.get(life, -1)
            if view.epoch < epoch:
                self.complain("quorum-epoch-back", life, f"node {view.node_id}: epoch {epoch} then {view.epoch}")
            self._epochs[life] = view.epoch
            if view.is_leader:
                self._look_at_leader(view)
            before = self._high_watermarks.get(life, -1)
            now = -1 if view.high_watermark is None else view.high_watermark
            if now < before:
                self.complain(
                    "quorum-high-watermark-back", life, f"node {view.node_id}: high watermark {before} then {now}"
                )
            self._high_watermarks[life] = now
            # What a log has dropped must be in a snapshot that reaches at least to where the log begins.
            if view.log_start_offset > max(view.snapshots, default=0):
                self.complain(
                    "snapshot-gap",
                    life,
                    f"node {view.node_id}: its metadata begins at {view.log_start_offset}, its snapshots end at "
                    f"{view.snapshots}",
                )
        for view in views:
            if view.high_watermark is not None:
                self.committed = max(self.committed, view.high_watermark)

    def _look_at_leader(self, view: QuorumView) -> None:
        known = self._leaders.get(view.epoch)
        if known is None:
            self._leaders[view.epoch] = view.node_id
            if view.epoch >= max(self._leaders) and view.log_end_offset < self.committed:
                self.complain(
                    "quorum-leader-incomplete",
                    view.epoch,
                    f"node {view.node_id} leads from epoch {view.epoch} with log end {view.log_end_offset}; "
                    f"{self.committed} was committed",
                )
        elif known != view.node_id:
            self.complain(
                "two-controllers", view.epoch, f"nodes {known} and {view.node_id} lead the quorum in epoch {view.epoch}"
            )

    def _look_for_stale_leaders(self, views: Sequence[QuorumView], now_s: float) -> None:
        """A leader that nobody follows any more resigns by itself, though it hears of no other (check quorum)."""
        newest = max((view.epoch for view in views if view.is_leader), default=-1)
        stale: dict[tuple[int, int, int], float] = {}
        for view in views:
            if view.is_leader and view.epoch < newest and view.runs:
                key = (view.node_id, view.life, view.epoch)
                since_s = stale[key] = self._stale.get(key, now_s)
                if now_s - since_s > STALE_S_MAX:
                    self.complain(
                        "stale-controller",
                        key,
                        f"node {view.node_id} leads the quorum in epoch {view.epoch} still, {now_s - since_s:.1f} s after "
                        f"another began to in epoch {newest}",
                    )
        self._stale = stale

    def look_at_durability(self, durable_ends: Mapping[int, int], voters: int) -> None:
        """`durable_ends`: voter -> offset up to which its log (or a snapshot) has reached its platter."""
        reached = sum(end >= self.committed for end in durable_ends.values())
        if reached <= voters // 2:
            self.complain(
                "quorum-not-durable",
                "quorum",
                f"{self.committed} is committed, the platters hold {dict(sorted(durable_ends.items()))}",
            )
