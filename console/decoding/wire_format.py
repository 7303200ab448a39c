"""Which registered schema a key or value was written with.

    0x00 | int32 id | payload                                Confluent's wire format, in the bytes themselves
    header `__key_schema_id`, `__value_schema_id`:           (newer) and the bytes are the payload
        0x01 | GUID of 16 bytes     or   0x00 | int32 id

Of Protobuf the way to the message follows the id, in the header too: a zigzag varint count and as many indexes, where a
single 0 stands for the first message.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from console.decoding.model import DecodeFailure, Part

_PREFIX_BYTES = 5
INDEXES_MAX = 64


class Written(NamedTuple):
    """How a key or value refers to its schema."""

    identity: int | str
    """The id, or the GUID."""
    indexes: bytes
    """After the identity in a header; empty when they would be at the start of the payload."""
    payload: bytes
    in_header: bool


def written_with(data: bytes, part: Part, headers: Iterable[tuple[str, bytes | None]] = ()) -> Written | None:
    """How `data` refers to a schema; None when it does not."""
    name = f"__{part.value}_schema_id"
    for header, content in headers:
        if header == name and content:
            if content[0] == 1 and len(content) >= 17:
                return Written(str(uuid.UUID(bytes=bytes(content[1:17]))), content[17:], data, True)
            if content[0] == 0 and len(content) >= _PREFIX_BYTES:
                return Written(int.from_bytes(content[1:5]), content[5:], data, True)
    if len(data) > _PREFIX_BYTES and data[0] == 0:
        identity = int.from_bytes(data[1:5])
        # Registries number from 1, and Java's ints end there.
        if 0 < identity < 2**31:
            return Written(identity, b"", data[5:], False)
    return None


def read_indexes(data: bytes) -> tuple[tuple[int, ...], int]:
    """The way to a Protobuf message, and where it ends in `data`. Raises DecodeFailure."""
    count, position = _zigzag(data, 0)
    if count == 0:
        return (0,), position
    if not 0 < count <= INDEXES_MAX:
        raise DecodeFailure(f"{count} message indexes")
    indexes = []
    for _ in range(count):
        index, position = _zigzag(data, position)
        indexes.append(index)
    return tuple(indexes), position


def _zigzag(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position
    raise DecodeFailure("message indexes that are cut short")
