"""The clients a learner starts: producers, consumers and group members that do as told and count what they do.

They speak the wire and nothing else of the engine (`engine.sim.clients`), each in a process of its own.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.net.client import ClientConnection, ConnectionLost
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    FetchResponse,
    InitProducerIdRequest,
    ListOffsetsRequest,
    ProduceRequest,
    ProduceResponse,
)
from engine.protocol.records.record import Record, build_batch
from engine.sim.clients import (
    BACKOFF_S,
    BROKEN,
    READ_RETRIABLE,
    REQUEST_TIMEOUT_MS,
    RETRIABLE,
    SimClient,
    fetch_request,
    polled_from,
)
from engine.sim.clock import EPOCH_MS
from engine.sim.group_load import GroupMemberLoad, GroupWatch
from engine.sim.history import Fate, History
from engine.types import TopicPartition

AUTO_COMMIT_S = 2.0
POLL_RECORDS_MAX = 10


@dataclass(slots=True)
class ClientState:
    """What is known of a client across its lives."""

    name: str
    kind: str
    topic: str
    group: str = ""
    acks: int = -1
    idempotent: bool = False
    sent: int = 0
    acked: int = 0
    failed: int = 0
    read: int = 0
    last_error: str = ""
    """Of what it tries now; "" again once that has gone well."""
    is_over: bool = False
    positions: dict[int, int] = field(default_factory=dict)
    reads_from: dict[int, int] = field(default_factory=dict)
    values: list[bytes] = field(default_factory=list)
    """What was read (consumers) or processed (members), in order."""
    processed: list[tuple[int, int]] = field(default_factory=list)
    """(partition, offset), in order."""
    ordered: list[tuple[str | None, int, int, bytes]] = field(default_factory=list)
    """(key, partition, offset, value) of what a producer was acknowledged, in order."""


class _Client(SimClient):
    """A client of a learner: a topic that is not there is a mistake, and is told, not made."""

    creates_topics = False
    _state: ClientState

    def lacks_topic(self) -> None:
        self._state.last_error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.name


class ClassProducer(_Client):
    """One record at a time, in order, each tried again until it is answered or the tries are over."""

    def __init__(
        self,
        session: str,
        bootstrap: Sequence[tuple[str, int]],
        source: random.Random,
        history: History,
        state: ClientState,
        *,
        keys: Sequence[str],
        rate: float,
        count: int,
        partition: int | None,
        retries: int,
    ) -> None:
        super().__init__(session, bootstrap, state.topic, source)
        self._history = history
        self._state = state
        self._keys = tuple(keys)
        self._pause_s = 1 / rate
        self._count = count
        self._partition = partition
        self._retries = retries
        self._producer_id, self._producer_epoch = -1, -1
        self._sequences: dict[int, int] = {}

    async def run(self) -> None:
        """Until everything is sent or it is told to end."""
        await self.refresh()
        if self._state.idempotent:
            await self._init()
        while not self._state.is_over and (self._count == 0 or self._state.sent < self._count):
            number = self._state.sent
            key = self._keys[number % len(self._keys)] if self._keys else None
            await self.send(b"%s-%d" % (self._state.name.encode(), number), key)
            await asyncio.sleep(self._pause_s)
        self._state.is_over = True
        self.close()

    async def _init(self) -> None:
        while True:
            try:
                connection = await self.any_connection()
                answer = await connection.request(
                    InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000),
                    timeout_ms=REQUEST_TIMEOUT_MS,
                )
                if answer.error_code == ErrorCode.NONE:
                    self._producer_id, self._producer_epoch = answer.producer_id, answer.producer_epoch
                    return
            except BROKEN:
                pass
            await self.back_off()

    async def send(self, value: bytes, key: str | None) -> None:
        """Send one record to the partition of its key, or in turn."""
        state = self._state
        partitions = sorted(self.leaders)
        if self._partition is not None:
            partition = self._partition
        elif key is not None:
            partition = partitions[zlib.crc32(key.encode()) % len(partitions)]
        else:
            partition = partitions[state.sent % len(partitions)]
        now_ns = int(asyncio.get_running_loop().time() * 1e9)
        send = self._history.send(self.name, state.sent, value, now_ns, acks=state.acks, is_idempotent=state.idempotent)
        send.topic_partition = TopicPartition(self.topic, partition)
        state.sent += 1
        sequence = self._sequences.get(partition, 0)
        record = Record(0, EPOCH_MS + now_ns // 1_000_000, None if key is None else key.encode(), value, [])
        data = build_batch(
            [record],
            producer_id=self._producer_id,
            producer_epoch=self._producer_epoch,
            base_sequence=sequence if state.idempotent else -1,
        )
        for attempt in range(self._retries + 1):
            if attempt:
                await self.back_off()
                await self.refresh()
            try:
                connection, _ = await self.leader_connection(partition)
                code, offset = await self._produce(connection, partition, data)
            except BROKEN as error:
                code, offset = ErrorCode.LEADER_NOT_AVAILABLE, -1
                state.last_error = "no leader" if isinstance(error, ConnectionLost) else "no answer in time"
                continue
            if code in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
                self._sequences[partition] = sequence + 1
                state.last_error = ""
                if state.acks != 0:
                    send.fate, send.offset = Fate.ACKNOWLEDGED, offset
                    state.acked += 1
                    state.ordered.append((key, partition, offset, value))
                return
            state.last_error = send.error = code.name
            if code not in RETRIABLE:
                break
        state.failed += 1

    async def _produce(self, connection: ClientConnection, partition: int, data: bytes) -> tuple[ErrorCode, int]:
        request = ProduceRequest(
            acks=self._state.acks,
            timeout_ms=REQUEST_TIMEOUT_MS * 2 // 3,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=self.topic if connection.version_for(0) < 13 else "",
                    topic_id=self.topic_id,
                    partition_data=[ProduceRequest.PartitionProduceData(index=partition, records=data)],
                )
            ],
        )
        if self._state.acks == 0:
            await connection.request(request, expect_response=False)
            return ErrorCode.NONE, -1
        answer: ProduceResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        result = answer.responses[0].partition_responses[0]
        return ErrorCode.of(result.error_code), result.base_offset


class ClassConsumer(_Client):
    """Reads every partition from its beginning, without a group; from a replica of its rack when the leader says so."""

    def __init__(
        self,
        session: str,
        bootstrap: Sequence[tuple[str, int]],
        source: random.Random,
        state: ClientState,
        rack: str | None,
    ) -> None:
        super().__init__(session, bootstrap, state.topic, source)
        self._state = state
        self._rack = rack

    async def run(self) -> None:
        """For ever."""
        await self.refresh()
        await asyncio.gather(*(self._read(partition) for partition in sorted(self.leaders)))

    async def _read(self, partition: int) -> None:
        state = self._state
        position = state.positions.setdefault(partition, 0)
        preferred = -1
        while not state.is_over:
            try:
                connection, epoch = await self.leader_connection(partition)
                source = self.leaders[partition][0]
                if preferred in self._addresses and preferred >= 0:
                    connection, source = await self.connection(self._addresses[preferred]), preferred
                request = fetch_request(
                    connection, self.topic, self.topic_id, partition, epoch, position, max_wait_ms=500
                )
                request.rack_id = self._rack or ""
                answer: FetchResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
            except BROKEN:
                preferred = -1
                await self.back_off()
                await self.refresh()
                continue
            code, records, position = polled_from(answer, TopicPartition(self.topic, partition), position)
            if code == ErrorCode.OFFSET_OUT_OF_RANGE and preferred < 0:
                position = await self._earliest(partition, position)
            elif code != ErrorCode.NONE:
                state.last_error = code.name
                preferred = -1
                if code not in READ_RETRIABLE and code != ErrorCode.OFFSET_OUT_OF_RANGE:
                    return
                await self.back_off()
                await self.refresh()
            else:
                state.last_error = ""
                told = answer.responses[0].partitions[0].preferred_read_replica if answer.responses else -1
                if told >= 0:
                    preferred = told
                elif records:
                    state.reads_from[partition] = source
                state.read += len(records)
                state.values.extend(record.value for record in records)
            state.positions[partition] = position

    async def _earliest(self, partition: int, position: int) -> int:
        """auto.offset.reset=earliest."""
        try:
            connection, _ = await self.leader_connection(partition)
            answer = await connection.request(
                ListOffsetsRequest(
                    replica_id=-1,
                    topics=[
                        ListOffsetsRequest.ListOffsetsTopic(
                            name=self.topic,
                            partitions=[
                                ListOffsetsRequest.ListOffsetsPartition(partition_index=partition, timestamp=-2)
                            ],
                        )
                    ],
                ),
                timeout_ms=REQUEST_TIMEOUT_MS,
            )
        except BROKEN:
            await self.back_off()
            return position
        found = answer.topics[0].partitions[0]
        self._state.last_error = ErrorCode.OFFSET_OUT_OF_RANGE.name
        await self.back_off()
        return int(found.offset) if found.error_code == ErrorCode.NONE else position


class ClassMember(_Client, GroupMemberLoad):
    """A group member that works on each record for a while, and commits when it was told to."""

    def __init__(
        self,
        session: str,
        bootstrap: Sequence[tuple[str, int]],
        source: random.Random,
        history: History,
        watch: GroupWatch,
        state: ClientState,
        *,
        assignor: str,
        commit: str,
        process_ms: int,
        static: bool,
    ) -> None:
        super().__init__(
            session,
            bootstrap,
            state.topic,
            1,
            source,
            history,
            watch,
            assignor,
            static=static,
            wanders=lambda: False,
        )
        self._state = state
        self._when = commit
        self._process_s = process_ms / 1000
        self._auto_at = 0.0

    async def run(self) -> None:
        """Until it is told to end; then it leaves the group."""
        await self.refresh()
        self._partitions = len(self.leaders)
        while not self._state.is_over:
            await self._one_generation()
            self._state.positions = dict(self.positions)
        await self._leave()
        self.close()

    async def _commit(self) -> None:
        if self._when != "never":
            await super()._commit()

    async def _read(self) -> None:
        """Poll, process and commit, until the group goes on without this member or it is to end."""
        loop = asyncio.get_running_loop()
        while not self._state.is_over:
            for partition in list(self.positions):
                await self._poll(partition)
            if self._when == "after":
                await self._commit()
            elif self._when == "auto" and loop.time() >= self._auto_at:
                self._auto_at = loop.time() + AUTO_COMMIT_S
                await self._commit()
            self._state.positions = dict(self.positions)
            if self._generation < 0 or not self._member_id:
                return
            await asyncio.sleep(BACKOFF_S)

    async def _poll(self, partition: int) -> None:
        if partition not in self.positions:
            return
        try:
            connection, epoch = await self.leader_connection(partition)
            code, records, position = await self._fetch(connection, partition, epoch)
        except BROKEN:
            code, records, position = ErrorCode.LEADER_NOT_AVAILABLE, [], 0
        if partition not in self.positions:
            return
        if code != ErrorCode.NONE:
            self._state.last_error = code.name
            await self.back_off()
            await self.refresh()
            return
        state = self._state
        state.last_error = ""
        state.read += len(records)
        if self._when == "before":
            if len(records) > POLL_RECORDS_MAX:
                records, position = records[:POLL_RECORDS_MAX], records[POLL_RECORDS_MAX].offset
            self.positions[partition] = position
            await self._commit()
        delivered = self._watch.delivered.setdefault(partition, {})
        for record in records[:POLL_RECORDS_MAX]:
            await asyncio.sleep(self._process_s)
            if partition not in self.positions and self._when != "before":
                return
            delivered[record.offset] = None
            state.values.append(record.value)
            state.processed.append((partition, record.offset))
            if self._when != "before":
                self.positions[partition] = record.offset + 1
        if self._when != "before" and len(records) <= POLL_RECORDS_MAX and partition in self.positions:
            self.positions[partition] = position
