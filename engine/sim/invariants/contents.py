"""The bytes on the disks: what is committed is the same everywhere and for ever.

The judge reads the segment files as the page cache of each machine has them, batch header by batch header, and follows
each log as it grows. It knows the format of batches and nothing else of the engine. Segments:

    /data/<topic>-<partition>/<base offset, 20 digits>.log      batches, one after another
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import HEADER_BYTES, BatchHeader, parse_batch_header
from engine.sim.inodes import FileNode
from engine.sim.invariants.judge import Judge, Report
from engine.sim.invariants.views import ReplicaView
from engine.types import TopicPartition

NO_PRODUCER = -1


class Batch(NamedTuple):
    """What tells a committed batch from any other."""

    base_offset: int
    next_offset: int
    leader_epoch: int
    crc: int


@dataclass(slots=True)
class _Place:
    """What is known of one partition."""

    batches: dict[int, Batch] = field(default_factory=dict)
    """Committed batches by base offset."""
    end: int = 0
    """One past the last committed offset seen."""
    producers: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Producer id -> epoch and last sequence."""
    leader_epoch: int = -1
    unseen: list[tuple[int, int]] = field(default_factory=list)
    """Offsets (first, end) that one replica had deleted before anybody looked; another may have them still."""


@dataclass(slots=True)
class _Cursor:
    """How far one node's log was compared."""

    segment: str = ""
    position: int = 0
    last_header: bytes = b""


Segments = Mapping[str, FileNode | bytearray | bytes]
"""File name -> content of one log directory's segments, sorted by name."""


