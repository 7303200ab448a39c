"""Groups: state, members, lag in records and in time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import BindingType

from console.changes.kinds import DeleteGroup
from console.history.snapshot import GroupProgress, Snapshot
from console.lag.burrow import LagStatus
from console.lag.tracker import LagTracker
from console.output.text import count, duration
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.resetting import reset_change, reset_form
from tui.views.words import Behind, behind_text, furthest, rate
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group. What is not known is None."""

    group_id: str
    type: str
    state: str
    members: int | None
    topics: int
    lag: int | None
    behind: Behind | None
    """Of the partition that is furthest behind."""
    status: LagStatus | None
    commit_rate: float | None
    drain_ms: int | None
    """Of the partition that takes longest."""
    coordinator: int

    @property
    def health(self) -> str:
        if self.status in (LagStatus.ERROR, LagStatus.STOP, LagStatus.STALL, LagStatus.REWIND):
            return "bad"
        return "warning" if self.status is LagStatus.WARN else ""


STATES = {"Stable": "good", "Empty": "faint", "Dead": "bad"}


def group_row(snapshot: Snapshot, tracker: LagTracker, group: GroupProgress) -> GroupRow:
    known = [lag for each in group.committed if (lag := snapshot.lag(group, each)) is not None]
    tracked = tracker.group(group.group_id)
    each = list(tracked[1].values()) if tracked is not None else []
    speeds = [found.commit_rate for found in each if found.commit_rate is not None]
    drains = [found.drain_ms for found in each if found.drain_ms is not None]
    return GroupRow(
        group.group_id,
        group.type,
        group.state,
        group.member_count,
        len({partition.topic for partition in group.committed}),
        sum(known) if known or not group.committed else None,
        furthest(found.lag_time for found in each),
        tracked[0] if tracked is not None else None,
        sum(speeds) if speeds else None,
        max(drains, default=None),
        group.coordinator,
    )


class GroupsView(TableView[GroupRow]):
    NAME = "groups"
    NOUN = ("group",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("groups")
    SORT = Sort("group", False)
    EMPTY: ClassVar[tuple[str, ...]] = ("There are no groups yet.", "A consumer that commits makes one.")
    has_faults = True

    def columns(self) -> Sequence[Column[GroupRow]]:
        return (
            Column("group", "GROUP", lambda row: row.group_id, letter="N", flexible=True, width_min=10, width_max=120,
                   style=lambda row: row.health or "name"),
            Column("state", "STATE", lambda row: row.state, letter="T", style=lambda row: STATES.get(row.state, "warning")),
            Column("type", "TYPE", lambda row: row.type, letter="Y", wide=True),
            Column("members", "MEMBERS", lambda row: row.members, count, right=True, letter="M"),
            Column("topics", "TOPICS", lambda row: row.topics, count, right=True, letter="P"),
            Column("lag", "LAG", lambda row: row.lag, count, right=True, letter="L",
                   style=lambda row: row.health if row.lag else "faint"),
            Column("behind", "BEHIND", lambda row: row.behind, behind_text, right=True, letter="B",
                   style=lambda row: row.health if row.lag else "faint"),
            Column("rate", "READ/s", lambda row: row.commit_rate, rate, right=True, letter="R",
                   style=lambda row: "good" if row.commit_rate else "faint"),
            Column("drained", "DRAINED IN", lambda row: row.drain_ms, duration, right=True, letter="D", wide=True),
            Column("status", "STATUS", lambda row: row.status and row.status.name, letter="S",
                   style=lambda row: row.health or "good"),
            Column("coordinator", "COORDINATOR", lambda row: row.coordinator, right=True, wide=True),
        )  # fmt: skip

    def key(self, row: GroupRow) -> Hashable:
        return row.group_id

    def fault(self, row: GroupRow) -> bool:
        return bool(row.health)

    def rows(self, snapshot: Snapshot) -> Sequence[GroupRow]:
        return [group_row(snapshot, self.source.tracker, group) for group in snapshot.groups.values()]

    def open(self, row: GroupRow) -> None:
        self.stoker.enter("group", row.group_id)

    def action_delete(self) -> None:
        self.stoker.change([DeleteGroup(row.group_id) for row in self.chosen])

    def action_reset(self) -> None:
        chosen = self.chosen
        if not chosen:
            return

        def done(values: dict[str, Any] | None) -> None:
            if values is not None:
                self.stoker.change([reset_change(row.group_id, values) for row in chosen])

        title = f"Set offsets of {chosen[0].group_id if len(chosen) == 1 else f'{len(chosen)} groups'}"
        self.stoker.push_screen(reset_form(title, self.source.now_ms), done)
