"""Records of several partitions and topics as one stream in the order of time, up to an end or followed for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.errors import OperatorError, operator_errors
from console.records.consuming import ChunkConsumer, ReadCounts
from console.records.fetching import FetchLimits
from console.records.filters import EVERYTHING, RecordFilter
from console.records.merging import TimeMerge
from console.records.model import ALL_RECORDS, ConsumedRecord, Visibility
from console.records.paging import PageReader
from console.records.positions import END, Position, PositionKind, resolve_offsets
from console.records.reader import RecordReader
from console.records.scope import Scope, find_bounds
from console.records.sieve import BatchSieve
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

AHEAD_BYTES = 64 * 1024 * 1024
"""What is fetched and not given out yet, shared by all partitions."""

_OFFSETS_AHEAD = 100_000
"""How far a partition may be scanned beyond a match that waits for records of others."""


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
    key: bytes | None = None
    """Only records with this key, which are looked for in the partition where the Java client puts it."""
    all_partitions: bool = False
    """Look for the key everywhere."""
    visibility: Visibility = ALL_RECORDS
    count: int | None = None
    """Stop after so many records that match."""
    filter: RecordFilter = EVERYTHING

    @property
    def follows(self) -> bool:
        """Whether it goes on for ever, unless `count` ends it."""
        return self.until is None and not self.exit_at_end

    @property
    def scope(self) -> Scope:
        """Which partitions that means."""
        return Scope(self.topics, self.partitions, self.key, self.all_partitions, self.visibility)

    @property
    def whole_filter(self) -> RecordFilter:
        """`filter`, and the key."""
        return self.filter if self.key is None else self.filter.with_key(self.key)


@dataclass(slots=True)
class StreamProgress(ReadCounts):
    """How far a stream is; kept up to date while it runs."""

    partition_count: int = 0
    to_scan: int = 0
    """Offsets between the starts and the ends at the beginning; more come when following."""
    caught_up: bool = False
    """Everything there was at the beginning has been read."""


@dataclass(slots=True)
class RecordStream:
    """One reading of topics: `async for records in stream.batches(client)`. `progress` tells how far it is.

    `ranges`, when given, says where each partition begins and ends instead of the request, and `starts` where it begins
    (partitions that are not in it: at their beginning): for going on.
    """

    request: StreamRequest
    now_ms: int
    progress: StreamProgress = field(default_factory=StreamProgress)
    ranges: dict[TopicPartition, tuple[int, int]] = field(default_factory=dict)
    starts: Mapping[TopicPartition, int] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    """The first offset of each partition that was not given out yet, and will not be left out by the filter."""
    ahead_bytes: int = AHEAD_BYTES
    """Less where many streams are open at once."""
    _consumer: ChunkConsumer | None = None

    def ahead(self) -> tuple[int, int]:
        """Hidden and undecodable records beyond `positions`, which `progress` counts already."""
        return (0, 0) if self._consumer is None else self._consumer.ahead(self.positions)

    async def batches(self, client: ClusterClient) -> AsyncIterator[list[ConsumedRecord]]:
        """Lists of records, never empty, in the order of time (see `merging`): exact for what was there at the
        beginning, by arrival afterwards. A partition's own order is always kept. Raises OperatorError."""
        async for records in self.steps(client):
            if records:
                yield records

    async def steps(self, client: ClusterClient) -> AsyncIterator[list[ConsumedRecord]]:
        """As `batches`, with an empty list whenever something went by and nothing of it is to be shown yet."""
        request, progress = self.request, self.progress
        if self.ranges:
            starts = {partition: start for partition, (start, _) in self.ranges.items()}
            ends = {partition: end for partition, (_, end) in self.ranges.items()}
            stops: Mapping[TopicPartition, int] = ends
        else:
            bounds = (await find_bounds(client, request.scope)).values
            with operator_errors(f"topic {', '.join(request.topics)}"):
                if self.starts:
                    starts = {p: min(max(self.starts.get(p, low), low), high) for p, (low, high) in bounds.items()}
                else:
                    starts = await resolve_offsets(client, request.start, bounds)
                stops = await self._stops(client, bounds)
            ends = {partition: stops.get(partition, end) for partition, (_, end) in bounds.items()}
        progress.partition_count = len(starts)
        limit = request.count
        if request.start.kind is PositionKind.LAST and not self.ranges and not self.starts:
            newest = await self._newest(client, request.start.value, {p: (bounds[p][0], ends[p]) for p in bounds})
            if limit is not None:
                newest = newest[:limit]
                limit -= len(newest)
            progress.matched += len(newest)
            if newest:
                yield newest
            starts = ends
        progress.to_scan += sum(max(0, ends[p] - start) for p, start in starts.items())
        self.positions = dict(starts)
        if limit == 0:
            return
        async for records in self._merged(client, starts, ends, stops):
            if limit is not None and len(records) >= limit:
                for record in reversed(records[limit:]):
                    self.positions[TopicPartition(record.topic, record.partition)] = record.offset
                progress.matched += limit
                yield records[:limit]
                return
            if limit is not None:
                limit -= len(records)
            progress.matched += len(records)
            yield records

    async def _stops(
        self, client: ClusterClient, bounds: Mapping[TopicPartition, tuple[int, int]]
    ) -> Mapping[TopicPartition, int]:
        until = self.request.until
        if until is None:
            return {partition: end for partition, (_, end) in bounds.items()} if self.request.exit_at_end else {}
        if until.kind is PositionKind.TIMESTAMP and until.value > self.now_ms:
            raise OperatorError.words(f"{until} is in the future", "Leave --until out to follow; Ctrl-C ends it.")
        return await resolve_offsets(client, until, bounds)

    async def _newest(
        self, client: ClusterClient, count: int, ranges: Mapping[TopicPartition, tuple[int, int]]
    ) -> list[ConsumedRecord]:
        """The newest `count` records that match, oldest first; looks as far back as it takes."""
        counts = ReadCounts()
        request = self.request
        pages = PageReader(
            client, ranges, newest_first=True, filter=request.whole_filter, visibility=request.visibility,
            window=max(count, 1), counts=counts,
        )  # fmt: skip
        records = await pages.take(count)
        records.reverse()
        progress = self.progress
        progress.to_scan = progress.scanned = counts.scanned
        progress.bytes, progress.hidden, progress.skipped = counts.bytes, counts.hidden, counts.skipped
        progress.undecodable, progress.damaged = counts.undecodable, counts.damaged
        return records

    async def _merged(
        self,
        client: ClusterClient,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        stops: Mapping[TopicPartition, int],
    ) -> AsyncIterator[list[ConsumedRecord]]:
        # Every partition gets its share of what may be held, so that many of them do not fill the memory.
        share = max(64 * 1024, self.ahead_bytes // max(1, len(starts)))
        whole = min(FetchLimits().max_bytes, self.ahead_bytes)
        limits = FetchLimits(max_bytes=whole, partition_max_bytes=min(1024 * 1024, share))
        merge = TimeMerge(starts, [partition for partition, start in starts.items() if start < ends[partition]])
        consumer = self._consumer = ChunkConsumer(self.progress, self.request.whole_filter)
        consumer.begin(starts)
        paused: dict[TopicPartition, None] = {}
        skipped_before = self.progress.skipped
        sieve = BatchSieve(self.request.whole_filter)
        async with RecordReader(
            client, starts, stops, visibility=self.request.visibility, limits=limits, sieve=sieve
        ) as reader:
            self.progress.caught_up = merge.caught_up
            async for chunk in reader.chunks():
                partition = chunk.partition
                await consumer.prepare(chunk)
                merge.add(partition, consumer.take(chunk), chunk.last_timestamp)
                self.progress.skipped = skipped_before + sum(reader.skipped.values())
                if chunk.next_offset >= ends[partition]:
                    merge.catch_up(partition)
                self.progress.caught_up = merge.caught_up
                ready = merge.take()
                self._note(consumer, merge, starts if ready else (partition,))
                is_far_ahead = consumer.positions[partition] - self.positions[partition] > _OFFSETS_AHEAD
                if (merge.held_bytes(partition) > share or is_far_ahead) and not merge.caught_up:
                    reader.pause(partition)
                    paused[partition] = None
                for each in list(paused):
                    is_near = consumer.positions[each] - self.positions[each] <= _OFFSETS_AHEAD // 2
                    if merge.caught_up or (merge.held_bytes(each) <= share // 2 and is_near):
                        reader.resume(each)
                        del paused[each]
                yield ready
                for each in starts if ready else (partition,):
                    consumer.forget(each, self.positions[each])
                # The consumer of a fast stream must not keep the loop from its other work.
                await asyncio.sleep(0)

    def _note(self, consumer: ChunkConsumer, merge: TimeMerge, partitions: Iterable[TopicPartition]) -> None:
        """Where those partitions are now."""
        for each in partitions:
            held = merge.first_held(each)
            self.positions[each] = consumer.positions[each] if held is None else held
