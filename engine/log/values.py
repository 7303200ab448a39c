"""What goes into and comes out of a partition log."""

from enum import Enum
from typing import NamedTuple

import msgspec

from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode

NO_TIMESTAMP = -1
NO_PRODUCER_ID = -1
NO_PRODUCER_EPOCH = -1
NO_SEQUENCE = -1
NO_LEADER_EPOCH = -1


class AppendOrigin(Enum):
    """Who appends, which decides what is checked (Kafka: AppendOrigin)."""

    CLIENT = "client"
    """A producer: one batch, everything is checked."""
    COORDINATOR = "coordinator"
    """A coordinator of this broker: trusted content, control batches allowed, no sequence checks."""
    RAFT_LEADER = "raft leader"
    """The quorum's leader: offsets and epochs are already in the batches and are kept."""
    REPLICATION = "replication"
    """Copied from the leader; offsets and epochs are kept."""


class AppendInfo(msgspec.Struct, frozen=True, gc=False):
    """What an append did. Offsets are -1 when nothing was appended (a follower given no whole batch)."""

    first_offset: int
    last_offset: int
    """Inclusive."""
    max_timestamp_ms: int = NO_TIMESTAMP
    log_append_time_ms: int = NO_TIMESTAMP
    """The broker's time when the topic has message.timestamp.type=LogAppendTime, else -1."""
    log_start_offset: int = 0
    appended_bytes: int = 0
    duplicate: bool = False
    """Nothing was written: the producer had sent this batch before; the offsets are those of the first time."""
    flush_due: bool = False
    """flush.messages is reached: await `flush()` before telling anybody (Kafka flushes inside the append)."""


class ReadResult(msgspec.Struct, frozen=True, gc=False):
    """Whole batches, contiguous, of one segment."""

    records: bytes
    """b"" when there is nothing to read at that offset yet. The first batch may begin before the offset asked for."""
    next_offset: int
    """Where to read on: one past the last offset in `records`, or the offset asked for when it is empty."""


class TimestampAndOffset(NamedTuple):
    """A record found by time. `leader_epoch` is -1 when unknown."""

    timestamp_ms: int
    offset: int
    leader_epoch: int


class EpochEndOffset(NamedTuple):
    """Where an epoch ends: the largest known epoch at or below the one asked for, and the offset after its last record.

    (-1, -1) when nothing is known (KIP-279).
    """

    epoch: int
    end_offset: int


UNDEFINED_EPOCH_END = EpochEndOffset(-1, -1)


class AbortedTransaction(NamedTuple):
    """An aborted transaction that overlaps what was read (KIP-98)."""

    producer_id: int
    first_offset: int


class LogStartOffsetReason(Enum):
    """Why a log start offset moves (Kafka: LogStartOffsetIncrementReason)."""

    LEADER_OFFSET_INCREMENTED = "leader offset increment"
    SEGMENT_DELETION = "segment deletion"
    CLIENT_RECORD_DELETION = "client delete records request"
    SNAPSHOT_GENERATED = "snapshot generated"


class RecoveryReport(msgspec.Struct):
    """What opening a log after an unclean stop found and did. Offsets and bytes; lists are in ascending order."""

    directory: str
    recovered_segments: list[int] = msgspec.field(default_factory=list)
    """Base offsets of the segments that were read through."""
    recovered_bytes: int = 0
    truncated_bytes: int = 0
    """Bytes cut off because they were no whole, valid batch."""
    truncated_at_offset: int = -1
    """The first offset that is gone, -1 when nothing was cut."""
    deleted_segments: list[int] = msgspec.field(default_factory=list)
    """Base offsets of segments behind a cut, removed with everything in them."""
    reasons: list[str] = msgspec.field(default_factory=list)
    """One sentence for each thing that was wrong."""

    @property
    def lost_data(self) -> bool:
        return self.truncated_bytes > 0 or bool(self.deleted_segments)


class UnexpectedAppendOffset(KafkaError):
    """A follower was given batches that begin before its log end offset (Kafka: UnexpectedAppendOffsetException)."""

    def __init__(self, message: str, first_offset: int, last_offset: int) -> None:
        super().__init__(ErrorCode.UNKNOWN_SERVER_ERROR, message)
        self.first_offset = first_offset
        self.last_offset = last_offset
