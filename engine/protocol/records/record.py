"""Records of a batch v2 (KIP-82, KIP-98; Kafka: DefaultRecord), in zigzag varints:

    length, attributes int8 (unused, 0), timestamp delta, offset delta,
    key length (-1 null), key, value length (-1 null), value,
    headers count, then per header: key length, key in UTF-8, value length (-1 null), value

Reading and building are pure Python: about a microsecond a record. The broker's hot path needs neither, see `batch`.
The seam for anything faster is `read_records` and `write_records`: bytes in, records out, and back.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import (
    CONTROL_MASK,
    HEADER_BYTES,
    NO_LEADER_EPOCH,
    NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID,
    NO_SEQUENCE,
    NO_TIMESTAMP,
    TIMESTAMP_TYPE_MASK,
    TRANSACTIONAL_MASK,
    BatchHeader,
    TimestampType,
    codec_of,
    pack_batch,
    parse_batch_header,
)
from engine.protocol.records.compression import DECOMPRESSED_BYTES_MAX, Compression, compress, decompress
from engine.protocol.wire import Malformed


class Record(NamedTuple):
    """One record."""

    offset: int
    timestamp: int
    """ms since 1970, -1 none"""
    key: bytes | None
    value: bytes | None
    """None is a tombstone in a compacted topic."""
    headers: list[tuple[str, bytes | None]]


def decode_records(
    buffer: Buffer, position: int = 0, *, max_bytes: int = DECOMPRESSED_BYTES_MAX, lenient: bool = False
) -> list[Record]:
    """The records of the one batch at `position`; its checksum is not looked at.

    `max_bytes` limits what it may decompress to. Raises ProtocolError (remote) for anything malformed. With `lenient`,
    bytes of a header's name that are no UTF-8 become lone surrogates (PEP 383), which `write_records` turns back: Apache
    Kafka's brokers do not look at those names (Kafka: DefaultRecord.readFrom keeps them as bytes).
    """
    header = parse_batch_header(buffer, position)
    stop = position + header.size_bytes
    if stop > len(buffer):
        raise ProtocolError(
            Blame.REMOTE,
            f"batch of {header.size_bytes} bytes, {len(buffer) - position} remain",
            message_name="RecordBatch",
            byte_position=position,
        )
    payload = memoryview(buffer)[position + HEADER_BYTES : stop]
    return read_records(decompress(codec_of(header), payload, max_bytes), header, lenient=lenient)


def read_records(data: bytes, header: BatchHeader, *, lenient: bool = False) -> list[Record]:
    """The records in `data`, the uncompressed rest of the batch that `header` begins; `lenient` as in `decode_records`."""
    records: list[Record] = []
    try:
        position = _read_into(records, data, header, "surrogateescape" if lenient else "strict")
    except (Malformed, IndexError, UnicodeDecodeError) as error:
        raise _malformed(len(records), f"malformed ({error})") from error
    if position != len(data):
        raise _malformed(len(records), f"{len(data) - position} bytes follow the last record")
    return records


def _malformed(index: int, reason: str) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name="RecordBatch", field_path=f"records[{index}]")


def _read_into(records: list[Record], data: bytes, header: BatchHeader, name_errors: str) -> int:
    base_offset = header.base_offset
    base_timestamp = header.base_timestamp
    append_time = header.max_timestamp if header.timestamp_type is TimestampType.LOG_APPEND_TIME else None
    end = len(data)
    p = 0
    for _ in range(header.records_count):
        # A zigzag varint of one byte is worth decoding in place: most lengths and deltas are that small.
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        stop = p + ((n >> 1) ^ -(n & 1))
        if stop > end:
            raise Malformed(f"record reaches {stop - end} bytes past the end")
        p += 1  # attributes
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        timestamp = base_timestamp + ((n >> 1) ^ -(n & 1)) if append_time is None else append_time
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        offset = base_offset + ((n >> 1) ^ -(n & 1))
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        if n & 1:
            key = None
        else:
            q = p + (n >> 1)
            key = data[p:q]
            p = q
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        if n & 1:
            value = None
        else:
            q = p + (n >> 1)
            value = data[p:q]
            p = q
        n = data[p]
        p += 1
        headers: list[tuple[str, bytes | None]] = []
        if n:
            if n > 127:
                n, p = _read_long(data, p, n)
            p = _read_headers(headers, data, p, n, stop, name_errors)
        if p != stop:
            raise Malformed(f"record ends {p - stop} bytes off its length")
        records.append(Record(offset, timestamp, key, value, headers))
    return p


def _read_headers(
    headers: list[tuple[str, bytes | None]], data: bytes, p: int, count: int, stop: int, name_errors: str
) -> int:
    """Reads headers up to `stop`; `count` is still in zigzag."""
    if count & 1 or count >> 1 > stop - p:
        raise Malformed("headers count is negative or more than the record can hold")
    for _ in range(count >> 1):
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        if n & 1:
            raise Malformed("header without key")
        q = p + (n >> 1)
        key = data[p:q].decode(errors=name_errors)
        p = q
        n = data[p]
        p += 1
        if n > 127:
            n, p = _read_long(data, p, n)
        if n & 1:
            headers.append((key, None))
        else:
            q = p + (n >> 1)
            headers.append((key, data[p:q]))
            p = q
    return p


def _read_long(data: bytes, position: int, first: int) -> tuple[int, int]:
    """The rest of a varint of up to 64 bits, still in zigzag, whose first byte has its high bit set."""
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
            raise Malformed("varint of more than ten bytes")


def build_batch(
    records: Iterable[Record],
    *,
    base_offset: int = 0,
    compression: int = Compression.NONE,
    timestamp_type: TimestampType = TimestampType.CREATE_TIME,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = NO_PRODUCER_EPOCH,
    base_sequence: int = NO_SEQUENCE,
    is_transactional: bool = False,
    is_control: bool = False,
    leader_epoch: int = NO_LEADER_EPOCH,
    last_offset_delta: int | None = None,
) -> bytes:
    """A batch of `records`, whose offsets ascend from `base_offset` on, with or without gaps.

    `last_offset_delta` is for batches that lost their last records (or all) to compaction. With LOG_APPEND_TIME all
    records will be read with the greatest of their timestamps. Raises ProtocolError (local) for offsets out of order.
    """
    listed = list(records)
    deltas = [record.offset - base_offset for record in listed]
    if deltas and (deltas[0] < 0 or any(a >= b for a, b in pairwise(deltas))):
        raise ProtocolError(
            Blame.LOCAL, f"offsets do not ascend from base offset {base_offset}", message_name="RecordBatch"
        )
    if last_offset_delta is None:
        last_offset_delta = deltas[-1] if deltas else 0
    base_timestamp = listed[0].timestamp if listed else NO_TIMESTAMP
    payload: Buffer = write_records(listed, base_offset, base_timestamp)
    if compression != Compression.NONE:
        payload = compress(compression, payload)
    return pack_batch(
        payload,
        base_offset=base_offset,
        leader_epoch=leader_epoch,
        attributes=compression
        | (TIMESTAMP_TYPE_MASK if timestamp_type else 0)
        | (TRANSACTIONAL_MASK if is_transactional else 0)
        | (CONTROL_MASK if is_control else 0),
        last_offset_delta=last_offset_delta,
        base_timestamp=base_timestamp,
        max_timestamp=max((record.timestamp for record in listed), default=NO_TIMESTAMP),
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        records_count=len(listed),
    )


def write_records(records: Iterable[Record], base_offset: int, base_timestamp: int) -> bytes:
    """The uncompressed records of a batch."""
    out = bytearray()
    small = _SMALL
    for offset, timestamp, key, value, headers in records:
        body = bytearray(1)
        delta = timestamp - base_timestamp
        body += small[delta] if 0 <= delta < 64 else zigzag(delta)
        delta = offset - base_offset
        body += small[delta] if 0 <= delta < 64 else zigzag(delta)
        for field in (key, value):
            if field is None:
                body.append(1)
            else:
                size = len(field)
                body += small[size] if size < 64 else zigzag(size)
                body += field
        if headers:
            body += zigzag(len(headers))
            for name, content in headers:
                encoded = name.encode(errors="surrogateescape")
                body += zigzag(len(encoded))
                body += encoded
                if content is None:
                    body.append(1)
                else:
                    body += zigzag(len(content))
                    body += content
        else:
            body.append(0)
        out += zigzag(len(body))
        out += body
    return bytes(out)


def zigzag(value: int) -> bytes:
    """`value` (64 bits, signed) as a zigzag varint."""
    value = (value << 1) ^ (value >> 63)
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [zigzag(value) for value in range(64)]
