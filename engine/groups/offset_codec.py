"""The one record that counts: a committed offset in its current version, encoded and decoded by hand.

Committing and loading offsets is encoding and decoding these; by hand it takes a third (encoding) to a half (decoding)
of the time of the compiled codec, which has to know all versions. Whatever is out of the ordinary (other versions, long strings, unknown tags, damage) gives
None, and goes the general way, which also knows the right error. A test holds both to the same bytes.

    key    int16 1 | int16 length, group | int16 length, topic | int32 partition
    value  int16 4 | int64 offset | int32 leader epoch | uvarint length + 1, metadata | int64 commit timestamp
           | 0, or when the topic id is known: 1 (tags), 0 (its tag), 16 (its size), topic id
"""

from struct import Struct

from engine.protocol.buffers import Buffer
from engine.protocol.messages import OffsetCommitValue
from engine.protocol.uuids import ZERO_UUID

_RECORD_TYPE = 1
_VALUE_VERSION = 4
_STRING_BYTES_MAX = 2**15 - 1
_METADATA_BYTES_MAX = 126
"""Up to here the compact length is a single byte."""

_key_head = Struct(">hh")
_int16 = Struct(">h")
_int32 = Struct(">i")
_value_head = Struct(">hqiB")
_int64 = Struct(">q")
_NO_TAGS = b"\0"
_TOPIC_ID_TAG = b"\1\0\x10"
_VALUE_HEAD_BYTES = _value_head.size


def encode_offset_quickly(
    key: tuple[str, str, int], value: OffsetCommitValue | None
) -> tuple[bytes, bytes | None] | None:
    """Key (group, topic, partition) and value of an ordinary offset record or tombstone; None for any other."""
    group, topic = key[0].encode(), key[1].encode()
    if len(group) > _STRING_BYTES_MAX or len(topic) > _STRING_BYTES_MAX:
        return None
    raw_key = b"".join(
        (_key_head.pack(_RECORD_TYPE, len(group)), group, _int16.pack(len(topic)), topic, _int32.pack(key[2]))
    )
    if value is None:
        return raw_key, None
    metadata = value.metadata.encode()
    if value.expire_timestamp != -1 or len(metadata) > _METADATA_BYTES_MAX or value.unknown_tags:
        return None
    raw_value = b"".join(
        (
            _value_head.pack(_VALUE_VERSION, value.offset, value.leader_epoch, len(metadata) + 1),
            metadata,
            _int64.pack(value.commit_timestamp),
            _NO_TAGS if value.topic_id == ZERO_UUID else _TOPIC_ID_TAG + value.topic_id,
        )
    )
    return raw_key, raw_value


def decode_offset_quickly(
    key: Buffer, value: Buffer | None
) -> tuple[tuple[str, str, int], OffsetCommitValue | None] | None:
    """(group, topic, partition) and value of an ordinary offset record; None for any other."""
    if type(key) is not bytes or len(key) < 10 or key[:2] != b"\0\1":
        return None
    group_end = 4 + _int16.unpack_from(key, 2)[0]
    if not 4 <= group_end <= len(key) - 6:
        return None
    topic_end = group_end + 2 + _int16.unpack_from(key, group_end)[0]
    if not group_end + 2 <= topic_end == len(key) - 4:
        return None
    try:
        parts = (
            key[4:group_end].decode(),
            key[group_end + 2 : topic_end].decode(),
            _int32.unpack_from(key, topic_end)[0],
        )
        if value is None:
            return parts, None
        if type(value) is not bytes or len(value) <= _VALUE_HEAD_BYTES + 8:
            return None
        version, offset, leader_epoch, length = _value_head.unpack_from(value)
        metadata_end = _VALUE_HEAD_BYTES + length - 1
        tags = metadata_end + 8
        if version != _VALUE_VERSION or not 0 < length <= _METADATA_BYTES_MAX + 1 or tags >= len(value):
            return None
        topic_id = ZERO_UUID
        if value[tags:] != _NO_TAGS:
            if len(value) != tags + 19 or value[tags : tags + 3] != _TOPIC_ID_TAG:
                return None
            topic_id = value[tags + 3 :]
        metadata = value[_VALUE_HEAD_BYTES:metadata_end].decode()
    except UnicodeDecodeError:
        return None
    return parts, OffsetCommitValue(
        offset=offset,
        leader_epoch=leader_epoch,
        metadata=metadata,
        commit_timestamp=_int64.unpack_from(value, metadata_end)[0],
        topic_id=topic_id,
    )
