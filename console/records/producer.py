"""An idempotent producer: batches by partition, one request per leader, retries that never duplicate (KIP-98).

Records are put into the open batch of their partition. A batch is sent when it is full, has waited `linger_ms`, or on
flush; all batches for partitions of one leader travel in one request. One batch per partition is under way at a time,
which keeps order and makes sequence numbers simple; what waits behind it grows into larger batches by itself.

Only `acks=all` is idempotent, as in Kafka. When the outcome of a batch stays unknown, or the broker lost track of our
sequence numbers, a new producer id is taken for what follows.
"""

from __future__ import annotations

import asyncio

from console.errors import Blame, OperatorError, operator_errors
from console.records.partition_queue import PartitionQueue
from console.records.partitioner import StickyPartitioner, partition_for_key
from console.records.produce_requests import (
    UNACKNOWLEDGED,
    UNANSWERED,
    Outcome,
    produce_request,
    read_produce_response,
    take_producer_id,
)
from console.records.producing import UNKNOWN_OUTCOME, Delivery, NewRecord, ProducerBatch, ProducerStatistics
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from engine.net.cluster_view import ClusterView, TopicView
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record
from engine.runtime import Clock
from engine.types import TopicPartition

ACKS_ALL = -1

_RECORD_OVERHEAD_BYTES = 12
"""About what lengths and deltas of a record take."""
_TIMER_SECONDS_MIN = 0.001


