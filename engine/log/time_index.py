"""The time index of a segment: `<base>.timeindex`.

    entry, 12 bytes, big-endian, no header, no checksum
      0  8  timestamp         the largest timestamp of the segment so far, ascending
      8  4  relative offset   last offset of the batch that has it, minus the segment's base offset, ascending

An entry says: no record at or before that offset is newer than the timestamp. Written together with the entries of the
offset index, and once more with the segment's largest timestamp when it rolls or closes, which is what time retention
goes by. Torn tails and recovery are as for the offset index (Kafka: TimeIndex).
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from engine.log.offset_index import CorruptIndex

ENTRY_BYTES = 12
_ENTRY = struct.Struct(">qi")


class TimestampOffset(NamedTuple):
    """The largest timestamp up to and including the batch whose last offset is `offset`."""

    timestamp_ms: int
    offset: int


class TimeIndex:
    """Largest timestamps by offset. Offsets here are absolute."""

    __slots__ = ("_relative_offsets", "_timestamps", "base_offset", "entries_max", "is_full", "persisted_entries")

    def __init__(self, base_offset: int, index_bytes_max: int) -> None:
        self.base_offset = base_offset
        # One entry is kept free for the one that closes the segment (Kafka: TimeIndex.isFull).
        self.entries_max = index_bytes_max // ENTRY_BYTES - 1
        self.persisted_entries = 0
        self._timestamps = array("q")
        self._relative_offsets = array("i")
        self.is_full = False
        """No entry more may be appended; a plain value, for every append to the log asks."""
        self._count()

    def _count(self) -> None:
        self.is_full = len(self._timestamps) >= self.entries_max

    @classmethod
    def decode(cls, data: bytes, base_offset: int, index_bytes_max: int) -> "TimeIndex":
        """The index in a file. Raises CorruptIndex when the length is wrong or the entries do not ascend."""
        if len(data) % ENTRY_BYTES:
            raise CorruptIndex(f"{len(data)} bytes are no multiple of {ENTRY_BYTES}")
        index = cls(base_offset, index_bytes_max)
        previous = TimestampOffset(-1, -1)
        for timestamp, relative_offset in _ENTRY.iter_unpack(data):
            if timestamp == 0 and relative_offset == 0 and index._timestamps:
                break  # the zeros of a preallocated file whose writer died
            if timestamp <= previous.timestamp_ms or relative_offset < previous.offset or relative_offset < 0:
                raise CorruptIndex("timestamps or offsets do not ascend")
            index._timestamps.append(timestamp)
            index._relative_offsets.append(relative_offset)
            previous = TimestampOffset(timestamp, relative_offset)
        index.persisted_entries = len(index)
        index._count()
        return index

    def encode_from(self, first_entry: int) -> bytes:
        """The file's bytes of the entries from `first_entry` on."""
        pairs = zip(self._timestamps[first_entry:], self._relative_offsets[first_entry:], strict=True)
        return b"".join(_ENTRY.pack(timestamp, offset) for timestamp, offset in pairs)

    def __len__(self) -> int:
        return len(self._timestamps)

    @property
    def last_entry(self) -> TimestampOffset:
        """The last entry; (-1, base offset) when there is none."""
        if not self._timestamps:
            return TimestampOffset(-1, self.base_offset)
        return TimestampOffset(self._timestamps[-1], self.base_offset + self._relative_offsets[-1])

    def entry(self, number: int) -> TimestampOffset:
        return TimestampOffset(self._timestamps[number], self.base_offset + self._relative_offsets[number])

    def maybe_append(self, timestamp_ms: int, offset: int) -> None:
        """Add an entry when the timestamp is newer than the last one's."""
        timestamps = self._timestamps
        if timestamp_ms > (timestamps[-1] if timestamps else -1):
            timestamps.append(timestamp_ms)
            self._relative_offsets.append(offset - self.base_offset)
            self._count()

    def lookup(self, timestamp_ms: int) -> TimestampOffset:
        """The last entry with a timestamp <= `timestamp_ms`; (-1, base offset) when there is none.

        Every record up to its offset is at most that old, so a search for the first record at or after
        `timestamp_ms` starts there.
        """
        slot = bisect_right(self._timestamps, timestamp_ms)
        return self.entry(slot - 1) if slot else TimestampOffset(-1, self.base_offset)

    def truncate_to(self, offset: int) -> None:
        """Drop every entry whose offset is >= `offset`."""
        count = bisect_left(self._relative_offsets, offset - self.base_offset)
        del self._timestamps[count:]
        del self._relative_offsets[count:]
        self.persisted_entries = min(self.persisted_entries, count)
        self._count()
