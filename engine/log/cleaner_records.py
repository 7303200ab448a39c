"""Looking through the records of a batch for compaction: where each begins and ends, its key, and whether it has a value.

A record that is kept is copied as the bytes it is, so nothing else of it is decoded. Its layout: `engine.protocol.records`.
"""

from typing import NamedTuple

from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import BatchHeader


class RecordSpan(NamedTuple):
    """One record. `start` and `stop` are bytes of the uncompressed records; the deltas are to the batch's bases."""

    start: int
    stop: int
    timestamp_delta_ms: int
    offset_delta: int
    key: bytes | None
    has_value: bool


def scan_records(data: bytes, header: BatchHeader) -> list[RecordSpan]:
    """The records in `data`, the uncompressed rest of the batch that `header` begins.

    Raises ProtocolError (remote) when they are not what the header says.
    """
    spans: list[RecordSpan] = []
    position = 0
    try:
        for _ in range(header.records_count):
            start = position
            n = data[position]
            position += 1
            if n > 127:
                n, position = _read_long(data, position, n)
            stop = position + (n >> 1)
            if n & 1 or stop > len(data):
                raise IndexError
            position += 1  # attributes
            n = data[position]
            position += 1
            if n > 127:
                n, position = _read_long(data, position, n)
            timestamp_delta_ms = (n >> 1) ^ -(n & 1)
            n = data[position]
            position += 1
            if n > 127:
                n, position = _read_long(data, position, n)
            offset_delta = (n >> 1) ^ -(n & 1)
            n = data[position]
            position += 1
            if n > 127:
                n, position = _read_long(data, position, n)
            if n & 1:
                key = None
            else:
                after = position + (n >> 1)
                key = data[position:after]
                position = after
            # A negative length, odd in zigzag, is how a tombstone says that it has no value.
            if position >= stop:
                raise IndexError
            spans.append(RecordSpan(start, stop, timestamp_delta_ms, offset_delta, key, not data[position] & 1))
            position = stop
    except IndexError:
        raise _malformed(len(spans), "reaches past its end") from None
    if position != len(data):
        raise _malformed(len(spans), f"{len(data) - position} bytes follow the last record")
    return spans


def _read_long(data: bytes, position: int, first: int) -> tuple[int, int]:
    value = first & 127
    shift = 7
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError


def _malformed(index: int, reason: str) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name="RecordBatch", field_path=f"records[{index}]")
