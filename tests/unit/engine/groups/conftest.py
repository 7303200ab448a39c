"""A small world around a `GroupShard`: virtual time in integer milliseconds, timers, a log in memory, clients' answers.

Appends stay on their way until `commit()` (or at once with `auto_commit`), as if they were being replicated.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, CancelTimer, Effect, Respond, SetTimer, TimerKey
from engine.groups.records import GroupRecord, decode_record, encode_record
from engine.groups.settings import GroupSettings
from engine.groups.shard import GroupShard
from engine.protocol.consumer_protocol import encode_subscription
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    ConsumerProtocolSubscription,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    OffsetCommitRequest,
    OffsetDeleteRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)

START_MS = 1_700_000_000_000


class Pending:
    """A request under way; `response` is None until it is answered."""

    def __init__(self) -> None:
        self.response: Any = None

    @property
    def error(self) -> ErrorCode | None:
        return None if self.response is None else ErrorCode.of(self.response.error_code)


class World:
    """Drives one shard and plays its shell."""

    def __init__(self, settings: GroupSettings | None = None, seed: int = 0) -> None:
        self.now_ms = START_MS
        self.settings = settings or GroupSettings()
        self.shard = GroupShard(self.settings, random.Random(seed))
        self.timers: dict[TimerKey, int] = {}
        self.in_flight: deque[Append] = deque()
        self.log: list[tuple[bytes, bytes | None]] = []
        self.late: set[int] = set()
        self.auto_commit = True
        self.answered = 0

    # --- the shell's part ---

    def perform(self, effects: Sequence[Effect]) -> None:
        queue = deque(effects)
        while queue:
            effect = queue.popleft()
            match effect:
                case Respond(token, response):
                    assert token.response is None, "a request is answered once"
                    token.response = response
                    self.answered += 1
                case SetTimer(key, delay_ms):
                    assert delay_ms >= 0
                    self.timers[key] = self.now_ms + delay_ms
                case CancelTimer(key):
                    self.timers.pop(key, None)
                case Append():
                    self.in_flight.append(effect)
                    if self.auto_commit:
                        queue.extend(self._append_done(None))

    def _append_done(self, error: ErrorCode | None) -> list[Effect]:
        effect = self.in_flight.popleft()
        if error is not None:
            return self.shard.append_failed(effect, error, self.now_ms)
        base_offset = len(self.log)
        self.log.extend(encode_record(record) for record in effect.records)
        is_late = id(effect) in self.late
        self.late.discard(id(effect))
        return self.shard.appended(effect, self.now_ms, base_offset=base_offset, is_late=is_late)

    def commit(self, count: int | None = None) -> None:
        """The oldest appends on their way are replicated."""
        for _ in range(len(self.in_flight) if count is None else count):
            self.perform(self._append_done(None))

    def fail(self, error: ErrorCode) -> None:
        """The oldest append on its way is not written."""
        self.perform(self._append_done(error))

    def time_out(self) -> None:
        """The oldest append on its way that has not timed out yet does; it may be replicated later."""
        for effect in self.in_flight:
            if id(effect) not in self.late:
                self.late.add(id(effect))
                self.perform(self.shard.append_timed_out(effect, self.now_ms))
                return

    def sleep(self, duration_ms: int) -> None:
        """Let time pass, firing the timers that come due in order."""
        until = self.now_ms + duration_ms
        while self.timers:
            key, deadline = min(self.timers.items(), key=lambda item: (item[1], str(item[0])))
            if deadline > until:
                break
            del self.timers[key]
            self.now_ms = max(self.now_ms, deadline)
            self.perform(self.shard.timer_fired(key, self.now_ms))
        self.now_ms = until

    def records(self) -> Iterator[GroupRecord]:
        for key, value in self.log:
            record = decode_record(key, value)
            assert record is not None
            yield record

    def replayed(self) -> GroupShard:
        """A fresh shard that has read the log."""
        shard = GroupShard(self.settings, random.Random(self.answered))
        for offset, record in enumerate(self.records()):
            shard.replay(record, offset, self.now_ms)
        return shard

    def fail_over(self) -> None:
        """The partition moves to a coordinator that reads the log."""
        self.auto_commit = False
        self.perform(self.shard.unload(self.now_ms))
        while self.in_flight:
            effect = self.in_flight.popleft()
            if id(effect) not in self.late:
                self.perform(self.shard.append_failed(effect, ErrorCode.NOT_LEADER_OR_FOLLOWER, self.now_ms))
        self.late.clear()
        self.timers.clear()
        self.auto_commit = True
        self.shard = self.replayed()
        self.perform(self.shard.loaded(self.now_ms))

    # --- the clients' part ---

    def group(self, group_id: str = "group") -> ClassicGroup:
        return self.shard.groups[group_id]

    def join(
        self,
        member_id: str = "",
        *,
        group_id: str = "group",
        instance_id: str | None = None,
        version: int = 9,
        session_timeout_ms: int = 10_000,
        rebalance_timeout_ms: int = 60_000,
        protocol_type: str = "consumer",
        protocols: Sequence[str] = ("range",),
        topics: Sequence[str] = ("orders",),
    ) -> Pending:
        subscription = encode_subscription(ConsumerProtocolSubscription(topics=list(topics)))
        request = JoinGroupRequest(
            group_id=group_id,
            session_timeout_ms=session_timeout_ms,
            rebalance_timeout_ms=rebalance_timeout_ms,
            member_id=member_id,
            group_instance_id=instance_id,
            protocol_type=protocol_type,
            protocols=[
                JoinGroupRequest.JoinGroupRequestProtocol(name=name, metadata=subscription) for name in protocols
            ],
        )
        pending = Pending()
        self.perform(self.shard.join(request, version, "client", "/127.0.0.1", pending, self.now_ms))
        return pending

    def join_dynamic(self, **options: Any) -> Pending:
        """Both steps of a first join (KIP-394)."""
        first = self.join(**options)
        assert first.error is ErrorCode.MEMBER_ID_REQUIRED, first.response
        return self.join(first.response.member_id, **options)

    def sync(
        self,
        joined: Pending,
        assignments: dict[str, bytes] | None = None,
        *,
        group_id: str = "group",
        instance_id: str | None = None,
        generation_id: int | None = None,
        protocol_type: str | None = None,
        protocol_name: str | None = None,
    ) -> Pending:
        request = SyncGroupRequest(
            group_id=group_id,
            generation_id=joined.response.generation_id if generation_id is None else generation_id,
            member_id=joined.response.member_id,
            group_instance_id=instance_id,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=[
                SyncGroupRequest.SyncGroupRequestAssignment(member_id=member_id, assignment=assignment)
                for member_id, assignment in (assignments or {}).items()
            ],
        )
        pending = Pending()
        self.perform(self.shard.sync(request, pending))
        return pending

    def heartbeat(
        self, member_id: str, generation_id: int, *, instance_id: str | None = None, group_id: str = "group"
    ) -> ErrorCode:
        response, effects = self.shard.heartbeat(
            HeartbeatRequest(
                group_id=group_id, generation_id=generation_id, member_id=member_id, group_instance_id=instance_id
            )
        )
        self.perform(effects)
        return ErrorCode.of(response.error_code)

    def leave(self, *members: str | tuple[str, str | None], group_id: str = "group") -> list[ErrorCode]:
        """Each member is its id, or (id, instance id)."""
        identities = [
            LeaveGroupRequest.MemberIdentity(member_id=each)
            if isinstance(each, str)
            else LeaveGroupRequest.MemberIdentity(member_id=each[0], group_instance_id=each[1])
            for each in members
        ]
        answers, effects = self.shard.leave(group_id, identities, self.now_ms)
        self.perform(effects)
        return [ErrorCode.of(answer.error_code) for answer in answers]

    def stable_group(self, size: int = 2, *, group_id: str = "group", **options: Any) -> list[Pending]:
        """A stable group of dynamic members; their JoinGroup answers, the leader's first."""
        joined = [self.join_dynamic(group_id=group_id, **options) for _ in range(size)]
        while any(each.response is None for each in joined):
            self.sleep(1000)
        joined.sort(key=lambda each: not each.response.members)
        self.sync_all(joined, group_id=group_id)
        return joined

    def sync_all(self, joined: Sequence[Pending], *, group_id: str = "group") -> list[Pending]:
        """Every member syncs, the leader (first) with an assignment for each that names it."""
        assignments = {each.response.member_id: each.response.member_id.encode() for each in joined}
        synced = [self.sync(each, group_id=group_id) for each in joined[1:]]
        return [self.sync(joined[0], assignments, group_id=group_id), *synced]

    def commit_offset(
        self,
        offset: int = 100,
        *,
        group_id: str = "group",
        member_id: str = "",
        generation_id: int = -1,
        instance_id: str | None = None,
        topic: str = "orders",
        topic_id: bytes = bytes(16),
        partition: int = 0,
        metadata: str | None = "",
        leader_epoch: int = -1,
        retention_time_ms: int = -1,
        version: int = 9,
    ) -> Pending:
        request = OffsetCommitRequest(
            group_id=group_id,
            generation_id_or_member_epoch=generation_id,
            member_id=member_id,
            group_instance_id=instance_id,
            retention_time_ms=retention_time_ms,
            topics=[
                OffsetCommitRequest.OffsetCommitRequestTopic(
                    name=topic,
                    topic_id=topic_id,
                    partitions=[
                        OffsetCommitRequest.OffsetCommitRequestPartition(
                            partition_index=partition,
                            committed_offset=offset,
                            committed_leader_epoch=leader_epoch,
                            committed_metadata=metadata,
                        )
                    ],
                )
            ],
        )
        pending = Pending()
        self.perform(self.shard.commit(request, version, pending, self.now_ms))
        return pending

    def commit_code(self, pending: Pending) -> ErrorCode | None:
        """The error of the only partition of a commit."""
        if pending.response is None:
            return None
        return ErrorCode.of(pending.response.topics[0].partitions[0].error_code)

    def fetch_offset(
        self,
        topic: str = "orders",
        partition: int = 0,
        *,
        group_id: str = "group",
        topic_id: bytes = bytes(16),
        require_stable: bool = False,
    ) -> Any:
        """The answer for one partition."""
        wanted = OffsetFetchRequest.OffsetFetchRequestTopics(
            name=topic, topic_id=topic_id, partition_indexes=[partition]
        )
        return self.shard.fetch(group_id, [wanted], require_stable=require_stable)[0].partitions[0]

    def delete_offset(self, topic: str = "orders", partition: int = 0, *, group_id: str = "group") -> Pending:
        request = OffsetDeleteRequest(
            group_id=group_id,
            topics=[
                OffsetDeleteRequest.OffsetDeleteRequestTopic(
                    name=topic,
                    partitions=[OffsetDeleteRequest.OffsetDeleteRequestPartition(partition_index=partition)],
                )
            ],
        )
        pending = Pending()
        self.perform(self.shard.delete_offsets(request, pending))
        return pending

    def delete_groups(self, *group_ids: str) -> Pending:
        pending = Pending()
        self.perform(self.shard.delete_groups(group_ids, pending))
        return pending


@pytest.fixture
def make_world() -> Callable[..., World]:
    """`make_world(settings=..., seed=...)`."""
    return World


@pytest.fixture
def world() -> World:
    """A world with Kafka's settings, but without the wait for more members."""
    return World(GroupSettings(initial_rebalance_delay_ms=0))
