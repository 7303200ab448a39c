"""The cluster as a tree: topics, their partitions, their replicas, and the groups that read them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from console.history.snapshot import Snapshot
from console.output.text import plural, size
from console.services.topics import is_internal
from engine.types import TopicPartition
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.table_model import Column

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One node of the tree; `path` are the names from the cluster down to it."""

    path: Path
    label: str
    detail: str
    health: str
    branch: str
    """What is drawn in front."""
    is_open: bool | None
    """None: nothing is below."""
    place: Place | None = None


def tree_rows(snapshot: Snapshot, expanded: frozenset[Path] | set[Path], cluster: str) -> list[TreeRow]:
    """What is to be seen of the tree."""
    by_topic: dict[str, list[TopicPartition]] = {}
    for partition in sorted(snapshot.partitions):
        by_topic.setdefault(partition.topic, []).append(partition)
    readers: dict[str, list[str]] = {}
    for group_id, group in snapshot.groups.items():
        for topic in {each.topic for each in group.committed}:
            readers.setdefault(topic, []).append(group_id)
    topics = sorted(by_topic, key=lambda name: (is_internal(name, False), name))
    detail = f"{plural(len(snapshot.brokers), 'broker')}, {plural(len(topics), 'topic')}, {plural(len(snapshot.groups), 'group')}"
    rows = [TreeRow((), cluster, detail, "", "", True, Place("pulses"))]
    for at, topic in enumerate(topics):
        last = at == len(topics) - 1
        rows += _topic(snapshot, topic, by_topic[topic], sorted(readers.get(topic, [])), expanded, last)
    return rows


def _health(snapshot: Snapshot, partition: TopicPartition) -> str:
    view = snapshot.partitions[partition]
    return "bad" if view.leader_id < 0 else "warning" if len(view.isr) < len(view.replicas) else ""


def _worst(found: Sequence[str]) -> str:
    return "bad" if "bad" in found else "warning" if "warning" in found else ""


def _topic(
    snapshot: Snapshot,
    topic: str,
    partitions: list[TopicPartition],
    groups: list[str],
    expanded: frozenset[Path] | set[Path],
    last: bool,
) -> list[TreeRow]:
    path: Path = (topic,)
    is_open = path in expanded
    detail = plural(len(partitions), "partition") + (f", {plural(len(groups), 'group')}" if groups else "")
    health = _worst([_health(snapshot, each) for each in partitions])
    rows = [TreeRow(path, topic, detail, health, "└─" if last else "├─", is_open, Place("topic", (topic,)))]
    if not is_open:
        return rows
    indent = "  " if last else "│ "
    for at, partition in enumerate(partitions):
        final = at == len(partitions) - 1 and not groups
        rows += _partition(snapshot, partition, expanded, indent, final)
    for at, group_id in enumerate(groups):
        group = snapshot.groups[group_id]
        lags = [snapshot.lag(group, each) for each in group.committed if each.topic == topic]
        lag = sum(each for each in lags if each is not None)
        rows.append(
            TreeRow(
                (topic, "group", group_id), f"group {group_id}", f"{group.state}, lag {lag:,}",
                "warning" if lag and not group.member_count else "", indent + ("└─" if at == len(groups) - 1 else "├─"),
                None, Place("group", (group_id,)),
            )
        )  # fmt: skip
    return rows


def _partition(
    snapshot: Snapshot, partition: TopicPartition, expanded: frozenset[Path] | set[Path], indent: str, last: bool
) -> list[TreeRow]:
    view = snapshot.partitions[partition]
    path: Path = (partition.topic, str(partition.partition))
    ends = snapshot.offsets.get(partition)
    leader = "no leader" if view.leader_id < 0 else f"leader {view.leader_id}"
    detail = leader + (f", {ends[0]:,} to {ends[1]:,}" if ends else "")
    is_open = path in expanded
    rows = [
        TreeRow(
            path, f"partition {partition.partition}", detail, _health(snapshot, partition),
            indent + ("└─" if last else "├─"), is_open, Place("partitions", (partition.topic,)),
        )
    ]  # fmt: skip
    if is_open:
        below = indent + ("  " if last else "│ ")
        for at, node in enumerate(view.replicas):
            alive, in_sync = node in snapshot.brokers, node in view.isr
            role = "leader" if node == view.leader_id else "in sync" if in_sync else "behind"
            held = snapshot.sizes.get(partition, {}).get(node)
            rows.append(
                TreeRow(
                    (*path, str(node)), f"broker {node}", f"{role if alive else 'down'}, {size(held)}",
                    "bad" if not alive else "" if in_sync else "warning",
                    below + ("└─" if at == len(view.replicas) - 1 else "├─"), None, Place("broker", (str(node),)),
                )
            )  # fmt: skip
    return rows


class XrayView(TableView[TreeRow]):
    NAME = "xray"
    NOUN = ("line",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("xray")
    has_faults = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.expanded: set[Path] = set()

    def on_mount(self) -> None:
        super().on_mount()
        self.table.scrolls_columns = False

    def columns(self) -> Sequence[Column[TreeRow]]:
        return (
            Column("tree", "CLUSTER", self._label, flexible=True, width_max=160, style=lambda row: row.health or ("" if row.path else "name")),
            Column("detail", "", lambda row: row.detail, style=lambda row: row.health or "faint", width_max=60),
        )  # fmt: skip

    @staticmethod
    def _label(row: TreeRow) -> str:
        sign = {True: "▾ ", False: "▸ ", None: " "}[row.is_open]
        return f"{row.branch}{sign}{row.label}"

    def key(self, row: TreeRow) -> Hashable:
        return row.path

    def fault(self, row: TreeRow) -> bool:
        return bool(row.health) or not row.path

    def rows(self, snapshot: Snapshot) -> Sequence[TreeRow]:
        return tree_rows(snapshot, self.expanded, self.source.name)

    def open(self, row: TreeRow) -> None:
        if row.is_open is None:
            self.action_go_into()
        elif row.path:
            self.expanded ^= {row.path}
            self.reload()

    def action_expand(self) -> None:
        row = self.table.row
        if row is not None and row.is_open is False:
            self.expanded.add(row.path)
            self.reload()

    def action_collapse(self) -> None:
        """Of a leaf: what it belongs to."""
        row = self.table.row
        if row is None or not row.path:
            return
        path = row.path if row.path in self.expanded else row.path[:-1]
        while path and path not in self.expanded:
            path = path[:-1]
        if path:
            self.expanded.discard(path)
            self.table.move_to_key(path)
            self.reload()

    def action_expand_all(self) -> None:
        snapshot = self.source.snapshot
        if self.expanded or snapshot is None:
            self.expanded.clear()
        else:
            self.expanded = {(each.topic,) for each in snapshot.partitions}
            self.expanded |= {(each.topic, str(each.partition)) for each in snapshot.partitions}
        self.reload()

    def action_go_into(self) -> None:
        row = self.table.row
        if row is not None and row.place is not None:
            self.stoker.enter(row.place.view, *row.place.arguments)
