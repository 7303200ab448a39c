"""What a leader takes, refuses and writes (Kafka: UnifiedLog.appendAsLeader, LogValidator)."""

import pytest

from engine.errors import KafkaError
from engine.log.values import AppendOrigin, UnexpectedAppendOffset
from engine.protocol.errors import ErrorCode
from engine.protocol.records.batch import TimestampType, iterate_batches, parse_batch_header, verify_crc, write_crc
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record, build_batch, decode_records
from tests.unit.engine.log.conftest import START_MS, stamped


def refused(bench, data, **options):
    """The error for `data`, with nothing written."""
    end, size = bench.log.log_end_offset, bench.log.size
    with pytest.raises(KafkaError) as caught:
        bench.append_bytes(data, **options)
    assert (bench.log.log_end_offset, bench.log.size) == (end, size)
    return caught.value.code


def changed(data, position, value, *, crc=True):
    """The batch with bytes replaced, and the checksum made right again."""
    copy = bytearray(data)
    copy[position : position + len(value)] = value
    if crc:
        write_crc(copy, 0, len(copy))
    return bytes(copy)


def test_offsets_follow_each_other_and_the_epoch_is_stamped(bench, log):
    first = bench.append(3, epoch=7)
    second = bench.append(2, epoch=8)
    assert (first.first_offset, first.last_offset) == (0, 2)
    assert (second.first_offset, second.last_offset) == (3, 4)
    assert log.log_end_offset == 5
    headers = [header for _, header in iterate_batches(bench.fetch(0))]
    assert [(h.base_offset, h.partition_leader_epoch) for h in headers] == [(0, 7), (3, 8)]
    assert log.latest_epoch == 8


def test_records_reach_the_disk_as_they_were_sent(bench, log):
    """Only the first 16 bytes of a batch are the broker's; the checksum does not cover them."""
    for codec in Compression:
        sent = bench.batch(5, value=b"abc" * 50, compression=codec)
        start = log.log_end_offset
        bench.append_bytes(sent, epoch=3)
        written = bench.fetch(start)
        assert written[16:] == sent[16:]
        assert verify_crc(written, 0, parse_batch_header(written))


def test_a_batch_may_come_as_any_buffer(bench, log):
    data = bench.batch(2)
    for buffer in (data, bytearray(data), memoryview(data), memoryview(b"xx" + data)[2:]):
        bench.append_bytes(buffer)
    assert bench.offsets() == list(range(8))


def test_a_wrong_checksum_is_corrupt(bench, log):
    data = bench.batch(2)
    for position in range(17, len(data)):
        damaged = changed(data, position, bytes([data[position] ^ 0x10]), crc=False)
        assert refused(bench, damaged) in (ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD)
    assert refused(bench, changed(data, 30, b"\x7f", crc=False)) is ErrorCode.CORRUPT_MESSAGE


def test_a_batch_cut_short_anywhere_is_refused(bench, log):
    data = bench.batch(2)
    for length in range(len(data)):
        assert refused(bench, data[:length]) is ErrorCode.INVALID_RECORD


def test_a_producer_sends_exactly_one_batch(bench, log):
    assert refused(bench, bench.batch() + bench.batch()) is ErrorCode.INVALID_RECORD
    bench.append_bytes(bench.batch(2) + b"a rest that is no batch")
    assert bench.offsets() == [0, 1]


@pytest.mark.parametrize("magic", [0, 1])
def test_old_message_formats_are_refused(bench, log, magic):
    assert refused(bench, changed(bench.batch(), 16, bytes([magic]))) is ErrorCode.INVALID_RECORD


def test_a_magic_that_never_was_is_corrupt(bench, log):
    assert refused(bench, changed(bench.batch(), 16, b"\x05")) is ErrorCode.CORRUPT_MESSAGE


def test_the_record_count_must_fit_the_last_offset(bench, log):
    data = bench.batch(3)
    assert refused(bench, changed(data, 57, (4).to_bytes(4))) is ErrorCode.INVALID_RECORD
    assert refused(bench, changed(data, 57, (0).to_bytes(4))) is ErrorCode.INVALID_RECORD
    assert refused(bench, changed(data, 23, (-1).to_bytes(4, signed=True))) is ErrorCode.INVALID_RECORD


def test_a_producers_base_offset_is_0(bench, log):
    assert refused(bench, bench.batch(base_offset=5)) is ErrorCode.INVALID_RECORD


