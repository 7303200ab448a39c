"""The snapshot files of one log, and how producer state is brought up to an offset from them and the batches."""

import struct
from bisect import bisect_right, insort
from typing import NamedTuple

from engine.log.batches import DamagedBatch, scan_batches
from engine.log.file_names import DELETED_SUFFIX, SNAPSHOT_SUFFIX, file_name
from engine.log.producer_snapshot import CorruptSnapshot, decode_snapshot, encode_snapshot
from engine.log.producer_state import ProducerStateManager
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments
from engine.log.transaction_index import AbortedTransactionEntry
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import BatchHeader
from engine.protocol.records.record import decode_records
from engine.runtime.disk import Disk, read_file

_CONTROL_KEY = struct.Struct(">hh")
_MARKER_VALUE = struct.Struct(">hi")
_ABORT, _COMMIT = 0, 1


class TransactionMarker(NamedTuple):
    """What a COMMIT or ABORT control record says."""

    is_aborted: bool
    coordinator_epoch: int
    timestamp_ms: int


def read_marker(batch: Buffer, header: BatchHeader) -> TransactionMarker | None:
    """The transaction marker in a control batch; None for other control records and for a batch emptied by compaction.

    Raises ProtocolError (remote) for one that is malformed (Kafka: EndTransactionMarker.deserialize).
    """
    if header.records_count == 0:
        return None
    record = decode_records(batch)[0]
    if record.key is None or len(record.key) < _CONTROL_KEY.size:
        raise ProtocolError(Blame.REMOTE, "a control record without a key of version and type")
    _, control_type = _CONTROL_KEY.unpack_from(record.key)
    if control_type not in (_ABORT, _COMMIT):
        return None
    if record.value is None or len(record.value) < _MARKER_VALUE.size:
        raise ProtocolError(Blame.REMOTE, "a transaction marker without version and coordinator epoch")
    _, coordinator_epoch = _MARKER_VALUE.unpack_from(record.value)
    return TransactionMarker(control_type == _ABORT, coordinator_epoch, record.timestamp)


def apply_batch(
    producers: ProducerStateManager, header: BatchHeader, batch: Buffer, segment: LogSegment | None
) -> None:
    """Let the state take note of a batch of the log, in the log's order.

    `segment` is where the aborted transaction of an ABORT marker is written down; None when it is there already.
    """
    if header.producer_id < 0:
        return
    if not header.is_control:
        producers.on_data_batch(
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.last_sequence,
            header.base_offset,
            header.last_offset,
            header.max_timestamp,
            header.is_transactional,
        )
        return
    marker = read_marker(batch, header)
    if marker is None:
        return
    is_aborted, coordinator_epoch, timestamp_ms = marker
    completed = producers.on_marker(
        header.producer_id, header.producer_epoch, coordinator_epoch, header.base_offset, timestamp_ms, is_aborted
    )
    if completed is None:
        return
    last_stable_offset = producers.last_stable_offset_after(completed)
    if is_aborted and segment is not None:
        segment.append_aborted(
            AbortedTransactionEntry(
                completed.producer_id, completed.first_offset, completed.last_offset, last_stable_offset
            )
        )
    producers.complete(completed)


class DamagedSegment(Exception):
    """A segment that was thought to be sound has something in it that is no batch: the log has to be recovered from it."""

    def __init__(self, base_offset: int, reason: str) -> None:
        super().__init__(f"segment {base_offset}: {reason}")
        self.base_offset = base_offset


