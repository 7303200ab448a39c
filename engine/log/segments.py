"""The segments of a log, by base offset (Kafka: LogSegments)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from engine.log.segment import LogSegment


class LogSegments:
    """Segments in ascending order; the last is the active one. Never empty once a log is open."""

    __slots__ = ("_base_offsets", "_segments", "active")

    active: LogSegment
    """The last one; a plain value, for every append asks."""

    def __init__(self) -> None:
        self._base_offsets: list[int] = []
        self._segments: list[LogSegment] = []

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[LogSegment]:
        return iter(tuple(self._segments))

    @property
    def first(self) -> LogSegment:
        return self._segments[0]

    @property
    def base_offsets(self) -> list[int]:
        return list(self._base_offsets)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._segments)

    def add(self, segment: LogSegment) -> None:
        slot = bisect_left(self._base_offsets, segment.base_offset)
        self._base_offsets.insert(slot, segment.base_offset)
        self._segments.insert(slot, segment)
        self.active = self._segments[-1]

    def remove(self, segment: LogSegment) -> None:
        slot = self._segments.index(segment)
        del self._base_offsets[slot]
        del self._segments[slot]
        if self._segments:
            self.active = self._segments[-1]

    def floor(self, offset: int) -> LogSegment | None:
        """The segment that would have `offset`: the last one that begins at or before it."""
        slot = bisect_right(self._base_offsets, offset)
        return self._segments[slot - 1] if slot else None

    def higher(self, base_offset: int) -> LogSegment | None:
        """The segment after the one that begins at `base_offset`."""
        slot = bisect_right(self._base_offsets, base_offset)
        return self._segments[slot] if slot < len(self._segments) else None

    def between(self, start_offset: int, end_offset: int) -> list[LogSegment]:
        """The segments that may have offsets in [start_offset, end_offset)."""
        start = max(bisect_right(self._base_offsets, start_offset) - 1, 0)
        return self._segments[start : bisect_left(self._base_offsets, end_offset)]

    def higher_than(self, offset: int) -> list[LogSegment]:
        """The segments that begin behind `offset`."""
        return self._segments[bisect_right(self._base_offsets, offset) :]
