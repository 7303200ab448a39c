"""One topic: facts, partitions, what is configured on it, and who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from console.changes.kinds import ElectLeaders, PartitionScope
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.output.text import count, numbers, size
from console.services.configs import ConfigDescription, Resource, ResourceType
from engine.protocol.errors import ErrorCode
from tui.bindings import bindings_of
from tui.views.page import PageView
from tui.views.partitions import partition_rows
from tui.views.topic_actions import TopicActions
from tui.views.topics import topic_rows
from tui.views.words import behind_text, furthest, rate
from tui.widgets.document import DocumentLine, columns, fact, heading

PARTITIONS_MAX = 200


def topic_lines(
    snapshot: Snapshot, tracker: LagTracker, name: str, config: ConfigDescription | OperatorError
) -> list[DocumentLine]:
    """The page. Raises OperatorError when there is no such topic."""
    partitions = [each for each in snapshot.partitions if each.topic == name]
    if not partitions:
        raise OperatorError.refused(
            f"topic {name}", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic", ":topics shows those there are."
        )  # fmt: skip
    (row,) = [each for each in topic_rows(snapshot, tracker, internal=True) if each.name == name]
    lines: list[DocumentLine] = [
        heading("Topic"),
        fact("Name", name),
        fact("Partitions", f"{row.partitions:,}, replication factor {row.replication_factor}"),
        fact("Records", f"{count(row.records_at_most)} at most, {rate(row.records_per_second)} in/s"),
        fact("Size", f"{size(row.size_bytes)} on the leaders"),
        fact(
            "Health",
            f"{row.unavailable} offline, {row.under_replicated} under-replicated" if row.health else "healthy",
            row.health or "good",
        ),
        (),
        *_config_lines(config),
        (),
        heading("Groups"),
        *_group_lines(snapshot, tracker, name),
        (),
        heading("Partitions"),
    ]
    shown = partition_rows(snapshot, tracker, sorted(partitions)[:PARTITIONS_MAX])
    table = [("#", "leader", "replicas", "isr", "start", "end", "size")] + [
        (
            str(each.partition.partition),
            "none" if each.leader is None else str(each.leader),
            numbers(each.replicas),
            numbers(each.isr),
            count(each.log_start_offset),
            count(each.high_watermark),
            size(each.size_bytes),
        )
        for each in shown
    ]
    for at, line in enumerate(columns(table)):
        role = "faint" if at == 0 else shown[at - 1].health
        lines.append(tuple((text, role) for text, _ in line))
    if len(partitions) > PARTITIONS_MAX:
        lines.append(((f"  … and {len(partitions) - PARTITIONS_MAX:,} more: Enter shows them all", "faint"),))
    return lines


def _config_lines(config: ConfigDescription | OperatorError) -> list[DocumentLine]:
    lines = [heading("Configured on it")]
    if isinstance(config, OperatorError):
        return [*lines, ((f"  {config.title}: {config.detail}", "bad"),)]
    own = [entry for entry in config.entries if entry.is_override]
    if not own:
        return [*lines, (("  nothing: all as the brokers have it (f shows that)", "faint"),)]
    return lines + [fact(entry.name, "(hidden)" if entry.is_sensitive else str(entry.value), "", 38) for entry in own]


def _group_lines(snapshot: Snapshot, tracker: LagTracker, name: str) -> list[DocumentLine]:
    rows = []
    for group_id, group in snapshot.groups.items():
        committed = [each for each in group.committed if each.topic == name]
        if not committed:
            continue
        lags = [lag for each in committed if (lag := snapshot.lag(group, each)) is not None]
        tracked = [each for partition in committed if (each := tracker.partition(group_id, partition)) is not None]
        behind = behind_text(furthest(each.lag_time for each in tracked))
        rows.append((group_id, group.state, f"lag {sum(lags):,}", f"behind {behind}"))
    if not rows:
        return [(("  no group has read it", "faint"),)]
    return columns(rows, ("label", "", "", "faint"))


class TopicView(TopicActions, PageView):
    NAME = "topic"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("topic")

    async def lines(self) -> Sequence[DocumentLine] | None:
        source = self.source
        if source.snapshot is None:
            if source.failure is not None:
                raise source.failure
            return None
        config: ConfigDescription | OperatorError
        try:
            config = await source.config(Resource(ResourceType.TOPIC, self.argument))
        except OperatorError as error:
            config = error
        return topic_lines(source.snapshot, source.tracker, self.argument, config)

    def topics_meant(self) -> list[str]:
        return [self.argument]

    def action_partitions(self) -> None:
        self.stoker.enter("partitions", self.argument)

    def action_elect(self) -> None:
        self.stoker.change([ElectLeaders((PartitionScope(self.argument),))])
