"""The metadata quorum: its leader, voters and observers, and how far behind each is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.output.text import count, duration, moment
from console.services.quorum import QuorumReplica, QuorumRole
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.table_model import Column


class QuorumView(TableView[QuorumReplica]):
    NAME = "quorum"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("quorum")
    NOUN = ("node",)
    EMPTY: ClassVar[tuple[str, ...]] = ("The quorum has no members.",)
    has_faults = True

    def columns(self) -> Sequence[Column[QuorumReplica]]:
        return (
            Column("node", "NODE", lambda row: row.node_id, right=True, letter="N", style=lambda _: "name"),
            Column("role", "ROLE", lambda row: row.role.value, letter="R",
                   style=lambda row: "warning" if row.role is QuorumRole.LEADER else ""),
            Column("log_end_offset", "LOG END", lambda row: row.log_end_offset, count, right=True, letter="E"),
            Column("lag", "LAG", lambda row: row.lag, count, right=True, letter="L",
                   style=lambda row: "warning" if row.lag else "faint"),
            Column("fetched", "FETCHED", lambda row: row.last_fetch_timestamp, self._since, right=True),
            Column("caught_up", "CAUGHT UP", lambda row: row.last_caught_up_timestamp, self._since, right=True, letter="C"),
            Column("endpoints", "CONTROLLER LISTENERS", lambda row: row.endpoints, lambda each: " ".join(each) or "-", flexible=True,
                   width_min=9, width_max=100),
            Column("directory", "DIRECTORY ID", lambda row: row.directory_id, wide=True),
            Column("caught_up_at", "CAUGHT UP AT", lambda row: row.last_caught_up_timestamp, moment, wide=True),
        )  # fmt: skip

    def _since(self, at_ms: int | None) -> str:
        snapshot = self.source.snapshot
        if at_ms is None or snapshot is None:
            return "-"
        return (
            f"{duration(max(0, snapshot.at_ms - at_ms) // 1000 * 1000 or 0)} ago"
            if snapshot.at_ms - at_ms >= 1000
            else "now"
        )

    def key(self, row: QuorumReplica) -> Hashable:
        return row.node_id, row.directory_id

    def fault(self, row: QuorumReplica) -> bool:
        return bool(row.lag) or row.log_end_offset is None

    def open(self, row: QuorumReplica) -> None:
        """Into the broker, where the node is one too."""
        snapshot = self.source.snapshot
        if snapshot is not None and row.node_id in snapshot.brokers:
            self.stoker.enter("broker", str(row.node_id))
        else:
            self.action_whole_row()

    def rows(self, snapshot: Snapshot) -> Sequence[QuorumReplica]:
        if snapshot.quorum is None:
            reasons = [each.reason for each in snapshot.missing if each.what == "quorum"]
            raise OperatorError("the quorum did not answer", *reasons[:1])
        return snapshot.quorum.replicas

    def status(self) -> str:
        snapshot = self.source.snapshot
        if snapshot is None or snapshot.quorum is None:
            return super().status()
        quorum = snapshot.quorum
        leader = "no leader" if quorum.leader is None else f"leader {quorum.leader}"
        return f"{leader} · epoch {quorum.leader_epoch} · committed to {quorum.high_watermark:,} · {super().status()}"
