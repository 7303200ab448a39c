"""The header of a record batch v2 (KIP-98; Kafka: DefaultRecordBatch), all big-endian:

    position  width  field
           0      8  base offset             given by the leader
           8      4  batch length            bytes after this field
          12      4  partition leader epoch  given by the leader
          16      1  magic                   2
          17      4  crc                     CRC-32C of everything from the attributes to the end
          21      2  attributes              bits 0-2 codec, 3 log append time, 4 transactional, 5 control,
                                             6 base timestamp is the delete horizon (KIP-534)
          23      4  last offset delta       last offset minus base offset, kept by compaction
          27      8  base timestamp          ms; records hold deltas to it
          35      8  max timestamp           ms
          43      8  producer id             -1 none
          51      2  producer epoch
          53      4  base sequence           -1 none
          57      4  records count
          61         records, compressed as one

The first 17 bytes and the crc itself are outside of the checksum, so a leader stamps offsets and epoch for free.
A torn tail in a file is a batch whose length reaches past the end.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

import msgspec
from crc32c import crc32c

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.compression import Compression

HEADER_BYTES = 61
"""Bytes of a batch without records."""

LENGTH_OVERHEAD_BYTES = 12
"""Bytes of a batch that its batch length does not count."""

MAGIC = 2

CODEC_MASK = 0x07
TIMESTAMP_TYPE_MASK = 0x08
TRANSACTIONAL_MASK = 0x10
CONTROL_MASK = 0x20
DELETE_HORIZON_MASK = 0x40

NO_PRODUCER_ID = -1
NO_PRODUCER_EPOCH = -1
NO_SEQUENCE = -1
NO_TIMESTAMP = -1
NO_LEADER_EPOCH = -1

_LENGTH_MIN = HEADER_BYTES - LENGTH_OVERHEAD_BYTES
_CRC_POSITION = 17
_CHECKED_POSITION = 21
_SEQUENCE_MODULUS = 2**31

_header = struct.Struct(">qiibIhiqqqhii")
_unpack_header = _header.unpack_from
_pack_offset = struct.Struct(">q").pack_into
_pack_epoch = struct.Struct(">i").pack_into
_pack_crc = struct.Struct(">I").pack_into
_pack_attributes = struct.Struct(">h").pack_into
_MAX_TIMESTAMP_POSITION = 35


class TimestampType(IntEnum):
    """Who set the timestamps of a batch."""

    CREATE_TIME = 0
    LOG_APPEND_TIME = 1


class BatchHeader(msgspec.Struct, frozen=True, gc=False):
    """The 61 bytes in front of the records, as they stand."""

    base_offset: int
    batch_length: int
    """Bytes after this field; `size_bytes` is the whole."""
    partition_leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records_count: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole batch."""
        return LENGTH_OVERHEAD_BYTES + self.batch_length

    @property
    def compression(self) -> int:
        """Codec number; it may be one that `Compression` does not know."""
        return self.attributes & CODEC_MASK

    @property
    def timestamp_type(self) -> TimestampType:
        return TimestampType.LOG_APPEND_TIME if self.attributes & TIMESTAMP_TYPE_MASK else TimestampType.CREATE_TIME

    @property
    def is_transactional(self) -> bool:
        return self.attributes & TRANSACTIONAL_MASK != 0

    @property
    def is_control(self) -> bool:
        return self.attributes & CONTROL_MASK != 0

    @property
    def delete_horizon_ms(self) -> int | None:
        """When tombstones and markers of the batch may go (KIP-534); None when not set."""
        return self.base_timestamp if self.attributes & DELETE_HORIZON_MASK else None

    @property
    def last_offset(self) -> int:
        """Inclusive. After compaction a record of this offset need not exist."""
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """The offset after the batch."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record, -1 without sequences. Sequences wrap to 0 after 2**31 - 1."""
        if self.base_sequence == NO_SEQUENCE:
            return NO_SEQUENCE
        return increment_sequence(self.base_sequence, self.last_offset_delta)

    @property
    def has_producer_id(self) -> bool:
        return self.producer_id > NO_PRODUCER_ID


def increment_sequence(sequence: int, increment: int) -> int:
    """`sequence` moved on, wrapping to 0 after 2**31 - 1 (Kafka: DefaultRecordBatch.incrementSequence)."""
    return (sequence + increment) % _SEQUENCE_MODULUS


