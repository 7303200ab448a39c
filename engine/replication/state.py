"""The in-sync set of a partition as its leader knows it (Kafka: PartitionState).

    CommittedPartitionState --propose--> PendingExpandIsr | PendingShrinkIsr --answer--> CommittedPartitionState

`isr` is what the controller has committed and is what min.insync.replicas is measured against; `maximal_isr` is the
largest set that may already be committed without our knowing, and is what the high watermark must wait for (KIP-497):
while a replica is being added it counts already, while it is being removed it counts still.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.runtime import safeguards


@dataclass(frozen=True, slots=True)
class CommittedPartitionState:
    """Nothing is proposed."""

    isr: tuple[int, ...]

    @property
    def maximal_isr(self) -> tuple[int, ...]:
        return self.isr


@dataclass(frozen=True, slots=True)
class PendingExpandIsr:
    """We asked the controller to add `new_replica`; it may have done so already."""

    new_replica: int
    committed: CommittedPartitionState

    @property
    def isr(self) -> tuple[int, ...]:
        return self.committed.isr

    @property
    def maximal_isr(self) -> tuple[int, ...]:
        if not safeguards.pending_isr_counts:
            return self.committed.isr
        return self.proposed_isr

    @property
    def proposed_isr(self) -> tuple[int, ...]:
        return (*self.committed.isr, self.new_replica)


@dataclass(frozen=True, slots=True)
class PendingShrinkIsr:
    """We asked the controller to remove `lagging`; until it answers they still hold the high watermark back."""

    lagging: tuple[int, ...]
    committed: CommittedPartitionState

    @property
    def isr(self) -> tuple[int, ...]:
        return self.committed.isr

    @property
    def maximal_isr(self) -> tuple[int, ...]:
        return self.committed.isr

    @property
    def proposed_isr(self) -> tuple[int, ...]:
        return tuple(replica for replica in self.committed.isr if replica not in self.lagging)


PendingIsr = PendingExpandIsr | PendingShrinkIsr
PartitionState = CommittedPartitionState | PendingExpandIsr | PendingShrinkIsr
