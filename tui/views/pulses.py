"""The cluster at a glance: is it healthy, how fast, who is behind, and what its nodes use."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.output.text import count, plural, size
from console.services.topics import is_internal
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.past import Past
from tui.views.base import TableView
from tui.views.brokers import BrokerRow, broker_columns, broker_rows
from tui.views.groups import group_row
from tui.views.timeline import WINDOWS_MS, begin_of, line
from tui.views.topics import topic_rows
from tui.views.words import behind_text, percent, rate
from tui.widgets.bars import Bar, Line, Part
from tui.widgets.cells import fitted, harmless
from tui.widgets.chart import Chart, ChartData, ChartLine
from tui.widgets.table_model import Column, Sort

TOP_MAX = 10
NARROW = 100
"""Below so many columns facts are told in fewer words."""
ROWS_IN_SIGHT = 8
"""So many brokers are seen at once before charts are made larger."""


def health_lines(snapshot: Snapshot, past: Past, *, narrow: bool = False) -> list[Line]:
    """What must be 0, and how much of everything there is; `narrow`: in fewer words."""
    views = snapshot.partitions.values()
    offline = sum(view.leader_id < 0 for view in views)
    under = sum(len(view.isr) < len(view.replicas) for view in views)
    moved = sum(bool(view.replicas) and view.leader_id not in (-1, view.replicas[0]) for view in views)
    down = past.known_brokers.union(*(view.replicas for view in views)) - set(snapshot.brokers)
    topics = {partition.topic for partition in snapshot.partitions}
    internal = sum(is_internal(name, False) for name in topics)
    held = sum(each.size_bytes for each in snapshot.log_dirs)
    quorum = snapshot.quorum
    lags = [lag for group in snapshot.groups.values() for each in group.committed if (lag := snapshot.lag(group, each))]

    def must_be_0(label: str, number: int, role: str) -> list[Part]:
        return [(f"  {label} ", "faint"), (f"{number:,}", role if number else "good")]

    controller = "none" if quorum is None or quorum.leader is None else str(quorum.leader)
    first: list[Part] = [
        (" brokers ", "faint"),
        (f"{len(snapshot.brokers)}", "bad" if down else "good"),
        (f" ({len(down)} down)" if down else "", "bad"),
        ("  controller ", "faint"),
        (controller, "bad" if controller == "none" else ""),
        *must_be_0("offline", offline, "bad"),
        *must_be_0("under" if narrow else "under-replicated", under, "warning"),
        *must_be_0("not preferred", moved, "warning"),
    ]
    second: list[Part] = [
        (" topics ", "faint"),
        (f"{len(topics) - internal:,}", ""),
        (f" +{internal} internal" if internal and not narrow else "", "faint"),
        ("  partitions ", "faint"),
        (count(len(snapshot.partitions)), ""),
        ("  groups ", "faint"),
        (count(len(snapshot.groups)), ""),
        ("  lag ", "faint"),
        (count(sum(lags)), ""),
        ("  size ", "faint"),
        (size(held), ""),
    ]
    if past.machine_busy is not None and snapshot.usage is not None:
        machine = snapshot.usage.machine
        used = machine.memory_total_bytes - machine.memory_available_bytes
        busy = percent(past.machine_busy)
        second += [
            ("  CPU " if narrow else "  machine ", "faint"),
            (busy if narrow else f"{busy} of {plural(machine.cpu_count, 'CPU')}, {size(used)}", ""),
        ]
    lines = [Line(tuple(first)), Line(tuple(second))]
    if snapshot.missing:
        words = "; ".join(str(each) for each in snapshot.missing[:3])
        lines.append(Line(((f" did not answer: {harmless(words)}", "warning"),)))
    return lines


def busiest(snapshot: Snapshot, tracker: LagTracker) -> list[tuple[str, str]]:
    """Topics that most comes into, and how much."""
    rows = [row for row in topic_rows(snapshot, tracker, internal=False) if row.records_per_second]
    rows.sort(key=lambda row: -(row.records_per_second or 0))
    return [(row.name, f"{rate(row.records_per_second)}/s") for row in rows[:TOP_MAX]]


def furthest_behind(snapshot: Snapshot, tracker: LagTracker) -> list[tuple[str, str]]:
    """Groups with the greatest lag."""
    rows = [group_row(snapshot, tracker, group) for group in snapshot.groups.values()]
    rows = sorted((row for row in rows if row.lag), key=lambda row: -(row.lag or 0))[:TOP_MAX]
    return [(row.group_id, f"{count(row.lag)}, {behind_text(row.behind)}") for row in rows]


def side_by_side(left: list[tuple[str, str]], right: list[tuple[str, str]], width: int) -> list[Line]:
    """The two lists next to each other, with headings."""
    half = max(20, width // 2)
    lines = [Line(((fitted(" Busiest topics", half), "strong"), (" Groups furthest behind", "strong")))]
    for at in range(max(len(left), len(right), 1)):
        parts: list[Part] = []
        for which, empty in ((left, "nothing comes in"), (right, "none is behind")):
            if at < len(which):
                name, value = which[at]
                room = half - len(value) - 4
                parts += [(" " + fitted(harmless(name), room) + " ", ""), (value + "  ", "key")]
            else:
                parts.append((fitted(f" {empty}" if at == 0 else "", half), "faint"))
        lines.append(Line(tuple(parts)))
    return lines


class PulsesView(TableView[BrokerRow]):
    NAME = "pulses"
    NOUN = ("broker",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("pulses")
    SORT = Sort("node", False)
    DEFAULT_CSS = """
    PulsesView Bar { background: $background; }
    PulsesView #charts { height: 7; }
    PulsesView Chart { width: 1fr; height: 100%; margin: 0 1 0 0; }
    PulsesView #top-lists { margin: 0 0 1 0; }
    PulsesView VirtualTable { min-height: 4; }
    """
    has_faults = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.window = 0
        self._lists: tuple[list[tuple[str, str]], list[tuple[str, str]]] = [], []

    def columns(self) -> Sequence[Column[BrokerRow]]:
        return broker_columns()

    def compose(self) -> ComposeResult:
        yield Bar(id="health")
        with Horizontal(id="charts"):
            yield Chart(ChartData("Records in, per second"), id="rates")
            yield Chart(ChartData("Lag of all groups, records"), id="lags")
        yield Bar(id="top-lists")
        yield from super().compose()

    def key(self, row: BrokerRow) -> Hashable:
        return row.node_id

    def fault(self, row: BrokerRow) -> bool:
        return bool(row.health)

    def rows(self, snapshot: Snapshot) -> Sequence[BrokerRow]:
        return broker_rows(snapshot, self.source.past)

    async def load(self) -> None:
        await super().load()
        snapshot, tracker = self.source.snapshot, self.source.tracker
        if snapshot is None:
            return
        self._lists = busiest(snapshot, tracker), furthest_behind(snapshot, tracker)
        self._lay_out()
        await self._charts(snapshot)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        """Facts and lists as there is room for them; what the brokers do not need is the charts'."""
        snapshot, (width, height) = self.source.snapshot, self.size
        if not width or snapshot is None:
            return
        facts = health_lines(snapshot, self.source.past, narrow=width < NARROW)
        self.query_one("#health", Bar).set_lines(*facts)
        shown = 3 if height < 30 else 5 if height < 50 else TOP_MAX
        lists = side_by_side(*self._lists, width)[: 1 + shown]
        self.query_one("#top-lists", Bar).set_lines(*lists)
        # With a line between, and the table's heading.
        taken = len(facts) + len(lists) + 1 + 1 + min(len(self.model.rows), ROWS_IN_SIGHT)
        self.query_one("#charts").styles.height = max(7, min(height // 2, height - taken))

    async def _charts(self, snapshot: Snapshot) -> None:
        window, end = WINDOWS_MS[self.window], snapshot.at_ms
        rates = await line(
            self.source, "kafka_topic_partition_current_offset", window, end,
            self.source.past.records_per_second(), per_second=True,
        )  # fmt: skip
        lags = await line(self.source, "kafka_consumergroup_lag", window, end, self.source.past.lag())
        self.query_one("#rates", Chart).set_data(
            ChartData("Records in, per second", (ChartLine("in", rates),), begin_of(rates, window, end), end, text=rate)
        )
        self.query_one("#lags", Chart).set_data(
            ChartData("Lag of all groups, records", (ChartLine("lag", lags),), begin_of(lags, window, end), end)
        )

    def open(self, row: BrokerRow) -> None:
        self.stoker.enter("broker", str(row.node_id))

    def action_window(self) -> None:
        self.window = (self.window + 1) % len(WINDOWS_MS)
        self.reload()