class ContentsJudge(Judge):
    """Follows the logs of all nodes."""

    def __init__(self, report: Report, mismatch: str = "log-matching") -> None:
        super().__init__(report)
        self._mismatch = mismatch
        self._places: dict[object, _Place] = {}
        self._cursors: dict[tuple[int, object], _Cursor] = {}
        self._recovery_points: dict[tuple[int, int, object], int] = {}

    def look(
        self,
        node_id: int,
        place: object,
        name: str,
        segments: Segments,
        high_watermark: int,
        log_start_offset: int = 0,
    ) -> None:
        """One log as it is now. `place` tells partitions apart (with the topic's id), `name` is for people."""
        cursor = self._cursors.setdefault((node_id, place), _Cursor())
        known = self._places.setdefault(place, _Place())
        names = list(segments)
        if not self._is_sound(cursor, segments):
            cursor.segment, cursor.position, cursor.last_header = (names[0] if names else ""), 0, b""
        for segment in names:
            if segment < cursor.segment:
                continue
            if segment > cursor.segment:
                cursor.segment, cursor.position, cursor.last_header = segment, 0, b""
            data = _bytes(segments[segment])
            if not self._advance(cursor, data, known, node_id, name, high_watermark, log_start_offset):
                return

    @staticmethod
    def _is_sound(cursor: _Cursor, segments: Segments) -> bool:
        """Whether what was compared is still where it was: nothing was cut off and written anew."""
        node = segments.get(cursor.segment)
        if node is None:
            return False
        data = _bytes(node)
        if cursor.position == 0:
            return True
        start = cursor.position - len(cursor.last_header)
        return (
            len(data) >= cursor.position
            and bytes(data[start : start + HEADER_BYTES]) == cursor.last_header[:HEADER_BYTES]
        )

    def _advance(
        self,
        cursor: _Cursor,
        data: bytearray | bytes,
        known: _Place,
        node_id: int,
        name: str,
        high_watermark: int,
        log_start_offset: int,
    ) -> bool:
        """Compare what is new below the high watermark; False when that was reached."""
        end = len(data)
        while cursor.position + HEADER_BYTES <= end:
            try:
                header = parse_batch_header(data, cursor.position)
            except ProtocolError:
                return False  # a torn tail, perhaps: recovery's business until it is committed
            if header.next_offset > high_watermark or cursor.position + header.size_bytes > end:
                return False
            self._look_at_batch(known, node_id, name, header, log_start_offset)
            size = header.size_bytes
            cursor.last_header = bytes(data[cursor.position : cursor.position + size])
            cursor.position += size
        return True

    def _look_at_batch(
        self, known: _Place, node_id: int, name: str, header: BatchHeader, log_start_offset: int
    ) -> None:
        batch = Batch(header.base_offset, header.next_offset, header.partition_leader_epoch, header.crc)
        other = known.batches.get(batch.base_offset)
        # What is before a replica's log start is nobody's any more. Where a follower's uncommitted records lie before the start
        # of its leader's log, the leader's epochs cannot tell it to cut them, and it begins behind them (as Kafka's; seed 3015).
        is_over = batch.next_offset <= log_start_offset
        if other is not None:
            if other != batch and not is_over:
                self.complain(self._mismatch, name, f"{name}: {other} was committed, node {node_id} has {batch}")
            return
        if any(first <= batch.base_offset < end for first, end in known.unseen):
            known.batches[batch.base_offset] = batch
            return
        if batch.base_offset < known.end:
            # Compaction and snapshots take batches away; they put none in.
            if not is_over:
                self.complain(self._mismatch, name, f"{name}: node {node_id} has {batch} inside of what was committed")
            return
        if known.end < batch.base_offset <= log_start_offset:
            known.unseen.append((known.end, batch.base_offset))
            known.end = batch.base_offset
            known.producers.clear()
        if known.batches and batch.base_offset != known.end:
            self.complain("offset-gap", name, f"{name}: node {node_id} has {batch} where {known.end} was due")
        known.batches[batch.base_offset] = batch
        known.end = batch.next_offset
        if batch.leader_epoch < known.leader_epoch:
            self.complain("batch-epoch-back", name, f"{name}: {batch} after leader epoch {known.leader_epoch}")
        known.leader_epoch = max(known.leader_epoch, batch.leader_epoch)
        if header.producer_id != NO_PRODUCER and not header.is_control:
            self._look_at_sequence(known, name, header)

    def _look_at_sequence(self, known: _Place, name: str, header: BatchHeader) -> None:
        count = header.next_offset - header.base_offset
        before = known.producers.get(header.producer_id)
        known.producers[header.producer_id] = header.producer_epoch, header.base_sequence + count - 1
        if before is None:
            return
        epoch, sequence = before
        if header.producer_epoch < epoch:
            self.complain(
                "fenced-producer-appended",
                (name, header.producer_id),
                f"{name} offset {header.base_offset}: producer {header.producer_id} wrote in epoch "
                f"{header.producer_epoch} after {epoch}",
            )
        elif header.base_sequence != ((sequence + 1) % 2**31 if header.producer_epoch == epoch else 0):
            self.complain(
                "sequence-gap",
                (name, header.producer_id),
                f"{name} offset {header.base_offset}: producer {header.producer_id} wrote sequence "
                f"{header.base_sequence} of epoch {header.producer_epoch} after {sequence} of {epoch}",
            )

    def committed(self, place: object) -> dict[int, Batch]:
        """Every batch that was seen committed, by base offset."""
        known = self._places.get(place)
        return {} if known is None else known.batches

    def look_at_durability(self, view: ReplicaView, segments: Mapping[str, FileNode]) -> None:
        """`recovery-point-not-durable`: a log calls durable what has not reached the platter."""
        log = (view.node_id, view.life, view.key)
        if self._recovery_points.get(log) == view.recovery_point:
            return
        self._recovery_points[log] = view.recovery_point
        end = durable_end(segments, view.log_start_offset)
        if end < view.recovery_point:
            self.complain(
                "recovery-point-not-durable",
                log,
                f"node {view.node_id} {view.place}: recovery begins at {view.recovery_point}, the platter holds what is "
                f"before {end}",
            )

    def look_at_the_end(self, place: object, name: str, segments: Segments, log_start_offset: int = 0) -> None:
        """`committed-record-lost`: a batch that was committed is not in the log as it is when all has settled."""
        present = {batch.base_offset: batch for batch in batches_of(segments)}
        first = max(min(present, default=0), log_start_offset)
        for base_offset, batch in self.committed(place).items():
            if base_offset >= first and present.get(base_offset) != batch:
                self.complain(
                    "committed-record-lost",
                    name,
                    f"{name}: {batch} was committed; now there is {present.get(base_offset, 'nothing')}",
                )
                return


def batches_of(segments: Segments) -> list[Batch]:
    """Every whole batch of a log."""
    found = []
    for node in segments.values():
        data = _bytes(node)
        position = 0
        while position + HEADER_BYTES <= len(data):
            try:
                header = parse_batch_header(data, position)
            except ProtocolError:
                break
            if position + header.size_bytes > len(data):
                break
            found.append(Batch(header.base_offset, header.next_offset, header.partition_leader_epoch, header.crc))
            position += header.size_bytes
    return found


def durable_end(segments: Mapping[str, FileNode], from_offset: int = 0) -> int:
    """One past the last offset whose batch has reached the platter; `from_offset` when none has."""
    end = from_offset
    for node in segments.values():
        for batch in batches_of({"": node.durable}):
            if batch.next_offset > end:
                if batch.base_offset > end:
                    return end
                end = batch.next_offset
    return end


def segments_of(files: Mapping[str, FileNode], place: TopicPartition, data_directory: str) -> dict[str, FileNode]:
    """The segments of a partition among the files of a disk (path -> file, sorted by path)."""
    prefix = f"{data_directory}/{place}/"
    return {
        path[len(prefix) :]: node for path, node in files.items() if path.startswith(prefix) and path.endswith(".log")
    }


def _bytes(node: FileNode | bytearray | bytes) -> bytearray | bytes:
    return node.data if isinstance(node, FileNode) else node
