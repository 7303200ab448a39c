"""Rolling, truncating, retention and the files they leave (Kafka: LogSegment, LocalLog, UnifiedLog)."""

import random

import pytest

from engine.errors import KafkaError
from engine.log.log_config import LogConfig
from engine.log.offset_index import OffsetIndex
from engine.log.open_files import OpenFiles
from engine.log.time_index import TimeIndex
from engine.log.values import LogStartOffsetReason
from engine.protocol.errors import ErrorCode
from tests.unit.engine.log.conftest import START_MS, stamped

HOUR_MS = 3_600_000
SIZE = 85
"""Bytes of the batches of three records that these tests append."""


def fill(bench, batches, *, step_ms=0, **options):
    for _ in range(batches):
        bench.append(3, **options)
        bench.clock.time_ms += step_ms


def test_the_batches_of_these_tests_have_the_size_they_count_on(bench, log):
    fill(bench, 1)
    assert log.size == SIZE


def test_a_segment_is_full_at_segment_bytes(bench):
    bench.open(segment_bytes=4 * SIZE)
    fill(bench, 9)
    assert bench.segment_bases() == [0, 12, 24]


def test_a_segment_rolls_when_its_first_record_is_older_than_segment_ms(bench):
    bench.open(segment_ms=HOUR_MS)
    fill(bench, 1)
    bench.clock.time_ms += HOUR_MS
    fill(bench, 1)
    assert bench.segment_bases() == [0]
    bench.clock.time_ms += 1
    fill(bench, 1)
    assert bench.segment_bases() == [0, 6]


def test_rolling_by_time_survives_a_restart(bench):
    """Kafka: LogSegment.loadFirstBatchTimestamp."""
    bench.open(segment_ms=HOUR_MS)
    fill(bench, 1)
    bench.close()
    bench.clock.time_ms += HOUR_MS + 1
    bench.open(had_clean_shutdown=True, segment_ms=HOUR_MS)
    fill(bench, 1)
    assert bench.segment_bases() == [0, 3]


def test_records_without_timestamps_roll_by_the_age_of_the_segment(bench):
    bench.open(segment_ms=HOUR_MS)
    fill(bench, 1, timestamp_ms=-1)
    bench.clock.time_ms += HOUR_MS + 1
    fill(bench, 1, timestamp_ms=-1)
    assert bench.segment_bases() == [0, 3]


def test_jitter_rolls_earlier(bench):
    bench.open(segment_ms=HOUR_MS, segment_jitter_ms=HOUR_MS)
    fill(bench, 1)
    bench.log.roll(bench.clock.time_ms)
    fill(bench, 1)
    jitter_ms = random.Random(1).randrange(HOUR_MS)
    bench.clock.time_ms += HOUR_MS - jitter_ms + 1
    fill(bench, 1)
    assert len(bench.segment_bases()) == 3


def test_a_full_index_rolls(bench):
    bench.open(segment_index_bytes=3 * 8, index_interval_bytes=0)
    fill(bench, 8, step_ms=1)
    assert len(bench.segment_bases()) > 2
    for name in bench.files(".index"):
        assert bench.path(name).stat().st_size <= 24


def test_an_empty_segment_does_not_roll(bench, log):
    log.roll(START_MS)
    fill(bench, 1)
    log.roll(START_MS)
    log.roll(START_MS)
    assert bench.segment_bases() == [0, 3]


def test_a_follower_rolls_when_an_offset_does_not_fit_the_index(bench, log):
    """Kafka: LogSegment.canConvertToRelativeOffset."""
    log.append_as_follower(stamped(bench.batch(3), 0, 0))
    log.append_as_follower(stamped(bench.batch(3), 2**31 - 3, 0))
    log.append_as_follower(stamped(bench.batch(3), 2**31, 0))
    assert bench.segment_bases() == [0, 2**31]
    log.append_as_follower(stamped(bench.batch(3), 2**33, 0))
    assert bench.segment_bases() == [0, 2**31, 2**33]


def test_rolling_leaves_complete_indexes_and_a_snapshot(bench):
    bench.open(segment_bytes=4 * SIZE, index_interval_bytes=SIZE - 1)
    fill(bench, 5, step_ms=10)
    offsets = OffsetIndex.decode(bench.path(f"{0:020d}.index").read_bytes(), 0, 10_000)
    times = TimeIndex.decode(bench.path(f"{0:020d}.timeindex").read_bytes(), 0, 10_000)
    assert [offsets.entry(n) for n in range(len(offsets))] == [(5, SIZE), (8, 2 * SIZE), (11, 3 * SIZE)]
    assert [times.entry(n) for n in range(len(times))] == [(START_MS + n * 10, n * 3 + 2) for n in (1, 2, 3)]
    assert f"{12:020d}.snapshot" in bench.files()


