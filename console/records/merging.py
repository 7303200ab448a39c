"""Several partitions as one stream in the order of time (pure: chunks in, records out).

What is promised: a partition's own order is always kept; between partitions the older record comes first, and of two
equally old ones that of the partition named first. Where the timestamps of a partition go back, its records come as
early as its own order allows. As long as they ascend, the outcome does not depend on the sizes in which was read.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from console.records.model import ConsumedRecord, record_bytes
from engine.types import TopicPartition


class _Lane:
    """What is held of one partition."""

    __slots__ = ("held_bytes", "index", "is_behind", "records", "watermark")

    def __init__(self, index: int, is_behind: bool) -> None:
        self.index = index
        self.records: deque[ConsumedRecord] = deque()
        self.held_bytes = 0
        self.is_behind = is_behind
        """Whether older records than the others hold may still come of it."""
        self.watermark = -(1 << 63)
        """Timestamp of what went by last."""


class TimeMerge:
    """Merges `partitions`, of which those `behind` must be waited for until `catch_up` says otherwise."""

    def __init__(self, partitions: Iterable[TopicPartition], behind: Iterable[TopicPartition]) -> None:
        waited_for = set(behind)
        self._lanes = {each: _Lane(index, each in waited_for) for index, each in enumerate(partitions)}
        self._behind = sum(lane.is_behind for lane in self._lanes.values())

    @property
    def caught_up(self) -> bool:
        """Whether nothing needs to be waited for any more."""
        return self._behind == 0

    def add(self, partition: TopicPartition, records: list[ConsumedRecord], watermark: int) -> None:
        """`records` were read, those that are wanted of all up to the one with the timestamp `watermark`."""
        lane = self._lanes[partition]
        lane.records.extend(records)
        lane.held_bytes += sum(map(record_bytes, records))
        lane.watermark = max(lane.watermark, watermark)

    def catch_up(self, partition: TopicPartition) -> None:
        """Everything that there was at the beginning has been read of this partition."""
        lane = self._lanes[partition]
        if lane.is_behind:
            lane.is_behind = False
            self._behind -= 1

    def is_behind(self, partition: TopicPartition) -> bool:
        return self._lanes[partition].is_behind

    def held_bytes(self, partition: TopicPartition) -> int:
        """What waits in memory of this partition."""
        return self._lanes[partition].held_bytes

    def first_held(self, partition: TopicPartition) -> int | None:
        """The offset of the first record that was read but not given out yet."""
        records = self._lanes[partition].records
        return records[0].offset if records else None

    def take(self, count_max: int | None = None) -> list[ConsumedRecord]:
        """The next records whose place in the order is certain, at most `count_max`."""
        barrier = (1 << 63, 0)
        heap = []
        for lane in self._lanes.values():
            if lane.records:
                heap.append((lane.records[0].timestamp, lane.index, lane))
            elif lane.is_behind and (lane.watermark, lane.index) < barrier:
                barrier = (lane.watermark, lane.index)
        if len(heap) == 1 and barrier[0] == 1 << 63 and count_max is None:
            lane = heap[0][2]
            taken = list(lane.records)
            lane.records.clear()
            lane.held_bytes = 0
            return taken
        taken = []
        heapq.heapify(heap)
        left = count_max if count_max is not None else -1
        while heap and left:
            timestamp, index, lane = heap[0]
            if (timestamp, index) >= barrier:
                break
            records = lane.records
            record = records.popleft()
            lane.held_bytes -= record_bytes(record)
            taken.append(record)
            left -= 1
            if records:
                heapq.heapreplace(heap, (records[0].timestamp, index, lane))
            else:
                heapq.heappop(heap)
                if lane.is_behind and (lane.watermark, index) < barrier:
                    barrier = (lane.watermark, index)
        return taken
