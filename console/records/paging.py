"""A page of records across partitions, oldest or newest first, reading no more than the page needs.

Each partition is read in windows of offsets, when its records are needed and not before. Windows grow where little
matches, and shrink where records are large: what is held stays below `HELD_BYTES` and one record per partition.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.records.consuming import ChunkConsumer, ReadCounts
from console.records.fetching import FetchLimits
from console.records.filters import EVERYTHING, RecordFilter
from console.records.model import ALL_RECORDS, ConsumedRecord, Visibility, record_bytes
from console.records.reader import RecordReader
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

HELD_BYTES = 64 * 1024 * 1024
_WINDOW_MAX = 50_000
_PARTITION_BYTES_MIN = 256 * 1024


@dataclass(slots=True)
class _Lane:
    """One partition. Offsets from `start` to `end` (exclusive) are still to be read; `records` were, ascending."""

    index: int
    start: int
    end: int
    window: int
    records: deque[ConsumedRecord] = field(default_factory=deque)

    @property
    def is_wanting(self) -> bool:
        return not self.records and self.start < self.end


class PageReader:
    """Reads `ranges` (first offset, end exclusive) from their beginning, or with `newest_first` from their end.

    `take` may be called again and again; `remaining` is what was not given out yet, in the same form as `ranges`.
    """

    def __init__(
        self,
        client: ClusterClient,
        ranges: Mapping[TopicPartition, tuple[int, int]],
        *,
        newest_first: bool = False,
        filter: RecordFilter = EVERYTHING,
        visibility: Visibility = ALL_RECORDS,
        window: int = 50,
        counts: ReadCounts | None = None,
        unreachable_timeout_ms: int = 60_000,
    ) -> None:
        self.counts = counts if counts is not None else ReadCounts()
        self._client = client
        self._newest_first = newest_first
        self._visibility = visibility
        self._unreachable_timeout_ms = unreachable_timeout_ms
        self._consumer = ChunkConsumer(self.counts, filter)
        self._room = 0
        first = max(1, min(window, _WINDOW_MAX))
        self._lanes = {
            partition: _Lane(index, start, max(start, end), first)
            for index, (partition, (start, end)) in enumerate(ranges.items())
        }

    @property
    def exhausted(self) -> bool:
        """Whether everything was given out."""
        return not any(lane.records or lane.start < lane.end for lane in self._lanes.values())

    def remaining(self) -> dict[TopicPartition, tuple[int, int]]:
        """What was not given out yet of each partition."""
        left = {}
        for partition, lane in self._lanes.items():
            start, end = lane.start, lane.end
            if lane.records and self._newest_first:
                end = lane.records[-1].offset + 1
            elif lane.records:
                start = lane.records[0].offset
            left[partition] = (start, end)
        return left

    async def take(self, count: int, scan_max: int | None = None, bytes_max: int | None = None) -> list[ConsumedRecord]:
        """The next `count` records; fewer at the end, after about `scan_max` more offsets went by, or when these have
        about `bytes_max` bytes (one record is always given). Newest first, the list begins with the newest.

        Raises OperatorError.
        """
        taken: list[ConsumedRecord] = []
        self._room = bytes_max if bytes_max is not None else 1 << 63
        scanned_before = self.counts.scanned
        while len(taken) < count and self._room > 0:
            wanting = {partition: lane for partition, lane in self._lanes.items() if lane.is_wanting}
            if wanting:
                if scan_max is not None and self.counts.scanned - scanned_before >= scan_max:
                    break
                await self._refill(wanting)
            elif not self._give(taken, count):
                break
        self.counts.matched += len(taken)
        return taken

    def _give(self, taken: list[ConsumedRecord], count: int) -> bool:
        """Moves records to `taken` as long as every partition has some; False when there are none at all."""
        last, sign = (-1, -1) if self._newest_first else (0, 1)
        heap = [
            (sign * lane.records[last].timestamp, sign * lane.index, lane)
            for lane in self._lanes.values()
            if lane.records
        ]
        if not heap:
            return False
        heapq.heapify(heap)
        while heap and len(taken) < count and self._room > 0:
            _, order, lane = heap[0]
            record = lane.records.pop() if self._newest_first else lane.records.popleft()
            taken.append(record)
            self._room -= record_bytes(record)
            if lane.records:
                heapq.heapreplace(heap, (sign * lane.records[last].timestamp, order, lane))
            elif lane.start < lane.end:
                break
            else:
                heapq.heappop(heap)
        return True

    async def _refill(self, lanes: Mapping[TopicPartition, _Lane]) -> None:
        starts, stops = {}, {}
        for partition, lane in lanes.items():
            backwards = self._newest_first
            starts[partition] = max(lane.start, lane.end - lane.window) if backwards else lane.start
            stops[partition] = lane.end if backwards else min(lane.end, lane.start + lane.window)
        share = max(_PARTITION_BYTES_MIN, HELD_BYTES // max(1, len(self._lanes)))
        limits = FetchLimits(partition_max_bytes=min(1024 * 1024, share))
        held = dict.fromkeys(lanes, 0)
        unread = set(lanes)
        overfull: set[TopicPartition] = set()
        self._consumer.begin(starts)
        async with RecordReader(
            self._client,
            starts,
            stops,
            visibility=self._visibility,
            limits=limits,
            unreachable_timeout_ms=self._unreachable_timeout_ms,
        ) as reader:
            async for chunk in reader.chunks():
                partition = chunk.partition
                if partition not in unread:
                    continue  # was on its way when there was enough
                await self._consumer.prepare(chunk)
                records = self._consumer.take(chunk)
                lanes[partition].records.extend(records)
                held[partition] += sum(map(record_bytes, records))
                if chunk.next_offset >= stops[partition]:
                    unread.discard(partition)
                elif held[partition] > share:
                    reader.pause(partition)
                    unread.discard(partition)
                    overfull.add(partition)
                if not unread:
                    break
        self.counts.skipped += sum(reader.skipped.values())
        for partition, lane in lanes.items():
            position = self._consumer.positions[partition]
            if partition in overfull:
                self._shrink(lane, held[partition], share)
                if self._newest_first:
                    # The newest of the window are what is needed, and they did not come yet: once more, with less.
                    self.counts.scanned -= position - starts[partition]
                    lane.records.clear()
                    continue
            else:
                lane.window = min(lane.window * 4, _WINDOW_MAX)
            if self._newest_first:
                lane.end = starts[partition]
            else:
                lane.start = position

    def _shrink(self, lane: _Lane, held: int, share: int) -> None:
        """Makes the window so small that it is half full of records as large as these."""
        average = max(1, held // max(1, len(lane.records)))
        lane.window = max(1, min(lane.window // 2, share // 2 // average))
