"""Small clients of the laboratory: they never give up, and write down everything they see.

They speak the wire through `engine.net.ClientConnection` and nothing else of the engine. A producer retries a batch
with the same sequence until it is acknowledged or refused for good; a reader goes through the offsets one by one. What
a real client would hide (an answer that must not happen) they report.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence

from engine.net.client import ClientConnection, ConnectionLost, RequestTimedOut, UnsupportedVersion
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.messages import (
    FetchRequest,
    FetchResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    MetadataRequest,
    MetadataResponse,
    ProduceRequest,
    ProduceResponse,
)
from engine.protocol.records.batch import iterate_batches, verify_crc
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.sim.clock import EPOCH_MS
from engine.sim.history import Fate, History, Polled, Send, Violation
from engine.types import TopicPartition

Report = Callable[[Violation], None]

BROKEN = (ConnectionLost, RequestTimedOut, UnsupportedVersion, OSError)

RETRIABLE = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.BROKER_NOT_AVAILABLE,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.OFFSET_NOT_AVAILABLE,
    }
)

READ_RETRIABLE = RETRIABLE | {ErrorCode.CORRUPT_MESSAGE}
"""A reader asks again for what its disk shows wrong just now; a producer's batch must never be called corrupt."""

REQUEST_TIMEOUT_MS = 3_000
BACKOFF_S = 0.1
PROBE_PROBABILITY = 0.02


