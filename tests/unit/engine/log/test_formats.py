"""The bytes of every file, against Apache Kafka's layouts."""

import pytest

from engine.errors import ConfigError
from engine.log.checkpoints import CorruptCheckpoint, decode_checkpoint, encode_checkpoint
from engine.log.file_names import directory_name_with_suffix, file_name, offset_of, parse_directory_name
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.meta_properties import MetaProperties, decode_meta_properties
from engine.log.offset_index import CorruptIndex, OffsetIndex
from engine.log.partition_metadata import (
    CorruptPartitionMetadata,
    decode_partition_metadata,
    encode_partition_metadata,
)
from engine.log.producer_snapshot import CorruptSnapshot, SnapshotEntry, decode_snapshot, encode_snapshot
from engine.log.time_index import TimeIndex
from engine.log.transaction_index import (
    AbortedTransactionEntry,
    collect_aborted,
    decode_entries,
    encode_entry,
)
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition

INDEX_BYTES = 1024


def test_an_offset_index_entry_is_relative_offset_and_position():
    index = OffsetIndex(1000, INDEX_BYTES)
    index.append(1005, 4200)
    index.append(1009, 8400)
    assert index.encode_from(0).hex() == "000000050000106800000009000020d0"
    assert index.encode_from(1).hex() == "00000009000020d0"
    copy = OffsetIndex.decode(index.encode_from(0), 1000, INDEX_BYTES)
    assert copy.entry(0) == (1005, 4200)
    assert copy.last_entry == (1009, 8400)


def test_an_offset_index_finds_where_to_start_scanning():
    index = OffsetIndex(1000, INDEX_BYTES)
    assert index.lookup(1234) == (1000, 0)
    index.append(1005, 4200)
    index.append(1009, 8400)
    assert [index.lookup(offset).position for offset in (1000, 1004, 1005, 1008, 1009, 5000)] == [
        0,
        0,
        4200,
        4200,
        8400,
        8400,
    ]
    assert [index.position_at_or_before(p) for p in (0, 4199, 4200, 9999)] == [0, 0, 4200, 8400]


def test_an_offset_index_loses_what_is_truncated_and_tells_its_file_to():
    index = OffsetIndex(0, INDEX_BYTES)
    for offset in range(10, 60, 10):
        index.append(offset, offset * 100)
    index.persisted_entries = 4
    index.truncate_to(30)
    assert len(index) == 2
    assert index.persisted_entries == 2
    assert index.last_entry == (20, 2000)


def test_the_zeros_of_a_preallocated_index_are_no_entries():
    """Kafka maps index files at their full size; a JVM that died never trimmed them."""
    index = OffsetIndex(0, INDEX_BYTES)
    index.append(5, 4200)
    assert len(OffsetIndex.decode(index.encode_from(0) + bytes(800), 0, INDEX_BYTES)) == 1
    assert len(OffsetIndex.decode(bytes(800), 0, INDEX_BYTES)) == 0
    times = TimeIndex(0, INDEX_BYTES)
    times.maybe_append(17, 5)
    assert len(TimeIndex.decode(times.encode_from(0) + bytes(120), 0, INDEX_BYTES)) == 1


@pytest.mark.parametrize(
    "entries", ["00000005000000", "00000005000000010000000500000002", "00000005000000090000000600000002"]
)
def test_an_offset_index_that_cannot_be_is_refused(entries):
    with pytest.raises(CorruptIndex):
        OffsetIndex.decode(bytes.fromhex(entries), 0, INDEX_BYTES)


def test_a_time_index_entry_is_timestamp_and_relative_offset():
    index = TimeIndex(1000, INDEX_BYTES)
    index.maybe_append(1_700_000_000_000, 1005)
    assert index.encode_from(0).hex() == "0000018bcfe5680000000005"
    index.maybe_append(1_700_000_000_000, 1009)
    assert len(index) == 1, "only a newer timestamp makes an entry"
    index.maybe_append(1_700_000_000_001, 1012)
    assert TimeIndex.decode(index.encode_from(0), 1000, INDEX_BYTES).last_entry == (1_700_000_000_001, 1012)
    assert index.lookup(1_699_999_999_999) == (-1, 1000)
    assert index.lookup(1_700_000_000_000) == (1_700_000_000_000, 1005)


def test_a_time_index_keeps_one_entry_free_for_closing_the_segment():
    """Kafka: TimeIndex.isFull."""
    index = TimeIndex(0, 3 * 12)
    index.maybe_append(1, 1)
    assert not index.is_full
    index.maybe_append(2, 2)
    assert index.is_full


def test_a_transaction_index_entry_has_34_bytes():
    entry = AbortedTransactionEntry(producer_id=7, first_offset=10, last_offset=20, last_stable_offset=15)
    encoded = encode_entry(entry)
    assert encoded.hex() == "0000" + "0000000000000007" + "000000000000000a" + "0000000000000014" + "000000000000000f"
    assert decode_entries(encoded, 0) == [entry]
    with pytest.raises(CorruptIndex):
        decode_entries(encoded[:-1], 0)
    with pytest.raises(CorruptIndex):
        decode_entries(encoded + encoded, 0)
    with pytest.raises(CorruptIndex):
        decode_entries(b"\0\1" + encoded[2:], 0)


