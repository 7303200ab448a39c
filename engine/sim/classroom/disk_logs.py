"""Logs read off the disks of the laboratory, record by record, and kept up to date as the files change.

Read from the page cache, past the engine: a node that is down has its log all the same, and a power cut shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping

from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import BatchHeader, parse_batch_header
from engine.protocol.records.record import Record, decode_records
from engine.sim.classroom.view import RECORDS_SHOWN, RecordView
from engine.sim.inodes import Directory, FileNode, Truncate, Write

HEADER_BYTES = 61
VALUE_CHARACTERS = 24

Describe = Callable[[Record, BatchHeader], RecordView]


def text_of(data: bytes | None) -> str:
    """Bytes for people: at most VALUE_CHARACTERS, what is no text replaced."""
    text = (data or b"")[: 4 * VALUE_CHARACTERS].decode("utf-8", "replace")
    text = "".join(character if character.isprintable() else "." for character in text)
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"


def describe_record(record: Record, header: BatchHeader) -> RecordView:
    """A record of an ordinary topic."""
    return RecordView(
        offset=record.offset,
        epoch=header.partition_leader_epoch,
        key=None if record.key is None else text_of(record.key),
        value=text_of(record.value),
        producer_id=header.producer_id,
        is_control=header.is_control,
        is_tombstone=record.value is None,
    )


class _Segment:
    __slots__ = ("batches", "changes_made", "data", "end", "last_header", "node", "pending", "records")

    def __init__(self, node: FileNode) -> None:
        self.node = node
        self.data = node.data
        self.changes_made = -1
        self.end = 0
        self.last_header = b""
        self.batches: list[tuple[int, int, int]] = []
        """(where it ends in the file, base offset, next offset)"""
        self.records: dict[int, RecordView] = {}
        self.pending = (-1, 0, 1 << 62)
        """(first pending change, how many were looked at, lowest position they touch)"""

    @property
    def is_current(self) -> bool:
        return self.changes_made == self.node.changes_made and self.data is self.node.data

    def read(self, describe: Describe) -> None:
        """Go on where the last reading ended, or from the start when what was read is not there any more."""
        node = self.node
        data = node.data
        if self.last_header:
            start = self.batches[-2][0] if len(self.batches) > 1 else 0
            if len(data) < self.end or bytes(data[start : start + HEADER_BYTES]) != self.last_header:
                self.end, self.last_header, self.batches, self.records = 0, b"", [], {}
        self.data = data
        self.changes_made = node.changes_made
        position = self.end
        while position + HEADER_BYTES <= len(data):
            try:
                header = parse_batch_header(data, position)
                size = header.size_bytes
                if size < HEADER_BYTES or position + size > len(data):
                    break
                for record in decode_records(bytes(data[position : position + size]), 0):
                    self.records[record.offset] = describe(record, header)
            except (ProtocolError, ValueError, IndexError):
                break  # a torn tail, as a crash leaves it
            self.last_header = bytes(data[position : position + HEADER_BYTES])
            position += size
            self.batches.append((position, header.base_offset, header.next_offset))
        self.end = position

    def durable_bytes(self) -> int:
        """Everything before this position would survive a power cut."""
        node = self.node
        pending_from, looked_at, lowest = self.pending
        if pending_from != node.pending_from or looked_at > len(node.pending):
            looked_at, lowest = 0, 1 << 62
        for change in node.pending[looked_at:]:
            if isinstance(change, Write):
                lowest = min(lowest, change.position)
            elif isinstance(change, Truncate):
                lowest = min(lowest, change.size)
        self.pending = (node.pending_from, len(node.pending), lowest)
        return lowest


class DiskLog:
    """The log of one partition on one disk."""

    def __init__(self, describe: Describe = describe_record) -> None:
        self._describe = describe
        self._segments: dict[str, _Segment] = {}
        self._durable: tuple[object, ...] = ()
        self.records: dict[int, RecordView] = {}
        self.tail: tuple[RecordView, ...] = ()
        """The last RECORDS_SHOWN records."""
        self.start_offset = 0
        self.end_offset = 0
        self.durable_end_offset = 0
        self.unsynced_bytes = 0
        self._entries = 0

    def _is_current(self, entries: Mapping[str, object]) -> bool:
        """Whether nothing has changed but, maybe, what is durable."""
        if len(entries) != self._entries:
            return False
        for name, segment in self._segments.items():
            if segment.node is not entries.get(name) or not segment.is_current:
                return False
        return bool(self._segments)

    def refresh(self, directory: Directory | None) -> list[RecordView]:
        """Read what is new. Returns the records that were here and are not any more, or are others now."""
        entries = {} if directory is None else directory.entries
        if self._is_current(entries):
            self._look_at_durable()
            return []
        self._entries = len(entries)
        found: dict[str, FileNode] = {}
        for name in entries:
            if name.endswith(".log"):
                node = entries[name]
                if isinstance(node, FileNode):
                    found[name] = node
        changed = len(found) != len(self._segments)
        segments: dict[str, _Segment] = {}
        grown: list[tuple[_Segment, int]] = []
        for name in sorted(found):
            segment = self._segments.get(name)
            if segment is None or segment.node is not found[name]:
                segment = _Segment(found[name])
                changed = True
            if not segment.is_current:
                before = len(segment.batches)
                kept = segment.records
                segment.read(self._describe)
                if segment.records is kept and before <= len(segment.batches):
                    grown.append((segment, before))
                else:
                    changed = True
            segments[name] = segment
        self._segments = segments
        gone: list[RecordView] = []
        if changed:
            records: dict[int, RecordView] = {}
            for segment in segments.values():
                records.update(segment.records)
            gone = [old for offset, old in self.records.items() if records.get(offset) != old]
            self.records = records
        else:
            for segment, before in grown:
                first = segment.batches[before][1] if before < len(segment.batches) else 1 << 62
                for offset in range(first, segment.batches[-1][2] if segment.batches else 0):
                    if offset in segment.records:
                        self.records[offset] = segment.records[offset]
        if changed or grown:
            self._ends()
        self._look_at_durable()
        return gone

    def _ends(self) -> None:
        batches = [batch for segment in self._segments.values() for batch in segment.batches[:1]]
        first_name = next(iter(self._segments), "0.log")
        self.start_offset = batches[0][1] if batches else int(first_name[:-4])
        ends = [segment.batches[-1][2] for segment in self._segments.values() if segment.batches]
        last_name = next(reversed(self._segments), "0.log")
        self.end_offset = max(int(last_name[:-4]), *ends) if ends else int(last_name[:-4])
        tail: list[RecordView] = []
        for offset in reversed(self.records):
            tail.append(self.records[offset])
            if len(tail) == RECORDS_SHOWN:
                break
        tail.reverse()
        self.tail = tuple(tail)

    def _look_at_durable(self) -> None:
        end = self.end_offset
        unsynced = 0
        for segment in self._segments.values():
            if not segment.node.pending:
                continue
            durable = segment.durable_bytes()
            if durable < segment.end:
                if not unsynced:
                    batches = segment.batches
                    end = batches[bisect_right(batches, durable, key=_end_of)][1]
                unsynced += segment.end - durable
        self.durable_end_offset = end
        self.unsynced_bytes = unsynced


def _end_of(batch: tuple[int, int, int]) -> int:
    return batch[0]