def test_a_client_may_not_write_control_records(bench, log):
    assert refused(bench, bench.batch(is_control=True)) is ErrorCode.INVALID_RECORD


def test_an_idempotent_batch_needs_a_sequence(bench, log):
    assert refused(bench, bench.batch(producer_id=5, producer_epoch=0)) is ErrorCode.INVALID_RECORD


def test_an_unknown_codec_is_refused(bench, log):
    assert refused(bench, changed(bench.batch(), 21, b"\0\6")) is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE


def test_max_message_bytes_counts_the_whole_batch(bench):
    data = bench.batch(1, value=b"x" * 100)
    bench.open(max_message_bytes=len(data))
    bench.append_bytes(data)
    assert refused(bench, bench.batch(1, value=b"x" * 101)) is ErrorCode.MESSAGE_TOO_LARGE


def test_a_batch_larger_than_a_segment_is_refused(bench):
    bench.open(segment_bytes=200)
    assert refused(bench, bench.batch(1, value=b"x" * 200)) is ErrorCode.RECORD_LIST_TOO_LARGE


def test_a_timestamp_too_far_ahead_is_refused(bench):
    """KIP-937; an hour by default (KIP-1030)."""
    bench.open()
    bench.append(timestamp_ms=START_MS + 3_600_000)
    assert refused(bench, bench.batch(timestamp_ms=START_MS + 3_600_001)) is ErrorCode.INVALID_TIMESTAMP


def test_a_timestamp_too_far_back_is_refused_when_the_topic_says_so(bench):
    bench.open(message_timestamp_before_max_ms=1000)
    bench.append(timestamp_ms=START_MS - 1000)
    bench.append(timestamp_ms=-1)
    records = [Record(0, START_MS, None, b"", []), Record(1, START_MS - 1001, None, b"", [])]
    assert refused(bench, build_batch(records)) is ErrorCode.INVALID_TIMESTAMP


def test_a_producer_may_not_set_the_append_time(bench, log):
    data = bench.batch(timestamp_type=TimestampType.LOG_APPEND_TIME)
    assert refused(bench, data) is ErrorCode.INVALID_TIMESTAMP


def test_log_append_time_overrides_every_timestamp(bench):
    bench.open(message_timestamp_type=TimestampType.LOG_APPEND_TIME)
    info = bench.append(3, timestamp_ms=START_MS - 500_000)
    assert info.log_append_time_ms == info.max_timestamp_ms == START_MS
    assert [record.timestamp for record in bench.records()] == [START_MS] * 3
    written = bench.fetch(0)
    header = parse_batch_header(written)
    assert header.timestamp_type is TimestampType.LOG_APPEND_TIME
    assert verify_crc(written, 0, header)


def test_create_time_is_reported_as_no_append_time(bench, log):
    assert bench.append().log_append_time_ms == -1


def test_a_compacted_topic_needs_keys(bench):
    bench.open(cleanup_policy=("compact",))
    bench.append(2, key=b"k")
    for codec in (Compression.NONE, Compression.GZIP):
        assert refused(bench, bench.batch(2, compression=codec)) is ErrorCode.INVALID_RECORD


def test_damaged_records_are_found_where_records_are_looked_at(bench):
    bench.open(cleanup_policy=("compact",))
    data = bench.batch(2, key=b"k")
    assert refused(bench, changed(data, len(data) - 3, b"\x7f\x7f\x7f")) is ErrorCode.CORRUPT_MESSAGE


