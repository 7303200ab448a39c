"""Records of several partitions and topics as one stream in the order of time, up to an end or followed for ever."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from console.errors import OperatorError, operator_errors
from console.records.fetching import Chunk, FetchLimits
from console.records.positions import END, Position, PositionKind, raise_incomplete, resolve_offsets
from console.records.reader import RecordReader
from console.services.offsets import READ_COMMITTED, READ_UNCOMMITTED, start_and_end_offsets
from console.services.partitions import raise_topic_error
from engine.net.cluster_client import ClusterClient
from engine.protocol.records.batch import TimestampType
from engine.protocol.records.record import Record
from engine.types import TopicPartition

_CHUNKS_AHEAD = 2
"""Chunks held of a partition while others are waited for."""

_FETCH_AHEAD_BYTES = 64 * 1024 * 1024
"""Shared by all partitions."""


class ConsumedRecord(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """ms since 1970, -1 none"""
    timestamp_type: TimestampType
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What to read."""

    topics: Sequence[str]
    start: Position = END
    until: Position | None = None
    """Exclusive. None: follow for ever, unless `exit_at_end`."""
    exit_at_end: bool = False
    """Stop where the partitions ended when reading began."""
    partitions: Sequence[int] = ()
    """Only these; all when empty."""
    read_committed: bool = False
    count: int | None = None
    """Stop after so many records that match."""
    accept: Callable[[Record], bool] | None = None
    """Which records match; all when None."""


@dataclass(slots=True)
class StreamProgress:
    """How far a stream is; kept up to date while it runs."""

    partition_count: int = 0
    to_scan: int = 0
    """Offsets between the starts and the ends at the beginning; more come when following."""
    scanned: int = 0
    """Offsets gone by."""
    matched: int = 0
    bytes: int = 0
    """Of keys and values of records scanned."""
    hidden: int = 0
    """Control records and records of aborted transactions."""
    skipped: int = 0
    """Offsets that were deleted before they could be read."""
    caught_up: bool = False
    """Everything there was at the beginning has been read."""


