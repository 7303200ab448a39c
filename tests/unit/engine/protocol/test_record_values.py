"""Records Kafka keeps about itself, in their frames."""

from collections.abc import Callable

import pytest

from engine.protocol import messages
from engine.protocol.errors import Blame, ProtocolError, UnsupportedVersionError
from engine.protocol.message import Message
from engine.protocol.messages import (
    GroupMetadataKey,
    LegacyOffsetCommitKey,
    OffsetCommitKey,
    OffsetCommitValue,
    ProduceRequest,
    RemoteLogSegmentMetadataUpdateRecord,
    ShareSnapshotKey,
    TopicRecord,
    TransactionLogKey,
    TransactionLogValue,
)
from engine.protocol.record_values import (
    Coordinator,
    UnknownRecordTypeError,
    decode_coordinator_key,
    decode_coordinator_record,
    decode_metadata_record,
    decode_remote_log_record,
    encode_coordinator_key,
    encode_coordinator_value,
    encode_metadata_record,
    encode_remote_log_record,
)
from engine.protocol.schema import family_heads

TOPIC = TopicRecord("orders", bytes(range(16)))


def test_a_metadata_record_is_framed_by_frame_version_type_and_version() -> None:
    """Kafka: AbstractApiMessageSerde; TopicRecord is type 2."""
    data = encode_metadata_record(TOPIC, 0)
    assert data == b"\x01\x02\x00" + TOPIC.encode(0)
    assert decode_metadata_record(data) == TOPIC
    assert decode_metadata_record(memoryview(data)) == TOPIC


def test_every_metadata_record_survives_in_every_version(make_message: Callable[..., Message]) -> None:
    heads = family_heads("metadata_records")
    assert len(heads) == 26
    for head in heads:
        message_class: type[Message] = getattr(messages, head.name)
        for version in range(head.versions.lowest, head.versions.highest + 1):
            message = make_message(message_class, version, 1)
            assert decode_metadata_record(encode_metadata_record(message, version)) == message


def test_bytes_after_a_metadata_record_are_garbage() -> None:
    """Kafka: "Found n byte(s) of garbage after"."""
    with pytest.raises(ProtocolError, match="1 bytes of garbage after TopicRecord"):
        decode_metadata_record(encode_metadata_record(TOPIC, 0) + b"\0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "frame version is cut short"),
        (b"\x00\x02\x00", "frame version 0"),
        (b"\x02\x02\x00", "frame version 2"),
        (b"\x01", "record type is cut short"),
        (b"\x01\x80\x80\x02\x00", "record type 32768 is above"),
        (b"\x01\x02\xff\xff\xff\xff\xff\xff", "version is cut short or too large"),
    ],
)
def test_a_damaged_frame_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        decode_metadata_record(data)
    assert caught.value.kind is Blame.REMOTE


def test_unknown_record_types_and_versions_are_told_apart() -> None:
    with pytest.raises(UnknownRecordTypeError, match="type 99"):
        decode_metadata_record(b"\x01\x63\x00")
    with pytest.raises(UnsupportedVersionError):
        decode_metadata_record(b"\x01\x02\x63" + TOPIC.encode(0))


def test_a_metadata_record_cut_short_is_refused() -> None:
    data = encode_metadata_record(TOPIC, 0)
    for cut in range(len(data)):
        with pytest.raises(ProtocolError):
            decode_metadata_record(data[:cut])


def test_only_metadata_records_go_into_the_metadata_log() -> None:
    with pytest.raises(ProtocolError, match="ProduceRequest is not a metadata record"):
        encode_metadata_record(ProduceRequest(), 9)


def test_remote_log_records_have_numbers_of_their_own() -> None:
    """KIP-405; Kafka: RemoteLogMetadataSerde."""
    record = RemoteLogSegmentMetadataUpdateRecord(broker_id=3)
    data = encode_remote_log_record(record, 0)
    assert data[:3] == b"\x01\x01\x00"
    assert decode_remote_log_record(data) == record


def test_a_coordinator_key_begins_with_its_type_and_a_value_with_its_version() -> None:
    """Kafka: CoordinatorRecordSerde."""
    key = OffsetCommitKey("g", "t", 3)
    value = OffsetCommitValue(offset=4)
    key_data, value_data = encode_coordinator_key(key), encode_coordinator_value(value, 3)
    assert key_data == b"\x00\x01" + key.encode(0)
    assert value_data == b"\x00\x03" + value.encode(3)
    assert decode_coordinator_record(Coordinator.GROUP, key_data, value_data) == (key, value)


def test_every_coordinator_record_survives(make_message: Callable[..., Message]) -> None:
    counts = {}
    for coordinator in Coordinator:
        heads = family_heads(coordinator.value)
        keys = {head.key: head for head in heads if head.kind == "coordinator-key"}
        values = {head.key: head for head in heads if head.kind == "coordinator-value"}
        assert keys.keys() == values.keys()
        counts[coordinator] = len(keys)
        for record_type, head in keys.items():
            key = make_message(getattr(messages, head.name), 0, 1)
            value_head = values[record_type]
            for version in range(value_head.versions.lowest, value_head.versions.highest + 1):
                value = make_message(getattr(messages, value_head.name), version, 1)
                data = encode_coordinator_key(key), encode_coordinator_value(value, version)
                assert decode_coordinator_record(coordinator, *data) == (key, value)
    assert counts == {Coordinator.GROUP: 22, Coordinator.TRANSACTION: 1, Coordinator.SHARE: 2}


def test_no_value_is_a_tombstone() -> None:
    key = GroupMetadataKey("g")
    assert decode_coordinator_record(Coordinator.GROUP, encode_coordinator_key(key), None) == (key, None)


def test_each_coordinator_numbers_its_records_by_itself() -> None:
    assert isinstance(
        decode_coordinator_key(Coordinator.GROUP, b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), LegacyOffsetCommitKey
    )
    assert isinstance(decode_coordinator_key(Coordinator.TRANSACTION, b"\x00\x00\x00\x00"), TransactionLogKey)
    share = encode_coordinator_key(ShareSnapshotKey())
    assert isinstance(decode_coordinator_key(Coordinator.SHARE, share), ShareSnapshotKey)


def test_a_record_type_from_the_future_can_be_skipped() -> None:
    with pytest.raises(UnknownRecordTypeError):
        decode_coordinator_key(Coordinator.GROUP, b"\x03\xe8abc")


def test_a_damaged_coordinator_record_is_refused() -> None:
    key = encode_coordinator_key(TransactionLogKey("tx"))
    value = encode_coordinator_value(TransactionLogValue(producer_id=1, transaction_partitions=None), 1)
    for cut in range(len(key)):
        with pytest.raises(ProtocolError):
            decode_coordinator_record(Coordinator.TRANSACTION, key[:cut], value)
    for cut in range(len(value)):
        with pytest.raises(ProtocolError):
            decode_coordinator_record(Coordinator.TRANSACTION, key, value[:cut])
    with pytest.raises(UnsupportedVersionError):
        decode_coordinator_record(Coordinator.TRANSACTION, key, b"\x00\x09" + value[2:])


def test_keys_and_values_are_not_mixed_up() -> None:
    with pytest.raises(ProtocolError, match="not the key"):
        encode_coordinator_key(OffsetCommitValue())
    with pytest.raises(ProtocolError, match="not the value"):
        encode_coordinator_value(OffsetCommitKey(), 0)
