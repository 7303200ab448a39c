"""Every invariant of the laboratory: the name a violation carries, what it says, and where it comes from.

Judged while the world runs unless `when` says otherwise. Transactions have none yet: the engine has no transactions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold."""

    name: str
    text: str
    source: str
    when: str = "always"
    """"always", "end" (when the cluster has healed), "clients" (what clients are told) or "suite" (across runs)."""


INVARIANTS: tuple[Invariant, ...] = (
    # replication
    Invariant("two-leaders", "One leader in a leader epoch.", "Kafka; KIP-101"),
    Invariant("epoch-back", "A replica's leader epoch never goes back.", "Kafka; KIP-320"),
    Invariant("bad-offsets", "log start <= last stable <= high watermark <= log end.", "Kafka: UnifiedLog"),
    Invariant("high-watermark-back", "A leader's high watermark never goes back.", "Kafka: Partition"),
    Invariant("leader-incomplete", "Whoever leads holds everything committed.", "LeaderCompleteness; KIP-101"),
    Invariant(
        "acknowledged-incomplete", "Whoever leads holds everything acknowledged to acks=all.", "LeaderCompleteness"
    ),
    Invariant("strong-isr", "Every replica in sync holds everything its leader calls committed.", "Kip320: StrongIsr"),
    Invariant(
        "candidate-incomplete", "Every replica that may be elected holds everything committed.", "LeaderCandidateCompleteness"
    ),
    Invariant("quorum-superset", "A leader's maximal ISR covers the committed one.", "ReplicationQuorumSuperset; KIP-497"),
    Invariant("leader-not-in-isr", "A leader is in its own ISR.", "Kip320: LeaderInIsr"),
    Invariant("under-min-isr-commit", "Nothing is committed under min.insync.replicas.", "KAFKA-15583; KIP-966"),
    Invariant("fetcher-state", "A follower fetches from the leader it knows, from one only; a leader from nobody.", "ValidFetcherState"),
    # contents
    Invariant("log-matching", "Committed batches are the same on every replica.", "LogMatching"),
    Invariant("sequence-gap", "Batches of one producer follow each other without gap or repetition; an epoch begins at 0.", "KIP-98; KIP-360"),
    Invariant("fenced-producer-appended", "A producer's epoch never goes back in a log.", "KIP-98; KIP-360"),
    Invariant("batch-epoch-back", "Leader epochs never go back in a log.", "KIP-101"),
    Invariant("offset-gap", "Batches follow each other without gap or overlap.", "Kafka: UnifiedLog"),
    Invariant("recovery-point-not-durable", "What is before a log's recovery point is on the platter.", "fsyncgate; Kafka: LogManager"),
    Invariant("compacted-value-lost", "Of a compacted topic the newest value of every key stays, on every replica.", "KIP-58; KAFKA-13194", "end"),
    # quorum
    Invariant("two-controllers", "One leader of the quorum in an epoch.", "Raft: ElectionSafety; KIP-595"),
    Invariant("stale-controller", "A deposed leader of the quorum resigns by itself.", "KAFKA-15489"),
    Invariant("quorum-epoch-back", "A voter's epoch never goes back.", "MonotonicEpoch"),
    Invariant("quorum-high-watermark-back", "The quorum's high watermark never goes back.", "MonotonicHighWatermark"),
    Invariant("quorum-leader-incomplete", "A leader of the quorum holds everything committed.", "LeaderCompleteness"),
    Invariant("quorum-log-matching", "Committed metadata is the same on every node.", "ConsistentCommittedData"),
    Invariant("quorum-not-durable", "Committed metadata is on the platters of a majority.", "MajorityReachedHighWatermark"),
    Invariant("committed-metadata-cut", "A node never cuts committed metadata off its log.", "KAFKA-12460", "end"),
    Invariant("snapshot-gap", "A metadata log that does not begin at 0 begins at a snapshot.", "SnapshotAtLogStart"),
    # metadata
    Invariant("images-differ", "Two nodes that applied the same metadata have the same image.", "replay equivalence"),
    Invariant("isr-invalid", "ISR and ELR are replicas, disjoint, and a leader is in sync.", "ValidControllerIsrAndElr"),
    Invariant("partition-epoch-back", "Partition and leader epochs never go back; a change bumps them.", "ValidPartitionEpoch"),
    Invariant("no-recovery-quorum", "Some replica is known to hold everything committed.", "MinIsrRecoveryQuorum; KIP-966"),
    # groups
    Invariant("group-invalid", "A stable group has a leader, a protocol, and an assignment for everyone.", "ValidStableGroupState"),
    Invariant("group-generation-back", "A group's generation never goes back on its coordinators.", "epochs monotone"),
    Invariant("double-assignment", "A partition has one owner in a generation.", "NoDoubleClientAssignment", "clients"),
    Invariant("generation-back", "A member is never told a generation older than one known before.", "ValidMemberEpoch", "clients"),
    Invariant("commit-lost", "A committed offset is never forgotten.", "KAFKA-5600", "clients"),
    Invariant("commit-invented", "No offset is answered that nobody committed.", "Jepsen Bufstream 0.1.0", "clients"),
    Invariant("group-missed", "Every record before the committed offset was given to a member.", "at least once", "clients"),
    Invariant("groups-not-replayed", "A coordinator's state is what its log says.", "replay equivalence", "end"),
    # at the end, by clients and logs
    Invariant("committed-record-lost", "What was committed is there at the end.", "NoCommittedRecordLostGlobally", "end"),
    Invariant("replicas-differ", "All replicas hold the same bytes.", "liveness", "end"),
    Invariant("bad-batch", "Every batch has a right checksum, offsets and epochs that follow.", "Kafka: RecordBatch", "end"),
    Invariant("lost-write", "What was acknowledged to acks=all is there.", "Jepsen", "end"),
    Invariant("not-live", "After healing everything is answered and whole in bounded time.", "liveness", "end"),
    Invariant("not-deterministic", "A seed gives the same trace in every process.", "trace hash equality", "suite"),
)  # fmt: skip

NAMES: frozenset[str] = frozenset(invariant.name for invariant in INVARIANTS)
