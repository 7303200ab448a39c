"""Committed offsets of the groups of one shard (Kafka: OffsetMetadataManager.Offsets, OffsetAndMetadata).

An offset becomes visible once its record is replicated; until then only `is_pending` knows of it, so that deletions and
expiry, which are decided before, do not overlook it. Offsets of open transactions are kept apart by producer until the
transaction ends.
"""

from collections.abc import Iterator

import msgspec

from engine.groups.records import OffsetKey
from engine.protocol.messages import OffsetCommitValue
from engine.protocol.uuids import ZERO_UUID

NO_PRODUCER_ID = -1

Partitions = dict[int, "CommittedOffset"]
Topics = dict[str, Partitions]


class CommittedOffset(msgspec.Struct, frozen=True):
    """One committed offset."""

    offset: int
    """Next offset to read."""
    leader_epoch: int = -1
    """Epoch of the last record read, -1 when the client did not say."""
    metadata: str = ""
    commit_timestamp_ms: int = -1
    expire_timestamp_ms: int = -1
    """Set by clients from before Kafka 2.1 only, -1: the broker's retention decides."""
    topic_id: bytes = ZERO_UUID
    """Id of the topic it was committed for; zero when unknown."""
    record_offset: int = -1
    """Where in `__consumer_offsets` its record is."""

    def to_value(self) -> OffsetCommitValue:
        return OffsetCommitValue(
            offset=self.offset,
            leader_epoch=self.leader_epoch,
            metadata=self.metadata,
            commit_timestamp=self.commit_timestamp_ms,
            expire_timestamp=self.expire_timestamp_ms,
            topic_id=self.topic_id,
        )

    @staticmethod
    def from_value(value: OffsetCommitValue, record_offset: int) -> "CommittedOffset":
        return CommittedOffset(
            value.offset,
            value.leader_epoch,
            value.metadata,
            value.commit_timestamp,
            value.expire_timestamp,
            value.topic_id,
            record_offset,
        )


class OffsetStore:
    """All offsets of a shard."""

    def __init__(self) -> None:
        self._groups: dict[str, Topics] = {}
        self._pending: dict[OffsetKey, int] = {}
        self._transactions: dict[int, dict[OffsetKey, CommittedOffset]] = {}

    # --- what is known ---

    def get(self, group_id: str, topic: str, partition: int) -> CommittedOffset | None:
        return self._groups.get(group_id, _NO_TOPICS).get(topic, _NO_PARTITIONS).get(partition)

    def topics(self, group_id: str) -> Topics:
        """The group's offsets by topic and partition; not to be modified."""
        return self._groups.get(group_id, _NO_TOPICS)

    def groups(self) -> Iterator[str]:
        """Groups with committed offsets."""
        return iter(self._groups)

    def is_pending(self, key: OffsetKey) -> bool:
        """A commit of that offset is written but not yet replicated."""
        return key in self._pending

    def is_unstable(self, key: OffsetKey) -> bool:
        """An open transaction holds a commit of that offset."""
        return any(key in offsets for offsets in self._transactions.values())

    def has_open_transaction(self, group_id: str) -> bool:
        return any(key.group_id == group_id for offsets in self._transactions.values() for key in offsets)

    def all_keys(self, group_id: str | None = None) -> list[OffsetKey]:
        """Every offset a tombstone is needed for to forget the group's (or all groups') offsets: committed, in flight
        and in open transactions; each once, committed first."""
        keys: dict[OffsetKey, None] = {}
        for group in self._groups if group_id is None else (group_id,):
            for topic, partitions in self._groups.get(group, _NO_TOPICS).items():
                for partition in partitions:
                    keys[OffsetKey(group, topic, partition)] = None
        for key in self._pending:
            if group_id is None or key.group_id == group_id:
                keys[key] = None
        for offsets in self._transactions.values():
            for key in offsets:
                if group_id is None or key.group_id == group_id:
                    keys[key] = None
        return list(keys)

    def __len__(self) -> int:
        """Committed offsets."""
        return sum(len(partitions) for topics in self._groups.values() for partitions in topics.values())

    # --- what happens ---

    def begin(self, key: OffsetKey) -> None:
        """A commit of `key` is on its way to the log."""
        self._pending[key] = self._pending.get(key, 0) + 1

    def end(self, key: OffsetKey) -> None:
        """Undo one `begin`: the record is replicated or will never be."""
        left = self._pending[key] - 1
        if left:
            self._pending[key] = left
        else:
            del self._pending[key]

    def put(self, key: OffsetKey, offset: CommittedOffset) -> None:
        self._groups.setdefault(key.group_id, {}).setdefault(key.topic, {})[key.partition] = offset

    def remove(self, key: OffsetKey) -> None:
        """Forget the offset, in open transactions too (Kafka: OffsetMetadataManager.replay of a tombstone)."""
        topics = self._groups.get(key.group_id)
        if topics is not None and (partitions := topics.get(key.topic)) is not None:
            partitions.pop(key.partition, None)
            if not partitions:
                del topics[key.topic]
                if not topics:
                    del self._groups[key.group_id]
        for offsets in self._transactions.values():
            offsets.pop(key, None)

    def put_transactional(self, producer_id: int, key: OffsetKey, offset: CommittedOffset) -> None:
        self._transactions.setdefault(producer_id, {})[key] = offset

    def end_transaction(self, producer_id: int, *, committed: bool) -> None:
        """The producer's transaction ended: its offsets become visible, or are dropped.

        Where a plain commit was written after the transactional one, the plain one stays: the later record wins.
        """
        for key, offset in self._transactions.pop(producer_id, {}).items():
            if committed:
                known = self.get(*key)
                if known is None or offset.record_offset > known.record_offset:
                    self.put(key, offset)


_NO_TOPICS: Topics = {}
_NO_PARTITIONS: Partitions = {}
