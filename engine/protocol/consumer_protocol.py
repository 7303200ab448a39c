"""What consumers put into the opaque bytes of a classic group: subscriptions in JoinGroup, assignments in SyncGroup.

An int16 version precedes the message. A version newer than ours is read as the newest we know, and bytes after the
message are left alone: newer versions only append (Kafka: ConsumerProtocol).
"""

import struct
from typing import TypeVar

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.message import Message
from engine.protocol.messages import ConsumerProtocolAssignment, ConsumerProtocolSubscription

PROTOCOL_TYPE = "consumer"
"""The protocol type of groups whose members speak this."""

_VERSION_BYTES = 2
_M = TypeVar("_M", bound=Message)


def encode_subscription(
    subscription: ConsumerProtocolSubscription, version: int = ConsumerProtocolSubscription.MAX_VERSION
) -> bytes:
    """A subscription with its version. Raises ProtocolError (local)."""
    return _encode(subscription, version)


def decode_subscription(data: Buffer) -> ConsumerProtocolSubscription:
    """The subscription in `data`. Raises ProtocolError (remote)."""
    return _decode(ConsumerProtocolSubscription, data)


def encode_assignment(
    assignment: ConsumerProtocolAssignment, version: int = ConsumerProtocolAssignment.MAX_VERSION
) -> bytes:
    """An assignment with its version. Raises ProtocolError (local)."""
    return _encode(assignment, version)


def decode_assignment(data: Buffer) -> ConsumerProtocolAssignment:
    """The assignment in `data`. Raises ProtocolError (remote)."""
    return _decode(ConsumerProtocolAssignment, data)


def _encode(message: Message, version: int) -> bytes:
    return b"".join((struct.pack(">h", version), *message.encode_parts(version)))


def _decode(message_class: type[_M], data: Buffer) -> _M:
    if len(data) < _VERSION_BYTES:
        raise _malformed(message_class, f"{len(data)} bytes cannot hold the int16 version")
    (version,) = struct.unpack_from(">h", data)
    if version < message_class.MIN_VERSION:
        raise _malformed(message_class, f"version {version} is below {message_class.MIN_VERSION}")
    return message_class.decode_from(data, _VERSION_BYTES, min(version, message_class.MAX_VERSION))[0]


def _malformed(message_class: type[Message], reason: str) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name=message_class.__name__, byte_position=0)
