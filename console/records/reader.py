"""Reading partitions from given offsets, some of them up to given ends: one fetch loop per leader, one bounded queue.

No group, no commits, no fetch sessions. Leadership may move and brokers may go away while it reads; it goes on where it
was. What retention deleted under it is skipped, and said (`RecordReader.skipped`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType

from console.errors import Blame, OperatorError, operator_errors
from console.records.fetching import Chunk, FetchLimits, fetch_request, read_fetch_response
from console.records.model import ALL_RECORDS, Visibility
from console.records.sieve import BatchSieve
from console.services.offsets import EARLIEST, READ_COMMITTED, READ_UNCOMMITTED, list_offsets
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable
from engine.net.cluster_view import TopicView
from engine.net.deadlines import Deadline
from engine.net.partition_requests import PASSING
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

_QUEUE_CHUNKS = 16

_QUEUE_BYTES = 32 * 1024 * 1024
"""Of batches, as they were sent, that wait to be taken; one chunk may always wait, however large."""


class RecordReader:
    """Chunks of records as they arrive. Use as an async context manager and iterate `chunks()`.

    `starts` are the first offsets to read, `stops` (exclusive) where a partition ends; one without a stop is followed
    for ever. `headers_only` counts records without decoding them, `sieve` leaves out batches. `unreachable_timeout_ms`: how long a partition may stay without an answer before reading fails
    (None: it is waited for as long as it takes).
    """

    def __init__(
        self,
        client: ClusterClient,
        starts: Mapping[TopicPartition, int],
        stops: Mapping[TopicPartition, int] | None = None,
        *,
        visibility: Visibility = ALL_RECORDS,
        limits: FetchLimits | None = None,
        unreachable_timeout_ms: int | None = 60_000,
        headers_only: bool = False,
        sieve: BatchSieve | None = None,
    ) -> None:
        self.positions = dict(starts)
        """Next offset of every partition."""
        self.skipped: dict[TopicPartition, int] = {}
        """Offsets that were gone before they could be read."""
        self.ends: dict[TopicPartition, int] = {}
        """High watermark (with read committed: last stable offset) as last seen."""
        self._client = client
        self._stops = dict(stops or {})
        self._visibility = visibility
        self._limits = limits or FetchLimits()
        self._headers_only = headers_only
        self._sieve = sieve
        self._unreachable_timeout_ms = unreachable_timeout_ms
        self._open = [p for p in self.positions if not self._at_stop(p)]
        self._paused: dict[TopicPartition, None] = {}
        self._homeless: dict[TopicPartition, None] = dict.fromkeys(self._open)
        self._queue: asyncio.Queue[Chunk | Exception] = asyncio.Queue(_QUEUE_CHUNKS)
        self._queued_bytes = 0
        self._room = asyncio.Event()
        self._loops: dict[int, asyncio.Task[None]] = {}
        self._assigned: dict[int, dict[TopicPartition, None]] = {}
        self._topics: dict[str, TopicView] = {}
        """As they were when their partitions were last given to a leader."""
        self._is_stale = False
        """Whether a broker told us that what we know is out of date."""
        self._changed = asyncio.Event()
        self._router: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RecordReader:
        self._router = asyncio.get_running_loop().create_task(self._guard(self._route))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._router, *self._loops.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Chunks as they come, each partition in order; ends when all partitions reached their stops.

        Chunks without records tell of progress. Raises OperatorError.
        """
        while self._open:
            item = await self._queue.get()
            if isinstance(item, Exception):
                with operator_errors("reading"):
                    raise item
            else:
                self._queued_bytes -= item.size_bytes
                self._room.set()
                if self._at_stop(item.partition, item.next_offset) and item.partition in self._open:
                    self._open.remove(item.partition)
                yield item

    def pause(self, partition: TopicPartition) -> None:
        """Do not fetch more of this partition for now."""
        self._paused[partition] = None

    def resume(self, partition: TopicPartition) -> None:
        if partition in self._paused:
            del self._paused[partition]
            self._changed.set()

    def at_end(self, partition: TopicPartition) -> bool:
        """Whether everything there was at the last fetch has been read."""
        return partition in self.ends and self.positions[partition] >= self.ends[partition]

    def _at_stop(self, partition: TopicPartition, position: int | None = None) -> bool:
        stop = self._stops.get(partition)
        return stop is not None and (self.positions[partition] if position is None else position) >= stop

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Hands the failure of a task to whoever iterates."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._queue.put(error)

    # Routing: partitions without a loop that fetches them are given to their leader's loop.

    async def _route(self) -> None:
        tries = 0
        deadline = self._deadline()
        loop = asyncio.get_running_loop()
        while True:
            if not self._homeless:
                tries, deadline = 0, self._deadline()
                self._changed.clear()
                await self._changed.wait()
                continue
            topics = sorted({partition.topic for partition in self._homeless})
            reason = "the partition has no leader"
            try:
                view = await (self._client.metadata if tries or self._is_stale else self._client.known_view)(topics)
                self._is_stale = False
            except (ClusterUnreachable, BrokerUnreachable) as error:
                reason = str(error)
            else:
                for partition in list(self._homeless):
                    leader = view.leader(*partition)
                    if leader < 0:
                        topic = view.topics.get(partition.topic)
                        gone = topic is None or topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                        if gone and tries > 2:
                            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"topic {partition.topic} is gone")
                        continue
                    del self._homeless[partition]
                    self._topics[partition.topic] = view.topics[partition.topic]
                    self._assigned.setdefault(leader, {})[partition] = None
                    task = self._loops.get(leader)
                    if task is None or task.done():
                        self._loops[leader] = loop.create_task(self._guard(partial(self._fetch_loop, leader)))
                self._changed.set()
            if self._homeless:
                tries += 1
                if deadline is not None and deadline.passed:
                    lost = ", ".join(str(partition) for partition in list(self._homeless)[:5])
                    raise OperatorError(f"cannot read {lost}", reason, blame=Blame.UNREACHABLE)
            if self._homeless or tries:
                await asyncio.sleep(self._client.backoff.wait_ms(max(tries, 1), self._client.randomness) / 1000)

    def _deadline(self) -> Deadline | None:
        return None if self._unreachable_timeout_ms is None else Deadline(self._unreachable_timeout_ms)

    async def _fetch_loop(self, node_id: int) -> None:
        assigned = self._assigned[node_id]
        isolation = READ_COMMITTED if self._visibility.read_committed else READ_UNCOMMITTED
        failures = 0
        while True:
            ready = [p for p in assigned if p not in self._paused and not self._at_stop(p)]
            if not ready:
                self._changed.clear()
                await self._changed.wait()
                continue
            # The broker fills the answer in the order asked: rotate, so that none starves (Kafka: KIP-74).
            del assigned[ready[0]]
            assigned[ready[0]] = None
            topics = dict(self._topics)
            positions = {partition: self.positions[partition] for partition in ready}
            request = fetch_request(topics, positions, self._limits, isolation=isolation)
            timeout_ms = self._client.request_timeout_ms + self._limits.max_wait_ms
            try:
                response = await self._client.request_to(node_id, request, channel="fetch", timeout_ms=timeout_ms)
                if response.error_code:
                    raise KafkaError(ErrorCode.of(response.error_code))
            except BrokerUnreachable:
                self._unroute(node_id, list(assigned))
                failures += 1
                await asyncio.sleep(self._client.backoff.wait_ms(failures, self._client.randomness) / 1000)
                continue
            failures = 0
            for chunk in read_fetch_response(
                response, topics, positions, self._visibility, headers_only=self._headers_only, sieve=self._sieve
            ):
                if chunk.error == ErrorCode.NONE:
                    await self._accept(chunk)
                else:
                    await self._recover(node_id, chunk)

    async def _accept(self, chunk: Chunk) -> None:
        partition = chunk.partition
        stop = self._stops.get(partition)
        if stop is not None and chunk.next_offset > stop:
            chunk.cut(stop)
        moved = chunk.next_offset != self.positions[partition]
        before = self.ends.get(partition)
        self.positions[partition] = chunk.next_offset
        self.ends[partition] = chunk.last_stable_offset if self._visibility.read_committed else chunk.high_watermark
        if moved or before is None:
            await self._put(chunk)

    async def _put(self, chunk: Chunk) -> None:
        while self._queued_bytes and self._queued_bytes + chunk.size_bytes > _QUEUE_BYTES:
            self._room.clear()
            await self._room.wait()
        self._queued_bytes += chunk.size_bytes
        await self._queue.put(chunk)

    async def _recover(self, node_id: int, chunk: Chunk) -> None:
        partition = chunk.partition
        if chunk.error == ErrorCode.OFFSET_OUT_OF_RANGE:
            earliest = await list_offsets(self._client, {partition: EARLIEST})
            start = earliest.values.get(partition)
            position = self.positions[partition]
            if start is not None and start.offset > position:
                # Deleted under us, by retention or DeleteRecords.
                self.skipped[partition] = self.skipped.get(partition, 0) + start.offset - position
                self.positions[partition] = start.offset
                if self._at_stop(partition):
                    chunk.next_offset = self.positions[partition]
                    await self._put(chunk)
            elif start is not None:
                raise OperatorError.refused(
                    f"partition {partition}, offset {position}",
                    chunk.error,
                    f"the log begins at {start.offset} and ends before that offset",
                )
        elif chunk.error in PASSING or chunk.error.retriable:
            self._unroute(node_id, [partition])
            await asyncio.sleep(self._client.backoff.wait_ms(1, self._client.randomness) / 1000)
        else:
            raise OperatorError.refused(f"partition {partition}", chunk.error)

    def _unroute(self, node_id: int, partitions: list[TopicPartition]) -> None:
        """Takes partitions from a leader's loop; the router finds out where they belong now."""
        for partition in partitions:
            self._assigned[node_id].pop(partition, None)
            self._homeless[partition] = None
        self._is_stale = True
        self._changed.set()