def test_an_index_entry_is_due_after_more_than_the_interval(bench):
    bench.open(index_interval_bytes=2 * SIZE)
    fill(bench, 8)
    bench.close()
    offsets = OffsetIndex.decode(bench.path(f"{0:020d}.index").read_bytes(), 0, 10_000)
    assert [offsets.entry(n).position // SIZE for n in range(len(offsets))] == [3, 6]


def test_closing_writes_the_segments_last_time_entry(bench, log):
    fill(bench, 2, step_ms=5)
    bench.close()
    times = TimeIndex.decode(bench.path(f"{0:020d}.timeindex").read_bytes(), 0, 10_000)
    assert times.last_entry == (START_MS + 5, 5)


@pytest.mark.parametrize("closed", [False, True])
def test_truncating_removes_everything_from_the_offset_on(bench, closed):
    config = {"segment_bytes": 4 * SIZE, "index_interval_bytes": SIZE - 1}
    for offset in range(0, 31, 3):
        bench.open(**config)
        bench.log.truncate_fully_and_start_at(0)
        fill(bench, 10, step_ms=1)
        if closed:
            bench.close()
            bench.open(had_clean_shutdown=True, **config)
        bench.log.truncate_to(offset)
        assert bench.log.log_end_offset == offset
        assert bench.offsets() == list(range(offset))
        bench.append(2)
        assert bench.offsets() == list(range(offset + 2))
        last_time = bench.log.max_timestamp_and_offset()
        assert last_time.offset == offset


def test_truncating_inside_a_batch_removes_the_whole_batch(bench, log):
    fill(bench, 3)
    log.truncate_to(7)
    assert log.log_end_offset == 6
    assert bench.offsets() == list(range(6))


def test_truncating_before_the_log_starts_over(bench, log):
    log.truncate_fully_and_start_at(100)
    fill(bench, 2)
    log.truncate_to(40)
    assert (log.log_start_offset, log.log_end_offset) == (40, 40)
    assert bench.segment_bases() == [40]


def test_truncating_moves_every_other_offset_down(bench, log):
    fill(bench, 4)
    bench.run(log.flush())
    log.update_high_watermark(12)
    log.increment_log_start_offset(8, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    log.truncate_to(6)
    assert (log.log_start_offset, log.high_watermark, log.recovery_point, log.log_end_offset) == (6, 6, 6, 6)


def test_starting_over_keeps_nothing(bench, log):
    bench.append(3, epoch=5, producer_id=1, producer_epoch=0, base_sequence=0)
    log.roll(START_MS)
    log.truncate_fully_and_start_at(50)
    assert (log.log_start_offset, log.high_watermark, log.log_end_offset) == (50, 50, 50)
    assert log.latest_epoch == -1
    assert log.producers.is_empty
    assert bench.append(1).first_offset == 50
    bench.open()
    assert (bench.log.log_start_offset, bench.log.log_end_offset) == (50, 51)


def test_the_high_watermark_stays_within_the_log(bench, log):
    fill(bench, 2)
    assert log.update_high_watermark(100) == 6
    assert log.update_high_watermark(4) == 4
    log.increment_log_start_offset(3, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert log.update_high_watermark(1) == 3


def test_the_log_start_moves_up_to_the_high_watermark_only(bench, log):
    fill(bench, 2)
    log.update_high_watermark(4)
    with pytest.raises(KafkaError) as caught:
        log.increment_log_start_offset(5, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert caught.value.code is ErrorCode.OFFSET_OUT_OF_RANGE
    assert log.increment_log_start_offset(4, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert not log.increment_log_start_offset(3, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert log.log_start_offset == 4


def test_retention_by_time_goes_by_the_newest_record_of_a_segment(bench):
    bench.open(segment_bytes=2 * SIZE, retention_ms=HOUR_MS)
    fill(bench, 6, step_ms=HOUR_MS // 4)
    bench.log.update_high_watermark(18)
    newest_of_first = START_MS + HOUR_MS // 4
    assert bench.log.delete_old_segments(newest_of_first + HOUR_MS) == 0
    assert bench.log.delete_old_segments(newest_of_first + HOUR_MS + 1) == 1
    assert bench.log.log_start_offset == 6
    assert bench.offsets() == list(range(6, 18))


def test_retention_by_time_may_empty_the_log(bench):
    bench.open(segment_bytes=2 * SIZE, retention_ms=HOUR_MS)
    fill(bench, 3)
    bench.log.update_high_watermark(9)
    assert bench.log.delete_old_segments(START_MS + HOUR_MS + 1) == 2
    assert (bench.log.log_start_offset, bench.log.log_end_offset) == (9, 9)
    assert bench.log.delete_old_segments(START_MS + 5 * HOUR_MS) == 0
    bench.open()
    assert (bench.log.log_start_offset, bench.log.log_end_offset) == (9, 9), "the name of the empty segment tells"


def test_retention_by_size_keeps_at_least_retention_bytes(bench):
    bench.open(segment_bytes=2 * SIZE, retention_bytes=3 * SIZE)
    fill(bench, 8)
    bench.log.update_high_watermark(24)
    assert bench.log.delete_old_segments(START_MS) == 2
    assert bench.log.size == 4 * SIZE


def test_retention_never_goes_beyond_the_high_watermark(bench):
    bench.open(segment_bytes=2 * SIZE, retention_bytes=0)
    fill(bench, 8)
    bench.log.update_high_watermark(11)
    assert bench.log.delete_old_segments(START_MS) == 1
    assert bench.log.log_start_offset == 6


def test_a_compacted_log_loses_only_what_is_before_its_start(bench):
    bench.open(segment_bytes=2 * SIZE, retention_bytes=0, retention_ms=1, cleanup_policy=("compact",))
    for _ in range(4):
        bench.append(3, key=b"")
    bench.log.update_high_watermark(12)
    assert bench.log.delete_old_segments(START_MS + HOUR_MS) == 0
    second = bench.segment_bases()[1]
    bench.log.increment_log_start_offset(second, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert bench.log.delete_old_segments(START_MS) == 1


def test_deleted_records_take_their_segments_along(bench):
    """DeleteRecords (KIP-107)."""
    bench.open(segment_bytes=2 * SIZE)
    fill(bench, 6)
    bench.log.update_high_watermark(18)
    bench.log.increment_log_start_offset(11, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert bench.log.delete_old_segments(START_MS) == 1
    assert bench.log.log_start_offset == 11
    assert bench.segment_bases() == [6, 12]


def test_deleted_files_wait_for_their_delay(bench):
    bench.open(segment_bytes=2 * SIZE, retention_bytes=0, file_delete_delay_ms=1000)
    fill(bench, 4)
    bench.log.update_high_watermark(6)
    bench.log.delete_old_segments(START_MS)
    assert f"{0:020d}.log.deleted" in bench.files(".deleted")
    assert bench.log.remove_deleted_files(START_MS + 999) == 0
    assert bench.log.remove_deleted_files(START_MS + 1000) == len([1 for _ in (".log", ".index", ".timeindex")])
    assert bench.files(".deleted") == []


def test_deleted_files_are_gone_after_a_restart(bench):
    bench.open(segment_bytes=2 * SIZE, retention_bytes=0)
    fill(bench, 4)
    bench.log.update_high_watermark(6)
    bench.log.delete_old_segments(START_MS)
    bench.open()
    assert bench.files(".deleted") == []
    assert bench.log.log_start_offset == 6


def test_few_files_are_open_at_once(bench):
    """Segments share a budget of descriptors; whoever is closed opens again when needed."""
    pool = OpenFiles(3)
    bench.open(segment_bytes=SIZE, pool=pool)
    fill(bench, 20)
    assert bench.offsets() == list(range(60))
    assert len(pool) <= 3
    bench.close()
    bench.open(had_clean_shutdown=True, segment_bytes=SIZE, pool=pool)
    assert bench.offsets() == list(range(60))
    assert len(pool) <= 3


def test_a_changed_configuration_counts_from_the_next_append(bench, log):
    fill(bench, 3)
    log.update_config(LogConfig(segment_bytes=3 * SIZE))
    fill(bench, 1)
    assert bench.segment_bases() == [0, 9]


def test_configs_are_read_by_kafkas_names():
    config = LogConfig.from_mapping(
        {
            "segment.bytes": "1048576",
            "cleanup.policy": "compact,delete",
            "message.timestamp.type": "LogAppendTime",
            "preallocate": "true",
            "min.cleanable.dirty.ratio": "0.1",
            "remote.storage.enable": "false",
        },
        LogConfig(retention_ms=5),
    )
    assert config.segment_bytes == 1048576
    assert config.compact
    assert config.delete
    assert config.message_timestamp_type.name == "LOG_APPEND_TIME"
    assert config.preallocate
    assert config.min_cleanable_dirty_ratio == 0.1
    assert config.retention_ms == 5