@pytest.mark.parametrize("name", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_the_topics_codec_replaces_the_producers(bench, name):
    bench.open(compression_type=name)
    for codec in Compression:
        start = bench.log.log_end_offset
        sent = bench.batch(
            4, value=b"abc" * 30, compression=codec, producer_id=3, producer_epoch=0, base_sequence=start
        )
        bench.append_bytes(sent, epoch=2)
        written = bench.fetch(start)
        header = parse_batch_header(written)
        assert ("uncompressed", "gzip", "snappy", "lz4", "zstd")[header.compression] == name
        assert verify_crc(written, 0, header)
        assert (header.producer_id, header.base_sequence, header.base_offset) == (3, start, start)
        assert [(r.offset, r.value) for r in decode_records(written)] == [(start + i, b"abc" * 30) for i in range(4)]


def test_a_coordinator_may_write_several_batches_at_once(bench, log):
    data = bench.batch(2, key=b"a") + bench.batch(3, key=b"b")
    info = bench.append_bytes(data, epoch=4, origin=AppendOrigin.COORDINATOR)
    assert (info.first_offset, info.last_offset) == (0, 4)
    assert bench.spans() == [(0, 1), (2, 4)]
    assert log.latest_epoch == 4


def test_the_quorums_leader_has_offsets_and_epochs_in_its_batches(bench, log):
    data = bench.batch(2, epoch=3) + bench.batch(2, base_offset=2, epoch=3)
    bench.append_bytes(data, epoch=3, origin=AppendOrigin.RAFT_LEADER)
    assert bench.fetch(0) == data
    wrong_epoch = bench.batch(base_offset=4, epoch=2)
    assert refused(bench, wrong_epoch, epoch=3, origin=AppendOrigin.RAFT_LEADER) is ErrorCode.INVALID_RECORD
    wrong_offset = bench.batch(base_offset=5, epoch=3)
    assert refused(bench, wrong_offset, epoch=3, origin=AppendOrigin.RAFT_LEADER) is ErrorCode.INVALID_RECORD


def test_a_follower_keeps_the_leaders_offsets_and_epochs(bench, log):
    data = stamped(bench.batch(2), 0, 1) + stamped(bench.batch(3), 2, 1) + stamped(bench.batch(1), 5, 4)
    info = log.append_as_follower(data)
    assert (info.first_offset, info.last_offset) == (0, 5)
    assert bench.fetch(0) == data
    assert log.leader_epochs.entries() == [(1, 0), (4, 5)]


def test_a_follower_leaves_out_a_batch_that_is_not_whole(bench, log):
    whole = stamped(bench.batch(2), 0, 1)
    rest = stamped(bench.batch(2), 2, 1)
    for length in range(len(rest)):
        log.append_as_follower(whole + rest[:length])
        assert log.log_end_offset == 2
        log.truncate_to(0)
    assert log.append_as_follower(rest[:40]).last_offset == -1


def test_a_follower_leaves_out_batches_of_an_epoch_it_does_not_follow(bench, log):
    """KAFKA-18723."""
    data = stamped(bench.batch(2), 0, 1) + stamped(bench.batch(3), 2, 2)
    log.append_as_follower(data, leader_epoch=1)
    assert log.log_end_offset == 2


def test_a_follower_may_skip_offsets_that_compaction_removed(bench, log):
    log.append_as_follower(stamped(bench.batch(2), 0, 1) + stamped(bench.batch(1), 10, 1))
    assert bench.offsets() == [0, 1, 10]
    assert log.log_end_offset == 11


def test_a_follower_refuses_what_it_already_has(bench, log):
    log.append_as_follower(stamped(bench.batch(2), 0, 1))
    with pytest.raises(UnexpectedAppendOffset) as caught:
        log.append_as_follower(stamped(bench.batch(2), 1, 1))
    assert (caught.value.first_offset, caught.value.last_offset) == (1, 2)
    with pytest.raises(UnexpectedAppendOffset):
        log.append_as_follower(stamped(bench.batch(2), 2, 1) + stamped(bench.batch(2), 2, 1))
    assert log.log_end_offset == 2


def test_a_follower_refuses_damage(bench, log):
    data = bytearray(stamped(bench.batch(2), 0, 1))
    data[-1] ^= 1
    with pytest.raises(KafkaError) as caught:
        log.append_as_follower(data)
    assert caught.value.code is ErrorCode.CORRUPT_MESSAGE
    assert log.log_end_offset == 0


def test_an_empty_follower_begins_with_the_batch_its_log_start_lies_in(bench, log):
    """DeleteRecords on the leader may put the log start inside a batch (Kafka: Partition.appendRecordsToFollower...)."""
    log.truncate_fully_and_start_at(5)
    log.append_as_follower(stamped(bench.batch(4), 3, 1))
    assert (log.log_start_offset, log.log_end_offset) == (5, 7)
    assert bench.offsets() == [5, 6]


def test_a_flush_is_due_after_flush_messages(bench):
    bench.open(flush_messages=5)
    assert not bench.append(4).flush_due
    assert bench.append(1).flush_due
    bench.run(bench.log.flush())
    assert not bench.append(1).flush_due
