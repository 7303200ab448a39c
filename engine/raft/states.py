"""The states of a replica: a closed set (Kafka: EpochState and its classes).

    Unattached  knows an epoch, and at most a leader it cannot reach; waits, and asks around
    Prospective asks whether it would win an election, without a new epoch (pre-vote, KIP-996)
    Candidate   has begun an epoch, voted for itself, asks for votes
    Leader      in `engine.raft.leader`
    Follower    fetches from the leader
    Resigned    led this epoch and will not again; tells the voters so

An observer (a replica that is no voter) is only ever Unattached, which it never leaves by a timeout, or Follower.
Deadlines are on the time line of `now_ms`.

Legal transitions, the table that `Transitions` keeps to and that documentation is drawn from:
"""

from dataclasses import dataclass, field

from engine.raft.leader import Leader
from engine.raft.types import NO_LEADER, ReplicaKey
from engine.types import Endpoint, OffsetAndEpoch

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "Unattached": ("Unattached", "Prospective", "Follower"),
    "Prospective": ("Unattached", "Candidate", "Follower"),
    "Candidate": ("Unattached", "Prospective", "Leader", "Follower"),
    "Leader": ("Unattached", "Resigned", "Follower"),
    "Follower": ("Unattached", "Prospective", "Follower"),
    "Resigned": ("Unattached", "Follower", "Prospective"),  # the last only for the one voter there is, at its start
}


@dataclass(slots=True)
class Votes:
    """Who granted and who rejected in one election (Kafka: EpochElection)."""

    voter_ids: tuple[int, ...]
    granted: dict[int, bool] = field(default_factory=dict)

    def record(self, voter_id: int, granted: bool) -> None:
        """Only voters count; a vote that was granted stays granted."""
        if voter_id in self.voter_ids and not self.granted.get(voter_id, False):
            self.granted[voter_id] = granted

    @property
    def majority(self) -> int:
        return len(self.voter_ids) // 2 + 1

    @property
    def is_won(self) -> bool:
        return sum(self.granted.values()) >= self.majority

    @property
    def is_lost(self) -> bool:
        """Whether too few votes are left to win."""
        rejected = sum(not granted for granted in self.granted.values())
        return len(self.voter_ids) - rejected < self.majority

    @property
    def unrecorded(self) -> list[int]:
        return [voter_id for voter_id in self.voter_ids if voter_id not in self.granted]

    @property
    def granting(self) -> list[int]:
        return [voter_id for voter_id in self.voter_ids if self.granted.get(voter_id, False)]


@dataclass(slots=True)
class Unattached:
    epoch: int
    election_deadline_ms: float
    """Infinite for observers."""
    leader_id: int = NO_LEADER
    voted: ReplicaKey | None = None


@dataclass(slots=True)
class Prospective:
    epoch: int
    election_deadline_ms: float
    votes: Votes
    leader_id: int = NO_LEADER
    leader_endpoint: Endpoint | None = None
    voted: ReplicaKey | None = None


@dataclass(slots=True)
class Candidate:
    epoch: int
    election_deadline_ms: float
    votes: Votes
    voted: ReplicaKey


@dataclass(slots=True)
class Follower:
    epoch: int
    leader_id: int
    fetch_deadline_ms: float
    leader_endpoint: Endpoint | None = None
    voted: ReplicaKey | None = None
    has_fetched_from_leader: bool = False
    """Whether this leader ever answered us: only then do we refuse pre-votes for its sake."""
    leader_failures: int = 0
    """Requests to the leader in a row that nobody answered because nobody was there."""
    fetching_snapshot: OffsetAndEpoch | None = None
    snapshot_position: int = 0
    """Bytes of `fetching_snapshot` received so far."""


@dataclass(slots=True)
class Resigned:
    epoch: int
    election_deadline_ms: float
    unacknowledged: list[int]
    """Voters that have not answered EndQuorumEpoch yet."""
    preferred_successors: list[ReplicaKey]
    leader_id: int
    """Ourselves: we were the leader of `epoch`."""
    voted: ReplicaKey | None = None


State = Unattached | Prospective | Candidate | Leader | Follower | Resigned
