"""The offset index of a segment: `<base>.index`.

    entry, 8 bytes, big-endian, no header, no checksum
      0  4  relative offset   last offset of a batch minus the segment's base offset, ascending
      4  4  position          byte where that batch begins in the .log file, ascending

Sparse: one entry for about every index.interval.bytes of log. Kafka maps the file preallocated to segment.index.bytes
and trims it when the segment closes or rolls; ours only ever has its true length. A torn tail is a length that is not a
multiple of 8, or entries pointing behind the end of the log. Nothing in the file is trusted after an unclean stop:
recovery rebuilds the indexes of every segment from the recovery point on (Kafka: OffsetIndex, LogSegment.recover).

Ours is kept in memory while its segment is in use and written out when the log is flushed, rolled or closed, so that an
append does not pay for it.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from typing import NamedTuple

ENTRY_BYTES = 8
_RELATIVE_MAX = 2**31 - 1


class CorruptIndex(Exception):
    """An index file that cannot be what it claims; it is rebuilt from its segment (Kafka: CorruptIndexException)."""


class OffsetPosition(NamedTuple):
    """Where the batch whose last offset is `offset` begins, in bytes."""

    offset: int
    position: int


class OffsetIndex:
    """Last offsets of some batches and where those batches begin. Offsets here are absolute."""

    __slots__ = ("_positions", "_relative_offsets", "base_offset", "entries_max", "is_full", "persisted_entries")

    def __init__(self, base_offset: int, index_bytes_max: int) -> None:
        self.base_offset = base_offset
        self.entries_max = index_bytes_max // ENTRY_BYTES
        self.persisted_entries = 0
        """How many entries the file already has."""
        self._relative_offsets = array("i")
        self._positions = array("i")
        self.is_full = False
        """No entry more may be appended; a plain value, for every append to the log asks."""
        self._count()

    def _count(self) -> None:
        self.is_full = len(self._relative_offsets) >= self.entries_max

    @classmethod
    def decode(cls, data: bytes, base_offset: int, index_bytes_max: int) -> "OffsetIndex":
        """The index in a file. Raises CorruptIndex when the length is wrong or the entries do not ascend."""
        if len(data) % ENTRY_BYTES:
            raise CorruptIndex(f"{len(data)} bytes are no multiple of {ENTRY_BYTES}")
        index = cls(base_offset, index_bytes_max)
        words = struct.unpack(f">{len(data) // 4}i", data)
        index._relative_offsets = array("i", words[0::2])
        index._positions = array("i", words[1::2])
        index._drop_preallocated_tail()
        if not _ascends(index._relative_offsets) or not _ascends(index._positions):
            raise CorruptIndex("offsets or positions do not ascend")
        if index._relative_offsets and index._relative_offsets[0] < 0:
            raise CorruptIndex("an offset lies before the base offset")
        index.persisted_entries = len(index)
        index._count()
        return index

    def _drop_preallocated_tail(self) -> None:
        # A JVM that died left the zeros of the preallocated file behind the last entry.
        count = len(self._relative_offsets)
        while count and self._relative_offsets[count - 1] == 0 and self._positions[count - 1] == 0:
            count -= 1
        del self._relative_offsets[count:]
        del self._positions[count:]

    def encode_from(self, first_entry: int) -> bytes:
        """The file's bytes of the entries from `first_entry` on."""
        words: list[int] = [0] * (2 * (len(self) - first_entry))
        words[0::2] = self._relative_offsets[first_entry:]
        words[1::2] = self._positions[first_entry:]
        return struct.pack(f">{len(words)}i", *words)

    def __len__(self) -> int:
        return len(self._relative_offsets)

    @property
    def last_entry(self) -> OffsetPosition:
        """The last entry; (base offset, 0) when there is none."""
        if not self._relative_offsets:
            return OffsetPosition(self.base_offset, 0)
        return OffsetPosition(self.base_offset + self._relative_offsets[-1], self._positions[-1])

    def entry(self, number: int) -> OffsetPosition:
        return OffsetPosition(self.base_offset + self._relative_offsets[number], self._positions[number])

    def can_hold(self, offset: int) -> bool:
        """Whether the offset fits into the four bytes an entry has for it."""
        return 0 <= offset - self.base_offset <= _RELATIVE_MAX

    def append(self, last_offset: int, position: int) -> None:
        """Add a batch. The caller keeps offsets ascending and heeds `is_full`."""
        self._relative_offsets.append(last_offset - self.base_offset)
        self._positions.append(position)
        self._count()

    def lookup(self, offset: int) -> OffsetPosition:
        """The last entry at or before `offset`: the batch to scan on from. (base offset, 0) when there is none.

        An entry of exactly `offset` is the batch itself, as entries hold last offsets.
        """
        slot = bisect_right(self._relative_offsets, offset - self.base_offset)
        return self.entry(slot - 1) if slot else OffsetPosition(self.base_offset, 0)

    def position_at_or_before(self, position: int) -> int:
        """The highest indexed position that is <= `position`, 0 when there is none. Always a batch's beginning."""
        slot = bisect_right(self._positions, position)
        return self._positions[slot - 1] if slot else 0

    def truncate_to(self, offset: int) -> None:
        """Drop every entry whose last offset is >= `offset`."""
        count = bisect_left(self._relative_offsets, offset - self.base_offset)
        del self._relative_offsets[count:]
        del self._positions[count:]
        self.persisted_entries = min(self.persisted_entries, count)
        self._count()


def _ascends(values: "array[int]") -> bool:
    previous = -1
    for value in values:
        if value <= previous and previous >= 0:
            return False
        previous = value
    return True
