"""What the quorum tells those who keep an image: the contract between the raft driver and its listeners.

(Kafka: RaftClient.Listener, BatchReader, SnapshotReader.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.protocol.message import Message
from engine.types import LeaderAndEpoch, OffsetAndEpoch


@dataclass(frozen=True, slots=True)
class CommittedBatch:
    """One batch of the metadata log below the high watermark.

    Control batches come too, with no records, so that the offsets of successive batches leave no gap.
    """

    base_offset: int
    last_offset: int
    """Inclusive."""
    epoch: int
    append_timestamp_ms: int
    size_bytes: int
    records: Sequence[Message]
    """The decoded metadata records; empty for a control batch."""


class SnapshotSource(Protocol):
    """A snapshot being read: everything the cluster knew before `snapshot_id.offset`."""

    @property
    def snapshot_id(self) -> OffsetAndEpoch:
        """End offset (exclusive) and the epoch of the record before it, as in the file's name."""
        ...

    def records(self) -> Iterator[Message]:
        """Its metadata records in order, without the control records around them."""
        ...


class RaftListener(Protocol):
    """Called by the raft driver, on its event loop, in the order of the log; must not block."""

    def on_committed(self, batches: Sequence[CommittedBatch]) -> None:
        """These batches are committed. They follow what was committed before without a gap."""
        ...

    def on_snapshot(self, snapshot: SnapshotSource) -> None:
        """Start over from this snapshot: what was between is no longer in the log."""
        ...

    def on_leader_change(self, leader: LeaderAndEpoch) -> None:
        """Somebody leads, nobody does (-1), or we do."""
        ...