class SimClient:
    """Knows the cluster and keeps one connection to each broker."""

    creates_topics = True
    """Whether asking for a topic that is not there makes it (allow.auto.create.topics)."""

    def __init__(self, name: str, bootstrap: Sequence[tuple[str, int]], topic: str, source: random.Random) -> None:
        self.name = name
        self.topic = topic
        self.topic_id = bytes(16)
        self.leaders: dict[int, tuple[int, int]] = {}
        """partition -> (leader, leader epoch)"""
        self.source = source
        self._bootstrap = list(bootstrap)
        self._addresses: dict[int, tuple[str, int]] = {}
        self._connections: dict[tuple[str, int], ClientConnection] = {}
        self._opening: dict[tuple[str, int], asyncio.Lock] = {}

    async def connection(self, address: tuple[str, int]) -> ClientConnection:
        """An open connection to that broker; raises one of BROKEN."""
        lock = self._opening.setdefault(address, asyncio.Lock())
        async with lock:
            connection = self._connections.get(address)
            if connection is None or connection.closed:
                connection = self._connections[address] = await ClientConnection.open(
                    *address, client_id=self.name, timeout_ms=REQUEST_TIMEOUT_MS
                )
            return connection

    async def refresh(self) -> None:
        """Learn the leaders from any broker; tries until one answers."""
        while True:
            known = sorted(set(self._addresses.values()) | set(self._bootstrap))
            address = self.source.choice(known)
            try:
                connection = await self.connection(address)
                request = MetadataRequest(
                    topics=[MetadataRequest.MetadataRequestTopic(name=self.topic)],
                    allow_auto_topic_creation=self.creates_topics,
                )
                answer: MetadataResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
            except BROKEN:
                await self.back_off()
                continue
            self._addresses = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
            for topic in answer.topics:
                if topic.error_code == ErrorCode.NONE and topic.name == self.topic:
                    self.topic_id = topic.topic_id
                    for partition in topic.partitions:
                        known_epoch = self.leaders.get(partition.partition_index, (-1, -1))[1]
                        if partition.leader_epoch >= known_epoch:  # brokers may lag behind one another
                            self.leaders[partition.partition_index] = (partition.leader_id, partition.leader_epoch)
            if answer.brokers and self.leaders:
                return
            self.lacks_topic()
            await self.back_off()

    def lacks_topic(self) -> None:
        """Nobody knows the topic yet; it is asked for again."""

    async def leader_connection(self, partition: int) -> tuple[ClientConnection, int]:
        """The leader of a partition, as far as we know, and its epoch; raises one of BROKEN when there is none."""
        leader, epoch = self.leaders.get(partition, (-1, -1))
        address = self._addresses.get(leader)
        if address is None:
            raise ConnectionLost(f"partition {partition} has no leader")
        return await self.connection(address), epoch

    async def any_connection(self) -> ClientConnection:
        """Some broker; raises one of BROKEN."""
        known = sorted(set(self._addresses.values()) | set(self._bootstrap))
        return await self.connection(self.source.choice(known))

    async def back_off(self) -> None:
        await asyncio.sleep(BACKOFF_S * (0.5 + self.source.random()))

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class SimProducer(SimClient):
    """Idempotent, acks=all, several batches in flight over all partitions but one at a time in each."""

    def __init__(
        self,
        name: str,
        bootstrap: Sequence[tuple[str, int]],
        topic: str,
        source: random.Random,
        history: History,
        report: Report,
    ) -> None:
        super().__init__(name, bootstrap, topic, source)
        self._history = history
        self._report = report
        self._producer_id = -1
        self._producer_epoch = -1
        self._waiting: dict[int, deque[Send]] = {}
        self._wake: dict[int, asyncio.Event] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._sent = 0
        self._stopping = False
        self.duplicate_probability: Callable[[], float] = lambda: 0.0
        """How likely a batch that was acknowledged is sent again, as after an answer that was lost."""
        self.duplicates = 0
        self.unanswered = 0
        """Records whose fate is open."""

    async def start(self) -> None:
        """Get a producer id; returns once the cluster gave one."""
        await self.refresh()
        while True:
            try:
                connection = await self.any_connection()
                answer: InitProducerIdResponse = await connection.request(
                    InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000),
                    timeout_ms=REQUEST_TIMEOUT_MS,
                )
            except BROKEN:
                await self.back_off()
                continue
            if answer.error_code == ErrorCode.NONE:
                self._producer_id, self._producer_epoch = answer.producer_id, answer.producer_epoch
                break
            await self.back_off()
        self.take_up_partitions()

    def take_up_partitions(self) -> None:
        """Send to every partition that is known by now."""
        for partition in sorted(self.leaders):
            if partition not in self._waiting:
                self._waiting[partition] = deque()
                self._wake[partition] = asyncio.Event()
                self._workers.append(asyncio.create_task(self._work(partition), name=f"{self.name} {partition}"))

    async def keep_sending(self, sends_per_second: float) -> None:
        """Until `stop`."""
        while not self._stopping:
            self.send()
            await asyncio.sleep(self.source.expovariate(sends_per_second))

    def stop(self) -> None:
        """Queue no more."""
        self._stopping = True

    def send(self) -> Send:
        """Queue one record for a random partition."""
        partition = self.source.choice(sorted(self._waiting))
        value = b"%s:%06d" % (self.name.encode(), self._sent)
        send = self._history.send(self.name, self._sent, value, _now_ns())
        send.topic_partition = TopicPartition(self.topic, partition)
        self._sent += 1
        self.unanswered += 1
        self._waiting[partition].append(send)
        self._wake[partition].set()
        return send

    async def _work(self, partition: int) -> None:
        """Send the queue of one partition, batch after batch."""
        queue, wake = self._waiting[partition], self._wake[partition]
        sequence = 0
        while True:
            while not queue:
                wake.clear()
                await wake.wait()
            batch = [queue.popleft() for _ in range(min(len(queue), self.source.randint(1, 5)))]
            # The leader forgets producers whose newest timestamp is a day old (Kafka: isProducerExpired).
            timestamp = EPOCH_MS + _now_ns() // 1_000_000
            records = [Record(index, timestamp, b"key", send.value, []) for index, send in enumerate(batch)]
            data = build_batch(
                records,
                producer_id=self._producer_id,
                producer_epoch=self._producer_epoch,
                base_sequence=sequence,
            )
            sequence += len(batch)
            if not await self._deliver(partition, data, batch):
                return
            self.unanswered -= len(batch)

    async def _deliver(self, partition: int, data: bytes, batch: list[Send]) -> bool:
        """Until it is acknowledged. False when it was refused for good: the session is over for this partition."""
        while True:
            try:
                connection, _ = await self.leader_connection(partition)
                code, base_offset = await self._produce(connection, partition, data)
            except BROKEN:
                code, base_offset = ErrorCode.LEADER_NOT_AVAILABLE, -1
            if code in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
                again = self.duplicate_probability()
                if again and self.source.random() < again:
                    await self._again(partition, data, base_offset)
                for index, send in enumerate(batch):
                    send.fate = Fate.ACKNOWLEDGED
                    send.offset = base_offset + index if base_offset >= 0 else -1
                return True
            if code not in RETRIABLE:
                for send in batch:
                    send.error = code.name
                place = TopicPartition(self.topic, partition)
                self._report(
                    Violation("producer-refused", f"{self.name}: {place} answered {code.name} to {batch[0].value!r}")
                )
                return False
            await self.back_off()
            await self.refresh()

    async def _again(self, partition: int, data: bytes, base_offset: int) -> None:
        """Send once more what was acknowledged: the answer must name the same offset, or say that it is a duplicate."""
        try:
            connection, _ = await self.leader_connection(partition)
            code, offset = await self._produce(connection, partition, data)
        except BROKEN:
            return
        self.duplicates += 1
        if (code == ErrorCode.NONE and offset != base_offset >= 0) or code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
            place = TopicPartition(self.topic, partition)
            self._report(
                Violation("duplicate", f"{self.name}: {place} offset {base_offset} again is {code.name} {offset}")
            )

    async def _produce(self, connection: ClientConnection, partition: int, data: bytes) -> tuple[ErrorCode, int]:
        request = ProduceRequest(
            acks=-1,
            timeout_ms=REQUEST_TIMEOUT_MS * 2 // 3,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=self.topic if connection.version_for(0) < 13 else "",
                    topic_id=self.topic_id,
                    partition_data=[ProduceRequest.PartitionProduceData(index=partition, records=data)],
                )
            ],
        )
        answer: ProduceResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        result = answer.responses[0].partition_responses[0]
        return ErrorCode.of(result.error_code), result.base_offset

    async def close_producer(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self.close()


class SimReader(SimClient):
    """Reads every partition from its beginning, offset by offset, without a group.

    Now and then it asks in the name of a leader epoch that does not exist yet, and reports
    `wrong-epoch-served` when it gets an answer all the same (KIP-320: a leader fences such fetches, or a replica that
    has not heard of an election could count for, or be fed by, the wrong leader).
    """

    def __init__(
        self,
        name: str,
        bootstrap: Sequence[tuple[str, int]],
        topic: str,
        source: random.Random,
        history: History,
        report: Report,
    ) -> None:
        super().__init__(name, bootstrap, topic, source)
        self._consumer = history.consumer(name)
        self._report = report
        self.positions: dict[int, int] = {}
        self.fetches = 0
        self.refused_epochs = 0
        self.corrupt = 0
        """How often a wrong checksum was met."""

    async def run(self) -> None:
        """For ever."""
        await self.refresh()
        await asyncio.gather(*(self._read(partition) for partition in sorted(self.leaders)))

    async def _read(self, partition: int) -> None:
        self.positions[partition] = 0
        while True:
            try:
                connection, epoch = await self.leader_connection(partition)
                if self.source.random() < PROBE_PROBABILITY:
                    await self._probe(connection, partition, epoch)
                code = await self._fetch(connection, partition, epoch)
            except BROKEN:
                code = ErrorCode.LEADER_NOT_AVAILABLE
            if code == ErrorCode.NONE:
                continue
            if code == ErrorCode.CORRUPT_MESSAGE:
                self.corrupt += 1
            if code == ErrorCode.OFFSET_OUT_OF_RANGE and await self._out_of_range(partition):
                continue
            if code not in READ_RETRIABLE:
                place, position = TopicPartition(self.topic, partition), self.positions[partition]
                self._report(Violation("reader-refused", f"{self.name}: {place} answered {code.name} at {position}"))
                return
            await self.back_off()
            await self.refresh()

    async def _out_of_range(self, partition: int) -> bool:
        """The position is not in the log. Whether there is another one to go on from: not where nothing is deleted."""
        return False

    async def _probe(self, connection: ClientConnection, partition: int, epoch: int) -> None:
        """A fetch that must be refused. Of a later epoch: an earlier one may be the one this leader still is in."""
        wrong = epoch + 1000
        answer: FetchResponse = await connection.request(
            self._request(connection, partition, wrong, max_wait_ms=0), timeout_ms=REQUEST_TIMEOUT_MS
        )
        if answer.error_code == ErrorCode.NONE and answer.responses:
            result = answer.responses[0].partitions[0]
            if result.error_code != ErrorCode.NONE:
                self.refused_epochs += 1
            else:
                place = TopicPartition(self.topic, partition)
                self._report(
                    Violation(
                        "wrong-epoch-served", f"{self.name}: {place} answered a fetch of epoch {wrong} at {epoch}"
                    )
                )

    def _request(self, connection: ClientConnection, partition: int, epoch: int, max_wait_ms: int) -> FetchRequest:
        position = self.positions[partition]
        return fetch_request(connection, self.topic, self.topic_id, partition, epoch, position, max_wait_ms=max_wait_ms)

    async def _fetch(self, connection: ClientConnection, partition: int, epoch: int) -> ErrorCode:
        position = self.positions[partition]
        request = self._request(connection, partition, epoch, max_wait_ms=500)
        answer: FetchResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        self.fetches += 1
        code, records, position = polled_from(answer, TopicPartition(self.topic, partition), position)
        self._consumer.records.extend(records)
        self.positions[partition] = position
        return code


def fetch_request(
    connection: ClientConnection,
    topic: str,
    topic_id: bytes,
    partition: int,
    leader_epoch: int,
    position: int,
    *,
    max_wait_ms: int,
) -> FetchRequest:
    """A consumer's fetch of one partition, without a session."""
    return FetchRequest(
        max_wait_ms=max_wait_ms,
        min_bytes=1,
        max_bytes=1 << 20,
        session_id=0,
        session_epoch=-1,
        topics=[
            FetchRequest.FetchTopic(
                topic=topic if connection.version_for(1) < 13 else "",
                topic_id=topic_id,
                partitions=[
                    FetchRequest.FetchPartition(
                        partition=partition,
                        current_leader_epoch=leader_epoch,
                        fetch_offset=position,
                        last_fetched_epoch=-1,
                        partition_max_bytes=1 << 20,
                    )
                ],
            )
        ],
    )


def polled_from(answer: FetchResponse, place: TopicPartition, position: int) -> tuple[ErrorCode, list[Polled], int]:
    """What a consumer makes of an answer: the code, the records from `position` on, and the position after them.

    Batches whose checksum is wrong end it with CORRUPT_MESSAGE, as in every client (Kafka: CompletedFetch).
    """
    if answer.error_code != ErrorCode.NONE:
        return ErrorCode.of(answer.error_code), [], position
    if not answer.responses:
        return ErrorCode.NONE, [], position
    result = answer.responses[0].partitions[0]
    if result.error_code != ErrorCode.NONE or not result.records:
        return ErrorCode.of(result.error_code), [], position
    data = bytes(result.records)
    found: list[Polled] = []
    try:
        for start, header in iterate_batches(data, allow_partial_tail=True):
            if not verify_crc(data, start, header):
                return ErrorCode.CORRUPT_MESSAGE, found, position
            if header.next_offset <= position or header.is_control:
                continue
            for record in decode_records(data, start):
                if record.offset >= position:
                    found.append(Polled(place, record.offset, record.value or b""))
            position = header.next_offset
    except ProtocolError:
        return ErrorCode.CORRUPT_MESSAGE, found, position
    return ErrorCode.NONE, found, position


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
