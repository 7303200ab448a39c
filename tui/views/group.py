"""One group: its lag over time, and where it is on each partition; reset with a preview."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.changes.kinds import DeleteOffsets
from console.changes.scopes import scopes_of
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.lag.burrow import LagStatus
from console.output.text import count, duration, plural
from console.services.group_members import GroupMember
from console.services.groups import GroupDescription
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.groups import STATES, group_row
from tui.views.resetting import reset_change, reset_form
from tui.views.timeline import WINDOWS_MS, begin_of, line
from tui.views.words import Behind, behind_text, furthest, number_tail, rate
from tui.widgets.bars import Bar, Line, Part
from tui.widgets.cells import harmless
from tui.widgets.chart import Chart, ChartData, ChartLine
from tui.widgets.table_model import Column


@dataclass(frozen=True, slots=True)
class GroupPartitionRow:
    """A group on one partition. What is not known is None."""

    partition: TopicPartition
    committed: int | None
    end: int | None
    lag: int | None
    behind: Behind | None
    commit_rate: float | None
    production_rate: float | None
    status: LagStatus | None
    member: GroupMember | None
    assigned: bool

    @property
    def health(self) -> str:
        if self.status in (LagStatus.STOP, LagStatus.STALL, LagStatus.REWIND):
            return "bad"
        return "warning" if self.status is LagStatus.WARN else ""


class GroupView(TableView[GroupPartitionRow]):
    NAME = "group"
    NOUN = ("partition",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("group")
    EMPTY: ClassVar[tuple[str, ...]] = ("It has committed nothing, and nothing is assigned.",)
    DEFAULT_CSS = """
    GroupView Chart { height: 35%; min-height: 6; max-height: 16; }
    GroupView Bar { background: $background; }
    """
    has_faults = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.window = 0
        self._described: GroupDescription | None = None

    def columns(self) -> Sequence[Column[GroupPartitionRow]]:
        return (
            Column("partition", "PARTITION", lambda row: row.partition, str, letter="N", flexible=True, width_min=10, tail=number_tail,
                   width_max=100, style=lambda row: row.health or "name"),
            Column("committed", "COMMITTED", lambda row: row.committed, count, right=True, letter="C"),
            Column("end", "END", lambda row: row.end, count, right=True, letter="E"),
            Column("lag", "LAG", lambda row: row.lag, count, right=True, letter="L", style=lambda row: row.health if row.lag else "faint"),
            Column("behind", "BEHIND", lambda row: row.behind, behind_text, right=True, letter="B",
                   style=lambda row: row.health if row.lag else "faint"),
            Column("rate", "READ/s", lambda row: row.commit_rate, rate, right=True, letter="R", wide=True),
            Column("in", "IN/s", lambda row: row.production_rate, rate, right=True, letter="I", wide=True),
            Column("status", "STATUS", lambda row: row.status and row.status.name, letter="S", style=lambda row: row.health or "good"),
            Column("client", "CLIENT", lambda row: row.member and row.member.client_id, letter="M", width_max=30,
                   style=lambda row: "" if row.member else "faint"),
            Column("host", "HOST", lambda row: row.member and row.member.client_host, letter="H", wide=True),
            Column("member", "MEMBER", lambda row: row.member and row.member.member_id, wide=True, width_max=60),
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        yield Bar(id="facts")
        yield Chart(ChartData("Lag, records"))
        yield from super().compose()

    def key(self, row: GroupPartitionRow) -> Hashable:
        return row.partition

    def fault(self, row: GroupPartitionRow) -> bool:
        return bool(row.health)

    async def load(self) -> None:
        self.source.past.watched.add(self.argument)
        snapshot = self.source.snapshot
        if snapshot is not None and self.argument in snapshot.groups:
            # The snapshot has all but who the members are: that comes when it comes.
            await super().load()
            await self._chart(snapshot)
            self._facts(snapshot)
            if self.source.failure is None:
                self._described = await self.source.group(self.argument)
        await super().load()

    def fail(self, error: OperatorError) -> None:
        super().fail(error)
        if not self.model.rows:
            self.query_one("#facts", Bar).set_lines(Line(()))
            self.query_one(Chart).set_data(ChartData("Lag, records"))

    def rows(self, snapshot: Snapshot) -> Sequence[GroupPartitionRow]:
        group = snapshot.groups.get(self.argument)
        if group is None:
            raise OperatorError.refused(
                f"group {self.argument}", ErrorCode.GROUP_ID_NOT_FOUND, "there is no such group", ":groups shows those there are."
            )  # fmt: skip
        owners: dict[TopicPartition, GroupMember] = {}
        if self._described is not None:
            owners = {each: member for member in self._described.membership.members for each in member.assignment}
        rows = []
        for partition in sorted({*group.committed, *group.assigned}):
            tracked = self.source.tracker.partition(self.argument, partition)
            ends = snapshot.offsets.get(partition)
            lag_time = tracked.lag_time if tracked is not None else None
            rows.append(
                GroupPartitionRow(
                    partition,
                    group.committed.get(partition),
                    ends[1] if ends is not None else None,
                    snapshot.lag(group, partition),
                    furthest([lag_time]),
                    tracked.commit_rate if tracked is not None else None,
                    tracked.production_rate if tracked is not None else None,
                    tracked.status if tracked is not None else None,
                    owners.get(partition),
                    partition in group.assigned,
                )
            )
        return rows

    def _facts(self, snapshot: Snapshot) -> None:
        row = group_row(snapshot, self.source.tracker, snapshot.groups[self.argument])
        parts: list[Part] = [
            (f" {row.state or '-'}", STATES.get(row.state, "warning")),
            (f"  {row.type}", "faint"),
            (f"  {'-' if row.members is None else plural(row.members, 'member')}", ""),
            (f"  lag {count(row.lag)}", row.health),
            (f"  behind {behind_text(row.behind)}", row.health),
            (f"  {rate(row.commit_rate)} read/s", ""),
            (f"  drained in {duration(row.drain_ms)}" if row.drain_ms else "", "faint"),
            (f"  {row.status.name}" if row.status is not None else "", row.health or "good"),
            (f"  coordinator {row.coordinator}", "faint"),
        ]
        if self._described is not None and self._described.membership.assignor:
            parts.append((f"  {harmless(self._described.membership.assignor)}", "faint"))
        self.query_one("#facts", Bar).set_lines(Line(tuple(parts)))

    async def _chart(self, snapshot: Snapshot) -> None:
        window = WINDOWS_MS[self.window]
        points = await line(
            self.source, "kafka_consumergroup_lag", window, snapshot.at_ms,
            self.source.past.lag(self.argument), labels={"consumergroup": self.argument},
        )  # fmt: skip
        data = ChartData(
            "Lag, records", (ChartLine("lag", points),), begin_of(points, window, snapshot.at_ms), snapshot.at_ms
        )
        self.query_one(Chart).set_data(data)

    def open(self, row: GroupPartitionRow) -> None:
        self.stoker.enter_first(
            ("records", row.partition.topic, str(row.partition.partition)), ("partitions", row.partition.topic)
        )

    def action_window(self) -> None:
        self.window = (self.window + 1) % len(WINDOWS_MS)
        self.reload()

    def action_members(self) -> None:
        self.stoker.enter("members", self.argument)

    def action_reset(self) -> None:
        # Marked ones only; without marks the group as a whole.
        scope = scopes_of(row.partition for row in self.chosen) if self.model.marked else ()

        def done(values: dict[str, Any] | None) -> None:
            if values is not None:
                self.stoker.change([reset_change(self.argument, values)])

        self.stoker.push_screen(reset_form(f"Set offsets of {self.argument}", self.source.now_ms, scope), done)

    def action_forget(self) -> None:
        if self.chosen:
            self.stoker.change([DeleteOffsets(self.argument, scopes_of(row.partition for row in self.chosen))])
