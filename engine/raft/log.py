"""The metadata log as the quorum sees it, and the rules for comparing two logs.

All calls are page-cache calls that return at once; durability is the `FlushLog` effect's business.
"""

from dataclasses import dataclass
from typing import Protocol

from engine.protocol.buffers import Buffer
from engine.protocol.messages import LeaderChangeMessage
from engine.raft.types import BOOTSTRAP_SNAPSHOT_ID
from engine.types import OffsetAndEpoch


class MetadataLog(Protocol):
    """`__cluster_metadata-0` and its snapshots (Kafka: RaftLog, KafkaMetadataLog)."""

    @property
    def start_offset(self) -> int:
        """The first offset kept; the end of a snapshot when it is above 0."""
        ...

    @property
    def end_offset(self) -> int:
        """Exclusive: the offset the next record gets."""
        ...

    @property
    def last_epoch(self) -> int:
        """Epoch of the last record; that of the latest snapshot when the log is empty; 0 when there is neither."""
        ...

    def append_as_leader(self, records: Buffer, epoch: int) -> int:
        """Append batches, stamping offsets and `epoch`; returns the new end offset."""
        ...

    def append_leader_change(self, message: LeaderChangeMessage, epoch: int) -> int:
        """Append the control record that opens an epoch; returns the new end offset."""
        ...

    def append_as_follower(self, records: Buffer) -> int:
        """Append the leader's batches as they are; returns the new end offset. An incomplete last batch is dropped."""
        ...

    def read(self, offset: int, max_bytes: int) -> Buffer:
        """Whole batches from `offset` on, at least one if there is any; empty at the end of the log."""
        ...

    def end_offset_for_epoch(self, epoch: int) -> OffsetAndEpoch:
        """The largest epoch kept that is not above `epoch`, and its end offset. See `epoch_end`, which all
        implementations share (Kafka: KafkaMetadataLog.endOffsetForEpoch)."""
        ...

    def truncate_to(self, offset: int) -> None: ...

    def update_high_watermark(self, offset: int) -> None: ...

    @property
    def latest_snapshot_id(self) -> OffsetAndEpoch | None: ...

    @property
    def earliest_snapshot_id(self) -> OffsetAndEpoch | None: ...

    def snapshot_size(self, snapshot_id: OffsetAndEpoch) -> int | None:
        """Bytes of that snapshot, None when we do not have it."""
        ...

    def read_snapshot(self, snapshot_id: OffsetAndEpoch, position: int, max_bytes: int) -> Buffer: ...

    def start_download(self, snapshot_id: OffsetAndEpoch) -> None:
        """Begin to write a snapshot that comes from the leader, throwing away an earlier attempt."""
        ...

    def append_download(self, snapshot_id: OffsetAndEpoch, data: Buffer) -> int:
        """Append a chunk; returns the bytes so far."""
        ...

    def truncate_fully_to_latest_snapshot(self) -> bool:
        """When the latest snapshot is ahead of the log: drop the log and start it at the snapshot's end. Tells whether
        it did (Kafka: KafkaMetadataLog.truncateToLatestSnapshot)."""
        ...


@dataclass(frozen=True, slots=True)
class Valid:
    """The follower's log is a prefix of ours: it may be sent what follows."""


@dataclass(frozen=True, slots=True)
class Diverging:
    """The follower must truncate: our log holds `epoch` up to `end_offset` (exclusive)."""

    end_offset: int
    epoch: int


@dataclass(frozen=True, slots=True)
class NeedsSnapshot:
    """We no longer have what the follower needs; it must load this snapshot."""

    snapshot_id: OffsetAndEpoch


Validity = Valid | Diverging | NeedsSnapshot
VALID = Valid()


def validate_fetch(log: MetadataLog, fetch_offset: int, last_fetched_epoch: int) -> Validity:
    """Compare a follower's end of log with our log (Kafka: ReplicatedLog.validateOffsetAndEpoch).

    A follower with an empty log gets the latest snapshot, if there is one, rather than the whole log
    (Kafka: KafkaRaftClient.tryCompleteFetchRequest).
    """
    latest = log.latest_snapshot_id
    if fetch_offset == 0 and latest is not None and latest != BOOTSTRAP_SNAPSHOT_ID:
        return NeedsSnapshot(latest)
    if log.start_offset == 0 and fetch_offset == 0 and last_fetched_epoch == 0:
        return VALID
    earliest = log.earliest_snapshot_id
    if (
        earliest is not None
        and latest is not None
        and (
            fetch_offset < log.start_offset
            or (fetch_offset == log.start_offset and last_fetched_epoch != earliest.epoch)
            or last_fetched_epoch < earliest.epoch
        )
    ):
        return NeedsSnapshot(latest)
    end_offset, epoch = log.end_offset_for_epoch(last_fetched_epoch)
    if epoch != last_fetched_epoch or end_offset < fetch_offset:
        return Diverging(end_offset, epoch)
    return VALID


def truncation_offset(log: MetadataLog, diverging_end_offset: int, diverging_epoch: int) -> int:
    """Where a follower cuts its log after a Diverging answer (Kafka: ReplicatedLog.truncateToEndOffset)."""
    if diverging_epoch == 0:
        return min(diverging_end_offset, log.end_offset)
    end_offset, epoch = log.end_offset_for_epoch(diverging_epoch)
    return min(end_offset, diverging_end_offset) if epoch == diverging_epoch else end_offset


def epoch_end(
    epoch_starts: list[tuple[int, int]],
    epoch: int,
    *,
    end_offset: int,
    last_epoch: int,
    earliest_snapshot_id: OffsetAndEpoch | None,
) -> OffsetAndEpoch:
    """`MetadataLog.end_offset_for_epoch` from the epochs in the log, given as ascending (epoch, start offset).

    - an epoch we are beyond of -> the largest epoch not above it, ending where the next one starts
    - an epoch older than all we keep -> (its start, `epoch`), or the earliest snapshot when the log starts there
    - an epoch newer than our last -> our end of log (Kafka: LeaderEpochFileCache.endOffsetFor, KafkaMetadataLog)
    """
    if not epoch_starts or epoch >= epoch_starts[-1][0]:
        return OffsetAndEpoch(end_offset, last_epoch)
    floor = epoch
    for candidate, start_offset in epoch_starts:
        if candidate > epoch:
            found = OffsetAndEpoch(start_offset, floor)
            if earliest_snapshot_id is not None and found == (earliest_snapshot_id.offset, epoch):
                return earliest_snapshot_id
            return found
        floor = candidate
    raise AssertionError("unreachable: the last epoch is above")
