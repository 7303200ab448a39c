"""What a `RaftReplica` wants done. The shell performs effects strictly in the order they were given.

The order is the safety argument: everything after a `PersistElectionState` waits until it is on disk, so neither a vote
nor a request for votes leaves before the epoch and the vote that it promises would survive a power cut. `FlushLog` and
`FreezeSnapshot` are *started* in order, but need not be waited for: their completion is an event of its own.
"""

from dataclasses import dataclass
from typing import Any

from engine.protocol.message import Message
from engine.raft.types import ElectionState
from engine.types import Endpoint, OffsetAndEpoch

Handle = Any
"""Names a request that waits for its answer; the core only carries it around."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Send `message` to a node, and report the answer, or that there is none, with the same `correlation_id`."""

    node_id: int
    correlation_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the request that came with `handle`."""

    handle: Handle
    message: Message


@dataclass(frozen=True, slots=True)
class PersistElectionState:
    """Write `quorum-state` and sync it before anything that follows."""

    state: ElectionState


@dataclass(frozen=True, slots=True)
class FlushLog:
    """Sync the log up to `end_offset` (exclusive), then call `on_log_flushed(end_offset, generation)`.

    Flushes may be merged: only the latest matters. `generation` counts truncations; a flush that began before one says
    nothing about what was appended after it.
    """

    end_offset: int
    generation: int


@dataclass(frozen=True, slots=True)
class FreezeSnapshot:
    """A download is complete: sync the file, give it its final name, then call `on_snapshot_frozen`."""

    snapshot_id: OffsetAndEpoch


@dataclass(frozen=True, slots=True)
class HighWatermarkAdvanced:
    """Everything before `high_watermark` is committed and will never change."""

    high_watermark: int


@dataclass(frozen=True, slots=True)
class LeaderChanged:
    """Somebody else leads (-1: nobody known), or the same leader can be reached elsewhere.

    `epoch_start_offset` is the offset of our own LeaderChange record when the leader is us: a state machine may act as
    leader only after it applied everything up to there. -1 otherwise.
    """

    leader_id: int
    epoch: int
    endpoint: Endpoint | None = None
    epoch_start_offset: int = -1


Effect = (
    SendRequest | Respond | PersistElectionState | FlushLog | FreezeSnapshot | HighWatermarkAdvanced | LeaderChanged
)
