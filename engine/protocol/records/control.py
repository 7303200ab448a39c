"""Control records: what brokers write among the records of others, one to a batch or several in a snapshot.

The key is two int16: version 0 and the type. The value of a transaction marker is an int16 version and the fields of
EndTxnMarker; the value of the others is the message alone. Kafka 4.3 reads and writes all of them in version 0
(Kafka: ControlRecordType, EndTransactionMarker, ControlRecordUtils).
"""

import struct
from enum import IntEnum

from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.message import Message
from engine.protocol.messages import (
    EndTxnMarker,
    KRaftVersionRecord,
    LeaderChangeMessage,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    VotersRecord,
)
from engine.protocol.records.batch import NO_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID
from engine.protocol.records.record import Record, build_batch

KEY_BYTES = 4
_KEY_VERSION = 0


class ControlType(IntEnum):
    """Types of control records. Readers skip those they do not know."""

    ABORT = 0
    COMMIT = 1
    LEADER_CHANGE = 2
    SNAPSHOT_HEADER = 3
    SNAPSHOT_FOOTER = 4
    KRAFT_VERSION = 5
    KRAFT_VOTERS = 6


_MARKERS = (ControlType.ABORT, ControlType.COMMIT)

_CLASSES: dict[ControlType, type[Message]] = {
    ControlType.ABORT: EndTxnMarker,
    ControlType.COMMIT: EndTxnMarker,
    ControlType.LEADER_CHANGE: LeaderChangeMessage,
    ControlType.SNAPSHOT_HEADER: SnapshotHeaderRecord,
    ControlType.SNAPSHOT_FOOTER: SnapshotFooterRecord,
    ControlType.KRAFT_VERSION: KRaftVersionRecord,
    ControlType.KRAFT_VOTERS: VotersRecord,
}


def encode_control_key(control_type: ControlType) -> bytes:
    """The key of a control record."""
    return struct.pack(">hh", _KEY_VERSION, control_type)


def decode_control_key(key: Buffer | None) -> ControlType | None:
    """The type of a control record, None for one to be skipped. Raises ProtocolError (remote) for no control key."""
    if key is None or len(key) < KEY_BYTES:
        raise _malformed(f"a control key has {KEY_BYTES} bytes, not {0 if key is None else len(key)}")
    version, number = struct.unpack_from(">hh", key)
    if version < 0:
        raise _malformed(f"control key of version {version}")
    return ControlType(number) if number in _TYPE_NUMBERS else None


def encode_control_value(control_type: ControlType, message: Message, version: int = 0) -> bytes:
    """The value of a control record. Raises ProtocolError (local) when `message` is not of that type."""
    if not isinstance(message, _CLASSES[control_type]):
        raise ProtocolError(Blame.LOCAL, f"{type(message).__name__} is not the value of {control_type.name}")
    encoded = message.encode(version)
    return struct.pack(">h", version) + encoded if control_type in _MARKERS else encoded


def decode_control_value(control_type: ControlType, value: Buffer | None) -> Message:
    """The message in the value of a control record. Raises ProtocolError (remote).

    It is read in version 0 whatever version it has, and what follows is left alone, as Kafka does: newer versions may
    only append.
    """
    if value is None:
        raise _malformed(f"{control_type.name} without value")
    position = 0
    if control_type in _MARKERS:
        if len(value) < 2:
            raise _malformed("a transaction marker begins with an int16 version")
        (version,) = struct.unpack_from(">h", value)
        if version < 0:
            raise _malformed(f"transaction marker of version {version}")
        position = 2
    return _CLASSES[control_type].decode_from(value, position, 0)[0]


def build_control_batch(
    control_type: ControlType,
    message: Message,
    *,
    offset: int = 0,
    timestamp: int,
    version: int = 0,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = NO_PRODUCER_EPOCH,
    leader_epoch: int = NO_LEADER_EPOCH,
) -> bytes:
    """A batch of one control record. Transaction markers are transactional and carry their producer's id and epoch."""
    record = Record(
        offset, timestamp, encode_control_key(control_type), encode_control_value(control_type, message, version), []
    )
    return build_batch(
        [record],
        base_offset=offset,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        is_transactional=control_type in _MARKERS,
        is_control=True,
        leader_epoch=leader_epoch,
    )


def _malformed(reason: str) -> ProtocolError:
    return ProtocolError(Blame.REMOTE, reason, message_name="ControlRecord")


_TYPE_NUMBERS = frozenset(int(member) for member in ControlType)