class ProducerSnapshots:
    """The `.snapshot` files in a partition's directory. Offsets ascend."""

    __slots__ = ("_directory", "_disk", "offsets", "unsynced")

    def __init__(self, disk: Disk, directory: str, offsets: list[int]) -> None:
        self._disk = disk
        self._directory = directory
        self.offsets = sorted(offsets)
        self.unsynced: list[int] = []

    @property
    def latest_offset(self) -> int:
        """-1 when there is none."""
        return self.offsets[-1] if self.offsets else -1

    def path(self, offset: int) -> str:
        return f"{self._directory}/{file_name(offset, SNAPSHOT_SUFFIX)}"

    def take(self, producers: ProducerStateManager) -> None:
        """Write the state down, unless there is a snapshot of that offset or a later one. `sync` makes it durable."""
        offset = producers.map_end_offset
        if offset <= max(self.latest_offset, 0):
            return
        file = self._disk.open(self.path(offset), create=True)
        try:
            data = encode_snapshot(producers.to_snapshot())
            file.pwrite([data], 0)
            file.truncate(len(data))
        finally:
            file.close()
        insort(self.offsets, offset)
        self.unsynced.append(offset)

    async def sync(self) -> None:
        """Returns when every snapshot taken so far survives a power cut."""
        unsynced, self.unsynced = self.unsynced, []
        for offset in unsynced:
            if offset not in self.offsets:
                continue
            file = self._disk.open(self.path(offset))
            try:
                await file.fsync()
            finally:
                file.close()

    def load(self, producers: ProducerStateManager, offset: int, log_start_offset: int, now_ms: int) -> list[str]:
        """Load the latest good snapshot at or before `offset`; without one, the empty state of `log_start_offset`.

        Snapshots that are damaged are removed; one sentence for each is returned.
        """
        removed: list[str] = []
        for candidate in reversed(self.offsets[: bisect_right(self.offsets, offset)]):
            try:
                producers.load(decode_snapshot(read_file(self._disk, self.path(candidate))), candidate, now_ms)
                return removed
            except CorruptSnapshot as error:
                removed.append(f"producer snapshot {candidate} is damaged and was removed: {error}")
                self.remove(candidate)
        producers.clear(log_start_offset)
        return removed

    def remove(self, offset: int) -> None:
        if offset in self.offsets:
            self.offsets.remove(offset)
            self._disk.unlink(self.path(offset))

    def remove_above(self, offset: int) -> None:
        """Remove the snapshots of later offsets than `offset`."""
        for candidate in [known for known in self.offsets if known > offset]:
            self.remove(candidate)

    def rename_to_deleted(self, offset: int) -> list[str]:
        """Give the snapshot of `offset`, when there is one, the suffix `.deleted`; returns the new path."""
        if offset not in self.offsets:
            return []
        self.offsets.remove(offset)
        path = self.path(offset)
        self._disk.rename(path, path + DELETED_SUFFIX)
        return [path + DELETED_SUFFIX]


def rebuild_producers(
    producers: ProducerStateManager,
    snapshots: ProducerSnapshots,
    segments: LogSegments,
    *,
    log_start_offset: int,
    end_offset: int,
    now_ms: int,
) -> list[str]:
    """Bring the state to `end_offset`: from the latest snapshot before it, and the batches since.

    Reads only what lies between. Returns what was wrong with snapshots. Raises DamagedSegment. (Kafka: UnifiedLog.rebuildProducerState, which
    trusts a log without any snapshot to have no producers after a clean stop; here it is read instead).
    """
    problems = snapshots.load(producers, end_offset, log_start_offset, now_ms)
    start_offset = max(producers.map_end_offset, log_start_offset)
    if start_offset < end_offset:
        for segment in segments.between(start_offset, end_offset):
            _replay(producers, segment, start_offset, end_offset)
    producers.map_end_offset = end_offset
    return problems


def _replay(producers: ProducerStateManager, segment: LogSegment, start_offset: int, end_offset: int) -> None:
    first = segment.find(start_offset)
    if first is None:
        return
    try:
        for _, header, data in scan_batches(segment.file(), first.position, segment.size, verify_checksums=False):
            if header.last_offset >= end_offset:
                return
            apply_batch(producers, header, data, None)
    except (DamagedBatch, ProtocolError) as damage:
        raise DamagedSegment(segment.base_offset, str(damage)) from damage
