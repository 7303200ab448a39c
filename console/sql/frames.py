"""What goes over the pipes between the console and a SQL worker.

    position  width  meaning (integers little-endian)
           0      4  bytes of the head, at most HEAD_BYTES_MAX
           4      4  bytes of the payload, at most PAYLOAD_BYTES_MAX
           8         head: MessagePack, a map
                     payload: raw record batches, or an Arrow IPC stream

The worker runs what users write: whatever it sends is checked as if a stranger had sent it.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

HEAD_BYTES_MAX = 16 * 1024 * 1024
PAYLOAD_BYTES_MAX = 256 * 1024 * 1024

LENGTHS = struct.Struct("<II")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class BadFrame(Exception):
    """What came is no frame."""


def head_bytes(head: dict[str, Any], payload_bytes: int = 0) -> bytes:
    """Everything of a frame but its payload."""
    encoded = _encode(head)
    return LENGTHS.pack(len(encoded), payload_bytes) + encoded


def parse_lengths(data: bytes) -> tuple[int, int]:
    """Bytes of head and payload. Raises BadFrame for more than there may be."""
    head, payload = LENGTHS.unpack(data)
    if head > HEAD_BYTES_MAX or payload > PAYLOAD_BYTES_MAX:
        raise BadFrame(f"a frame of {head} + {payload} bytes")
    return head, payload


def parse_head(data: bytes | bytearray) -> dict[str, Any]:
    """Raises BadFrame when it is no map."""
    try:
        head = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadFrame(str(error)) from error
    if not isinstance(head, dict):
        raise BadFrame("the head is no map")
    return head
