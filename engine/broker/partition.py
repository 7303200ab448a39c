"""One hosted partition: its log, its role, and everyone who waits on it.

A partition here is a leader (`leader` is set), a follower (a fetcher copies into `log`), or offline (`log` is None
because its directory failed). Decisions are made by `engine.replication`; this performs them on the log and wakes
those whose condition they satisfied: produces waiting for the high watermark, fetches waiting for records.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import KafkaError
from engine.log import AppendInfo, AppendOrigin, PartitionLog
from engine.protocol.errors import ErrorCode
from engine.replication.leader import FollowerSession, PartitionLeader
from engine.replication.state import PendingExpandIsr, PendingShrinkIsr
from engine.runtime import safeguards
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.broker.replica_manager import ReplicaManager
    from engine.metadata.image import PartitionImage


class ProduceWaiter(Protocol):
    """Waits until the high watermark reaches an offset."""

    def on_replicated(self, partition: Partition) -> None:
        """The high watermark passed the offset."""
        ...

    def on_lost(self, partition: Partition, code: ErrorCode) -> None:
        """This broker stopped leading the partition first."""
        ...


class Subscriber(Protocol):
    """A fetch's interest in this partition."""

    def mark(self, wake: bool) -> None:
        """Something changed; `wake` when there may be records to answer a waiting fetch with."""
        ...


