"""Fetch sessions (KIP-227) and what a fetch wants of each partition.

A session remembers, on the leader's side, which partitions a follower or consumer fetches and from where, so that its
requests and our answers name only what changed. Here a session is also *subscribed* to its partitions: a partition
that gets records, moves its high watermark or changes leader marks the session's entry dirty. An incremental fetch
therefore looks at the dirty entries only: with 10,000 partitions and one of them busy, it costs one.

A fetch without a session is the same object, subscribed only while it waits.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from engine.protocol.errors import ErrorCode
from engine.replication.leader import FollowerSession

if TYPE_CHECKING:
    from engine.broker.fetch_purgatory import WaitingFetch
    from engine.broker.partition import Partition

FINAL_EPOCH = -1
"""Session epoch of a full fetch that neither makes nor keeps a session."""
INITIAL_EPOCH = 0
"""Session epoch of a full fetch that asks for a session."""
NO_SESSION = 0

SessionKey = tuple[bytes, str, int]
"""(topic id or zeros, topic name or "", partition index): what the client calls the partition by."""


class FetchedPartition:
    """What a fetch wants of one partition, and what it was last told of it."""

    __slots__ = (
        "acknowledged",
        "current_leader_epoch",
        "fetch_offset",
        "fetches",
        "index",
        "last_fetched_epoch",
        "log_start_offset",
        "max_bytes",
        "partition",
        "sent_high_watermark",
        "sent_last_stable_offset",
        "sent_log_start_offset",
        "topic",
        "topic_id",
    )

    def __init__(self, fetches: Fetches, topic_id: bytes, topic: str, index: int) -> None:
        self.fetches = fetches
        self.topic_id = topic_id
        self.topic = topic
        self.index = index
        self.partition: Partition | None = None
        self.fetch_offset = -1
        self.max_bytes = 0
        self.current_leader_epoch = -1
        self.last_fetched_epoch = -1
        self.acknowledged = False
        """The leader took note of this fetch offset (followers only)."""
        self.log_start_offset = -1
        """Follower's own log start offset; -1 from consumers."""
        self.sent_high_watermark = -1
        self.sent_last_stable_offset = -1
        self.sent_log_start_offset = -1

    def mark(self, wake: bool) -> None:
        """The partition changed (`engine.broker.partition.Subscriber`)."""
        fetches = self.fetches
        fetches.dirty[self] = None
        if wake and fetches.waiting is not None:
            fetches.waiting.poke()

    def subscribe(self) -> None:
        partition = self.partition
        if partition is not None:
            if self.fetches.is_follower:
                partition.follower_subscribers[self] = None
            else:
                partition.consumer_subscribers[self] = None

    def unsubscribe(self) -> None:
        partition = self.partition
        if partition is not None:
            partition.follower_subscribers.pop(self, None)
            partition.consumer_subscribers.pop(self, None)


class Fetches:
    """A fetch session, or one fetch without a session (`session_id` 0)."""

    __slots__ = (
        "created_ms",
        "dirty",
        "epoch",
        "follower_session",
        "is_follower",
        "last_used_ms",
        "partitions",
        "replica_epoch",
        "session_id",
        "uses_topic_ids",
        "waiting",
    )

    def __init__(self, session_id: int, is_follower: bool, uses_topic_ids: bool, now_ms: int) -> None:
        self.session_id = session_id
        self.is_follower = is_follower
        self.uses_topic_ids = uses_topic_ids
        self.epoch = 1
        """The epoch the next incremental fetch must carry."""
        self.partitions: dict[SessionKey, FetchedPartition] = {}
        self.dirty: dict[FetchedPartition, None] = {}
        self.replica_epoch = -1
        """Broker epoch of the follower that fetches, -1 for consumers (KIP-903)."""
        self.waiting: WaitingFetch | None = None
        self.created_ms = now_ms
        self.last_used_ms = now_ms
        self.follower_session = FollowerSession(now_ms)

    def on_fetch(self, replica_epoch: int, now_ms: int) -> None:
        """A fetch came in.

        In another broker epoch, what was fetched before counts for the follower's earlier life only; and where another of
        its fetches was taken note of meanwhile, that one was late. Then every partition is acknowledged again.
        """
        session = self.follower_session
        session.last_fetch_ms = now_ms
        if replica_epoch != self.replica_epoch or session.overtaken:
            self.replica_epoch = replica_epoch
            session.overtaken = False
            for each in self.partitions.values():
                each.acknowledged = False
                self.dirty[each] = None

    def next_epoch(self) -> None:
        self.epoch = 1 if self.epoch == 0x7FFFFFFF else self.epoch + 1

    def subscribe_all(self) -> None:
        for each in self.partitions.values():
            each.subscribe()

    def unsubscribe_all(self) -> None:
        for each in self.partitions.values():
            each.unsubscribe()

    def remove(self, key: SessionKey) -> None:
        each = self.partitions.pop(key, None)
        if each is not None:
            each.unsubscribe()
            self.dirty.pop(each, None)


class FetchSessionCache:
    """Sessions by id, at most `slots` of them (max.incremental.fetch.session.cache.slots).

    Followers come before consumers, and more partitions before fewer, when one must go (Kafka: FetchSessionCache).
    """

    def __init__(self, slots: int, eviction_ms: int, ids: random.Random) -> None:
        self._slots = slots
        self._eviction_ms = eviction_ms
        self._ids = ids
        self._sessions: dict[int, Fetches] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def resolve(self, session_id: int, epoch: int, uses_topic_ids: bool, now_ms: int) -> Fetches | ErrorCode:
        """The session of an incremental fetch, or the error to answer."""
        session = self._sessions.get(session_id)
        if session is None:
            return ErrorCode.FETCH_SESSION_ID_NOT_FOUND
        if session.epoch != epoch:
            return ErrorCode.INVALID_FETCH_SESSION_EPOCH
        if session.uses_topic_ids != uses_topic_ids:
            return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
        session.next_epoch()
        session.last_used_ms = now_ms
        return session

    def create(self, is_follower: bool, uses_topic_ids: bool, partition_count: int, now_ms: int) -> Fetches:
        """A new session, or one without id when the cache is full of better ones."""
        if len(self._sessions) >= self._slots and not self._evict(is_follower, partition_count, now_ms):
            return Fetches(NO_SESSION, is_follower, uses_topic_ids, now_ms)
        while True:
            session_id = self._ids.randrange(1, 0x7FFFFFFF)
            if session_id not in self._sessions:
                break
        session = Fetches(session_id, is_follower, uses_topic_ids, now_ms)
        self._sessions[session_id] = session
        return session

    def close(self, session_id: int) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.unsubscribe_all()

    def _evict(self, is_follower: bool, partition_count: int, now_ms: int) -> bool:
        oldest = min(self._sessions.values(), key=lambda session: session.last_used_ms)
        if now_ms - oldest.last_used_ms > self._eviction_ms:
            self.close(oldest.session_id)
            return True
        weakest = min(self._sessions.values(), key=_evictable_key)
        if now_ms - weakest.created_ms > self._eviction_ms and _evictable_key(weakest) < (is_follower, partition_count):
            self.close(weakest.session_id)
            return True
        return False


def _evictable_key(session: Fetches) -> tuple[bool, int]:
    return (session.is_follower, len(session.partitions))
