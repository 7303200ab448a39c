"""Topics: create, alter, delete, and into their partitions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import BindingType

from console.changes.kinds import CreateTopic
from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.output.text import count, size
from console.services.topic_changes import CLUSTER_DEFAULT, NewTopic
from console.services.topics import is_internal
from engine.types import TopicPartition
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.topic_actions import TopicActions
from tui.views.words import pairs, rate, whole_number
from tui.widgets.form import Field, FormDialog
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic. What nobody answered is None."""

    name: str
    partitions: int
    replication_factor: int
    under_replicated: int
    unavailable: int
    records_at_most: int | None
    records_per_second: float | None
    size_bytes: int | None
    groups: int
    """Groups with offsets committed for it."""

    @property
    def health(self) -> str:
        return "bad" if self.unavailable else "warning" if self.under_replicated else ""


def topic_rows(snapshot: Snapshot, tracker: LagTracker, *, internal: bool) -> list[TopicRow]:
    """The topics of a snapshot, by name."""
    by_topic: dict[str, list[TopicPartition]] = {}
    for partition in snapshot.partitions:
        by_topic.setdefault(partition.topic, []).append(partition)
    readers: dict[str, int] = {}
    for group in snapshot.groups.values():
        for topic in {partition.topic for partition in group.committed}:
            readers[topic] = readers.get(topic, 0) + 1
    rows = []
    for name in sorted(by_topic):
        if not internal and is_internal(name, False):
            continue
        rows.append(_row(snapshot, tracker, name, by_topic[name], readers.get(name, 0)))
    return rows


def _row(snapshot: Snapshot, tracker: LagTracker, name: str, partitions: list[TopicPartition], groups: int) -> TopicRow:
    under = away = held = records = 0
    records_known = size_known = rate_known = True
    speed = 0.0
    for partition in partitions:
        view = snapshot.partitions[partition]
        under += len(view.isr) < len(view.replicas)
        away += view.leader_id < 0
        ends = snapshot.offsets.get(partition)
        if ends is None:
            records_known = False
        else:
            records += ends[1] - ends[0]
        own = snapshot.sizes.get(partition, {}).get(view.leader_id)
        if own is None:
            size_known = False
        else:
            held += own
        each = tracker.production_rate(partition)
        if each is None:
            rate_known = False
        else:
            speed += each
    return TopicRow(
        name,
        len(partitions),
        len(snapshot.partitions[partitions[0]].replicas),
        under,
        away,
        records if records_known else None,
        speed if rate_known else None,
        held if size_known else None,
        groups,
    )


class TopicsView(TopicActions, TableView[TopicRow]):
    NAME = "topics"
    NOUN = ("topic",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("topics")
    SORT = Sort("name", False)
    EMPTY = ("There are no topics yet.", "n creates one; a shows Kafka's own.")
    has_faults = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.internal = False

    def columns(self) -> Sequence[Column[TopicRow]]:
        return (
            Column("name", "TOPIC", lambda row: row.name, letter="N", flexible=True, width_min=12, width_max=120,
                   style=lambda row: row.health or "name"),
            Column("partitions", "PARTITIONS", lambda row: row.partitions, count, right=True, letter="P"),
            Column("replication_factor", "RF", lambda row: row.replication_factor, right=True, letter="F"),
            Column("under_replicated", "UNDER", lambda row: row.under_replicated, count, right=True, letter="U",
                   style=lambda row: "warning" if row.under_replicated else "faint"),
            Column("unavailable", "OFFLINE", lambda row: row.unavailable, count, right=True, letter="L",
                   style=lambda row: "bad" if row.unavailable else "faint"),
            Column("records", "RECORDS≤", lambda row: row.records_at_most, count, right=True, letter="R"),
            Column("rate", "IN/s", lambda row: row.records_per_second, rate, right=True, letter="I",
                   style=lambda row: "good" if row.records_per_second else "faint"),
            Column("size", "SIZE", lambda row: row.size_bytes, size, right=True, letter="S"),
            Column("groups", "GROUPS", lambda row: row.groups, count, right=True, letter="C", wide=True),
        )  # fmt: skip

    def key(self, row: TopicRow) -> Hashable:
        return row.name

    def fault(self, row: TopicRow) -> bool:
        return bool(row.health)

    def rows(self, snapshot: Snapshot) -> Sequence[TopicRow]:
        return topic_rows(snapshot, self.source.tracker, internal=self.internal)

    def open(self, row: TopicRow) -> None:
        self.stoker.enter("partitions", row.name)

    # keys

    def topics_meant(self) -> list[str]:
        return [row.name for row in self.chosen]

    def action_internal(self) -> None:
        self.internal = not self.internal
        self.reload()

    def action_new(self) -> None:
        self.stoker.push_screen(FormDialog("Create a topic", new_topic_fields()), self._create)

    def _create(self, values: dict[str, Any] | None) -> None:
        if values is not None:
            topic = NewTopic(values["name"], values["partitions"], values["replication_factor"], values["configs"])
            self.stoker.change([CreateTopic(topic)])


def _topic_name(text: str) -> str:
    if not text:
        raise ValueError("a topic needs a name")
    return text


def new_topic_fields() -> list[Field]:
    default = whole_number(1, 1_000_000, empty=CLUSTER_DEFAULT)
    return [
        Field("name", "Name", help="Letters, digits, '.', '_' and '-', at most 249", parse=_topic_name),
        Field("partitions", "Partitions", help="Empty: as the cluster has it (num.partitions)", parse=default),
        Field(
            "replication_factor", "Replicas", help="Empty: as the cluster has it (default.replication.factor)",
            parse=whole_number(1, 32_767, empty=CLUSTER_DEFAULT),
        ),
        Field("configs", "Configuration", help="name=value name=value, e.g. cleanup.policy=compact", parse=pairs),
    ]  # fmt: skip
