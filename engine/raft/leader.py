"""What a leader knows: how far every replica is, and from that what is committed (Kafka: LeaderState)."""

from dataclasses import dataclass, field

from engine.errors import InvariantViolation
from engine.raft.types import UNKNOWN_OFFSET, ReplicaKey

CHECK_QUORUM_FACTOR = 1.5
"""A leader resigns when no majority fetched within this many fetch timeouts (Kafka: CHECK_QUORUM_TIMEOUT_FACTOR)."""

OBSERVER_SESSION_TIMEOUT_MS = 300_000
"""Observers that have not fetched for so long are forgotten (Kafka: OBSERVER_SESSION_TIMEOUT_MS)."""

NEVER_MS = -1.0


@dataclass(slots=True)
class ReplicaProgress:
    """How far one replica is, by its own word: it holds, on disk, everything before `end_offset` (-1: not heard yet)."""

    key: ReplicaKey
    end_offset: int = UNKNOWN_OFFSET
    last_fetch_ms: float = NEVER_MS
    last_caught_up_ms: float = NEVER_MS
    leader_end_offset_at_last_fetch: int = UNKNOWN_OFFSET

    def fetched(self, fetch_offset: int, leader_end_offset: int, now_ms: float) -> None:
        """Kafka: ReplicaState.updateFollowerState. Reaching where the leader was at the fetch before counts as having
        been caught up at that time, so that a steady load does not make a follower look behind for ever."""
        if fetch_offset >= leader_end_offset:
            self.last_caught_up_ms = max(self.last_caught_up_ms, now_ms)
        elif 0 < self.leader_end_offset_at_last_fetch <= fetch_offset:
            self.last_caught_up_ms = max(self.last_caught_up_ms, self.last_fetch_ms)
        self.leader_end_offset_at_last_fetch = leader_end_offset
        self.last_fetch_ms = max(self.last_fetch_ms, now_ms)
        self.end_offset = fetch_offset


@dataclass(slots=True)
class Leader:
    """We lead `epoch`.

    Invariant: `high_watermark` only grows, and the first value it takes is beyond `epoch_start_offset`: a leader commits
    a record of its own epoch before it calls anything committed (raft §5.4.2).
    """

    epoch: int
    local_id: int
    epoch_start_offset: int
    """Offset of our LeaderChange record."""
    voters: dict[int, ReplicaProgress]
    check_quorum_timeout_ms: float
    check_quorum_deadline_ms: float
    begin_quorum_deadline_ms: float
    voted: ReplicaKey
    observers: dict[ReplicaKey, ReplicaProgress] = field(default_factory=dict)
    high_watermark: int = UNKNOWN_OFFSET
    acknowledged: set[int] = field(default_factory=set)
    """Voters known to know that we lead."""
    fetched_voters: set[int] = field(default_factory=set)
    """Voters that fetched since the check-quorum timer was last set."""
    resign_requested: bool = False

    @property
    def leader_id(self) -> int:
        return self.local_id

    def advance_local(self, flushed_offset: int) -> bool:
        """Our own log is on disk up to `flushed_offset`. Tells whether the high watermark advanced."""
        progress = self.voters[self.local_id]
        if flushed_offset < progress.end_offset:
            raise InvariantViolation(
                f"leader {self.local_id} of epoch {self.epoch}: its log went back from {progress.end_offset} "
                f"to {flushed_offset}"
            )
        progress.end_offset = flushed_offset
        return self._advance_high_watermark()

    def advance_replica(self, key: ReplicaKey, fetch_offset: int, log_end_offset: int, now_ms: float) -> bool:
        """A replica fetches `fetch_offset`, so it holds everything before. Tells whether the high watermark advanced.

        A negative id is a consumer's: it counts nowhere (Kafka: LeaderState.updateReplicaState).
        """
        if key.id < 0:
            return False
        progress = self._progress(key)
        progress.fetched(fetch_offset, log_end_offset, now_ms)
        self.note_fetch(key, now_ms)
        return progress is self.voters.get(key.id) and self._advance_high_watermark()

    def note_fetch(self, key: ReplicaKey, now_ms: float) -> None:
        """A Fetch or FetchSnapshot came from `key`: once a majority did, the check-quorum timer starts again."""
        progress = self.voters.get(key.id)
        if progress is None or not progress.key.matches(key):
            return
        self.acknowledged.add(key.id)
        self.fetched_voters.add(key.id)
        if len(self.fetched_voters) >= len(self.voters) // 2:  # with ourselves a majority
            self.fetched_voters.clear()
            self.check_quorum_deadline_ms = now_ms + self.check_quorum_timeout_ms

    def voters_to_greet(self, now_ms: float, silence_ms: float) -> list[int]:
        """Voters that have not fetched within `silence_ms`, so may not know that we lead
        (Kafka: LeaderState.needToSendBeginQuorumRequests)."""
        return [
            voter_id
            for voter_id, progress in self.voters.items()
            if voter_id != self.local_id
            and (progress.last_fetch_ms == NEVER_MS or now_ms - progress.last_fetch_ms >= silence_ms)
        ]

    def successors(self) -> list[ReplicaKey]:
        """The other voters, the one that is furthest first (Kafka: nonLeaderVotersByDescendingFetchOffset)."""
        others = [progress for voter_id, progress in self.voters.items() if voter_id != self.local_id]
        others.sort(key=lambda progress: (-progress.end_offset, progress.key))
        return [progress.key for progress in others]

    def forget_silent_observers(self, now_ms: float) -> None:
        silent = [
            key
            for key, progress in self.observers.items()
            if now_ms - progress.last_fetch_ms >= OBSERVER_SESSION_TIMEOUT_MS
        ]
        for key in silent:
            del self.observers[key]

    def _progress(self, key: ReplicaKey) -> ReplicaProgress:
        voter = self.voters.get(key.id)
        if voter is not None and voter.key.matches(key):
            return voter
        observer = self.observers.get(key)
        if observer is None:
            observer = self.observers[key] = ReplicaProgress(key)
        return observer

    def _advance_high_watermark(self) -> bool:
        offsets = sorted((progress.end_offset for progress in self.voters.values()), reverse=True)
        majority_offset = offsets[len(offsets) // 2]
        # raft §5.4.2; Kafka: LeaderState.maybeUpdateHighWatermark. Counting replicas of an older epoch's record commits
        # nothing: a later leader may still overwrite it.
        if majority_offset <= self.epoch_start_offset or majority_offset <= self.high_watermark:
            return False
        self.high_watermark = majority_offset
        return True
