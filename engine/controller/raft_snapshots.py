"""The snapshots of one metadata log on disk; file names and contents are `engine.raft.snapshot_files`.

Writing is page-cache work, `freeze` syncs and names. A file never changes once it has its name.
"""

import logging
from collections.abc import Iterator

from engine.protocol.buffers import Buffer
from engine.protocol.errors import ProtocolError
from engine.protocol.message import Message
from engine.protocol.messages import SnapshotHeaderRecord
from engine.protocol.record_values import decode_metadata_record
from engine.protocol.records.batch import BatchHeader, parse_batch_header, verify_crc
from engine.protocol.records.control import ControlType, decode_control_key, decode_control_value
from engine.protocol.records.record import decode_records
from engine.raft.snapshot_files import PARTIAL_SUFFIX, parse_snapshot_file_name, snapshot_file_name
from engine.runtime.disk import Disk, File, StorageError
from engine.types import OffsetAndEpoch

logger = logging.getLogger(__name__)

_BATCH_PREFIX_BYTES = 61


class CorruptSnapshot(StorageError):
    """A snapshot that has its name but not its content: the disk lost what it had promised to keep."""


class PartialSnapshot:
    """A snapshot being written. Not for use after `RaftSnapshots.freeze` or `abandon`."""

    def __init__(self, snapshot_id: OffsetAndEpoch, file: File) -> None:
        self.snapshot_id = snapshot_id
        self.file = file
        self.size = 0

    def append(self, data: Buffer) -> int:
        """Append a piece; returns the bytes so far."""
        self.size += self.file.pwrite([data], self.size)
        return self.size


class SnapshotReader:
    """A complete snapshot being read (`engine.metadata.listener.SnapshotSource`)."""

    def __init__(self, disk: Disk, path: str, snapshot_id: OffsetAndEpoch) -> None:
        self._disk = disk
        self._path = path
        self._snapshot_id = snapshot_id
        self.last_contained_timestamp_ms = -1
        """Append time of the last record in it; known once its first record was read."""

    @property
    def snapshot_id(self) -> OffsetAndEpoch:
        return self._snapshot_id

    def records(self) -> Iterator[Message]:
        """Its metadata records in order. Raises CorruptSnapshot for a bad checksum or a missing footer."""
        file = self._disk.open(self._path)
        try:
            complete = False
            for data, header in self._batches(file):
                if complete:
                    raise self._corrupt("something follows the footer")
                try:
                    records = decode_records(data)
                    if not header.is_control:
                        for record in records:
                            yield decode_metadata_record(record.value or b"")
                        continue
                    for record in records:
                        control_type = decode_control_key(record.key)
                        if control_type is ControlType.SNAPSHOT_HEADER:
                            found = decode_control_value(control_type, record.value)
                            assert isinstance(found, SnapshotHeaderRecord)
                            self.last_contained_timestamp_ms = found.last_contained_log_timestamp
                        elif control_type is ControlType.SNAPSHOT_FOOTER:
                            complete = True
                except ProtocolError as error:
                    raise self._corrupt(str(error)) from error
            if not complete:
                raise self._corrupt("the footer is missing")
        finally:
            file.close()

    def _batches(self, file: File) -> Iterator[tuple[bytes, BatchHeader]]:
        position, size = 0, file.size()
        while position < size:
            try:
                header = parse_batch_header(file.pread(_BATCH_PREFIX_BYTES, position))
            except ProtocolError as error:
                raise self._corrupt(f"byte {position}: {error}") from error
            data = file.pread(header.size_bytes, position)
            if not verify_crc(data, 0, header):
                raise self._corrupt(f"byte {position}: wrong checksum, or cut short")
            yield data, header
            position += header.size_bytes

    def _corrupt(self, reason: str) -> CorruptSnapshot:
        return CorruptSnapshot("read snapshot", self._path, reason)


class RaftSnapshots:
    """The snapshots in one directory, by id."""

    def __init__(self, disk: Disk, directory: str) -> None:
        """Takes stock; what was being written when the node died is removed."""
        self._disk = disk
        self._directory = directory
        self.sizes: dict[OffsetAndEpoch, int] = {}
        """Complete snapshots with their bytes, ascending."""
        self._open: tuple[OffsetAndEpoch, File] | None = None
        found: list[OffsetAndEpoch] = []
        for name in disk.list_directory(directory):
            if name.endswith(PARTIAL_SUFFIX):
                disk.unlink(f"{directory}/{name}")
            elif (snapshot_id := parse_snapshot_file_name(name)) is not None:
                found.append(snapshot_id)
        for snapshot_id in sorted(found):
            file = disk.open(self._path(snapshot_id))
            self.sizes[snapshot_id] = file.size()
            file.close()

    @property
    def latest(self) -> OffsetAndEpoch | None:
        return max(self.sizes, default=None)

    @property
    def earliest(self) -> OffsetAndEpoch | None:
        return min(self.sizes, default=None)

    def read(self, snapshot_id: OffsetAndEpoch, position: int, max_bytes: int) -> bytes:
        """A piece of a complete snapshot."""
        if self._open is None or self._open[0] != snapshot_id:
            self._close_reader()
            self._open = (snapshot_id, self._disk.open(self._path(snapshot_id)))
        return self._open[1].pread(max_bytes, position)

    def reader(self, snapshot_id: OffsetAndEpoch) -> SnapshotReader:
        return SnapshotReader(self._disk, self._path(snapshot_id), snapshot_id)

    def create(self, snapshot_id: OffsetAndEpoch) -> PartialSnapshot:
        """Begin to write one; an unfinished attempt with the same id is overwritten."""
        file = self._disk.open(self._path(snapshot_id, PARTIAL_SUFFIX), create=True)
        file.truncate(0)
        return PartialSnapshot(snapshot_id, file)

    async def freeze(self, partial: PartialSnapshot) -> None:
        """Sync it and give it its name; it is on disk, with its name, when this returns."""
        try:
            await partial.file.fsync()
        finally:
            partial.file.close()
        snapshot_id = partial.snapshot_id
        self._disk.rename(self._path(snapshot_id, PARTIAL_SUFFIX), self._path(snapshot_id))
        await self._disk.fsync_directory(self._directory)
        self.sizes[snapshot_id] = partial.size
        self.sizes = dict(sorted(self.sizes.items()))

    def abandon(self, partial: PartialSnapshot) -> None:
        partial.file.close()
        self._disk.unlink(self._path(partial.snapshot_id, PARTIAL_SUFFIX))

    def remove(self, snapshot_id: OffsetAndEpoch) -> None:
        if self._open is not None and self._open[0] == snapshot_id:
            self._close_reader()
        self._disk.unlink(self._path(snapshot_id))
        del self.sizes[snapshot_id]

    def close(self) -> None:
        self._close_reader()

    def _close_reader(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _path(self, snapshot_id: OffsetAndEpoch, suffix: str = "") -> str:
        name = snapshot_file_name(snapshot_id, suffix) if suffix else snapshot_file_name(snapshot_id)
        return f"{self._directory}/{name}"
