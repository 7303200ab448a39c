"""Snapshot names and contents (KIP-630; Kafka: Snapshots, RecordsSnapshotWriter)."""

import pytest

from engine.protocol.messages import ConfigRecord, SnapshotHeaderRecord
from engine.protocol.record_values import decode_metadata_record
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.control import ControlType, decode_control_key, decode_control_value
from engine.protocol.records.record import decode_records
from engine.raft.snapshot_files import (
    PARTIAL_SUFFIX,
    RECORDS_PER_BATCH_MAX,
    encode_snapshot,
    parse_snapshot_file_name,
    snapshot_file_name,
)
from engine.types import OffsetAndEpoch

ID = OffsetAndEpoch(123, 7)


def test_a_name_has_twenty_and_ten_digits() -> None:
    assert snapshot_file_name(ID) == "00000000000000000123-0000000007.checkpoint"
    assert snapshot_file_name(ID, PARTIAL_SUFFIX) == "00000000000000000123-0000000007.checkpoint.part"
    assert parse_snapshot_file_name(snapshot_file_name(ID)) == ID


@pytest.mark.parametrize(
    "name",
    [
        "00000000000000000123-0000000007.checkpoint.part",
        "123-7.checkpoint",
        "00000000000000000123.log",
        "bootstrap.checkpoint",
    ],
)
def test_other_files_are_no_snapshots(name: str) -> None:
    assert parse_snapshot_file_name(name) is None


def test_a_snapshot_is_header_records_footer_with_offsets_from_zero() -> None:
    """And the snapshot's epoch on every batch."""
    records = [
        ConfigRecord(resource_type=2, resource_name="t", name="n", value=str(i))
        for i in range(RECORDS_PER_BATCH_MAX + 1)
    ]
    data = b"".join(encode_snapshot(ID, records, last_contained_timestamp_ms=99, now_ms=1_000))
    batches = list(iterate_batches(data))
    assert [header.is_control for _, header in batches] == [True, False, False, True]
    assert {header.partition_leader_epoch for _, header in batches} == {7}
    expected = 0
    values = []
    controls = []
    for position, header in batches:
        assert header.base_offset == expected
        expected = header.next_offset
        for found in decode_records(data, position):
            if header.is_control:
                controls.append(decode_control_key(found.key))
                if controls[-1] is ControlType.SNAPSHOT_HEADER:
                    message = decode_control_value(ControlType.SNAPSHOT_HEADER, found.value)
                    assert message == SnapshotHeaderRecord(version=0, last_contained_log_timestamp=99)
            else:
                values.append(decode_metadata_record(found.value or b""))
    assert controls == [ControlType.SNAPSHOT_HEADER, ControlType.SNAPSHOT_FOOTER]
    assert values == records
