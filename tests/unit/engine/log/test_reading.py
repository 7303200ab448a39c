"""Reading by offset and by time (Kafka: LocalLog.read, LogSegment.read, UnifiedLog.fetchOffsetByTimestamp)."""

import pytest

from engine.errors import KafkaError
from engine.log.values import LogStartOffsetReason, TimestampAndOffset
from engine.protocol.errors import ErrorCode
from engine.protocol.records.batch import TimestampType
from engine.protocol.records.record import Record, build_batch
from tests.unit.engine.log.conftest import START_MS, stamped

MANY = 1 << 30


@pytest.fixture(params=["just written", "opened again"])
def ten(request, bench):
    """Ten batches of three records, in a log that has them in memory, and in one that has to look them up."""
    bench.open(index_interval_bytes=100)
    for _ in range(10):
        bench.append(3)
    if request.param == "opened again":
        bench.close()
        bench.open(had_clean_shutdown=True, index_interval_bytes=100)
    return bench


def test_reading_begins_with_the_batch_that_has_the_offset(ten):
    for offset in range(30):
        result = ten.log.read(offset, MANY, max_offset=30)
        assert result.next_offset == 30
        assert int.from_bytes(result.records[:8]) == offset // 3 * 3


def test_reading_stops_before_the_max_offset_at_a_batch(ten):
    for max_offset in range(31):
        result = ten.log.read(0, MANY, max_offset=max_offset)
        assert result.next_offset == max_offset // 3 * 3
        assert len(result.records) == max_offset // 3 * (ten.log.size // 10)


def test_reading_returns_whole_batches_within_max_bytes(ten):
    size = ten.log.size // 10
    for offset in (0, 13, 27):
        for max_bytes in range(0, 5 * size, 7):
            result = ten.log.read(offset, max_bytes, max_offset=30)
            batches = min(max(max_bytes // size, 1), 10 - offset // 3)
            assert len(result.records) == batches * size
            assert result.next_offset == offset // 3 * 3 + batches * 3


def test_without_min_one_batch_a_batch_that_does_not_fit_is_not_read(ten):
    size = ten.log.size // 10
    for offset in (0, 13, 29):
        result = ten.log.read(offset, size - 1, max_offset=30, min_one_batch=False)
        assert (result.records, result.next_offset) == (b"", offset)
        assert len(ten.log.read(offset, size, max_offset=30, min_one_batch=False).records) == size


def test_there_is_nothing_to_read_at_the_end_or_at_the_max_offset(ten):
    assert ten.log.read(30, MANY, max_offset=30).records == b""
    assert ten.log.read(12, MANY, max_offset=12).records == b""
    assert ten.log.read(15, MANY, max_offset=12).records == b""


def test_offsets_outside_of_the_log_are_out_of_range(ten):
    ten.log.update_high_watermark(30)
    ten.log.increment_log_start_offset(4, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    for offset in (-1, 0, 3, 31):
        with pytest.raises(KafkaError) as caught:
            ten.log.read(offset, MANY, max_offset=MANY)
        assert caught.value.code is ErrorCode.OFFSET_OUT_OF_RANGE
    assert ten.offsets() == list(range(4, 30))


def test_an_empty_log_can_be_read_at_its_end(bench, log):
    assert log.read(0, MANY, max_offset=0).records == b""
    log.truncate_fully_and_start_at(17)
    assert log.read(17, MANY, max_offset=17).next_offset == 17


def test_one_read_stays_within_one_segment(bench):
    bench.open(segment_bytes=260)
    for _ in range(6):
        bench.append(3)
    assert bench.segment_bases() == [0, 9]
    assert bench.log.read(0, MANY, max_offset=18).next_offset == 9
    assert bench.log.read(9, MANY, max_offset=18).next_offset == 18
    assert bench.offsets() == list(range(18))


def test_reading_goes_over_holes_of_compaction(bench):
    bench.open(segment_bytes=260)
    for base in (0, 3, 10, 20, 30, 33):
        bench.log.append_as_follower(stamped(bench.batch(3), base, 0))
    for offset, expected in ((6, 10), (13, 20), (14, 20), (25, 30), (31, 30)):
        result = bench.log.read(offset, 100, max_offset=MANY)
        assert int.from_bytes(result.records[:8]) == expected


def test_the_tail_is_found_after_many_batches(bench, log):
    for _ in range(1500):
        bench.append(1)
    assert bench.offsets(700) == list(range(700, 1500))
    assert bench.offsets(1499) == [1499]
    assert bench.offsets(0) == list(range(1500))


def test_a_record_is_found_by_time(bench):
    bench.open(segment_bytes=500, index_interval_bytes=100)
    for number in range(30):
        bench.append_bytes(
            build_batch([Record(i, START_MS + number * 10 + i, None, b"", []) for i in range(3)]), epoch=number // 10
        )
    assert len(bench.segment_bases()) > 3
    for number in range(30):
        found = bench.log.offset_for_timestamp(START_MS + number * 10 + 1)
        assert found == TimestampAndOffset(START_MS + number * 10 + 1, number * 3 + 1, number // 10)
        found = bench.log.offset_for_timestamp(START_MS + number * 10 - 5)
        assert found == TimestampAndOffset(START_MS + number * 10, number * 3, number // 10)
    assert bench.log.offset_for_timestamp(0).offset == 0
    assert bench.log.offset_for_timestamp(START_MS + 293) is None


def test_time_that_runs_back_finds_the_first_record_that_is_late_enough(bench):
    bench.open(index_interval_bytes=0)
    for delta in (0, 50, 20, 10, 60, 30):
        bench.append(1, timestamp_ms=START_MS + delta)
    assert [bench.log.offset_for_timestamp(START_MS + delta).offset for delta in (0, 1, 50, 51, 60)] == [0, 1, 1, 4, 4]


def test_records_before_the_log_start_are_not_found_by_time(bench, log):
    for delta in range(5):
        bench.append(2, timestamp_ms=START_MS + delta)
    log.update_high_watermark(10)
    log.increment_log_start_offset(5, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert log.offset_for_timestamp(START_MS) == TimestampAndOffset(START_MS + 2, 5, 0)


def test_the_append_time_is_every_records_time(bench):
    bench.open(message_timestamp_type=TimestampType.LOG_APPEND_TIME)
    bench.append(3)
    bench.clock.time_ms += 10
    bench.append(3)
    assert bench.log.offset_for_timestamp(START_MS + 1) == TimestampAndOffset(START_MS + 10, 3, 0)


def test_the_record_with_the_largest_timestamp_is_found(bench):
    """KIP-734."""
    bench.open(segment_bytes=200)
    assert bench.log.max_timestamp_and_offset() is None
    for delta in (0, 90, 20, 90, 10):
        records = [Record(0, START_MS + delta - 5, None, b"", []), Record(1, START_MS + delta, None, b"", [])]
        bench.append_bytes(build_batch(records), epoch=2)
    assert bench.log.max_timestamp_and_offset() == TimestampAndOffset(START_MS + 90, 3, 2)
