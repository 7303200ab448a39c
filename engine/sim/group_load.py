"""Consumer groups of the classic protocol as load: members that read, commit, leave, come back; and what they must see.

A member speaks the wire and nothing else of the engine. It reads what it is assigned from the committed offset on,
commits what it has read, and joins again when told to. `GroupWatch` compares what the members of a group are told:

    double-assignment   one partition was given to two members in one generation
    generation-back     a member was told an earlier generation than somebody else had been told before it asked
    commit-lost         a member was told an older offset than one whose commit was acknowledged before it asked
    commit-invented     a member was told an offset that nobody had tried to commit
    group-missed        a record below the committed offset was given to no member
    group-refused       an answer that a group must never give
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.net.client import ClientConnection
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
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    OffsetCommitRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)
from engine.sim.assignors import ASSIGNORS, COOPERATIVE
from engine.sim.clients import BROKEN, READ_RETRIABLE, REQUEST_TIMEOUT_MS, Report, SimClient, fetch_request, polled_from
from engine.sim.history import Consumer, History, Log, Violation
from engine.types import TopicPartition

SESSION_TIMEOUT_MS = 6_000
REBALANCE_TIMEOUT_MS = 5_000
STALE_ANSWERS_MAX = 100
"""So often may a partition answer "out of range" before it counts: with a look for its leader after each, some 10 s."""
_COMMIT_VERSION = 8
_OFFSET_FETCH_VERSION = 7
_COORDINATOR_VERSION = 3

JOIN_AGAIN = frozenset({ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID})
FIND_AGAIN = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.UNKNOWN_SERVER_ERROR,
        ErrorCode.KAFKA_STORAGE_ERROR,
    }
)


@dataclass(slots=True)
class GroupWatch:
    """What the members of one group were told, and what that rules out."""

    group_id: str
    topic: str
    report: Report
    generation: int = -1
    assignments: dict[int, dict[int, str]] = field(default_factory=dict)
    """generation -> partition -> member"""
    acknowledged: dict[int, int] = field(default_factory=dict)
    """partition -> largest offset whose commit was acknowledged, or that a member was told"""
    attempted: dict[int, dict[int, None]] = field(default_factory=dict)
    """partition -> offsets somebody tried to commit"""
    delivered: dict[int, dict[int, None]] = field(default_factory=dict)
    """partition -> offsets given to some member"""
    rebalances: int = 0
    commits: int = 0

    def joined(self, member: str, generation: int, newest_before: int) -> None:
        """A join was answered. `newest_before` is `generation` of this watch when it was sent."""
        if generation < newest_before:
            self.report(
                Violation(
                    "generation-back", f"{self.group_id}: {member} joined generation {generation}, {newest_before} was"
                )
            )

    def assigned(self, member: str, generation: int, partitions: Sequence[int]) -> None:
        """A sync was answered: only now the generation is in the log, and cannot be given again."""
        if generation > self.generation:
            self.generation = generation
            self.rebalances += 1
        owners = self.assignments.setdefault(generation, {})
        for partition in partitions:
            other = owners.setdefault(partition, member)
            if other != member:
                self.report(
                    Violation(
                        "double-assignment",
                        f"{self.group_id} generation {generation}: partition {partition} has {other} and {member}",
                    )
                )

    def fetched(self, member: str, partition: int, offset: int, acknowledged_before: int) -> None:
        """A committed offset was answered (-1: none); `acknowledged_before` as it was when the member asked."""
        if offset < acknowledged_before:
            self.report(
                Violation(
                    "commit-lost",
                    f"{self.group_id}: {member} was told {offset} for partition {partition}; {acknowledged_before} "
                    "had been committed",
                )
            )
        if offset >= 0 and offset not in self.attempted.get(partition, {}):
            self.report(
                Violation(
                    "commit-invented",
                    f"{self.group_id}: {member} was told {offset} for partition {partition}; nobody committed that",
                )
            )
        if offset >= 0:
            # What one was told may not be taken back, whoever's commit it was and whether that was answered or not; and
            # who begins at the end of a log has nothing to commit.
            self.acknowledged[partition] = max(offset, self.acknowledged.get(partition, -1))

    def committed(self, partition: int, offset: int) -> None:
        """A commit was acknowledged."""
        self.commits += 1
        self.acknowledged[partition] = max(offset, self.acknowledged.get(partition, -1))

    def missed(self, logs: Mapping[TopicPartition, Log]) -> Iterator[Violation]:
        """`group-missed`: a record before the committed offset that no member was given (at least once is promised)."""
        for place, log in sorted(logs.items()):
            delivered = self.delivered.get(place.partition, {})
            end = self.acknowledged.get(place.partition, -1)
            missing = [offset for offset in log if offset < end and offset not in delivered]
            if place.topic == self.topic and missing:
                yield Violation(
                    "group-missed", f"{self.group_id}: nobody was given {place} offset {missing[0]}; {end} is committed"
                )


class GroupMemberLoad(SimClient):
    """One member of a group, in one life. `assignor` is one of `assignors.ASSIGNORS`."""

    def __init__(
        self,
        name: str,
        bootstrap: Sequence[tuple[str, int]],
        topic: str,
        partitions: int,
        source: random.Random,
        history: History,
        watch: GroupWatch,
        assignor: str,
        *,
        static: bool = False,
        wanders: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name, bootstrap, topic, source)
        self._partitions = partitions
        self._history = history
        self._watch = watch
        self._assignor = assignor
        self._instance_id = name.partition("/")[0] if static else None
        self._wanders = wanders
        self._member_id = ""
        self._generation = -1
        self._joining = False
        self._coordinator: tuple[str, int] | None = None
        self.positions: dict[int, int] = {}
        self._out_of_range: dict[int, int] = {}
        """Partition -> next offset, of what this member owns now."""
        self._consumers: dict[int, Consumer] = {}
        self._committed: dict[int, int] = {}

    @property
    def _is_cooperative(self) -> bool:
        return self._assignor == COOPERATIVE

    # ---- life

    async def run(self) -> None:
        """For ever: join, read, and now and then leave for a while."""
        await self.refresh()
        while True:
            stay_until = asyncio.get_running_loop().time() + self.source.uniform(2.0, 15.0)
            while asyncio.get_running_loop().time() < stay_until or not self._wanders():
                await self._one_generation()
            await self._leave()
            await asyncio.sleep(self.source.uniform(0.1, 3.0))

    async def _one_generation(self) -> None:
        if not await self._join():
            await self.back_off()
            return
        beating = asyncio.create_task(self._beat(), name=f"{self.name} heartbeat")
        reading = asyncio.create_task(self._read(), name=f"{self.name} read")
        try:
            await asyncio.wait([beating, reading], return_when=asyncio.FIRST_COMPLETED)
        finally:
            beating.cancel()
            reading.cancel()
            await asyncio.gather(beating, reading, return_exceptions=True)
        for task in (beating, reading):
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise task.exception() or AssertionError

    def _lose(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self.positions.pop(partition, None)
            self._consumers.pop(partition, None)
            self._committed.pop(partition, None)

    def _answered(self, code: int) -> bool:
        """True for a good answer. What asks to join or to look for the coordinator is noted; others are refusals."""
        error = ErrorCode.of(code)
        if error == ErrorCode.NONE:
            return True
        if error in FIND_AGAIN:
            self._coordinator = None
        elif error == ErrorCode.UNKNOWN_MEMBER_ID:
            self._member_id = ""
            self._generation = -1
            self._lose(list(self.positions))
        elif error == ErrorCode.ILLEGAL_GENERATION:
            self._generation = -1
            self._lose(list(self.positions))
        elif error == ErrorCode.FENCED_INSTANCE_ID:
            # Our former life's successor has our name: for a static member that is the way of things.
            self._member_id = ""
            self._generation = -1
            self._lose(list(self.positions))
        elif error not in JOIN_AGAIN:
            self._watch.report(Violation("group-refused", f"{self.name}: {error.name}"))
        return False

    # ---- the coordinator

    async def _ask(self, request: Any, version: int | None = None, timeout_ms: int = REQUEST_TIMEOUT_MS) -> Any | None:
        """The coordinator's answer; None when it could not be reached."""
        try:
            if self._coordinator is None:
                self._coordinator = await self._find()
                if self._coordinator is None:
                    return None
            connection = await self.connection(self._coordinator)
            return await connection.request(request, version=version, timeout_ms=timeout_ms)
        except BROKEN:
            self._coordinator = None
            return None

    async def _find(self) -> tuple[str, int] | None:
        connection = await self.any_connection()
        answer = await connection.request(
            FindCoordinatorRequest(key=self._watch.group_id, key_type=0),
            version=_COORDINATOR_VERSION,
            timeout_ms=REQUEST_TIMEOUT_MS,
        )
        return (answer.host, answer.port) if answer.error_code == ErrorCode.NONE else None

    async def _join(self) -> bool:
        """Whether this member has an assignment of a new generation."""
        if not self._is_cooperative:
            await self._commit()
            self._lose(list(self.positions))  # eager: everything is given up first
        newest_before = self._watch.generation
        subscription = ConsumerProtocolSubscription(
            topics=[self.topic],
            owned_partitions=[ConsumerProtocolSubscription.TopicPartition(topic=self.topic, partitions=sorted(self.positions))]
            if self.positions
            else [],
            generation_id=self._generation,
        )  # fmt: skip
        answer = await self._ask(
            JoinGroupRequest(
                group_id=self._watch.group_id,
                session_timeout_ms=SESSION_TIMEOUT_MS,
                rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
                member_id=self._member_id,
                group_instance_id=self._instance_id,
                protocol_type=PROTOCOL_TYPE,
                protocols=[
                    JoinGroupRequest.JoinGroupRequestProtocol(
                        name=self._assignor, metadata=encode_subscription(subscription)
                    )
                ],
            ),
            timeout_ms=REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS,
        )
        if answer is None:
            return False
        if answer.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self._member_id = answer.member_id
            return False
        if not self._answered(answer.error_code):
            return False
        self._member_id, self._generation = answer.member_id, answer.generation_id
        self._watch.joined(self.name, answer.generation_id, newest_before)
        return await self._sync(answer)

    async def _sync(self, joined: Any) -> bool:
        assignments = []
        if joined.leader == self._member_id and not joined.skip_assignment:
            owned = {each.member_id: self._owned_by(each.metadata) for each in joined.members}
            for member_id, partitions in ASSIGNORS[self._assignor](owned, self._partitions).items():
                data = ConsumerProtocolAssignment(
                    assigned_partitions=[
                        ConsumerProtocolAssignment.TopicPartition(topic=self.topic, partitions=partitions)
                    ]
                    if partitions
                    else []
                )
                assignments.append(
                    SyncGroupRequest.SyncGroupRequestAssignment(member_id=member_id, assignment=encode_assignment(data))
                )
        answer = await self._ask(
            SyncGroupRequest(
                group_id=self._watch.group_id,
                generation_id=self._generation,
                member_id=self._member_id,
                group_instance_id=self._instance_id,
                protocol_type=PROTOCOL_TYPE,
                protocol_name=self._assignor,
                assignments=assignments,
            ),
            timeout_ms=REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS,
        )
        if answer is None or not self._answered(answer.error_code):
            return False
        assigned = decode_assignment(answer.assignment).assigned_partitions if answer.assignment else []
        mine = sorted(number for each in assigned for number in each.partitions)
        self._watch.assigned(self._instance_id or self._member_id, self._generation, mine)
        revoked = [partition for partition in self.positions if partition not in mine]
        if revoked:
            await self._commit()
            self._lose(revoked)
        added = [partition for partition in mine if partition not in self.positions]
        if added and not await self._start_at(added):
            return False
        # KIP-429: what was given up is assigned in another rebalance, which whoever gave up asks for.
        return not (self._is_cooperative and revoked)

    def _owned_by(self, metadata: bytes) -> tuple[int, ...]:
        subscription = decode_subscription(metadata)
        return tuple(number for each in subscription.owned_partitions or () for number in each.partitions)

    async def _start_at(self, partitions: Sequence[int]) -> bool:
        """Begin at the committed offsets, or at the beginning."""
        acknowledged = {partition: self._watch.acknowledged.get(partition, -1) for partition in partitions}
        answer = await self._ask(
            OffsetFetchRequest(
                group_id=self._watch.group_id,
                topics=[
                    OffsetFetchRequest.OffsetFetchRequestTopic(name=self.topic, partition_indexes=list(partitions))
                ],
                require_stable=True,
            ),
            version=_OFFSET_FETCH_VERSION,
        )
        if answer is None or not self._answered(answer.error_code):
            return False
        found = {each.partition_index: each for topic in answer.topics for each in topic.partitions}
        for partition in partitions:
            if partition not in found or found[partition].error_code != ErrorCode.NONE:
                return False
            offset = found[partition].committed_offset
            self._watch.fetched(self.name, partition, offset, acknowledged[partition])
            self.positions[partition] = max(offset, 0)
            self._committed[partition] = offset
            self._consumers[partition] = self._history.consumer(
                f"{self.name} generation {self._generation}", is_assigned=False
            )
        return True

    async def _beat(self) -> None:
        """Returns when the group rebalances, or this member is no member any more."""
        while True:
            await asyncio.sleep(0.5)
            answer = await self._ask(
                HeartbeatRequest(
                    group_id=self._watch.group_id,
                    generation_id=self._generation,
                    member_id=self._member_id,
                    group_instance_id=self._instance_id,
                )
            )
            if answer is None or self._answered(answer.error_code):
                continue
            if ErrorCode.of(answer.error_code) not in FIND_AGAIN:
                return

    async def _commit(self) -> None:
        """Commit what was read and is not committed yet."""
        offsets = {
            partition: position
            for partition, position in sorted(self.positions.items())
            if position > self._committed.get(partition, -1) and position > 0
        }
        if not offsets or self._generation < 0:
            return
        for partition, offset in offsets.items():
            self._watch.attempted.setdefault(partition, {})[offset] = None
        answer = await self._ask(
            OffsetCommitRequest(
                group_id=self._watch.group_id,
                generation_id_or_member_epoch=self._generation,
                member_id=self._member_id,
                group_instance_id=self._instance_id,
                topics=[
                    OffsetCommitRequest.OffsetCommitRequestTopic(
                        name=self.topic,
                        partitions=[
                            OffsetCommitRequest.OffsetCommitRequestPartition(
                                partition_index=partition, committed_offset=offset
                            )
                            for partition, offset in offsets.items()
                        ],
                    )
                ],
            ),
            version=_COMMIT_VERSION,
        )
        if answer is None:
            return
        for topic in answer.topics:
            for each in topic.partitions:
                if self._answered(each.error_code):
                    offset = offsets[each.partition_index]
                    self._watch.committed(each.partition_index, offset)
                    if each.partition_index in self.positions:
                        self._committed[each.partition_index] = offset

    async def _leave(self) -> None:
        await self._commit()
        self._lose(list(self.positions))
        if self._member_id and self._instance_id is None:
            member = LeaveGroupRequest.MemberIdentity(member_id=self._member_id)
            await self._ask(LeaveGroupRequest(group_id=self._watch.group_id, members=[member]), version=3)
            self._member_id = ""
        self._generation = -1

    # ---- reading

    async def _read(self) -> None:
        """Read what is assigned, partition after partition; returns when a commit says that the group goes on."""
        while True:
            for partition in list(self.positions):
                await self._read_one(partition)
            await self._commit()
            if self._generation < 0 or not self._member_id:
                return
            await asyncio.sleep(0.05)

    async def _read_one(self, partition: int) -> None:
        place = TopicPartition(self.topic, partition)
        try:
            connection, epoch = await self.leader_connection(partition)
            code, records, position = await self._fetch(connection, partition, epoch)
        except BROKEN:
            code, records, position = ErrorCode.LEADER_NOT_AVAILABLE, [], 0
        if partition not in self.positions:
            return
        if code == ErrorCode.NONE:
            self._out_of_range.pop(partition, None)
            if position > self.positions[partition]:
                self._consumers[partition].records.extend(records)
                delivered = self._watch.delivered.setdefault(partition, {})
                for polled in records:
                    delivered[polled.offset] = None
                self.positions[partition] = position
            return
        if code == ErrorCode.OFFSET_OUT_OF_RANGE and self._may_be_stale(partition):
            pass
        elif code not in READ_RETRIABLE:
            self._watch.report(Violation("reader-refused", f"{self.name}: {place} answered {code.name}"))
        await self.back_off()
        await self.refresh()

    def _may_be_stale(self, partition: int) -> bool:
        """Whether a leader of the past may have answered. A member that takes up another's position may know an older
        leader than the one that position is of; Kafka's consumer tells by the epoch in the commit (KIP-320)."""
        self._out_of_range[partition] = self._out_of_range.get(partition, 0) + 1
        return self._out_of_range[partition] < STALE_ANSWERS_MAX

    async def _fetch(self, connection: ClientConnection, partition: int, epoch: int) -> Any:
        position = self.positions[partition]
        request = fetch_request(connection, self.topic, self.topic_id, partition, epoch, position, max_wait_ms=50)
        answer = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        return polled_from(answer, TopicPartition(self.topic, partition), position)
