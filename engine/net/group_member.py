"""A member of a classic consumer group as a client: join, sync, heartbeat, commit, leave (Kafka: ConsumerCoordinator).

The leader among the members assigns by range, as Kafka's RangeAssignor does. Nothing runs by itself: the caller calls
`heartbeat` more often than `session_timeout_ms`, and `join` again when an answer says that the group is rebalancing.
JoinGroup waits at the coordinator, so a member should have a `ClusterClient` of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.coordinators import request_to_coordinator
from engine.net.deadlines import Deadline
from engine.protocol.consumer_protocol import (
    PROTOCOL_TYPE,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    OffsetCommitRequest,
    SyncGroupRequest,
)
from engine.types import TopicPartition

ASSIGNOR = "range"

JOIN_AGAIN = frozenset({ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID})
"""Answers after which a member joins anew."""


def assign_by_range(
    subscriptions: Mapping[str, Sequence[str]], partition_counts: Mapping[str, int]
) -> dict[str, dict[str, list[int]]]:
    """Partitions by member id and topic: of each topic consecutive ones, the first members one more when it does not come
    out even (Kafka: RangeAssignor). Topics without partitions are left out."""
    assignment: dict[str, dict[str, list[int]]] = {member: {} for member in sorted(subscriptions)}
    for topic in sorted({topic for topics in subscriptions.values() for topic in topics}):
        members = [member for member in assignment if topic in subscriptions[member]]
        each, more = divmod(partition_counts.get(topic, 0), len(members))
        start = 0
        for index, member in enumerate(members):
            count = each + (index < more)
            if count:
                assignment[member][topic] = list(range(start, start + count))
            start += count
    return assignment


class GroupMember:
    """One dynamic member of `group_id`, subscribed to `topics`. `member_id` is "" and `generation_id` -1 until it joined.

    Every request may raise KafkaError (an answer that joining again does not mend) and what `ClusterClient` raises.
    """

    def __init__(
        self,
        client: ClusterClient,
        group_id: str,
        topics: Sequence[str],
        *,
        session_timeout_ms: int = 10_000,
        rebalance_timeout_ms: int = 10_000,
    ) -> None:
        self.member_id = ""
        self.generation_id = -1
        self._client = client
        self._group_id = group_id
        self._topics = tuple(topics)
        self._session_timeout_ms = session_timeout_ms
        self._rebalance_timeout_ms = rebalance_timeout_ms

    async def join(self) -> tuple[TopicPartition, ...]:
        """Joins, or joins again, and returns what this member is to read. Raises KafkaError when the group does not
        settle within the client's `retry_timeout_ms` and one rebalance."""
        deadline = Deadline(self._client.retry_timeout_ms + self._rebalance_timeout_ms)
        tries = 0
        while True:
            answer = await self._send_join()
            error = ErrorCode.of(answer.error_code)
            if error == ErrorCode.MEMBER_ID_REQUIRED:
                # KIP-394: the coordinator gives the id first, so that lost answers leave no members behind.
                self.member_id = answer.member_id
            elif error == ErrorCode.NONE:
                self.member_id, self.generation_id = answer.member_id, answer.generation_id
                synced = await self._send_sync(answer)
                error = ErrorCode.of(synced.error_code)
                if error == ErrorCode.NONE:
                    assigned = decode_assignment(synced.assignment).assigned_partitions if synced.assignment else ()
                    return tuple(TopicPartition(each.topic, number) for each in assigned for number in each.partitions)
            if error not in JOIN_AGAIN and error != ErrorCode.MEMBER_ID_REQUIRED:
                raise KafkaError(error)
            self._forget(error)
            tries += 1
            if error != ErrorCode.MEMBER_ID_REQUIRED and not await self._client.backoff.wait(
                tries, self._client.randomness, deadline
            ):
                raise KafkaError(error)

    async def heartbeat(self) -> bool:
        """Tells that it is alive; false when it has to join again."""
        request = HeartbeatRequest(group_id=self._group_id, generation_id=self.generation_id, member_id=self.member_id)
        return self._settled((await self._ask(request)).error_code)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commits next offsets to read; false when nothing was committed because it has to join again."""
        by_topic: dict[str, list[Any]] = {}
        for partition, offset in sorted(offsets.items()):
            by_topic.setdefault(partition.topic, []).append(
                OffsetCommitRequest.OffsetCommitRequestPartition(
                    partition_index=partition.partition, committed_offset=offset
                )
            )
        request = OffsetCommitRequest(
            group_id=self._group_id,
            generation_id_or_member_epoch=self.generation_id,
            member_id=self.member_id,
            topics=[
                OffsetCommitRequest.OffsetCommitRequestTopic(name=name, partitions=each)
                for name, each in by_topic.items()
            ],
        )
        # v10 names topics by id (KIP-848); up to v9 they have names.
        response = await self._ask(
            Versioned(OffsetCommitRequest, lambda _: request, ceiling=9),
            lambda answer: next((p.error_code for t in answer.topics for p in t.partitions if p.error_code), 0),
        )
        codes = [each.error_code for topic in response.topics for each in topic.partitions]
        return self._settled(next((code for code in codes if code), 0))

    async def leave(self) -> None:
        """Leaves, so that the others need not wait for the session to end. Nothing happens when it is no member."""
        if not self.member_id:
            return
        member_id, self.member_id, self.generation_id = self.member_id, "", -1

        def build(version: int) -> LeaveGroupRequest:
            if version < 3:
                return LeaveGroupRequest(group_id=self._group_id, member_id=member_id)
            members = [LeaveGroupRequest.MemberIdentity(member_id=member_id)]
            return LeaveGroupRequest(group_id=self._group_id, members=members)

        error = ErrorCode.of((await self._ask(Versioned(LeaveGroupRequest, build))).error_code)
        if error not in (ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID):
            raise KafkaError(error)

    async def _send_join(self) -> Any:
        subscription = encode_subscription(ConsumerProtocolSubscription(topics=list(self._topics)), 0)
        request = JoinGroupRequest(
            group_id=self._group_id,
            session_timeout_ms=self._session_timeout_ms,
            rebalance_timeout_ms=self._rebalance_timeout_ms,
            member_id=self.member_id,
            protocol_type=PROTOCOL_TYPE,
            protocols=[JoinGroupRequest.JoinGroupRequestProtocol(name=ASSIGNOR, metadata=subscription)],
        )
        return await self._ask(request, timeout_ms=self._client.request_timeout_ms + self._rebalance_timeout_ms)

    async def _send_sync(self, joined: Any) -> Any:
        assignments = []
        if joined.leader == self.member_id:
            subscribed = {each.member_id: decode_subscription(each.metadata).topics for each in joined.members}
            wanted = sorted({topic for topics in subscribed.values() for topic in topics})
            view = await self._client.metadata(wanted)
            counts = {name: len(view.topics[name].partitions) for name in wanted if name in view.topics}
            for member_id, topics in assign_by_range(subscribed, counts).items():
                assigned = [
                    ConsumerProtocolAssignment.TopicPartition(topic=name, partitions=numbers)
                    for name, numbers in topics.items()
                ]
                data = encode_assignment(ConsumerProtocolAssignment(assigned_partitions=assigned), 0)
                assignments.append(SyncGroupRequest.SyncGroupRequestAssignment(member_id=member_id, assignment=data))
        request = SyncGroupRequest(
            group_id=self._group_id,
            generation_id=self.generation_id,
            member_id=self.member_id,
            protocol_type=PROTOCOL_TYPE,
            protocol_name=ASSIGNOR,
            assignments=assignments,
        )
        return await self._ask(request, timeout_ms=self._client.request_timeout_ms + self._rebalance_timeout_ms)

    async def _ask(self, request: Any, error_of: Any = lambda answer: answer.error_code, **options: Any) -> Any:
        return await request_to_coordinator(self._client, self._group_id, request, error_of=error_of, **options)

    def _settled(self, code: int) -> bool:
        error = ErrorCode.of(code)
        if error == ErrorCode.NONE:
            return True
        if error not in JOIN_AGAIN:
            raise KafkaError(error)
        self._forget(error)
        return False

    def _forget(self, error: ErrorCode) -> None:
        if error == ErrorCode.UNKNOWN_MEMBER_ID:
            self.member_id, self.generation_id = "", -1