class Partition:
    """See the module's docstring."""

    __slots__ = (
        "_produce_waiters",
        "consumer_subscribers",
        "follower_subscribers",
        "leader",
        "leader_epoch",
        "leader_id",
        "log",
        "manager",
        "partition_epoch",
        "replicas",
        "topic_id",
        "topic_partition",
    )

    def __init__(self, topic_partition: TopicPartition, topic_id: bytes, manager: ReplicaManager) -> None:
        self.topic_partition = topic_partition
        self.topic_id = topic_id
        self.manager = manager
        self.log: PartitionLog | None = None
        self.leader: PartitionLeader | None = None
        self.leader_id = -1
        self.leader_epoch = -1
        self.partition_epoch = -1
        self.replicas: tuple[int, ...] = ()
        self.follower_subscribers: dict[Subscriber, None] = {}
        """Fetches of followers: they want everything up to the log end."""
        self.consumer_subscribers: dict[Subscriber, None] = {}
        """Fetches of consumers: they want what is below the high watermark."""
        self._produce_waiters: deque[tuple[int, ProduceWaiter]] = deque()

    # roles

    def become_leader(self, image: PartitionImage) -> bool:
        """Lead (or go on leading) as the metadata says. True when the leader epoch is new."""
        log = self._log()
        now_ms = self.manager.monotonic_ms()
        is_new_epoch = self.leader is None or image.leader_epoch > self.leader_epoch
        self.leader_id = image.leader
        self.leader_epoch = image.leader_epoch
        self.replicas = image.replicas
        if is_new_epoch:
            # KAFKA-7415: the epoch's start is known from the moment of election, not from its first record.
            if safeguards.epoch_start_at_election:
                log.assign_epoch_start(image.leader_epoch, log.log_end_offset)
            self.leader = PartitionLeader(
                node_id=self.manager.node_id,
                leader_epoch=image.leader_epoch,
                partition_epoch=image.partition_epoch,
                replicas=image.replicas,
                isr=image.isr,
                epoch_start_offset=log.log_end_offset,
                log_end_offset=log.log_end_offset,
                high_watermark=log.high_watermark,
                min_isr=log.config.min_insync_replicas,
                lag_max_ms=self.manager.lag_max_ms,
                eligible=partial(self.manager.eligible_for_isr, self.topic_partition),
                now_ms=now_ms,
            )
            self.partition_epoch = image.partition_epoch
            if self.leader.advance_high_watermark(now_ms):
                self.high_watermark_moved(self.leader)
        else:
            leader = self.leader
            assert leader is not None
            if leader.replicas != image.replicas:
                leader.replica_assignment(image.replicas, now_ms)
            if image.partition_epoch > leader.partition_epoch:
                self.partition_epoch = image.partition_epoch
                if leader.on_isr_committed(image.isr, image.partition_epoch, now_ms):
                    self.high_watermark_moved(leader)
                self.check_joining()
        self.wake_everyone()
        return is_new_epoch

    def become_follower(self, image: PartitionImage) -> bool:
        """Follow whoever the metadata says leads (maybe nobody). True when the leader epoch is new."""
        is_new_epoch = image.leader_epoch > self.leader_epoch or self.leader is not None
        self.leader_id = image.leader
        self.leader_epoch = image.leader_epoch
        self.partition_epoch = image.partition_epoch
        self.replicas = image.replicas
        if self.leader is not None:
            self.leader = None
            if safeguards.waiting_produces_end_with_leadership:
                self._lose_waiters(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        if is_new_epoch:
            self.wake_everyone()
        return is_new_epoch

    def go_offline(self) -> None:
        """The log directory failed."""
        self.log = None
        self.leader = None
        self._lose_waiters(ErrorCode.KAFKA_STORAGE_ERROR)
        self.wake_everyone()

    def remove(self) -> None:
        """The partition is no longer hosted here."""
        self.leader = None
        self.leader_id = -1
        self._lose_waiters(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        self.wake_everyone()

    # appending

    def append(self, batches: Any, required_acks: int, origin: AppendOrigin) -> AppendInfo:
        """Append as the leader. KafkaError: NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR and what
        `PartitionLog.append_as_leader` refuses; nothing was written then."""
        leader = self.leader
        log = self.log
        if leader is None or log is None:
            raise self.not_leading()
        if required_acks == -1 and leader.is_under_min_isr:
            raise KafkaError(
                ErrorCode.NOT_ENOUGH_REPLICAS,
                f"The size of the current ISR {list(leader.state.isr)} is insufficient to satisfy the "
                f"min.isr requirement of {leader.effective_min_isr} for partition {self.topic_partition}",
            )
        info = log.append_as_leader(
            batches, leader_epoch=self.leader_epoch, now_ms=self.manager.clock.now_ms(), origin=origin
        )
        if not info.duplicate:
            if leader.on_append(log.log_end_offset, self.manager.monotonic_ms()):
                self.high_watermark_moved(leader)
            for subscriber in self.follower_subscribers:
                subscriber.mark(True)
        return info

    def is_replicated(self, offset: int) -> bool:
        """Everything before `offset` (exclusive) is committed."""
        leader = self.leader
        return leader is not None and leader.high_watermark >= offset

    def when_replicated(self, offset: int, waiter: ProduceWaiter) -> bool:
        """True when everything before `offset` (exclusive) is committed already; else `waiter` is told later."""
        assert self.leader is not None
        if self.leader.high_watermark >= offset:
            return True
        waiters = self._produce_waiters
        if waiters and waiters[-1][0] > offset:  # a duplicate's offsets lie before others that wait
            position = 0
            while waiters[position][0] <= offset:
                position += 1
            waiters.insert(position, (offset, waiter))
        else:
            waiters.append((offset, waiter))
        return False

    def forget_waiter(self, waiter: ProduceWaiter) -> None:
        """That produce timed out."""
        self._produce_waiters = deque(each for each in self._produce_waiters if each[1] is not waiter)

    @property
    def replicated_code(self) -> ErrorCode:
        """What an acks=all produce is told once replicated (Kafka: Partition.checkEnoughReplicasReachOffset)."""
        leader = self.leader
        if leader is not None and leader.is_under_min_isr:
            return ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
        return ErrorCode.NONE

    # following

    def on_follower_fetch(
        self,
        broker_id: int,
        fetch_offset: int,
        log_start_offset: int,
        broker_epoch: int,
        session: FollowerSession | None,
    ) -> None:
        """A follower acknowledged everything before `fetch_offset`. KafkaError when it is no replica of this partition, or
        was started anew since (KIP-903)."""
        leader = self.leader
        if leader is None:
            raise self.not_leading()
        if broker_id not in leader.remotes:
            # It may know of an assignment we have not heard of yet (Kafka: Partition.followerReplicaOrThrow).
            raise KafkaError(
                ErrorCode.UNKNOWN_LEADER_EPOCH, f"{broker_id} is no replica of {self.topic_partition} here"
            )
        newest = max(leader.remotes[broker_id].broker_epoch, self.manager.broker_epoch_of(broker_id))
        if -1 < broker_epoch < newest and safeguards.isr_needs_current_broker_epoch:
            # On its way since before that broker was started anew: it would hide what the new life has told, for ever where
            # nothing more is written, since incremental fetches say nothing twice (Kafka: Replica.updateFetchStateOrThrow).
            raise KafkaError(
                ErrorCode.NOT_LEADER_OR_FOLLOWER, f"{broker_id} fetches in epoch {broker_epoch}, and is in {newest} now"
            )
        moved, expand = leader.on_follower_fetch(
            broker_id, fetch_offset, log_start_offset, broker_epoch, self.manager.monotonic_ms(), session
        )
        if expand is not None:
            self.manager.isr.propose(self, expand)
        if moved:
            self.high_watermark_moved(leader)

    def check_lagging(self) -> None:
        """Propose a smaller ISR when a member of it lags (called every replica.lag.time.max.ms / 2)."""
        leader = self.leader
        if leader is not None and len(leader.state.isr) > 1:
            shrink = leader.propose_shrink(self.manager.monotonic_ms())
            if shrink is not None:
                self.manager.isr.propose(self, shrink)

    def check_joining(self) -> None:
        """Propose a larger ISR when a caught-up follower may join now (brokers changed, and with `check_lagging`)."""
        leader = self.leader
        if leader is not None and len(leader.state.isr) < len(leader.remotes) + 1:
            expand = leader.propose_expand(self.manager.monotonic_ms())
            if expand is not None:
                self.manager.isr.propose(self, expand)

    def on_isr_committed(
        self,
        isr: tuple[int, ...],
        leader_epoch: int,
        partition_epoch: int,
        answered: PendingExpandIsr | PendingShrinkIsr,
    ) -> None:
        """The controller answered the proposal `answered` with this ISR."""
        leader = self.leader
        if leader is None or leader_epoch != self.leader_epoch:
            return
        if leader.on_isr_committed(isr, partition_epoch, self.manager.monotonic_ms(), answered):
            self.high_watermark_moved(leader)
        self.partition_epoch = leader.partition_epoch
        self.check_joining()  # one proposal at a time: another follower may have caught up while this one was under way

    def on_isr_rejected(self, pending: PendingExpandIsr | PendingShrinkIsr) -> None:
        if self.leader is not None:
            self.leader.on_isr_rejected(pending)

    def update_min_isr(self) -> None:
        """The topic's min.insync.replicas changed."""
        leader, log = self.leader, self.log
        if leader is not None and log is not None:
            leader.set_min_isr(log.config.min_insync_replicas)
            if leader.advance_high_watermark(self.manager.monotonic_ms()):
                self.high_watermark_moved(leader)

    # waking

    def high_watermark_moved(self, leader: PartitionLeader) -> None:
        high_watermark = leader.high_watermark
        self._log().update_high_watermark(high_watermark)
        waiters = self._produce_waiters
        while waiters and waiters[0][0] <= high_watermark:
            waiters.popleft()[1].on_replicated(self)
        for subscriber in self.consumer_subscribers:
            subscriber.mark(True)
        for subscriber in self.follower_subscribers:
            subscriber.mark(False)

    def follower_progressed(self, appended: bool) -> None:
        """As a follower: records or the high watermark arrived; consumers may read from us too (KIP-392)."""
        for subscriber in self.consumer_subscribers:
            subscriber.mark(appended)

    def wake_everyone(self) -> None:
        for subscriber in list(self.follower_subscribers):
            subscriber.mark(True)
        for subscriber in list(self.consumer_subscribers):
            subscriber.mark(True)

    def _lose_waiters(self, code: ErrorCode) -> None:
        waiters, self._produce_waiters = self._produce_waiters, deque()
        for _, waiter in waiters:
            waiter.on_lost(self, code)

    def _log(self) -> PartitionLog:
        if self.log is None:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"The log directory of {self.topic_partition} is offline")
        return self.log

    def not_leading(self) -> KafkaError:
        if self.log is None:
            return KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"The log directory of {self.topic_partition} is offline")
        return KafkaError(
            ErrorCode.NOT_LEADER_OR_FOLLOWER,
            f"Leader of {self.topic_partition} is {self.leader_id}, not this broker {self.manager.node_id}",
        )

    def check_leader_epoch(self, current_leader_epoch: int) -> ErrorCode:
        """Fence a request that names another leader epoch than ours; -1 names none (KIP-320)."""
        if current_leader_epoch == -1 or current_leader_epoch == self.leader_epoch:
            return ErrorCode.NONE
        if not safeguards.fetch_epoch_fencing:
            return ErrorCode.NONE
        if current_leader_epoch < self.leader_epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        return ErrorCode.UNKNOWN_LEADER_EPOCH
