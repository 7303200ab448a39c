"""How often replicas fell out of the ISR and came back, from one snapshot to the next. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.net.cluster_view import PartitionView
from engine.types import TopicPartition


class IsrChanges:
    """Counts since it was made, as Kafka's IsrShrinksPerSec and IsrExpandsPerSec do.

    A change that is taken back between two snapshots is not seen. A topic that is created or deleted is no change, nor is
    a partition whose replicas became others.
    """

    def __init__(self) -> None:
        self.shrinks = 0
        self.expands = 0
        self._last: Mapping[TopicPartition, PartitionView] = {}

    def observe(self, partitions: Mapping[TopicPartition, PartitionView]) -> None:
        """The partitions as they are now; they are kept until the next time, not copied."""
        last, self._last = self._last, partitions
        for partition, now in partitions.items():
            before = last.get(partition)
            if before is None or before.isr == now.isr or set(before.replicas) != set(now.replicas):
                continue
            was, is_now = set(before.isr), set(now.isr)
            self.shrinks += bool(was - is_now)
            self.expands += bool(is_now - was)