@dataclass(slots=True)
class RecordStream:
    """One reading of topics: `async for records in stream.batches(client)`. `progress` tells how far it is."""

    request: StreamRequest
    now_ms: int
    progress: StreamProgress = field(default_factory=StreamProgress)
    _seen: dict[TopicPartition, int] = field(default_factory=dict)
    """Where each partition is, for counting what went by."""

    async def batches(self, client: ClusterClient) -> AsyncIterator[list[ConsumedRecord]]:
        """Lists of records, never empty, in the order of time as far as what has been read allows: exact for what was
        there at the beginning, by arrival afterwards. A partition's own order is always kept. Raises OperatorError."""
        request = self.request
        with operator_errors(f"topic {', '.join(request.topics)}"):
            bounds = await self._bounds(client)
            starts = await resolve_offsets(client, request.start, bounds)
            stops = await self._stops(client, bounds)
        limit = request.count
        last = request.start.value if request.start.kind is PositionKind.LAST else None
        ends = {partition: stops.get(partition, end) for partition, (_, end) in bounds.items()}
        self.progress.partition_count = len(bounds)
        if last is not None:
            newest = await self._newest(client, last, bounds, ends)
            if limit is not None:
                newest = newest[:limit]
            self.progress.matched += len(newest)
            if newest:
                yield newest
            limit = None if limit is None else limit - len(newest)
            starts = ends
        self.progress.to_scan += sum(max(0, ends[p] - start) for p, start in starts.items())
        if limit == 0:
            return
        async for records in self._merged(client, starts, ends, stops):
            if limit is not None and len(records) >= limit:
                self.progress.matched += limit
                yield records[:limit]
                return
            if limit is not None:
                limit -= len(records)
            self.progress.matched += len(records)
            yield records

    async def _bounds(self, client: ClusterClient) -> dict[TopicPartition, tuple[int, int]]:
        request = self.request
        view = await client.metadata(request.topics)
        wanted: list[TopicPartition] = []
        for topic in request.topics:
            raise_topic_error(view, topic)
            there = [each.partition for each in view.topics[topic].partitions]
            for partition in request.partitions:
                if partition not in there:
                    raise OperatorError.words(f"topic {topic} has no partition {partition}, only 0 to {max(there)}")
            wanted += [
                TopicPartition(topic, each) for each in there if not request.partitions or each in request.partitions
            ]
        isolation = READ_COMMITTED if request.read_committed else READ_UNCOMMITTED
        answers = await start_and_end_offsets(client, wanted, isolation=isolation)
        raise_incomplete("offsets", wanted, answers.why_not)
        return {partition: answers.values[partition] for partition in wanted}

    async def _stops(
        self, client: ClusterClient, bounds: Mapping[TopicPartition, tuple[int, int]]
    ) -> dict[TopicPartition, int]:
        until = self.request.until
        if until is None:
            return {partition: end for partition, (_, end) in bounds.items()} if self.request.exit_at_end else {}
        if until.kind is PositionKind.TIMESTAMP and until.value > self.now_ms:
            raise OperatorError.words(f"{until} is in the future", "Leave --until out to follow; Ctrl-C ends it.")
        return await resolve_offsets(client, until, bounds)

    async def _newest(
        self,
        client: ClusterClient,
        count: int,
        bounds: Mapping[TopicPartition, tuple[int, int]],
        ends: Mapping[TopicPartition, int],
    ) -> list[ConsumedRecord]:
        """The newest `count` matching records before `ends`, oldest first. Looks further back while there are too few."""
        window = max(count, 1)
        while True:
            starts = {partition: max(start, ends[partition] - window) for partition, (start, _) in bounds.items()}
            newest: deque[ConsumedRecord] = deque(maxlen=count)
            self.progress.to_scan = sum(max(0, ends[p] - start) for p, start in starts.items())
            self.progress.scanned = 0
            async for records in self._merged(client, starts, ends, ends):
                newest.extend(records)
            complete = all(starts[partition] <= start for partition, (start, _) in bounds.items())
            if len(newest) >= count or complete:
                return list(newest)
            window *= 4

    async def _merged(
        self,
        client: ClusterClient,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        stops: Mapping[TopicPartition, int],
    ) -> AsyncIterator[list[ConsumedRecord]]:
        # Every partition gets its share of what may be held, so that many of them do not fill the memory.
        share = _FETCH_AHEAD_BYTES // max(1, len(starts) * _CHUNKS_AHEAD)
        limits = FetchLimits(partition_max_bytes=max(64 * 1024, min(1024 * 1024, share)))
        behind = {partition: None for partition, start in starts.items() if start < ends[partition]}
        buffers: dict[TopicPartition, deque[list[ConsumedRecord]]] = {partition: deque() for partition in starts}
        merge = _Merge(buffers)
        self._seen.clear()
        async with RecordReader(
            client, starts, stops, read_committed=self.request.read_committed, limits=limits
        ) as reader:
            self.progress.caught_up = not behind
            chunks = reader.chunks()
            while True:
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                records = self._consume(chunk, starts)
                self.progress.skipped = sum(reader.skipped.values())
                buffer = buffers[chunk.partition]
                if records:
                    buffer.append(records)
                if chunk.next_offset >= ends[chunk.partition]:
                    behind.pop(chunk.partition, None)
                elif len(buffer) >= _CHUNKS_AHEAD:
                    reader.pause(chunk.partition)
                self.progress.caught_up = not behind
                ready = merge.take(behind)
                for partition in behind:
                    if len(buffers[partition]) < _CHUNKS_AHEAD:
                        reader.resume(partition)
                if not behind:
                    for partition in buffers:
                        reader.resume(partition)
                if ready:
                    yield ready
                    # The consumer of a fast stream must not keep the loop from its other work.
                    await asyncio.sleep(0)
            rest = merge.take({})
            if rest:
                yield rest

    def _consume(self, chunk: Chunk, starts: Mapping[TopicPartition, int]) -> list[ConsumedRecord]:
        topic, partition = chunk.partition
        progress, accept, kind = self.progress, self.request.accept, chunk.timestamp_type
        progress.hidden += chunk.hidden
        progress.scanned += max(0, chunk.next_offset - self._seen.get(chunk.partition, starts[chunk.partition]))
        self._seen[chunk.partition] = chunk.next_offset
        taken = []
        for record in chunk.records:
            offset, timestamp, key, value, headers = record
            progress.bytes += (len(key) if key else 0) + (len(value) if value else 0)
            if accept is None or accept(record):
                taken.append(ConsumedRecord(topic, partition, offset, timestamp, kind, key, value, headers))
        return taken


class _Merge:
    """Merges the buffers of partitions by time, each in its own order."""

    def __init__(self, buffers: dict[TopicPartition, deque[list[ConsumedRecord]]]) -> None:
        self._buffers = buffers
        self._next = dict.fromkeys(buffers, 0)
        """Index into the first list of each buffer."""

    def take(self, behind: Mapping[TopicPartition, object]) -> list[ConsumedRecord]:
        """Everything that can be given out while the partitions `behind` may still bring older records."""
        buffers, positions = self._buffers, self._next
        full = [(partition, buffer) for partition, buffer in buffers.items() if buffer]
        if any(not buffers[partition] for partition in behind):
            return []
        if len(full) == 1:
            partition, buffer = full[0]
            out = buffer[0][positions[partition] :]
            for more in list(buffer)[1:]:
                out.extend(more)
            buffer.clear()
            positions[partition] = 0
            return out
        out = []
        heap = []
        for index, (partition, buffer) in enumerate(full):
            record = buffer[0][positions[partition]]
            heap.append((record.timestamp, index, partition, record))
        heapq.heapify(heap)
        while heap:
            _, index, partition, record = heap[0]
            out.append(record)
            buffer = buffers[partition]
            position = positions[partition] + 1
            if position >= len(buffer[0]):
                buffer.popleft()
                position = 0
            positions[partition] = position
            if buffer:
                record = buffer[0][position]
                heapq.heapreplace(heap, (record.timestamp, index, partition, record))
            else:
                heapq.heappop(heap)
                if partition in behind:
                    # Its next record may be older than all the others hold.
                    break
        return out
