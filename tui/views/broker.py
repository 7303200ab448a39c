"""One broker: what it is and uses, and the replicas it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.output.text import plural, size
from engine.types import TopicPartition
from tui.bindings import bindings_of
from tui.views.brokers import BrokerRow, broker_rows, fenced_brokers
from tui.views.partitions import PartitionRow, PartitionsView, partition_rows
from tui.views.words import percent
from tui.widgets.bars import Bar, Line, Part


def broker_facts(row: BrokerRow) -> Line:
    """The broker in a line."""
    parts: list[Part] = [
        (f" {row.state}", "good" if row.state == "up" else "bad"),
        ("  controller" if row.is_controller else "", "warning"),
        (f"  {row.address}", ""),
        (f"  rack {row.rack}" if row.rack else "", "faint"),
        (f"  leads {row.leaders:,} of {plural(row.replicas, 'replica')}", ""),
        (f"  {row.out_of_sync:,} behind" if row.out_of_sync else "", "warning"),
    ]
    if row.size_bytes is not None:
        parts.append((f"  {size(row.size_bytes)}", ""))
        parts.append((f" ({size(row.free_bytes)} free)" if row.free_bytes is not None else "", "faint"))
    if row.usage is not None:
        process = row.usage.process
        parts.append((f"  CPU {percent(row.usage.processor)}", ""))
        parts.append((f"  memory {size(process.resident_bytes)}", ""))
        parts.append((f"  {process.thread_count} threads", "faint"))
        parts.append((f"  {process.open_files} files" if process.open_files is not None else "", "faint"))
    return Line(tuple(parts))


class BrokerView(PartitionsView):
    NAME = "broker"
    ALSO: ClassVar[tuple[str, ...]] = ("partitions",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("broker", "partitions")
    EMPTY: ClassVar[tuple[str, ...]] = ("It has no replicas.",)
    DEFAULT_CSS = """
    BrokerView Bar { background: $background; }
    """

    def compose(self) -> ComposeResult:
        yield Bar(id="facts")
        yield from super().compose()

    def wanted(self, snapshot: Snapshot) -> Iterable[TopicPartition]:
        return [each for each, view in snapshot.partitions.items() if self.argument in map(str, view.replicas)]

    def rows(self, snapshot: Snapshot) -> Sequence[PartitionRow]:
        wanted = list(self.wanted(snapshot))
        # None is an answer too: a new broker holds nothing yet.
        if not wanted and self.argument not in map(str, snapshot.brokers):
            raise self.unknown()
        return partition_rows(snapshot, self.source.tracker, wanted)

    async def load(self) -> None:
        await super().load()
        snapshot = self.source.snapshot
        if snapshot is None:
            return
        # Only the brokers' own list knows those that are registered and do not serve.
        gone = self.argument not in map(str, snapshot.brokers)
        fenced = fenced_brokers(await self.source.brokers()) if gone and self.source.failure is None else {}
        rows = broker_rows(snapshot, self.source.past, fenced)
        row = next((each for each in rows if str(each.node_id) == self.argument), None)
        self.query_one("#facts", Bar).set_lines(Line(()) if row is None else broker_facts(row))

    def unknown(self) -> OperatorError:
        return OperatorError.words(f"there is no broker {self.argument}", ":brokers shows those there are.")

    def action_configs(self) -> None:
        self.stoker.enter("configs", f"broker {self.argument}")
