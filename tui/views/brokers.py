"""Brokers: what they lead and hold, and those that are gone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from console.history.snapshot import Snapshot
from console.output.text import count, size
from console.services.brokers import BrokerListing
from engine.net.cluster_view import address_text
from tui.bindings import bindings_of
from tui.past import NodeUsage, Past
from tui.views.base import TableView
from tui.views.words import percent
from tui.widgets.raster import sparkline
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class BrokerRow:
    """One broker. What nobody answered is None."""

    node_id: int
    address: str
    rack: str | None
    state: str
    """up, fenced, or down."""
    is_controller: bool
    leaders: int
    replicas: int
    out_of_sync: int
    size_bytes: int | None
    free_bytes: int | None
    usage: NodeUsage | None

    @property
    def health(self) -> str:
        return "bad" if self.state != "up" else "warning" if self.out_of_sync else ""


def broker_rows(snapshot: Snapshot, past: Past, fenced: Mapping[int, str] = {}) -> list[BrokerRow]:
    """Those that are alive, those that were, and those that ought to hold replicas; `fenced`: addresses by id."""
    leaders: dict[int, int] = {}
    replicas: dict[int, int] = {}
    behind: dict[int, int] = {}
    for view in snapshot.partitions.values():
        leaders[view.leader_id] = leaders.get(view.leader_id, 0) + 1
        isr = view.isr
        for node in view.replicas:
            replicas[node] = replicas.get(node, 0) + 1
            if node not in isr:
                behind[node] = behind.get(node, 0) + 1
    rows = []
    for node in sorted({*snapshot.brokers, *replicas, *past.known_brokers, *fenced}):
        broker = snapshot.brokers.get(node)
        dirs = [each for each in snapshot.log_dirs if each.node_id == node]
        free = [each.usable_bytes for each in dirs if each.usable_bytes is not None]
        rows.append(
            BrokerRow(
                node,
                address_text(broker.host, broker.port) if broker is not None else fenced.get(node, "-"),
                broker.rack if broker is not None else None,
                "up" if broker is not None else "fenced" if node in fenced else "down",
                snapshot.quorum is not None and snapshot.quorum.leader == node,
                leaders.get(node, 0),
                replicas.get(node, 0),
                behind.get(node, 0),
                sum(each.size_bytes for each in dirs) if dirs else None,
                min(free) if free else None,
                past.nodes.get(node),
            )
        )
    return rows


def fenced_brokers(listing: BrokerListing) -> dict[int, str]:
    return {each.node_id: address_text(each.host, each.port) for each in listing.brokers if each.is_fenced}


def broker_columns() -> Sequence[Column[BrokerRow]]:
    """Also of the nodes in the overview."""
    return (
        Column("node", "NODE", lambda row: row.node_id, right=True, letter="N", style=lambda row: row.health or "name"),
        Column("state", "STATE", lambda row: row.state, letter="T", style=lambda row: "good" if row.state == "up" else "bad"),
        Column("role", "ROLE", lambda row: "controller" if row.is_controller else "", str,
               style=lambda _: "warning", wide=True),
        Column("address", "ADDRESS", lambda row: row.address, flexible=True, width_min=9, width_max=60, letter="A"),
        Column("rack", "RACK", lambda row: row.rack, wide=True),
        Column("leaders", "LEADERS", lambda row: row.leaders, count, right=True, letter="L"),
        Column("replicas", "REPLICAS", lambda row: row.replicas, count, right=True, letter="R"),
        Column("out_of_sync", "BEHIND", lambda row: row.out_of_sync, count, right=True, letter="B",
               style=lambda row: "warning" if row.out_of_sync else "faint"),
        Column("size", "SIZE", lambda row: row.size_bytes, size, right=True, letter="S"),
        Column("free", "FREE", lambda row: row.free_bytes, size, right=True, letter="F", wide=True),
        Column("processor", "CPU", lambda row: row.usage and row.usage.processor, percent, right=True, letter="C"),
        Column("processor_past", "CPU, LATELY", lambda row: row.usage.processor_past if row.usage else (),
               lambda past: sparkline(past, 12, 1.0), style=lambda _: "good", wide=True),
        Column("memory", "MEMORY", lambda row: row.usage and row.usage.process.resident_bytes, size, right=True, letter="M",
               wide=True),
        Column("threads", "THREADS", lambda row: row.usage and row.usage.process.thread_count, right=True, wide=True),
        Column("files", "FILES", lambda row: row.usage and row.usage.process.open_files, right=True, wide=True),
        Column("read", "READ/s", lambda row: row.usage and _whole(row.usage.read_rate), size, right=True, wide=True),
        Column("written", "WRITTEN/s", lambda row: row.usage and _whole(row.usage.write_rate), size, right=True, wide=True),
    )  # fmt: skip


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


class BrokersView(TableView[BrokerRow]):
    NAME = "brokers"
    NOUN = ("broker",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("brokers")
    SORT = Sort("node", False)
    has_faults = True

    def columns(self) -> Sequence[Column[BrokerRow]]:
        return broker_columns()

    def key(self, row: BrokerRow) -> Hashable:
        return row.node_id

    def fault(self, row: BrokerRow) -> bool:
        return bool(row.health)

    async def ask(self) -> Sequence[BrokerRow] | None:
        snapshot = self.source.snapshot
        if snapshot is None:
            return await super().ask()
        # Only the brokers' own list knows those that are registered and do not serve.
        fenced = fenced_brokers(await self.source.brokers()) if self.source.failure is None else {}
        return broker_rows(snapshot, self.source.past, fenced)

    def rows(self, snapshot: Snapshot) -> Sequence[BrokerRow]:
        return broker_rows(snapshot, self.source.past)

    def open(self, row: BrokerRow) -> None:
        self.stoker.enter("broker", str(row.node_id))

    def action_configs(self) -> None:
        for row in self.chosen[:1]:
            self.stoker.enter("configs", f"broker {row.node_id}")
