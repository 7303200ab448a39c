"""Producer state at an offset: `<offset>.snapshot`, version 1 (Kafka: ProducerSnapshot.json, ProducerStateManager).

    big-endian
      0  2  version                     1
      2  4  crc                         CRC-32C of everything from byte 6 on
      6  4  number of entries
     10     entries, 46 bytes each
       0  8  producer id
       8  2  producer epoch
      10  4  last sequence              -1 when no data batch is known
      14  8  last offset                -1 when no data batch is known
      22  4  offset delta               last offset minus first offset of the last batch
      26  8  timestamp                  of the last append
      34  4  coordinator epoch          of the last transaction marker, -1 when none
      38  8  current transaction first offset   -1 when no transaction is open

The state covers every record before the offset in the name; of the five batches kept per producer only the last is in
it. A torn file has a wrong checksum or length: it is removed, the snapshot before it is used, and the log is replayed
from there.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from crc32c import crc32c

VERSION = 1
_HEADER = struct.Struct(">hIi")
_CRC_COVERS_FROM = 6
_ENTRY = struct.Struct(">qhiqiqiq")
ENTRY_BYTES = _ENTRY.size


class CorruptSnapshot(Exception):
    """A snapshot file that does not follow its format or has a wrong checksum (Kafka: CorruptSnapshotException)."""


class SnapshotEntry(NamedTuple):
    """One producer in a snapshot; fields as in the file."""

    producer_id: int
    producer_epoch: int
    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp_ms: int
    coordinator_epoch: int
    current_transaction_first_offset: int


def encode_snapshot(entries: Sequence[SnapshotEntry]) -> bytes:
    body = struct.pack(">i", len(entries)) + b"".join(_ENTRY.pack(*entry) for entry in entries)
    return struct.pack(">hI", VERSION, crc32c(body)) + body


def decode_snapshot(data: bytes) -> list[SnapshotEntry]:
    """The entries of a file. Raises CorruptSnapshot."""
    if len(data) < _HEADER.size:
        raise CorruptSnapshot(f"{len(data)} bytes are too few")
    version, crc, count = _HEADER.unpack_from(data, 0)
    if version != VERSION:
        raise CorruptSnapshot(f"version {version} is not known")
    if crc32c(memoryview(data)[_CRC_COVERS_FROM:]) != crc:
        raise CorruptSnapshot("the checksum is wrong")
    if count < 0 or len(data) != _HEADER.size + count * ENTRY_BYTES:
        raise CorruptSnapshot(f"{count} entries do not take {len(data)} bytes")
    return [SnapshotEntry._make(fields) for fields in _ENTRY.iter_unpack(memoryview(data)[_HEADER.size :])]
