"""Values the quorum speaks of: replica keys, what is remembered of an election, and the settings of a replica."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.protocol.uuids import ZERO_UUID
from engine.types import Endpoint, OffsetAndEpoch

NO_LEADER = -1
"""The leader's id while nobody is known to lead."""

UNKNOWN_OFFSET = -1
"""The high watermark while it is not known."""

BOOTSTRAP_SNAPSHOT_ID = OffsetAndEpoch(0, 0)
"""The checkpoint that `format` writes. It is never replicated: the first leader puts its content into the log
(Kafka: Snapshots.BOOTSTRAP_SNAPSHOT_ID)."""

METADATA_TOPIC_ID = bytes(15) + b"\x01"
"""The topic id of `__cluster_metadata` (Kafka: Uuid.METADATA_TOPIC_ID)."""


class ReplicaKey(NamedTuple):
    """A replica and the log directory it keeps its log in (KIP-853). The zero uuid stands for "directory not known"."""

    id: int
    directory_id: bytes = ZERO_UUID

    def matches(self, other: "ReplicaKey") -> bool:
        """Whether `other` is this replica: a key that knows no directory matches any (Kafka: ReplicaState.matchesKey)."""
        return self.id == other.id and (self.directory_id == ZERO_UUID or self.directory_id == other.directory_id)


@dataclass(frozen=True, slots=True)
class ElectionState:
    """What must survive a restart so that no replica votes twice in an epoch (Kafka: ElectionState).

    `leader_id` is -1 while unknown; `voted` is None while no vote was given in `epoch`.
    """

    epoch: int
    leader_id: int = NO_LEADER
    voted: ReplicaKey | None = None


@dataclass(frozen=True, slots=True)
class RaftConfig:
    """The settings of one replica. Times are in milliseconds; the defaults are Kafka's (QuorumConfig).

    `voters` are the static voters (`controller.quorum.voters`) in ascending order of id; a replica whose id is not among
    them is an observer: it follows, but neither votes nor is elected nor counted.
    """

    node_id: int
    voters: tuple[ReplicaKey, ...]
    directory_id: bytes = ZERO_UUID
    cluster_id: str | None = None
    """None accepts every cluster; otherwise a request that names another is refused with INCONSISTENT_CLUSTER_ID."""
    endpoints: Mapping[int, Endpoint] = field(default_factory=dict)
    """Where the voters' controller listeners are, so that answers can say where the leader is (KIP-853)."""
    bootstrap_node_ids: tuple[int, ...] = ()
    """Nodes to ask for the leader. The voters when empty. Ids below zero stand for addresses whose node is not known
    (`controller.quorum.bootstrap.servers`)."""
    election_timeout_ms: int = 1_000
    """An election is waited for between this and twice this (the jitter that separates candidates)."""
    fetch_timeout_ms: int = 2_000
    """A follower that heard nothing from its leader for so long starts an election; a leader that a majority has not
    fetched from for 1.5 times as long resigns (KAFKA-15489)."""
    election_backoff_max_ms: int = 1_000
    """Longest wait of the least preferred successor after EndQuorumEpoch."""
    request_timeout_ms: int = 2_000
    retry_backoff_ms: int = 20
    fetch_wait_ms_max: int = 500
    """How long our fetches may wait at the leader (Kafka: KafkaRaftClient.MAX_FETCH_WAIT_MS)."""
    fetch_bytes_max: int = 8 * 1024 * 1024
    fetch_snapshot_bytes_max: int = 1024 * 1024
    election_spacing_ms: int = 75
    """Where voters need not wait for an election timeout, the one of rank n (by id) waits n times this, plus jitter of up
    to a third; see `Transitions.first_election_delay_ms` and `Elections._on_no_answer`."""
    leader_failures_max: int = 5
    """A leader that refuses so many connections in a row is taken for dead without waiting for `fetch_timeout_ms`.
    0 always waits, as Kafka does."""

    @property
    def key(self) -> ReplicaKey:
        """Our own replica key."""
        return ReplicaKey(self.node_id, self.directory_id)

    @property
    def voter_ids(self) -> tuple[int, ...]:
        return tuple(voter.id for voter in self.voters)

    @property
    def is_voter(self) -> bool:
        return any(voter.matches(self.key) for voter in self.voters)
