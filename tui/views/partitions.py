"""Partitions of a topic, or of all: leader, replicas, offsets, size."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from console.changes.kinds import ElectLeaders
from console.changes.scopes import scopes_of
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.output.text import count, numbers, size
from console.services.topics import is_internal
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.words import number_tail, rate
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition. What nobody answered is None."""

    partition: TopicPartition
    leader: int | None
    leader_epoch: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    down: tuple[int, ...]
    """Replicas on brokers that are not alive."""
    log_start_offset: int | None
    high_watermark: int | None
    records_per_second: float | None
    size_bytes: int | None
    """Of the leader's replica."""
    moved: bool
    """Led by another than its preferred leader."""

    @property
    def records_at_most(self) -> int | None:
        if self.log_start_offset is None or self.high_watermark is None:
            return None
        return self.high_watermark - self.log_start_offset

    @property
    def health(self) -> str:
        if self.leader is None:
            return "bad"
        return "warning" if len(self.isr) < len(self.replicas) else ""


def partition_rows(snapshot: Snapshot, tracker: LagTracker, wanted: Iterable[TopicPartition]) -> list[PartitionRow]:
    """Of a snapshot, in the order of topic and number, Kafka's own topics last."""
    rows = []
    alive, offsets, sizes = snapshot.brokers, snapshot.offsets, snapshot.sizes
    for partition in sorted(wanted, key=lambda each: (is_internal(each.topic, False), each)):
        view = snapshot.partitions[partition]
        ends = offsets.get(partition)
        replicas = view.replicas
        rows.append(
            PartitionRow(
                partition,
                view.leader_id if view.leader_id >= 0 else None,
                view.leader_epoch if view.leader_epoch >= 0 else None,
                replicas,
                view.isr,
                tuple(node for node in replicas if node not in alive),
                ends[0] if ends else None,
                ends[1] if ends else None,
                tracker.production_rate(partition),
                sizes.get(partition, {}).get(view.leader_id),
                bool(replicas) and view.leader_id >= 0 and view.leader_id != replicas[0],
            )
        )
    return rows


class PartitionsView(TableView[PartitionRow]):
    NAME = "partitions"
    NOUN = ("partition",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("partitions")
    SORT: ClassVar[Sort | None] = None
    EMPTY: ClassVar[tuple[str, ...]] = ("There are no partitions yet.", ":topics, then n, creates a topic.")
    has_faults = True

    def columns(self) -> Sequence[Column[PartitionRow]]:
        return (
            Column("partition", "PARTITION", lambda row: row.partition, str, letter="N", flexible=True, width_min=10, tail=number_tail,
                   width_max=120, style=lambda row: row.health or "name"),
            Column("leader", "LEADER", lambda row: row.leader, right=True, letter="L",
                   style=lambda row: "bad" if row.leader is None else "warning" if row.moved else ""),
            Column("leader_epoch", "EPOCH", lambda row: row.leader_epoch, right=True, letter="E", wide=True),
            Column("replicas", "REPLICAS", lambda row: row.replicas, numbers, style=lambda row: "warning" if row.down else ""),
            Column("isr", "ISR", lambda row: row.isr, numbers, letter="I", style=lambda row: row.health),
            Column("down", "DOWN", lambda row: row.down, numbers, style=lambda row: "bad" if row.down else "faint", wide=True),
            Column("log_start_offset", "START", lambda row: row.log_start_offset, count, right=True, wide=True),
            Column("high_watermark", "END", lambda row: row.high_watermark, count, right=True, letter="W"),
            Column("records", "RECORDS≤", lambda row: row.records_at_most, count, right=True, letter="R"),
            Column("rate", "IN/s", lambda row: row.records_per_second, rate, right=True, letter="P",
                   style=lambda row: "good" if row.records_per_second else "faint"),
            Column("size", "SIZE", lambda row: row.size_bytes, size, right=True, letter="S"),
        )  # fmt: skip

    def key(self, row: PartitionRow) -> Hashable:
        return row.partition

    def fault(self, row: PartitionRow) -> bool:
        return bool(row.health) or row.moved

    def wanted(self, snapshot: Snapshot) -> Iterable[TopicPartition]:
        """Which partitions it shows."""
        if not self.argument:
            return snapshot.partitions
        return [each for each in snapshot.partitions if each.topic == self.argument]

    def rows(self, snapshot: Snapshot) -> Sequence[PartitionRow]:
        wanted = list(self.wanted(snapshot))
        if self.argument and not wanted:
            raise self.unknown()
        return partition_rows(snapshot, self.source.tracker, wanted)

    def unknown(self) -> OperatorError:
        """When the argument names nothing."""
        return OperatorError.refused(
            f"topic {self.argument}", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic", ":topics shows those there are."
        )  # fmt: skip

    def open(self, row: PartitionRow) -> None:
        self.stoker.enter_first(
            ("records", row.partition.topic, str(row.partition.partition)), ("topic", row.partition.topic)
        )

    def action_describe(self) -> None:
        for row in self.chosen[:1]:
            self.stoker.enter("topic", row.partition.topic)

    def action_tail(self) -> None:
        for row in self.chosen[:1]:
            self.stoker.enter("tail", row.partition.topic, f"partition={row.partition.partition}")

    def action_elect(self) -> None:
        chosen = [row.partition for row in self.chosen]
        if chosen:
            self.stoker.change([ElectLeaders(scopes_of(chosen))])
