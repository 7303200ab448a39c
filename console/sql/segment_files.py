"""Offset ranges straight from the segment files of a cluster that `stoker up` runs on this machine, without the network.

Only what lies below the high watermark is asked for, which never changes; only logs that are not compacted are read so,
since a compaction swaps files while we look. Whatever is not as expected (a file is gone, the topic is another one by now,
bytes are not written yet) is left to the wire: `rest` says which ranges those are.
"""

from __future__ import annotations

import asyncio
import os
import struct
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from console.sql.scans import RawChunk, whole_batches
from engine.log.file_names import INDEX_SUFFIX, LOG_SUFFIX, PARTITION_METADATA, file_name, offset_of
from engine.log.partition_metadata import CorruptPartitionMetadata, decode_partition_metadata
from engine.net.cluster_client import ClusterClient

CHUNK_BYTES = 2 * 1024 * 1024

_HOPS_MAX = 20_000
"""Batches that are stepped over to find an offset that the index does not know yet; then the wire is faster."""

_HEAD = struct.Struct(">qi11xi")  # base offset, batch length, last offset delta
_HEAD_BYTES = 27


def local_data_dir(client: ClusterClient) -> Path | None:
    """The data directory of the cluster that `client` speaks to, when `stoker up` runs it on this machine."""
    from console.local_cluster import find_local_cluster

    cluster, _ = find_local_cluster()
    if cluster is None:
        return None
    own = set(cluster.bootstrap_servers.split(","))
    asked = {f"{host}:{port}" for host, port in client.bootstrap}
    path = Path(cluster.data_dir)
    return path if asked and asked <= own and path.is_dir() else None


def partition_directory(data_dir: Path, node_id: int, topic: str, partition: int, topic_id: bytes) -> Path | None:
    """Where that node keeps the partition; None when it does not, or of another topic of that name."""
    directory = data_dir / f"node-{node_id}" / f"{topic}-{partition}"
    try:
        found = decode_partition_metadata((directory / PARTITION_METADATA).read_bytes())
    except (OSError, CorruptPartitionMetadata):
        return None
    return directory if found == topic_id else None


class SegmentScan:
    """Reads ranges (partition, start, end) from `directories`, one after the other. What could not be read is in `rest`."""

    def __init__(self, ranges: Sequence[tuple[int, int, int]], directories: Callable[[int], Path | None]) -> None:
        self._ranges = ranges
        self._directories = directories
        self.rest: list[tuple[int, int, int]] = []

    async def chunks(self) -> AsyncIterator[RawChunk]:
        """Whole batches in the order of offsets, partition by partition."""
        for partition, start, end in self._ranges:
            directory = await asyncio.to_thread(self._directories, partition)
            position = start
            if directory is not None:
                reader = _Reader(directory, partition, start, end)
                try:
                    while position < end:
                        chunk = await asyncio.to_thread(reader.next)
                        if chunk is None:
                            break
                        position = chunk.next
                        yield chunk
                finally:
                    reader.close()
            if position < end:
                self.rest.append((partition, position, end))


class _Reader:
    """One partition's files, from one offset to another. Not for more than one thread at a time."""

    def __init__(self, directory: Path, partition: int, start: int, end: int) -> None:
        self._directory = directory
        self._partition = partition
        self._offset = start
        self._end = end
        self._fd = -1
        self._position = 0
        self._bases: list[int] = []

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def next(self) -> RawChunk | None:
        """The next chunk; None when the files do not tell how it goes on."""
        try:
            if self._fd < 0 and not self._open():
                return None
            chunk = self._read()
            if chunk is None:
                # The end of this segment: the next one begins where it ended, or was rolled since we looked.
                self.close()
                if not self._open():
                    return None
                chunk = self._read()
            return chunk
        except OSError:
            return None

    def _open(self) -> bool:
        """Opens the segment of the offset and finds the batch that holds it."""
        if not self._bases or self._bases[-1] <= self._offset:
            names = os.listdir(self._directory)
            self._bases = sorted(
                offset_of(name) for name in names if name.endswith(LOG_SUFFIX) and offset_of(name) >= 0
            )
        index = bisect_right(self._bases, self._offset) - 1
        if index < 0:
            return False
        base = self._bases[index]
        self._fd = os.open(self._directory / file_name(base, LOG_SUFFIX), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._position = self._indexed(base)
        return (self._position == 0 and base == self._offset) or self._hop()

    def _indexed(self, base: int) -> int:
        """A byte at which a batch begins that is not behind the offset, as the index knows."""
        try:
            data = (self._directory / file_name(base, INDEX_SUFFIX)).read_bytes()
        except OSError:
            return 0
        count = len(data) // 8
        entries = struct.unpack(f">{count * 2}i", data[: count * 8])
        relative, positions = entries[0::2], entries[1::2]
        found = bisect_right(relative, self._offset - base) - 1
        if found < 0 or relative[-1] == 0 or positions[found] < 0:  # a preallocated tail is zero
            return 0
        # The entry's batch ends at or before the offset: what holds it is that one or a later one.
        return int(positions[found])

    def _hop(self) -> bool:
        """Steps over batches that end before the offset."""
        for _ in range(_HOPS_MAX):
            head = os.pread(self._fd, _HEAD_BYTES, self._position)
            if len(head) < _HEAD_BYTES:
                return False
            base, length, delta = _HEAD.unpack(head)
            if length < 49:
                return False
            if base + delta >= self._offset:
                return True
            self._position += 12 + length
        return False

    def _read(self) -> RawChunk | None:
        size = CHUNK_BYTES
        while True:
            data = os.pread(self._fd, size, self._position)
            whole, after, records = whole_batches(data, self._offset, self._end)
            if whole:
                break
            if len(data) < size:
                return None  # the end of the file, or a batch that is being written
            size *= 8  # one batch larger than the portion
        if _HEAD.unpack_from(data, 0)[0] > self._offset and _HEAD.unpack_from(data, 0)[0] < self._end:
            return None  # offsets are missing: not a log that is read from files
        start, self._offset = self._offset, min(after, self._end)
        self._position += whole
        return RawChunk(self._partition, start, self._offset, memoryview(data)[:whole], records)
