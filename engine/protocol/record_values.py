"""The records Kafka keeps about itself, inside the key and value of ordinary records.

Metadata records (`__cluster_metadata`, values only; Kafka: AbstractApiMessageSerde, MetadataRecordSerde):

    uvarint frame version (1), uvarint record type, uvarint version, the message; nothing may follow

Records of coordinators (`__consumer_offsets`, `__transaction_state`, `__share_group_state`; Kafka: CoordinatorRecordSerde):

    key:   int16 record type, the key message in version 0
    value: int16 version, the value message; no value is a tombstone
"""

import struct
from enum import Enum
from functools import cache

from engine.protocol import messages
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.message import Message
from engine.protocol.schema import family_heads
from engine.protocol.wire import read_uvarint, write_uvarint

FRAME_VERSION = 1
_SHORT_MAX = 2**15 - 1


class UnknownRecordTypeError(ProtocolError):
    """A record type that Kafka 4.3 does not have. Coordinators skip such records, the metadata log must not."""


class Coordinator(Enum):
    """Whose topic a coordinator record is from; each numbers its record types by itself."""

    GROUP = "group_records"
    TRANSACTION = "transaction_records"
    SHARE = "share_records"


@cache
def _names(family: str, kind: str) -> dict[int, str]:
    """Message names by record type."""
    return {head.key: head.name for head in family_heads(family) if head.kind == kind and head.key is not None}


def _class(family: str, kind: str, record_type: int) -> type[Message]:
    name = _names(family, kind).get(record_type)
    if name is None:
        raise UnknownRecordTypeError(Blame.REMOTE, f"there is no {kind} of type {record_type} among the {family}")
    found: type[Message] = getattr(messages, name)
    return found


def encode_metadata_record(message: Message, version: int) -> bytes:
    """The value of a record of the metadata log. Raises ProtocolError (local) for a message that belongs elsewhere."""
    if message.SCHEMA.kind != "metadata" or message.API_KEY is None:
        raise ProtocolError(Blame.LOCAL, f"{message.SCHEMA.name} is not a metadata record")
    return b"".join(
        (
            write_uvarint(FRAME_VERSION),
            write_uvarint(message.API_KEY),
            write_uvarint(version),
            *message.encode_parts(version),
        )
    )


def decode_metadata_record(data: Buffer) -> Message:
    """The message in the value of a record of the metadata log.

    Raises ProtocolError (remote) for another frame version, for anything malformed and for bytes after the message;
    UnknownRecordTypeError for a type that is not known.
    """
    return _decode_framed(data, "metadata_records")


def encode_remote_log_record(message: Message, version: int) -> bytes:
    """The value of a record of `__remote_log_metadata` (KIP-405): framed as metadata records are."""
    return encode_metadata_record(message, version)


def decode_remote_log_record(data: Buffer) -> Message:
    """The message in the value of a record of `__remote_log_metadata`; raises as `decode_metadata_record`."""
    return _decode_framed(data, "storage_records")


def _decode_framed(data: Buffer, family: str) -> Message:
    position = 0
    numbers = []
    for what in ("frame version", "record type", "version"):
        try:
            number, position = read_uvarint(data, position)
        except Exception as error:
            raise _malformed(f"{what} is cut short or too large", position) from error
        if number > _SHORT_MAX:
            raise _malformed(f"{what} {number} is above {_SHORT_MAX}", position)
        numbers.append(number)
    frame_version, record_type, version = numbers
    if frame_version != FRAME_VERSION:
        raise _malformed(f"frame version {frame_version}, only {FRAME_VERSION} is supported", 0)
    message_class = _class(family, "metadata", record_type)
    message, end = message_class.decode_from(data, position, version)
    if end != len(data):
        raise _malformed(f"{len(data) - end} bytes of garbage after {message_class.__name__}", end)
    return message


def encode_coordinator_key(message: Message) -> bytes:
    """The key of a coordinator record: its type and the message. Raises ProtocolError (local) for another message."""
    if message.SCHEMA.kind != "coordinator-key" or message.API_KEY is None:
        raise ProtocolError(Blame.LOCAL, f"{message.SCHEMA.name} is not the key of a coordinator record")
    return struct.pack(">h", message.API_KEY) + message.encode(0)


def encode_coordinator_value(message: Message, version: int) -> bytes:
    """The value of a coordinator record: its version and the message. Raises ProtocolError (local)."""
    if message.SCHEMA.kind != "coordinator-value":
        raise ProtocolError(Blame.LOCAL, f"{message.SCHEMA.name} is not the value of a coordinator record")
    return b"".join((struct.pack(">h", version), *message.encode_parts(version)))


def decode_coordinator_key(coordinator: Coordinator, data: Buffer) -> Message:
    """The message in the key of a coordinator record; its `API_KEY` is the record type.

    Raises UnknownRecordTypeError for a type that is not known, ProtocolError (remote) for anything malformed. Bytes
    after the message are left alone, as Kafka does.
    """
    record_type = _short(data, "the key of a coordinator record begins with an int16 record type")
    return _class(coordinator.value, "coordinator-key", record_type).decode_from(data, 2, 0)[0]


def decode_coordinator_value(coordinator: Coordinator, record_type: int, data: Buffer) -> Message:
    """The message in the value of a coordinator record whose key has `record_type`; raises as the key does.

    A version that is not known raises UnsupportedVersionError: Kafka does not load such a log either.
    """
    version = _short(data, "the value of a coordinator record begins with an int16 version")
    return _class(coordinator.value, "coordinator-value", record_type).decode_from(data, 2, version)[0]


def decode_coordinator_record(
    coordinator: Coordinator, key: Buffer, value: Buffer | None
) -> tuple[Message, Message | None]:
    """Key and value of a coordinator record; no value is a tombstone. Raises as the two functions above."""
    key_message = decode_coordinator_key(coordinator, key)
    if value is None:
        return key_message, None
    assert key_message.API_KEY is not None
    return key_message, decode_coordinator_value(coordinator, key_message.API_KEY, value)


def _short(data: Buffer, rule: str) -> int:
    if len(data) < 2:
        raise _malformed(rule, 0)
    return int(struct.unpack_from(">h", data)[0])


def _malformed(reason: str, position: int) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name="record value", byte_position=position)
