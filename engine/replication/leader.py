"""The leader's view of one partition: who is in sync and what is committed. Does no I/O.

Invariant: high_watermark <= log_end_offset, and the high watermark never goes back while this leader leads.

The rules, each with the bug that taught it:
- The high watermark is the smallest log end offset over the *maximal* ISR, and over replicas about to join it
  (Kafka: Partition.maybeIncrementLeaderHW).
- It does not move while the committed ISR is smaller than min.insync.replicas (KAFKA-15583, KIP-966): otherwise the
  last replica standing could commit records alone.
- A follower joins only once it holds everything up to the high watermark AND up to the start of this leader's epoch
  (KAFKA-7128): before that, it may miss records that are committed but that this leader does not yet know to be.
- Only a follower that is registered, unfenced, not shutting down, and fetching with its current broker epoch may join
  (KAFKA-15221).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.replication.state import (
    CommittedPartitionState,
    PartitionState,
    PendingExpandIsr,
    PendingIsr,
    PendingShrinkIsr,
)
from engine.runtime import safeguards

UNKNOWN_OFFSET = -1


class FollowerSession:
    """When a follower's fetch session last asked for anything; shared by all its partitions.

    Incremental fetches (KIP-227) name only partitions that changed, so a quiet partition learns from here that its
    follower is alive.
    """

    __slots__ = ("last_fetch_ms", "overtaken")

    def __init__(self, now_ms: int) -> None:
        self.last_fetch_ms = now_ms
        self.overtaken = False
        """Another fetch of this follower came later. Should this session fetch once more, that one was late, perhaps of a
        connection given up, and what this session had told must be taken note of again."""


class RemoteReplica:
    """What the leader knows of one follower (Kafka: Replica, ReplicaState)."""

    __slots__ = (
        "broker_epoch",
        "broker_id",
        "last_caught_up_ms",
        "last_fetch_leader_log_end_offset",
        "last_fetch_ms",
        "log_end_offset",
        "log_start_offset",
        "session",
    )

    def __init__(self, broker_id: int, last_caught_up_ms: int) -> None:
        self.broker_id = broker_id
        self.log_end_offset = UNKNOWN_OFFSET
        self.log_start_offset = UNKNOWN_OFFSET
        self.last_fetch_leader_log_end_offset = 0
        self.last_fetch_ms = 0
        self.last_caught_up_ms = last_caught_up_ms
        self.broker_epoch = -1
        self.session: FollowerSession | None = None

    def is_caught_up(self, leader_log_end_offset: int, now_ms: int, lag_max_ms: int) -> bool:
        """At the leader's end, or was within the last `lag_max_ms` (replica.lag.time.max.ms)."""
        return self.log_end_offset == leader_log_end_offset or now_ms - self.last_caught_up_ms <= lag_max_ms


EligibleForIsr = Callable[[int, int], bool]
"""(broker id, broker epoch it fetches with or -1) -> registered, unfenced, not shutting down, and that epoch current."""


