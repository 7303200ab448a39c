"""The map of keys that one run of compaction goes by: key -> offset of its last record in the dirty part of the log.

(Kafka: SkimpyOffsetMap, Cleaner.buildOffsetMap.)
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from engine.log.batches import scan_batches
from engine.log.cleaner_records import scan_records
from engine.log.cleaner_transactions import CleanedTransactions
from engine.protocol.records.batch import HEADER_BYTES, codec_of
from engine.protocol.records.compression import decompress
from engine.runtime.disk import Disk

_DIGEST_BYTES = 32
_ENTRY_OVERHEAD_BYTES = 170
"""Memory of an entry besides its key: the key as a bytes object, the offset, and its share of the dict (measured)."""


class SegmentSource(NamedTuple):
    """A segment to read, by numbers alone, so that a thread needs nothing of the log: bytes [position, size) of `path`."""

    path: str
    position: int
    size: int
    next_base_offset: int
    """Where the next segment begins, or the run ends."""


class OffsetMap:
    """Last offsets by key, as many as fit into `memory_bytes`."""

    __slots__ = ("_memory_bytes", "_offsets", "_used_bytes", "latest_offset")

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._used_bytes = 0
        self._offsets: dict[bytes, int] = {}
        self.latest_offset = -1
        """The map is complete up to and including this offset; behind it, nothing may be removed."""

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def is_full(self) -> bool:
        return self._used_bytes >= self._memory_bytes

    def put(self, key: bytes, offset: int) -> None:
        """`offset` is the last record of `key` so far."""
        if len(key) >= _DIGEST_BYTES:
            key = blake2b(key, digest_size=_DIGEST_BYTES).digest()
        if key not in self._offsets:
            self._used_bytes += len(key) + _ENTRY_OVERHEAD_BYTES
        self._offsets[key] = offset

    def get(self, key: bytes) -> int:
        """The last offset of `key`, -1 when the dirty part has none.

        Keys of 32 bytes and more are told apart by their BLAKE2b; shorter ones cannot be mistaken for one.
        """
        if len(key) >= _DIGEST_BYTES:
            key = blake2b(key, digest_size=_DIGEST_BYTES).digest()
        return self._offsets.get(key, -1)


def fill_offset_map(
    disk: Disk,
    sources: list[SegmentSource],
    start_offset: int,
    offset_map: OffsetMap,
    transactions: CleanedTransactions,
    slice_bytes: int,
) -> Iterator[int]:
    """Take in the records from `start_offset` on until the sources end or the map is full.

    Yields the bytes read after every `slice_bytes` or so. Whole batches only: the one that fills the map is taken in to
    its end, so that every run gets somewhere (Kafka would stop in its middle, and with a batch of more keys than fit would
    never get on).
    """
    pending_bytes = 0
    for source in sources:
        file = disk.open(source.path)
        try:
            for _, header, data in scan_batches(file, source.position, source.size):
                if offset_map.is_full:
                    yield pending_bytes
                    return
                if header.is_control:
                    transactions.on_control(header, data)
                elif not transactions.on_data(header) and header.records_count:
                    payload = bytes(decompress(codec_of(header), data[HEADER_BYTES:]))
                    base_offset = header.base_offset
                    for _, _, _, offset_delta, key, _ in scan_records(payload, header):
                        offset = base_offset + offset_delta
                        if key is not None and offset >= start_offset:
                            offset_map.put(key, offset)
                if header.last_offset >= start_offset:
                    offset_map.latest_offset = header.last_offset
                pending_bytes += header.size_bytes
                if pending_bytes >= slice_bytes:
                    yield pending_bytes
                    pending_bytes = 0
        finally:
            file.close()
        # Offsets that an earlier run removed from the end of the segment.
        offset_map.latest_offset = max(offset_map.latest_offset, source.next_base_offset - 1)
    yield pending_bytes