class RecordProducer:
    """See the module's docstring. Use as an async context manager: leaving it sends everything that waits.

    `buffer_bytes` bounds what may wait: `send` blocks above it. `delivery_timeout_ms` bounds the time from `send` to the
    acknowledgement, retries included; then the record fails.
    """

    def __init__(
        self,
        client: ClusterClient,
        clock: Clock,
        *,
        acks: int = ACKS_ALL,
        compression: Compression = Compression.NONE,
        batch_bytes: int = 128 * 1024,
        linger_ms: int = 5,
        buffer_bytes: int = 32 * 1024 * 1024,
        request_bytes_max: int = 1024 * 1024,
        delivery_timeout_ms: int = 120_000,
        statistics: ProducerStatistics | None = None,
    ) -> None:
        self.statistics = statistics or ProducerStatistics()
        self._client = client
        self._clock = clock
        self._acks = acks
        self._compression = compression
        self._batch_bytes = batch_bytes
        self._linger_seconds = linger_ms / 1000
        self._buffer_bytes = buffer_bytes
        self._request_bytes_max = request_bytes_max
        self._delivery_timeout_seconds = delivery_timeout_ms / 1000
        self._loop = asyncio.get_running_loop()
        self._sticky = StickyPartitioner(batch_bytes, client.randomness)
        self._topics: dict[str, TopicView] = {}
        self._led: dict[str, list[int]] = {}
        self._queues: dict[TopicPartition, PartitionQueue] = {}
        self._buffered_bytes = 0
        self._unfinished = 0
        self._flushing = False
        self._producer: tuple[int, int] | None = None if acks == ACKS_ALL else (-1, -1)
        self._metadata_stale = False
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pump = self._loop.create_task(self._run())

    async def __aenter__(self) -> RecordProducer:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.close()

    async def close(self) -> None:
        """Stops; what was not flushed is not sent. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [self._pump, *self._busy.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        """Whether it sends no more: it was closed, or failed in a way that nobody foresaw."""
        return self._pump.done()

    async def send(self, topic: str, record: NewRecord) -> Delivery:
        """Takes a record, waiting for room when too much waits already. Raises OperatorError for a topic or partition
        that does not exist; how it fares after that is in the Delivery and the statistics."""
        if topic not in self._topics:
            await self.prepare(topic)
        while self._buffered_bytes >= self._buffer_bytes:
            await self._wait()
        delivery = self._append(topic, record)
        if delivery.place == 0:
            # A batch was begun, so another may be full: let it go out while we go on.
            await asyncio.sleep(0)
        return delivery

    async def prepare(self, topic: str) -> TopicView:
        """Learns about the topic; one that does not exist is created where the cluster does that by itself."""
        deadline = Deadline(self._client.retry_timeout_ms)
        tries = 0
        with operator_errors(f"topic {topic}"):
            while True:
                tries += 1
                self._take(await self._client.metadata([topic], auto_create=True), [topic])
                view = self._client.view.topics.get(topic)
                if view is not None and view.partitions and self._led.get(topic):
                    return view
                error = view.error_code if view is not None else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                passing = error in (ErrorCode.NONE, ErrorCode.LEADER_NOT_AVAILABLE) or (
                    # A topic created on first use shows up in the next answer or two; there is no telling whether
                    # the brokers do that.
                    error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION and tries < 6
                )
                if not passing or not await self._client.backoff.wait(tries, self._client.randomness, deadline):
                    break
        if error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            hint = f"Create it: `stoker topics create {topic}`."
            raise OperatorError.refused(f"topic {topic}", error, "there is no such topic", hint)
        raise OperatorError.refused(f"topic {topic}", error if error else ErrorCode.LEADER_NOT_AVAILABLE)

    async def flush(self) -> None:
        """Returns when nothing is under way: every record was acknowledged or has failed."""
        self._flushing = True
        self._wake.set()
        while self._unfinished:
            await self._wait()
        self._flushing = False

    async def _wait(self) -> None:
        """Until something was acknowledged or failed."""
        if self._pump.done():
            self._pump.result()
        self._progress.clear()
        self._wake.set()
        await self._progress.wait()

    def _take(self, view: ClusterView, topics: list[str]) -> None:
        for name in topics:
            topic = view.topics.get(name)
            if topic is not None and topic.partitions:
                self._topics[name] = topic
                self._led[name] = [each.partition for each in topic.partitions if each.leader_id >= 0]

    def _append(self, topic: str, record: NewRecord) -> Delivery:
        key, value, headers, partition, timestamp = record
        size = _RECORD_OVERHEAD_BYTES + (len(key) if key else 0) + (len(value) if value else 0)
        for name, content in headers:
            size += len(name) + (len(content) if content else 0) + 2
        count = len(self._topics[topic].partitions)
        if partition is None:
            if key is not None:
                partition = partition_for_key(key, count)
            else:
                partition = self._sticky.choose(topic, self._led[topic] or list(range(count)), size)
        elif not 0 <= partition < count:
            raise OperatorError.words(f"topic {topic} has no partition {partition}, only 0 to {count - 1}")
        target = TopicPartition(topic, partition)
        queue = self._queues.get(target)
        if queue is None:
            queue = self._queues[target] = PartitionQueue()
        batch = queue.batches[-1] if queue.batches else None
        if batch is None or batch.encoded is not None or batch.size_bytes + size > self._batch_bytes:
            if batch is not None:
                self._wake.set()
            batch = ProducerBatch(target, self._loop.time())
            queue.batches.append(batch)
            if not queue.in_flight and len(queue.batches) == 1:
                self._wake_at(batch.created_at + self._linger_seconds)
        if timestamp is None:
            timestamp = self._clock.now_ms()
        index = len(batch.records)
        batch.records.append(Record(index, timestamp, key, value, list(headers) if headers else []))
        batch.size_bytes += size
        self._buffered_bytes += size
        self._unfinished += 1
        self.statistics.sent_records += 1
        return Delivery(batch, index)

    # The pump: one task that hands batches to leaders.

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._metadata_stale:
                    self._metadata_stale = False
                    names = sorted(self._topics)
                    self._take(await self._client.metadata(names), names)
                if self._producer is None and any(queue.batches for queue in self._queues.values()):
                    self._producer = await take_producer_id(self._client)
            except (ClusterUnreachable, BrokerUnreachable, KafkaError, UnsupportedByBroker, ProtocolError) as error:
                self._metadata_stale = True
                if isinstance(error, (UnsupportedByBroker, ProtocolError)):
                    self._fail_all(error)
                self._expire(str(error), Blame.UNREACHABLE)
                self._loop.call_later(self._client.backoff.first_ms / 1000, self._wake.set)
                continue
            self._expire("no acknowledgement came")
            self._dispatch()

    def _wake_at(self, when: float) -> None:
        """Of the loop's clock. Loops with timers of whole milliseconds wake a little early: then again, a little later."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(max(when - self._loop.time(), _TIMER_SECONDS_MIN), self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self._wake.set()

    def _dispatch(self) -> None:
        now = self._loop.time()
        by_leader: dict[int, list[ProducerBatch]] = {}
        bytes_by_leader: dict[int, int] = {}
        for target, queue in self._queues.items():
            if queue.in_flight or not queue.batches:
                continue
            batch = queue.batches[0]
            if batch.retry_at > now:
                self._wake_at(batch.retry_at)
                continue
            if not self._is_ready(batch, queue, now):
                # It may have come while the one before it was on its way, so that no timer was set for it.
                self._wake_at(batch.created_at + self._linger_seconds)
                continue
            view = self._topics[target.topic].partitions[target.partition]
            if view.leader_id < 0:
                self._retry_later(batch, now)
                continue
            used = bytes_by_leader.get(view.leader_id, 0)
            if view.leader_id in self._busy or (used and used + batch.size_bytes > self._request_bytes_max):
                continue
            bytes_by_leader[view.leader_id] = used + batch.size_bytes
            by_leader.setdefault(view.leader_id, []).append(batch)
        for node_id, batches in by_leader.items():
            for batch in batches:
                queue = self._queues[batch.partition]
                queue.in_flight = True
                assert self._producer is not None
                queue.seal(batch, self._producer, self._compression)
            self._busy[node_id] = self._loop.create_task(self._deliver(node_id, batches))

    def _is_ready(self, batch: ProducerBatch, queue: PartitionQueue, now: float) -> bool:
        return (
            self._flushing
            or batch.encoded is not None
            or len(queue.batches) > 1
            or batch.size_bytes >= self._batch_bytes
            or now >= batch.created_at + self._linger_seconds
            or self._buffered_bytes >= self._buffer_bytes
        )

    async def _deliver(self, node_id: int, batches: list[ProducerBatch]) -> None:
        outcome: dict[TopicPartition, Outcome] = {}
        lost: str | None = None
        try:
            outcome = await self._request(node_id, batches)
        except (BrokerUnreachable, ClusterUnreachable) as error:
            lost = str(error)
        except (UnsupportedByBroker, ProtocolError, KafkaError) as error:
            for batch in batches:
                self._finish(batch, OperatorError(f"partition {batch.partition}: not sent", str(error)))
        finally:
            self._busy.pop(node_id, None)
        now = self._loop.time()
        for batch in batches:
            if batch.error is not None:
                continue
            self._queues[batch.partition].in_flight = False
            if lost is not None:
                self._metadata_stale = True
                self._retry_later(batch, now)
            else:
                self._settle(batch, outcome.get(batch.partition, UNANSWERED))
        self._wake.set()

    async def _request(self, node_id: int, batches: list[ProducerBatch]) -> dict[TopicPartition, Outcome]:
        ids = {batch.partition.topic: self._topics[batch.partition.topic].topic_id for batch in batches}
        request = produce_request(batches, ids, acks=self._acks, timeout_ms=self._client.request_timeout_ms)
        if self._acks == 0:
            await self._client.request_to(node_id, request, channel="produce", expect_response=False)
            return {batch.partition: UNACKNOWLEDGED for batch in batches}
        return read_produce_response(await self._client.request_to(node_id, request, channel="produce"), ids)

    def _settle(self, batch: ProducerBatch, outcome: Outcome) -> None:
        """One batch was answered."""
        error = outcome.error
        queue = self._queues[batch.partition]
        if error in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
            batch.base_offset, batch.timestamp = outcome.base_offset, outcome.timestamp
            self._finish(batch, None)
        elif error == ErrorCode.MESSAGE_TOO_LARGE and len(batch.records) > 1:
            queue.split(batch)
        elif error.retriable:
            self._retry_later(batch, self._loop.time())
        else:
            if error in UNKNOWN_OUTCOME:
                self._producer = None
            else:
                queue.take_back(batch)
            self._finish(batch, OperatorError.refused(f"partition {batch.partition}", error, outcome.message))

    def _retry_later(self, batch: ProducerBatch, now: float) -> None:
        batch.tries += 1
        self.statistics.retries += 1
        self._metadata_stale = True
        wait = self._client.backoff.wait_ms(batch.tries, self._client.randomness) / 1000
        batch.retry_at = now + wait
        self._loop.call_later(wait, self._wake.set)

    def _expire(self, reason: str, blame: Blame = Blame.REFUSED) -> None:
        """Fails what has waited longer than the delivery timeout."""
        now = self._loop.time()
        for queue in self._queues.values():
            while queue.batches and not queue.in_flight:
                batch = queue.batches[0]
                if now < batch.created_at + self._delivery_timeout_seconds:
                    break
                if batch.encoded is not None:
                    self._producer = None if self._acks == ACKS_ALL else self._producer
                seconds = self._delivery_timeout_seconds
                title = f"partition {batch.partition}: not acknowledged in {seconds:g} s"
                self._finish(batch, OperatorError(title, reason, blame=blame))

    def _fail_all(self, error: Exception) -> None:
        for queue in self._queues.values():
            while queue.batches and not queue.in_flight:
                batch = queue.batches[0]
                self._finish(batch, OperatorError(f"partition {batch.partition}: not sent", str(error)))

    def _finish(self, batch: ProducerBatch, error: OperatorError | None) -> None:
        queue = self._queues[batch.partition]
        queue.in_flight = False
        queue.batches.popleft()
        count = len(batch.records)
        self._buffered_bytes -= batch.size_bytes
        self._unfinished -= count
        statistics = self.statistics
        if error is None:
            statistics.acknowledged_records += count
            statistics.acknowledged_bytes += batch.size_bytes - count * _RECORD_OVERHEAD_BYTES
            statistics.batches += 1
        else:
            batch.error = error
            statistics.failed_records += count
            statistics.first_error = statistics.first_error or error
        batch.finish()
        self._progress.set()
