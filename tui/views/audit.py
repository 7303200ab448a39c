"""What was changed from this machine, newest first; and taking it back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from console.audit import AuditEntry
from console.history.snapshot import Snapshot
from console.output.text import moment, plural
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.table_model import Column

RESULTS = {"done": "good", "failed": "bad", "started": "warning", "unknown": "warning"}


@dataclass(frozen=True, slots=True)
class AuditRow:
    entry: AuditEntry
    undone_by: str | None

    @property
    def can_undo(self) -> bool:
        return self.entry.undo is not None and self.undone_by is None


class AuditView(TableView[AuditRow]):
    NAME = "audit"
    NOUN = ("change",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("audit")
    EMPTY: ClassVar[tuple[str, ...]] = ("Nothing was changed from this machine yet.",)
    has_faults = True
    damaged = 0
    """Lines of the log that cannot be read."""

    def columns(self) -> Sequence[Column[AuditRow]]:
        return (
            Column("when", "WHEN", lambda row: row.entry.at_ms, lambda at: moment(at)[:19], letter="W"),
            Column("change", "CHANGE", lambda row: row.entry.kind, letter="C", style=lambda _: "name"),
            Column("subject", "SUBJECT", lambda row: row.entry.subject, letter="S", flexible=True, width_min=8, width_max=120),
            Column("result", "RESULT", lambda row: row.entry.result, letter="R", style=lambda row: RESULTS.get(row.entry.result, "")),
            Column("undo", "UNDO", lambda row: "undone" if row.undone_by else "yes" if row.can_undo else "-", letter="U",
                   style=lambda row: "good" if row.can_undo else "faint"),
            Column("user", "USER", lambda row: row.entry.user, letter="P", wide=True),
            Column("face", "BY", lambda row: row.entry.face, wide=True),
            Column("cluster", "CLUSTER", lambda row: row.entry.cluster_id, wide=True),
            Column("id", "ID", lambda row: row.entry.id, wide=True),
        )  # fmt: skip

    def key(self, row: AuditRow) -> Hashable:
        return row.entry.id

    def fault(self, row: AuditRow) -> bool:
        return row.entry.result != "done"

    async def ask(self) -> Sequence[AuditRow]:
        trail = await self.source.audit()
        self.damaged = trail.damaged
        undone = trail.undone_by()
        return [AuditRow(entry, undone.get(entry.id)) for entry in reversed(trail.entries)]

    def status(self) -> str:
        return super().status() + (f" · {plural(self.damaged, 'line')} cannot be read" if self.damaged else "")

    def rows(self, snapshot: Snapshot) -> Sequence[AuditRow]:
        return ()

    def open(self, row: AuditRow) -> None:
        self.stoker.enter("change", row.entry.id)

    def copied(self) -> str:
        return "\n".join(row.entry.command for row in self.chosen)

    def action_undo_entry(self) -> None:
        for row in self.chosen[:1]:
            self.stoker.undo_change(row.entry.id)