def test_aborted_transactions_are_collected_until_the_stable_offset_passes_the_range():
    """KIP-98; Kafka: TransactionIndex.collectAbortedTxns."""
    entries = [
        AbortedTransactionEntry(1, 0, 10, 5),
        AbortedTransactionEntry(2, 5, 20, 21),
        AbortedTransactionEntry(3, 25, 30, 31),
    ]
    assert collect_aborted(entries, 11, 15) == (entries[1:2], True)
    assert collect_aborted(entries, 0, 40) == (entries, False)
    assert collect_aborted(entries, 10, 26) == (entries, True)


def test_a_producer_snapshot_has_version_checksum_and_entries_of_46_bytes():
    entry = SnapshotEntry(
        producer_id=9,
        producer_epoch=2,
        last_sequence=41,
        last_offset=100,
        offset_delta=3,
        timestamp_ms=1_700_000_000_000,
        coordinator_epoch=-1,
        current_transaction_first_offset=97,
    )
    data = encode_snapshot([entry])
    assert data[:2] == b"\0\1"
    assert data[6:].hex() == (
        "00000001" "0000000000000009" "0002" "00000029" "0000000000000064" "00000003"
        "0000018bcfe56800" "ffffffff" "0000000000000061"
    )  # fmt: skip
    assert decode_snapshot(data) == [entry]
    assert decode_snapshot(encode_snapshot([])) == []


def test_a_producer_snapshot_cut_or_changed_anywhere_is_refused():
    data = encode_snapshot([SnapshotEntry(9, 2, 41, 100, 3, 5, -1, 97)] * 2)
    for length in range(len(data)):
        with pytest.raises(CorruptSnapshot):
            decode_snapshot(data[:length])
    for position in range(len(data)):
        with pytest.raises(CorruptSnapshot):
            decode_snapshot(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])


def test_a_checkpoint_is_version_count_and_lines():
    assert encode_checkpoint(["orders 0 17", "orders 1 4"]) == b"0\n2\norders 0 17\norders 1 4\n"
    assert decode_checkpoint(b"0\n1\n3 100\n", "file") == ["3 100"]
    assert decode_checkpoint(b"", "file") == []


@pytest.mark.parametrize("data", [b"1\n0\n", b"0\n2\n3 100\n", b"0\nx\n", b"0\n1\n3 10", b"\xff\xfe\n1\n"])
def test_a_checkpoint_that_is_cut_or_of_another_version_is_refused(data):
    with pytest.raises(CorruptCheckpoint):
        decode_checkpoint(data, "file")


def test_the_leader_epoch_checkpoint_is_epoch_and_start_offset():
    cache = LeaderEpochCache()
    cache.assign(1, 0)
    cache.assign(4, 17)
    assert cache.encode() == b"0\n2\n1 0\n4 17\n"
    assert LeaderEpochCache.decode(cache.encode(), "file").entries() == [(1, 0), (4, 17)]


def test_partition_metadata_is_two_lines_without_the_last_newline():
    topic_id = bytes.fromhex("6f6f6f6f6f6f46f6af6f6f6f6f6f6f6f")
    assert encode_partition_metadata(topic_id) == b"version: 0\ntopic_id: b29vb29vRvavb29vb29vbw"
    assert decode_partition_metadata(encode_partition_metadata(topic_id)) == topic_id
    assert decode_partition_metadata(b"") == ZERO_UUID
    for data in (b"version: 0", b"topic_id: b29vb29vRvavb29vb29vbw", b"version: x\ntopic_id: b29vb29vRvavb29vb29vbw"):
        with pytest.raises(CorruptPartitionMetadata):
            decode_partition_metadata(data)


def test_meta_properties_are_java_properties_of_version_1():
    properties = MetaProperties("4L6g3nShT-eMCtK--X86sw", 3, bytes.fromhex("6f6f6f6f6f6f46f6af6f6f6f6f6f6f6f"))
    text = properties.encode()
    assert b"\nversion=1\n" in text
    assert b"\ncluster.id=4L6g3nShT-eMCtK--X86sw\n" in text
    assert b"\nnode.id=3\n" in text
    assert b"\ndirectory.id=b29vb29vRvavb29vb29vbw\n" in text
    assert decode_meta_properties(text, "file") == properties
    with pytest.raises(ConfigError, match=r"node\.id is missing"):
        decode_meta_properties(text.replace(b"node.id=3\n", b""), "file")
    with pytest.raises(ConfigError, match="version is 0"):
        decode_meta_properties(text.replace(b"version=1", b"version=0"), "file")


def test_names_are_kafkas():
    assert file_name(42, ".log") == "00000000000000000042.log"
    assert offset_of("00000000000000000042.log") == 42
    assert offset_of("leader-epoch-checkpoint") == -1
    assert parse_directory_name("my-topic-12") == TopicPartition("my-topic", 12)
    assert parse_directory_name("my-topic-12.0123-delete") is None
    assert parse_directory_name("lost+found") is None
    name = directory_name_with_suffix(TopicPartition("t" * 249, 12), bytes(16), "-delete")
    assert len(name) == 255
    assert name.endswith("-12." + "0" * 32 + "-delete")