def parse_batch_header(buffer: Buffer, position: int = 0) -> BatchHeader:
    """The header of the batch at `position`. The records need not be there.

    Raises ProtocolError (remote) when fewer than 61 bytes remain, for another magic than 2, and for a length or count
    that no batch can have.
    """
    try:
        header = BatchHeader(*_unpack_header(buffer, position))
    except struct.error:
        raise _damaged(
            f"a batch header has {HEADER_BYTES} bytes, {max(len(buffer) - position, 0)} remain", position
        ) from None
    if header.magic != MAGIC:
        raise _damaged(f"magic {header.magic}, only {MAGIC} is supported", position + 16)
    if header.batch_length < _LENGTH_MIN:
        raise _damaged(f"batch length {header.batch_length} is less than {_LENGTH_MIN}", position + 8)
    if header.records_count < 0:
        raise _damaged(f"records count {header.records_count}", position + 57)
    return header


def iterate_batches(buffer: Buffer, *, allow_partial_tail: bool = False) -> Iterator[tuple[int, BatchHeader]]:
    """Position and header of every batch in `buffer`, which begins with one.

    A batch that reaches past the end raises ProtocolError (remote); with `allow_partial_tail` it ends the iteration, as
    a consumer must accept of a Fetch response.
    """
    position = 0
    end = len(buffer)
    while position < end:
        if allow_partial_tail and end - position < HEADER_BYTES:
            return
        header = parse_batch_header(buffer, position)
        if position + header.size_bytes > end:
            if allow_partial_tail:
                return
            raise _damaged(f"batch of {header.size_bytes} bytes, {end - position} remain", position)
        yield position, header
        position += header.size_bytes


def verify_crc(buffer: Buffer, position: int, header: BatchHeader) -> bool:
    """Whether the batch at `position` is whole and its checksum right."""
    stop = position + header.size_bytes
    if stop > len(buffer):
        return False
    return bool(crc32c(memoryview(buffer)[position + _CHECKED_POSITION : stop]) == header.crc)


def stamp(buffer: bytearray | memoryview, position: int, base_offset: int, leader_epoch: int) -> None:
    """Gives the batch at `position` its offset and leader epoch; the checksum does not cover them."""
    _pack_offset(buffer, position, base_offset)
    _pack_epoch(buffer, position + 12, leader_epoch)


def set_max_timestamp(
    buffer: bytearray | memoryview, position: int, timestamp_type: TimestampType, max_timestamp: int
) -> None:
    """Sets type and maximum of the timestamps and the checksum to match (Kafka: DefaultRecordBatch.setMaxTimestamp).

    With LOG_APPEND_TIME every record of the batch then has `max_timestamp`, ms.
    """
    header = parse_batch_header(buffer, position)
    if header.timestamp_type == timestamp_type and header.max_timestamp == max_timestamp:
        return
    attributes = header.attributes & ~TIMESTAMP_TYPE_MASK
    if timestamp_type is TimestampType.LOG_APPEND_TIME:
        attributes |= TIMESTAMP_TYPE_MASK
    _pack_attributes(buffer, position + _CHECKED_POSITION, attributes)
    _pack_offset(buffer, position + _MAX_TIMESTAMP_POSITION, max_timestamp)
    write_crc(buffer, position, header.size_bytes)


def write_crc(buffer: bytearray | memoryview, position: int, size_bytes: int) -> None:
    """Computes and writes the checksum of the batch at `position`."""
    with memoryview(buffer) as view:
        _pack_crc(buffer, position + _CRC_POSITION, crc32c(view[position + _CHECKED_POSITION : position + size_bytes]))


def pack_batch(
    records: Buffer,
    *,
    base_offset: int,
    leader_epoch: int,
    attributes: int,
    last_offset_delta: int,
    base_timestamp: int,
    max_timestamp: int,
    producer_id: int,
    producer_epoch: int,
    base_sequence: int,
    records_count: int,
) -> bytes:
    """A whole batch around `records`, already compressed as `attributes` say. Raises ProtocolError (local)."""
    length = _LENGTH_MIN + len(records)
    out = bytearray(HEADER_BYTES + len(records))
    try:
        _header.pack_into(
            out, 0, base_offset, length, leader_epoch, MAGIC, 0, attributes, last_offset_delta, base_timestamp,
            max_timestamp, producer_id, producer_epoch, base_sequence, records_count,
        )  # fmt: skip
    except struct.error as error:
        raise ProtocolError(Blame.LOCAL, f"cannot be written: {error}", message_name="RecordBatch") from error
    out[HEADER_BYTES:] = records
    write_crc(out, 0, len(out))
    return bytes(out)


def codec_of(header: BatchHeader) -> Compression:
    """The codec of a batch. Raises ProtocolError (remote) for one that is not known."""
    try:
        return Compression(header.compression)
    except ValueError:
        raise ProtocolError(
            Blame.REMOTE, f"there is no compression codec {header.compression}", message_name="RecordBatch"
        ) from None


def _damaged(reason: str, position: int) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name="RecordBatch", byte_position=position)
