"""One broker: the replicas it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from engine.types import TopicPartition
from tui.bindings import bindings_of
from tui.views.partitions import PartitionRow, PartitionsView, partition_rows


class BrokerView(PartitionsView):
    NAME = "broker"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("broker", "partitions")
    EMPTY: ClassVar[tuple[str, ...]] = ("It has no replicas.",)

    def wanted(self, snapshot: Snapshot) -> Iterable[TopicPartition]:
        return [each for each, view in snapshot.partitions.items() if self.argument in map(str, view.replicas)]

    def rows(self, snapshot: Snapshot) -> Sequence[PartitionRow]:
        wanted = list(self.wanted(snapshot))
        # None is an answer too: a new broker holds nothing yet.
        if not wanted and self.argument not in map(str, snapshot.brokers):
            raise self.unknown()
        return partition_rows(snapshot, self.source.tracker, wanted)

    def unknown(self) -> OperatorError:
        return OperatorError.words(f"there is no broker {self.argument}", ":brokers shows those there are.")

    def action_configs(self) -> None:
        self.stoker.enter("configs", f"broker {self.argument}")
