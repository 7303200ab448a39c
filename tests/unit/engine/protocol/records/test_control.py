"""Control records."""

import pytest

from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.messages import (
    EndTxnMarker,
    KRaftVersionRecord,
    LeaderChangeMessage,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    VotersRecord,
)
from engine.protocol.records.batch import parse_batch_header, verify_crc
from engine.protocol.records.control import (
    ControlType,
    build_control_batch,
    decode_control_key,
    decode_control_value,
    encode_control_key,
    encode_control_value,
)
from engine.protocol.records.record import decode_records

VALUES = {
    ControlType.ABORT: EndTxnMarker(7),
    ControlType.COMMIT: EndTxnMarker(8),
    ControlType.LEADER_CHANGE: LeaderChangeMessage(0, 3, [LeaderChangeMessage.Voter(1), LeaderChangeMessage.Voter(3)]),
    ControlType.SNAPSHOT_HEADER: SnapshotHeaderRecord(0, 123456),
    ControlType.SNAPSHOT_FOOTER: SnapshotFooterRecord(0),
    ControlType.KRAFT_VERSION: KRaftVersionRecord(0, 1),
    ControlType.KRAFT_VOTERS: VotersRecord(0, [VotersRecord.Voter(1, bytes(range(16)))]),
}


@pytest.mark.parametrize("control_type", list(ControlType))
def test_every_control_record_survives_in_a_batch_of_its_own(control_type: ControlType) -> None:
    data = build_control_batch(
        control_type, VALUES[control_type], offset=40, timestamp=99, leader_epoch=6, producer_id=5, producer_epoch=1
    )
    header = parse_batch_header(data)
    assert verify_crc(data, 0, header)
    assert header.is_control
    assert header.is_transactional == (control_type in (ControlType.ABORT, ControlType.COMMIT))
    assert (header.base_offset, header.partition_leader_epoch, header.producer_id) == (40, 6, 5)
    [record] = decode_records(data)
    assert (record.offset, record.timestamp) == (40, 99)
    assert decode_control_key(record.key) is control_type
    assert decode_control_value(control_type, record.value) == VALUES[control_type]


def test_keys_and_markers_have_kafkas_bytes() -> None:
    """Kafka: ControlRecordType.recordKey, EndTransactionMarker.serializeValue."""
    assert encode_control_key(ControlType.COMMIT) == b"\x00\x00\x00\x01"
    assert encode_control_value(ControlType.COMMIT, EndTxnMarker(8)) == b"\x00\x00\x00\x00\x00\x08"
    assert encode_control_value(ControlType.SNAPSHOT_FOOTER, SnapshotFooterRecord(0)) == b"\x00\x00\x00"


def test_a_type_from_the_future_is_to_be_skipped() -> None:
    """Kafka: ControlRecordType.UNKNOWN."""
    assert decode_control_key(b"\x00\x00\x00\x63") is None
    assert decode_control_key(b"\x00\x05\x00\x02more") is ControlType.LEADER_CHANGE


@pytest.mark.parametrize("key", [None, b"", b"\x00\x00\x00", b"\xff\xff\x00\x01"])
def test_what_is_no_control_key_is_refused(key: bytes | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_control_key(key)
    assert caught.value.kind is Blame.REMOTE


def test_a_marker_from_the_future_is_read_as_the_newest_known() -> None:
    """Kafka: EndTransactionMarker.deserializeValue."""
    assert decode_control_value(ControlType.ABORT, b"\x00\x07\x00\x00\x00\x05later") == EndTxnMarker(5)


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"\xff\xff\x00\x00\x00\x01", b"\x00\x00\x00\x00\x01"])
def test_what_is_no_marker_is_refused(value: bytes | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_control_value(ControlType.COMMIT, value)
    assert caught.value.kind is Blame.REMOTE


def test_values_are_not_mixed_up() -> None:
    with pytest.raises(ProtocolError, match="EndTxnMarker is not the value of LEADER_CHANGE"):
        encode_control_value(ControlType.LEADER_CHANGE, EndTxnMarker(1))
