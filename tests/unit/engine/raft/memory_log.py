"""A metadata log in memory, with a page cache that a crash may lose: what the quorum's tests run on.

Batches are framed by ourselves (offset, epoch, kind, length, payload; one record each), which the core never looks into.
"""

import random
import struct
from collections.abc import Sequence
from typing import NamedTuple

from engine.protocol.messages import LeaderChangeMessage
from engine.raft.log import epoch_end
from engine.types import OffsetAndEpoch

_HEADER = struct.Struct(">qiBi")
DATA, LEADER_CHANGE = 0, 1


class Batch(NamedTuple):
    offset: int
    epoch: int
    kind: int
    payload: bytes


def encode(batches: Sequence[Batch]) -> bytes:
    return b"".join(
        _HEADER.pack(batch.offset, batch.epoch, batch.kind, len(batch.payload)) + batch.payload for batch in batches
    )


def decode(data: bytes) -> list[Batch]:
    batches, position = [], 0
    while position < len(data):
        offset, epoch, kind, size = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        batches.append(Batch(offset, epoch, kind, bytes(data[position : position + size])))
        position += size
    return batches


def data(*payloads: bytes) -> bytes:
    """Records to append as a leader."""
    return encode([Batch(-1, -1, DATA, payload) for payload in payloads])


class MemoryLog:
    """Implements `engine.raft.log.MetadataLog`."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.start_offset = 0
        self.high_watermark = -1
        self.snapshots: dict[OffsetAndEpoch, bytes] = {}
        self.download: tuple[OffsetAndEpoch, bytes] | None = None
        self.durable: tuple[int, list[Batch]] = (0, [])
        self.truncated_below: list[tuple[int, int]] = []
        """(offset, high watermark) of each truncation, for assertions."""

    @property
    def end_offset(self) -> int:
        return self.batches[-1].offset + 1 if self.batches else self.start_offset

    @property
    def last_epoch(self) -> int:
        if self.batches:
            return self.batches[-1].epoch
        latest = self.latest_snapshot_id
        return latest.epoch if latest is not None else 0

    def append_as_leader(self, records: bytes, epoch: int) -> int:
        for batch in decode(records):
            self.batches.append(Batch(self.end_offset, epoch, batch.kind, batch.payload))
        return self.end_offset

    def append_leader_change(self, message: LeaderChangeMessage, epoch: int) -> int:
        self.batches.append(Batch(self.end_offset, epoch, LEADER_CHANGE, b"%d" % message.leader_id))
        return self.end_offset

    def append_as_follower(self, records: bytes) -> int:
        for batch in decode(records):
            assert batch.offset == self.end_offset, f"appended {batch.offset} at {self.end_offset}"
            assert batch.epoch >= self.last_epoch
            self.batches.append(batch)
        return self.end_offset

    def read(self, offset: int, max_bytes: int) -> bytes:
        index = offset - self.start_offset
        return encode(self.batches[index : index + max(1, max_bytes // 64)])

    def at(self, offset: int) -> Batch:
        return self.batches[offset - self.start_offset]

    def end_offset_for_epoch(self, epoch: int) -> OffsetAndEpoch:
        starts: list[tuple[int, int]] = []
        for batch in self.batches:
            if not starts or batch.epoch > starts[-1][0]:
                starts.append((batch.epoch, batch.offset))
        return epoch_end(
            starts,
            epoch,
            end_offset=self.end_offset,
            last_epoch=self.last_epoch,
            earliest_snapshot_id=self.earliest_snapshot_id,
        )

    def truncate_to(self, offset: int) -> None:
        self.truncated_below.append((offset, self.high_watermark))
        assert offset >= self.start_offset
        del self.batches[offset - self.start_offset :]

    def update_high_watermark(self, offset: int) -> None:
        assert offset <= self.end_offset
        self.high_watermark = offset

    # --- snapshots

    @property
    def latest_snapshot_id(self) -> OffsetAndEpoch | None:
        return max(self.snapshots, default=None)

    @property
    def earliest_snapshot_id(self) -> OffsetAndEpoch | None:
        return min(self.snapshots, default=None)

    def snapshot_size(self, snapshot_id: OffsetAndEpoch) -> int | None:
        content = self.snapshots.get(snapshot_id)
        return None if content is None else len(content)

    def read_snapshot(self, snapshot_id: OffsetAndEpoch, position: int, max_bytes: int) -> bytes:
        return self.snapshots[snapshot_id][position : position + max_bytes]

    def start_download(self, snapshot_id: OffsetAndEpoch) -> None:
        self.download = (snapshot_id, b"")

    def append_download(self, snapshot_id: OffsetAndEpoch, chunk: bytes) -> int:
        assert self.download is not None
        assert self.download[0] == snapshot_id
        self.download = (snapshot_id, self.download[1] + bytes(chunk))
        return len(self.download[1])

    def freeze_download(self) -> None:
        assert self.download is not None
        snapshot_id, content = self.download
        self.snapshots[snapshot_id] = content
        self.download = None

    def truncate_fully_to_latest_snapshot(self) -> bool:
        latest = self.latest_snapshot_id
        last_epoch = self.batches[-1].epoch if self.batches else 0
        if latest is None or (latest.epoch, latest.offset) <= (last_epoch, self.end_offset):
            return False
        self.batches = []
        self.start_offset = latest.offset
        self.durable = (self.start_offset, [])
        for snapshot_id in sorted(self.snapshots):
            if snapshot_id < latest:
                del self.snapshots[snapshot_id]
        return True

    def add_snapshot(self, snapshot_id: OffsetAndEpoch, content: bytes) -> None:
        """Our own snapshot; the log before it, and older snapshots, go."""
        self.snapshots = {snapshot_id: content}
        if snapshot_id.offset > self.start_offset:
            del self.batches[: snapshot_id.offset - self.start_offset]
            self.start_offset = snapshot_id.offset

    # --- the disk

    def copy_for_flush(self) -> tuple[int, list[Batch]]:
        return self.start_offset, list(self.batches)

    def durably_holds(self, offset: int, epoch: int) -> bool:
        """Whether the record at `offset` would survive a power cut (or is covered by a snapshot)."""
        _, batches = self.durable
        if any(snapshot_id.offset > offset for snapshot_id in self.snapshots):
            return True
        return any(batch.offset == offset and batch.epoch == epoch for batch in batches)

    def crash(self, source: random.Random) -> None:
        """Lose what was not flushed, or some of it; a truncation that was not flushed may be undone."""
        _, durable = self.durable
        common = [batch for batch in durable if batch.offset >= self.start_offset]
        is_extension = self.batches[: len(common)] == common
        if is_extension:
            survivors = source.randint(len(common), len(self.batches))
            self.batches = self.batches[:survivors]
        elif source.random() < 0.5:
            self.batches = common
        self.durable = self.copy_for_flush()  # what came back is read from the disk
        self.download = None
        self.high_watermark = -1