class PartitionLeader:
    """See the module's docstring. Offsets are exclusive ends; times are milliseconds of a monotonic clock."""

    __slots__ = (
        "_eligible",
        "_furthest_fetch",
        "_min_isr",
        "effective_min_isr",
        "epoch_start_offset",
        "high_watermark",
        "is_under_min_isr",
        "lag_max_ms",
        "leader_epoch",
        "log_end_offset",
        "node_id",
        "partition_epoch",
        "remotes",
        "replicas",
        "state",
    )

    def __init__(
        self,
        *,
        node_id: int,
        leader_epoch: int,
        partition_epoch: int,
        replicas: Sequence[int],
        isr: Sequence[int],
        epoch_start_offset: int,
        log_end_offset: int,
        high_watermark: int,
        min_isr: int,
        lag_max_ms: int,
        eligible: EligibleForIsr,
        now_ms: int,
    ) -> None:
        self.node_id = node_id
        self.leader_epoch = leader_epoch
        self.partition_epoch = partition_epoch
        self.replicas = tuple(replicas)
        self.state: PartitionState = CommittedPartitionState(tuple(isr))
        self.epoch_start_offset = epoch_start_offset
        """Where this leader's epoch starts in the log: its log end offset when it was elected."""
        self.log_end_offset = log_end_offset
        self.high_watermark = high_watermark
        self.effective_min_isr = 0
        """min.insync.replicas, but never more than there are replicas."""
        self.is_under_min_isr = False
        """The committed ISR is smaller than that."""
        self.lag_max_ms = lag_max_ms
        self._eligible = eligible
        self._furthest_fetch = UNKNOWN_OFFSET
        """The largest offset a follower of this leader has asked for."""
        self.set_min_isr(min_isr)
        # Members of the ISR count as caught up now, others never were (Kafka: Partition.makeLeader, resetReplicaState).
        self.remotes: dict[int, RemoteReplica] = {
            replica: RemoteReplica(replica, now_ms if replica in self.state.isr else -(10**15))
            for replica in replicas
            if replica != node_id
        }

    @property
    def isr(self) -> tuple[int, ...]:
        """The committed in-sync replicas."""
        return self.state.isr

    def set_min_isr(self, min_isr: int) -> None:
        """The topic's min.insync.replicas is this now."""
        self._min_isr = min_isr
        self._count()

    def _count(self) -> None:
        """Replicas, committed ISR or min.insync.replicas changed. Kept as plain values, for every append asks."""
        min_isr = self._min_isr if safeguards.min_insync_replicas else 1
        self.effective_min_isr = min(min_isr, len(self.replicas))
        self.is_under_min_isr = len(self.state.isr) < self.effective_min_isr

    def on_append(self, log_end_offset: int, now_ms: int) -> bool:
        """The leader appended up to `log_end_offset` (exclusive). True when the high watermark moved."""
        old = self.log_end_offset
        if old <= self._furthest_fetch:  # else nobody is at the end, so nobody is to be told that it was
            for remote in self.remotes.values():
                session = remote.session
                if (
                    session is not None
                    and remote.log_end_offset == old
                    and session.last_fetch_ms > remote.last_caught_up_ms
                ):
                    remote.last_caught_up_ms = session.last_fetch_ms
        self.log_end_offset = log_end_offset
        if len(self.remotes) == 0 or len(self.state.maximal_isr) == 1:
            return self.advance_high_watermark(now_ms)
        return False

    def on_follower_fetch(
        self,
        broker_id: int,
        fetch_offset: int,
        log_start_offset: int,
        broker_epoch: int,
        now_ms: int,
        session: FollowerSession | None = None,
    ) -> tuple[bool, PendingExpandIsr | None]:
        """A follower asks for `fetch_offset`, so it holds everything before it.

        Returns whether the high watermark moved, and the ISR expansion to propose to the controller, if any (the state
        is then pending already). A broker that is no replica of this partition is the caller's error (KeyError).
        """
        remote = self.remotes[broker_id]
        leader_end = self.log_end_offset
        if fetch_offset >= leader_end:
            if now_ms > remote.last_caught_up_ms:
                remote.last_caught_up_ms = now_ms
        elif (
            fetch_offset >= remote.last_fetch_leader_log_end_offset and remote.last_fetch_ms > remote.last_caught_up_ms
        ):
            # It now asks for what was the end when it last asked: it was caught up then.
            remote.last_caught_up_ms = remote.last_fetch_ms
        remote.last_fetch_leader_log_end_offset = leader_end
        remote.last_fetch_ms = now_ms
        remote.log_start_offset = log_start_offset
        remote.broker_epoch = broker_epoch
        if remote.session is not session:
            if remote.session is not None:
                remote.session.overtaken = True
            remote.session = session
        previous = remote.log_end_offset
        remote.log_end_offset = fetch_offset
        if fetch_offset > self._furthest_fetch:
            self._furthest_fetch = fetch_offset
        expand = self._maybe_expand(remote)
        moved = False
        if previous != fetch_offset or expand is not None:
            moved = self.advance_high_watermark(now_ms)
        return moved, expand

    def _maybe_expand(self, remote: RemoteReplica) -> PendingExpandIsr | None:
        state = self.state
        if not isinstance(state, CommittedPartitionState) or remote.broker_id in state.isr:
            return None
        if remote.log_end_offset < self.high_watermark:
            return None
        if remote.log_end_offset < self.epoch_start_offset and safeguards.isr_join_at_leader_epoch_start:
            return None
        if not self._eligible(remote.broker_id, remote.broker_epoch):
            return None
        pending = PendingExpandIsr(remote.broker_id, state)
        self.state = pending
        return pending

    def advance_high_watermark(self, now_ms: int) -> bool:
        """Move the high watermark as far as the rules allow. True when it moved."""
        if self.is_under_min_isr and safeguards.high_watermark_respects_min_isr:
            return False
        new = self.log_end_offset
        maximal_isr = self.state.maximal_isr
        for remote in self.remotes.values():
            if remote.log_end_offset < new and (
                remote.broker_id in maximal_isr
                or (
                    # A replica about to join holds the high watermark back too, or it could chase it for ever
                    # (Kafka: Partition.shouldWaitForReplicaToJoinIsr).
                    now_ms - remote.last_caught_up_ms <= self.lag_max_ms
                    and self._eligible(remote.broker_id, remote.broker_epoch)
                )
            ):
                new = remote.log_end_offset
        if new > self.high_watermark:
            self.high_watermark = new
            return True
        return False

    def propose_expand(self, now_ms: int) -> PendingExpandIsr | None:
        """An expansion that no fetch will trigger: of a follower that is caught up, fetches, and was refused before.

        Kafka asks at every fetch. Incremental fetches do not name a quiet partition here, so a follower that was fenced
        when it caught up, or that the controller refused, would stay out until the next record; which may never come
        when the ISR is under min.insync.replicas.
        """
        for remote in self.remotes.values():
            session = remote.session
            if session is not None and now_ms - session.last_fetch_ms <= self.lag_max_ms:
                pending = self._maybe_expand(remote)
                if pending is not None:
                    return pending
        return None

    def propose_shrink(self, now_ms: int) -> PendingShrinkIsr | None:
        """The shrink to propose to the controller when members of the ISR lag; the state is then pending already."""
        state = self.state
        if not isinstance(state, CommittedPartitionState):
            return None
        lagging = tuple(
            replica
            for replica in state.isr
            if replica != self.node_id
            and not self.remotes[replica].is_caught_up(self.log_end_offset, now_ms, self.lag_max_ms)
        )
        if not lagging:
            return None
        pending = PendingShrinkIsr(lagging, state)
        self.state = pending
        return pending

    def on_isr_committed(
        self, isr: Sequence[int], partition_epoch: int, now_ms: int, answered: PendingIsr | None = None
    ) -> bool:
        """The controller committed this ISR for our leader epoch. True when the high watermark moved.

        It may be told twice, by the metadata (`answered` is None) and by the answer to our proposal, in either order.
        What is older than what we have is ignored (partition epochs only grow, KIP-497); what is as old settles a
        proposal only when it answers that very proposal: dropping a newer one would forget a replica that the
        controller may be adding.
        """
        if partition_epoch < self.partition_epoch:
            return False
        if partition_epoch == self.partition_epoch and (answered is None or self.state is not answered):
            return False
        self.partition_epoch = partition_epoch
        self.state = CommittedPartitionState(tuple(isr))
        self._count()
        return self.advance_high_watermark(now_ms)

    def on_isr_rejected(self, pending: PendingIsr) -> None:
        """The controller refused for good (INELIGIBLE_REPLICA, ...): back to what was committed."""
        if self.state is pending:
            self.state = pending.committed

    def replica_assignment(self, replicas: Sequence[int], now_ms: int) -> None:
        """The set of replicas changed while we kept leading (same leader epoch)."""
        self.replicas = tuple(replicas)
        self._count()
        self.remotes = {
            replica: self.remotes.get(replica) or RemoteReplica(replica, -(10**15))
            for replica in replicas
            if replica != self.node_id
        }
