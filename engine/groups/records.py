"""Groups and offsets as records of `__consumer_offsets`, in Apache Kafka's encoding.

    key    int16 type (1 offset, 2 group) | OffsetCommitKey or GroupMetadataKey, version 0
    value  int16 version | OffsetCommitValue or GroupMetadataValue; null is a tombstone

Big-endian. Versions written are those of Apache Kafka 4.3: OffsetCommitValue 4, or 1 when the client asked for a
retention of its own (only version 1 can hold it), GroupMetadataValue 3. All versions are read, and key type 0, which is
type 1 from the time before leader epochs. (Kafka: GroupCoordinatorRecordHelpers, GroupCoordinatorRecordSerde.)
"""

from typing import NamedTuple, TypeAlias

from engine.groups.offset_codec import decode_offset_quickly, encode_offset_quickly
from engine.protocol.buffers import Buffer
from engine.protocol.messages import (
    GroupMetadataKey,
    GroupMetadataValue,
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from engine.protocol.record_values import (
    Coordinator,
    UnknownRecordTypeError,
    decode_coordinator_record,
    encode_coordinator_key,
    encode_coordinator_value,
)

OFFSET_COMMIT_VALUE_VERSION = 4
OFFSET_COMMIT_VALUE_VERSION_WITH_EXPIRY = 1
GROUP_METADATA_VALUE_VERSION = 3


class OffsetKey(NamedTuple):
    """Whose offset of which partition."""

    group_id: str
    topic: str
    partition: int


class OffsetRecord(NamedTuple):
    """An offset was committed, or forgotten when `value` is None."""

    key: OffsetKey
    value: OffsetCommitValue | None


class GroupStateRecord(NamedTuple):
    """A group reached a generation, or was deleted when `value` is None."""

    group_id: str
    value: GroupMetadataValue | None


GroupRecord: TypeAlias = OffsetRecord | GroupStateRecord


def encode_record(record: GroupRecord) -> tuple[bytes, bytes | None]:
    """Key and value as they are written."""
    if isinstance(record, OffsetRecord):
        quick = encode_offset_quickly(record.key, record.value)
        if quick is not None:
            return quick
        group_id, topic, partition = record.key
        key = encode_coordinator_key(OffsetCommitKey(group=group_id, topic=topic, partition=partition))
        if record.value is None:
            return key, None
        has_expiry = record.value.expire_timestamp != -1
        version = OFFSET_COMMIT_VALUE_VERSION_WITH_EXPIRY if has_expiry else OFFSET_COMMIT_VALUE_VERSION
        return key, encode_coordinator_value(record.value, version)
    key = encode_coordinator_key(GroupMetadataKey(group=record.group_id))
    if record.value is None:
        return key, None
    return key, encode_coordinator_value(record.value, GROUP_METADATA_VALUE_VERSION)


def decode_record(key: Buffer, value: Buffer | None) -> GroupRecord | None:
    """The record behind `key` and `value`; None for a record type we do not keep (newer kinds of groups).

    Raises ProtocolError (remote) when the bytes are not what their type and version claim.
    """
    quick = decode_offset_quickly(key, value)
    if quick is not None:
        key_parts, offset_value = quick
        return OffsetRecord(OffsetKey(*key_parts), offset_value)
    try:
        key_message, value_message = decode_coordinator_record(Coordinator.GROUP, key, value)
    except UnknownRecordTypeError:
        return None  # written by a later Kafka; Kafka skips it too (GroupCoordinatorRecordSerde)
    if isinstance(key_message, OffsetCommitKey | LegacyOffsetCommitKey):
        if isinstance(value_message, LegacyOffsetCommitValue):
            value_message = OffsetCommitValue(
                offset=value_message.offset,
                metadata=value_message.metadata,
                commit_timestamp=value_message.commit_timestamp,
            )
        assert value_message is None or isinstance(value_message, OffsetCommitValue)
        return OffsetRecord(OffsetKey(key_message.group, key_message.topic, key_message.partition), value_message)
    if isinstance(key_message, GroupMetadataKey):
        assert value_message is None or isinstance(value_message, GroupMetadataValue)
        return GroupStateRecord(key_message.group, value_message)
    return None
