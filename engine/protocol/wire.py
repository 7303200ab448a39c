"""The few primitives that compiled code calls, where a struct format or a slice does not do.

Unsigned varints are those of KIP-482: seven bits a byte, lowest first, at most five bytes and 31 bits here (no length
of Kafka's is longer).
"""

from engine.protocol.buffers import Buffer

UVARINT_BYTES_MAX = 5
UVARINT_MAX = 2**31 - 1
STRING_BYTES_MAX = 32767
"""Longest string in UTF-8; a longer one cannot be written by Kafka, compact or not."""


class Malformed(Exception):
    """Raised by compiled code when it cannot go on; `reference` then finds out where and why."""


def read_uvarint(data: Buffer, position: int) -> tuple[int, int]:
    """The varint at `position` and the position after it. Raises IndexError past the end, Malformed when too long."""
    first = data[position]
    if first < 128:
        return first, position + 1
    return read_long_uvarint(data, position + 1, first)


def read_long_uvarint(data: Buffer, position: int, first: int) -> tuple[int, int]:
    """The rest of a varint whose first byte, `first`, has its high bit set; `position` is after that byte."""
    value = first & 127
    shift = 7
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 28:
            raise Malformed("varint of more than five bytes")
    if value > UVARINT_MAX:
        raise Malformed("varint above 2**31 - 1")
    return value, position


def read_long_string_length(data: Buffer, position: int, first: int) -> tuple[int, int]:
    """As `read_long_uvarint`, for the length (plus one) of a compact string."""
    value, position = read_long_uvarint(data, position, first)
    if value > STRING_BYTES_MAX + 1:
        raise Malformed("string too long")
    return value, position


def write_uvarint(value: int) -> bytes:
    """`value` (0 to 2**31 - 1) as a varint. Raises Malformed outside of that."""
    if not 0 <= value <= UVARINT_MAX:
        raise Malformed("varint out of range")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_string_length(length_plus_one: int) -> bytes:
    """The length of a compact string of more than 126 bytes. Raises Malformed when Kafka could not write it."""
    if length_plus_one > STRING_BYTES_MAX + 1:
        raise Malformed("string too long")
    return write_uvarint(length_plus_one)


def read_unknown_tags(data: Buffer, position: int, count: int, end: int) -> tuple[dict[int, bytes], int]:
    """A tagged section in which no tag is known. `count` is the first byte of its count, `position` after that."""
    if count > 127:
        count, position = read_long_uvarint(data, position, count)
    unknown: dict[int, bytes] = {}
    for _ in range(count):
        tag, position = read_uvarint(data, position)
        size, position = read_uvarint(data, position)
        stop = position + size
        if stop > end or tag in unknown:
            raise Malformed("tagged field")
        unknown[tag] = bytes(data[position:stop])
        position = stop
    return unknown, position


def write_tags(known: dict[int, bytes] | None, unknown: dict[int, bytes] | None, reserved: frozenset[int]) -> bytes:
    """A tagged section in ascending order of tags. `reserved` are the tags that unknown ones may not take."""
    tags = dict(known or ())
    if unknown:
        if not reserved.isdisjoint(unknown):
            raise Malformed("unknown tag is a known one")
        tags.update(unknown)
    pieces = [write_uvarint(len(tags))]
    for tag in sorted(tags):
        body = tags[tag]
        pieces += (write_uvarint(tag), write_uvarint(len(body)), body)
    return b"".join(pieces)
