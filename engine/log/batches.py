"""Walking over record batches in files, by their headers only (the header's layout: `engine.protocol.records.batch`)."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from crc32c import crc32c

from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import (
    HEADER_BYTES,
    LENGTH_OVERHEAD_BYTES,
    MAGIC,
    BatchHeader,
    parse_batch_header,
)
from engine.runtime.disk import File

CRC_COVERS_FROM = 21
PREFIX = struct.Struct(">qii")
"""The 16 bytes a leader stamps: base offset, batch length, partition leader epoch. The checksum covers none of them."""
PREFIX_BYTES = 16
_OFFSET_AND_LENGTH = struct.Struct(">qi")
_SHORT_HEADER = struct.Struct(">qiibIhi")
_SHORT_HEADER_BYTES = 27

_ORDER = struct.Struct(">qI11xI")
"""Base offset, batch length, last offset delta; the latter two unsigned, so that a wrong sign leads far out."""

_SCAN_BYTES = 16 * 1024
_RECOVERY_READ_BYTES = 1024 * 1024


class BatchSpan(NamedTuple):
    """Which offsets a batch has, who led when it was written, and which bytes of its file it takes."""

    position: int
    size: int
    base_offset: int
    last_offset: int
    leader_epoch: int


def scan_spans(file: File, position: int, end: int) -> Iterator[BatchSpan]:
    """The batches from `position`, where one must begin, up to `end`, read by header in small chunks.

    Stops at the first thing that is no header; the log has been checked before, so that is its end.
    """
    chunk = b""
    chunk_position = position
    while end - position >= _SHORT_HEADER_BYTES:
        relative = position - chunk_position
        if relative + _SHORT_HEADER_BYTES > len(chunk):
            chunk = file.pread(min(_SCAN_BYTES, end - position), position)
            chunk_position = position
            relative = 0
            if len(chunk) < _SHORT_HEADER_BYTES:
                return
        base_offset, length, leader_epoch, magic, _, _, last_offset_delta = _SHORT_HEADER.unpack_from(chunk, relative)
        size = length + LENGTH_OVERHEAD_BYTES
        if size < HEADER_BYTES or magic != MAGIC or position + size > end:
            return
        yield BatchSpan(position, size, base_offset, base_offset + last_offset_delta, leader_epoch)
        position += size


def whole_batches_end(data: bytes, position: int) -> tuple[int, int]:
    """Walk the batches in `data` from `position`, where one begins.

    Returns where the last whole batch ends, and its last offset; (`position`, -1) when there is no whole one.
    """
    end = len(data)
    last_offset = -1
    while end - position >= _SHORT_HEADER_BYTES:
        base_offset, length, _, _, _, _, last_offset_delta = _SHORT_HEADER.unpack_from(data, position)
        after = position + length + LENGTH_OVERHEAD_BYTES
        if after > end or length <= 0:
            break
        last_offset = base_offset + last_offset_delta
        position = after
    return position, last_offset


class LegacyFormat(Exception):
    """The log holds batches of message format v0 or v1, which only Apache Kafka can read."""


class DamagedBatch(Exception):
    """What is at a position of a file is no whole, valid batch. `position` in bytes, `reason` for people."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"at byte {position}: {reason}")
        self.position = position
        self.reason = reason


def check_order(data: bytes, end: int, due: int, position: int) -> int:
    """The offset behind the last of the whole batches in `data[:end]`, of which each begins at or behind the one due.

    The checksum does not cover a batch's base offset: nobody who is sent a wrong one can tell. Here its neighbours do.
    `position` is where the data lie in the file. Raises DamagedBatch.
    """
    unpack = _ORDER.unpack_from
    at = 0
    last_offset = due - 1
    try:
        while at < end:
            base_offset, length, last_offset_delta = unpack(data, at)
            if base_offset <= last_offset:
                raise DamagedBatch(position + at, f"offset {base_offset} after {last_offset}")
            last_offset = base_offset + last_offset_delta
            at += length + LENGTH_OVERHEAD_BYTES
    except struct.error as error:
        raise DamagedBatch(position + at, "batches do not end where they should") from error
    if at != end:
        raise DamagedBatch(position + at, "batches do not end where they should")
    return last_offset + 1


def scan_batches(
    file: File, position: int, end: int, *, verify_checksums: bool = True
) -> Iterator[tuple[int, BatchHeader, memoryview]]:
    """Every batch from `position` to `end`, read in big chunks: position, header, bytes.

    The bytes are valid until the next one is asked for. Raises DamagedBatch at the first that is not whole and valid,
    LegacyFormat at an intact one of an old format.
    """
    chunk = b""
    chunk_position = position
    while position < end:
        relative = position - chunk_position
        available = len(chunk) - relative
        if available < HEADER_BYTES:
            chunk = file.pread(min(_RECOVERY_READ_BYTES, end - position), position)
            chunk_position, relative, available = position, 0, len(chunk)
        if available < LENGTH_OVERHEAD_BYTES:
            raise DamagedBatch(position, f"{available} bytes are too few for a batch")
        _, length = _OFFSET_AND_LENGTH.unpack_from(chunk, relative)
        size = length + LENGTH_OVERHEAD_BYTES
        if length <= 0 or position + size > end:
            raise DamagedBatch(position, f"a batch length of {length} with {end - position} bytes left")
        if available < size:
            chunk = file.pread(max(size, min(_RECOVERY_READ_BYTES, end - position)), position)
            chunk_position, relative, available = position, 0, len(chunk)
            if available < size:
                raise DamagedBatch(position, "the file is shorter than its size")
        data = memoryview(chunk)[relative : relative + size]
        try:
            header = parse_batch_header(data)
        except ProtocolError as error:
            _refuse_legacy(data)
            raise DamagedBatch(position, error.reason) from error
        if verify_checksums and crc32c(data[CRC_COVERS_FROM:]) != header.crc:
            raise DamagedBatch(position, f"the checksum of the batch at offset {header.base_offset} is wrong")
        yield position, header, data
        position += size


def _refuse_legacy(data: memoryview) -> None:
    """Raise LegacyFormat when this is an intact message of format v0 or v1, so that it is never cut as damage."""
    if len(data) >= 26 and data[16] in (0, 1) and zlib.crc32(data[16:]) == int.from_bytes(data[12:16]):
        raise LegacyFormat("message format v0 or v1; let Apache Kafka rewrite the topic first")
