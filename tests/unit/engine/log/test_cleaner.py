"""Compaction on one log (in the spirit of Kafka: LogCleanerTest, LogCleanerManagerTest)."""

import asyncio
import logging

import pytest

from engine.log import CleanerSettings, LogCleaner, LogConfig, LogStartOffsetReason
from engine.log.cleaner_map import OffsetMap
from engine.log.cleaner_range import cleanable_range, group_segments, is_due
from engine.log.values import AppendOrigin
from engine.protocol.records.batch import TimestampType, iterate_batches
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.runtime import safeguards
from tests.unit.engine.log.conftest import LogBench

HOUR_MS = 3_600_000
COMPACT = {"cleanup_policy": ("compact",), "segment_bytes": 1 << 20, "index_interval_bytes": 1}


class OneLog:
    """As much of a LogManager as the cleaner needs."""

    def __init__(self, *logs):
        self.logs = {(log.topic_partition, number): log for number, log in enumerate(logs)}
        if len(logs) == 1:
            self.logs = {logs[0].topic_partition: logs[0]}

    async def checkpoint_cleaner_offsets(self):
        pass

    async def checkpoint_recovery_points(self):
        for log in self.logs.values():
            log.recovery_point_checkpointed = log.recovery_point


class CleanerBench(LogBench):
    """A compacted log, written key by key, replicated at once, and cleaned."""

    def open(self, **options):
        return super().open(**{**COMPACT, **options})

    def put(self, *pairs, timestamp_ms=None, **options):
        """One batch of (key, value) pairs; a value None is a tombstone."""
        time_ms = self.clock.time_ms if timestamp_ms is None else timestamp_ms
        records = [
            Record(
                offset, time_ms, None if key is None else key.encode(), None if value is None else value.encode(), []
            )
            for offset, (key, value) in enumerate(pairs)
        ]
        epoch = options.pop("epoch", 0)
        origin = AppendOrigin.COORDINATOR if options.get("is_transactional") else AppendOrigin.CLIENT
        info = self.append_bytes(build_batch(records, **options), epoch=epoch, origin=origin)
        self.log.update_high_watermark(self.log.log_end_offset)
        return info

    def roll(self):
        self.log.roll(self.clock.time_ms)

    def clean(self, log=None, **settings):
        """One run, due or not; the report, or None."""
        cleaner = LogCleaner(self.disk, self.clock, OneLog(self.log), CleanerSettings(**settings))

        async def run():
            return await cleaner.clean(self.log)

        report = asyncio.run(run())
        assert not cleaner.uncleanable, cleaner.uncleanable
        return report

    def pairs(self):
        """(offset, key, value) of every record."""
        return [
            (record.offset, record.key and record.key.decode(), None if record.value is None else record.value.decode())
            for record in self.records()
        ]

    def headers(self):
        data = self.fetch(self.log.log_start_offset)
        return [header for _, header in iterate_batches(data)]


@pytest.fixture
def bench(tmp_path):
    bench = CleanerBench(tmp_path)
    bench.open()
    yield bench
    if not bench.log.closed:
        bench.log.abandon()


# What stays


def test_of_each_key_the_last_record_stays_with_its_offset_and_in_order(bench):
    bench.put(("a", "1"), ("b", "1"), ("a", "2"))
    bench.roll()
    bench.put(("c", "1"), ("a", "3"))
    bench.roll()

    bench.clean()

    assert bench.pairs() == [(1, "b", "1"), (3, "c", "1"), (4, "a", "3")]
    assert bench.log.log_end_offset == 5
    assert bench.log.log_start_offset == 0


def test_the_active_segment_is_left_alone_but_its_keys_count_neither(bench):
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"), ("a", "3"))

    bench.clean()

    assert bench.pairs() == [(0, "a", "1"), (1, "a", "2"), (2, "a", "3")]


def test_records_without_key_go(bench):
    """Kafka: LogCleanerTest.testCleaningWithUnkeyedMessages. The broker refuses them; the topic may have been another."""
    bench.log.update_config(LogConfig(cleanup_policy=("delete",)))
    bench.put((None, "x"), ("a", "1"))
    bench.log.update_config(LogConfig(**COMPACT))
    bench.roll()

    report = bench.clean()

    assert bench.pairs() == [(1, "a", "1")]
    assert report.records_without_key == 1


def test_headers_timestamps_and_values_are_kept_byte_for_byte(bench):
    records = [
        Record(0, 1_000, b"gone", b"", []),
        Record(1, 2_000, b"k" * 200, b"v" * 300, [("trace", b"1"), ("none", None)]),
        Record(2, 1_500, b"gone", b"last", []),
    ]
    bench.append_bytes(build_batch(records))
    bench.log.update_high_watermark(3)
    bench.roll()

    bench.clean()

    assert bench.records() == records[1:]
    assert bench.headers()[0].max_timestamp == 2_000


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_batches_keep_their_codec_epoch_and_offsets(bench, codec):
    bench.put(("a", "1"), ("b", "1"), ("c", "1"), epoch=7, compression=codec)
    bench.put(("c", "2"), epoch=8, compression=codec)
    bench.roll()

    bench.clean()

    first, second = bench.headers()
    assert (first.base_offset, first.last_offset, first.records_count) == (0, 2, 2)
    assert (first.compression, first.partition_leader_epoch) == (codec, 7)
    assert second.base_offset == 3
    assert bench.log.end_offset_for_epoch(7) == (7, 3)


def test_log_append_time_stays_the_time_of_the_batch(bench):
    bench.open(message_timestamp_type=TimestampType.LOG_APPEND_TIME)
    bench.put(("a", "1"), ("b", "1"), timestamp_ms=5)
    bench.put(("b", "2"))
    bench.roll()

    bench.clean()

    assert {record.timestamp for record in bench.records()} == {bench.clock.time_ms}


def test_the_last_batch_of_a_run_stays_without_records(bench):
    """So that nobody takes the log for shorter than it is (KAFKA-16226's kind; Kafka: Cleaner.cleanInto)."""
    bench.put(("a", None))
    bench.roll()
    bench.clean()
    bench.clock.time_ms += 25 * HOUR_MS
    bench.log.cleaner_offset = None

    bench.clean()

    assert bench.pairs() == []
    assert bench.spans() == [(0, 0)]


# Tombstones


def test_a_tombstone_stays_for_delete_retention_ms_after_the_run_that_met_it(bench):
    """KIP-534; Kafka: LogCleanerTest.testDeletedBatchesWithNoMessagesRead and its kind."""
    bench.put(("a", "1"), ("b", "1"))
    bench.put(("a", None))
    bench.put(("z", "1"))
    bench.roll()
    bench.clean()
    assert bench.pairs() == [(1, "b", "1"), (2, "a", None), (3, "z", "1")]
    horizon_ms = bench.clock.time_ms + 24 * HOUR_MS
    assert [header.delete_horizon_ms for header in bench.headers()] == [None, horizon_ms, None]

    bench.clock.time_ms = horizon_ms - 1
    bench.log.cleaner_offset = None
    bench.clean()
    assert (2, "a", None) in bench.pairs()
    assert bench.headers()[1].delete_horizon_ms == horizon_ms

    bench.clock.time_ms = horizon_ms
    bench.log.cleaner_offset = None
    bench.clean()
    assert bench.pairs() == [(1, "b", "1"), (3, "z", "1")]


def test_a_delete_horizon_does_not_change_what_readers_see(bench):
    bench.put(("a", None), ("b", "1"), timestamp_ms=1_234)
    bench.roll()

    bench.clean()

    assert [record.timestamp for record in bench.records()] == [1_234, 1_234]
    assert bench.headers()[0].max_timestamp == 1_234
    assert bench.log.offset_for_timestamp(1_000).offset == 0


# How far


def test_nothing_at_or_above_the_high_watermark_is_touched(bench):
    """KAFKA-13194."""
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"))
    bench.roll()
    bench.put(("a", "3"))
    bench.log.update_high_watermark(1)

    assert cleanable_range(bench.log, bench.clock.time_ms).end_offset == 1
    bench.clean()

    assert bench.offsets() == [0, 1, 2]
    with safeguards.without("cleaner_stops_at_high_watermark"):
        assert cleanable_range(bench.log, bench.clock.time_ms).end_offset == 2


def test_min_compaction_lag_keeps_young_segments_out(bench):
    """Kafka: LogCleanerManagerTest.testCleanableOffsetsForTime."""
    bench.open(min_compaction_lag_ms=HOUR_MS)
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"))
    bench.roll()
    bench.clock.time_ms += 2 * HOUR_MS
    bench.put(("a", "3"))
    bench.roll()

    assert cleanable_range(bench.log, bench.clock.time_ms).end_offset == 2
    bench.clean()

    assert bench.pairs() == [(1, "a", "2"), (2, "a", "3")]


def test_a_run_is_due_when_more_than_the_ratio_is_dirty(bench):
    bench.put(("a", "1" * 100))
    bench.roll()
    bench.clean()
    now_ms = bench.clock.time_ms
    assert not is_due(cleanable_range(bench.log, now_ms), bench.log)

    bench.put(("b", "1" * 50))
    bench.roll()
    assert not is_due(cleanable_range(bench.log, now_ms), bench.log)

    bench.put(("c", "1" * 100))
    bench.roll()
    cleanable = cleanable_range(bench.log, now_ms)
    assert is_due(cleanable, bench.log)
    assert 0.5 < cleanable.dirty_ratio < 0.8


def test_a_run_is_due_when_max_compaction_lag_is_over_however_little_there_is(bench):
    """KIP-354."""
    bench.open(max_compaction_lag_ms=HOUR_MS, min_cleanable_dirty_ratio=1.0)
    bench.put(("a", "1"))
    bench.roll()
    assert not is_due(cleanable_range(bench.log, bench.clock.time_ms), bench.log)

    bench.clock.time_ms += HOUR_MS + 1

    cleanable = cleanable_range(bench.log, bench.clock.time_ms)
    assert cleanable.overdue_ms == 1
    assert is_due(cleanable, bench.log)


def test_max_compaction_lag_closes_segments_that_wait_for_it(bench):
    bench.open(max_compaction_lag_ms=HOUR_MS)
    bench.put(("a", "1"))
    bench.clock.time_ms += HOUR_MS + 1
    bench.put(("a", "2"))

    assert bench.log.segment_count == 2


def test_an_offset_from_the_checkpoint_that_the_log_does_not_have_is_not_trusted(bench, caplog):
    bench.put(("a", "1"))
    bench.roll()
    bench.log.cleaner_offset = 100

    with caplog.at_level(logging.WARNING):
        assert cleanable_range(bench.log, 0).first_dirty_offset == 0

    assert "begins anew" in caplog.text


def test_what_was_truncated_is_dirty_again(bench):
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("b", "1"))
    bench.roll()
    bench.clean()
    assert bench.log.cleaner_offset == 2

    bench.log.truncate_to(1)

    assert bench.log.cleaner_offset == 1


def test_a_map_that_is_full_ends_the_run_at_a_whole_batch_and_the_next_goes_on(bench):
    """Kafka: LogCleanerTest.testBuildPartialOffsetMap."""
    for value in ("1", "2"):
        for key in range(6):
            bench.put((f"key-{key}", value))
    bench.roll()
    ends = []
    for _ in range(12):
        report = bench.clean(map_bytes=400)
        if report is None:
            break
        ends.append(report.end_offset)
        latest = {key: value for _, key, value in bench.pairs()}
        assert latest == {f"key-{key}": "2" for key in range(6)}

    assert ends == sorted(set(ends))
    assert len(ends) > 1
    assert ends[-1] == 12


def test_a_batch_with_more_keys_than_the_map_takes_is_no_dead_end(bench):
    bench.put(*[(f"key-{number}", "1") for number in range(50)])
    bench.roll()

    assert bench.clean(map_bytes=1).end_offset == 50


def test_keys_of_any_length_are_told_apart():
    offset_map = OffsetMap(1 << 20)
    keys = [b"", b"a", b"a" * 31, b"a" * 32, b"a" * 33, b"a" * 5000, b"a" * 4999 + b"b"]
    for offset, key in enumerate(keys):
        offset_map.put(key, offset)

    assert [offset_map.get(key) for key in keys] == list(range(len(keys)))
    assert offset_map.get(b"unknown") == -1


# Segments


def test_small_segments_become_one(bench):
    for number in range(6):
        bench.put((f"key-{number}", "1"))
        bench.roll()

    bench.clean()

    assert bench.segment_bases() == [0, 6]
    assert bench.offsets() == list(range(6))


def test_groups_keep_to_the_sizes_of_segments_and_of_their_indexes(bench):
    """Kafka: LogCleanerTest.testSegmentGrouping."""
    for number in range(6):
        bench.put((f"key-{number}", "1"))
        bench.roll()
    segments = bench.log.segments.between(0, 6)
    size = segments[0].size

    assert [len(group) for group in group_segments(segments, 2 * size, 1 << 20, 6)] == [2, 2, 2]
    assert [len(group) for group in group_segments(segments, 1, 1 << 20, 6)] == [1] * 6
    assert [len(group) for group in group_segments(segments, 1 << 30, 0, 6)] == [1] * 6
    assert [len(group) for group in group_segments(segments, 1 << 30, 1 << 20, 6)] == [6]


def test_a_group_spans_no_more_offsets_than_an_index_can_hold(bench):
    """Kafka: LogCleanerTest.testSegmentGroupingWithSparseOffsets."""
    bench.put(("a", "1"))
    bench.roll()
    far = bench.batch(1, key=b"b", base_offset=2**31 + 5, epoch=0)
    bench.log.append_as_follower(far)
    bench.log.update_high_watermark(bench.log.log_end_offset)
    bench.roll()
    bases = [segment.base_offset for segment in bench.log.segments]

    bench.clean()

    assert [segment.base_offset for segment in bench.log.segments] == bases
    assert bench.offsets() == [0, 2**31 + 5]


def test_readers_find_their_way_around_what_is_gone(bench):
    for number in range(40):
        bench.put(("same" if number % 4 else f"key-{number}", str(number)))
        if number % 10 == 9:
            bench.roll()
    bench.clean()
    left = bench.offsets()
    assert left == [*range(0, 40, 4), 39]

    for offset in range(40):
        data = bench.log.read(offset, 1, max_offset=40).records
        following = min(number for number in left if number >= offset)
        assert decode_records(data)[0].offset == following
    assert bench.log.read(37, 1, max_offset=38).records == b""


def test_times_are_found_in_what_is_left(bench):
    for number in range(10):
        bench.put(("same" if number % 2 else f"key-{number}", "v"), timestamp_ms=1_000 + number)
    bench.roll()
    bench.clean()

    assert bench.log.offset_for_timestamp(1_003).offset == 4
    assert bench.log.max_timestamp_and_offset().offset == 9


def test_a_cleaned_log_opens_again_as_it_was(bench):
    for number in range(20):
        bench.put(("same" if number % 4 else f"key-{number}", str(number)), epoch=number // 5)
        if number % 5 == 4:
            bench.roll()
    bench.clean()
    before, headers = bench.pairs(), bench.headers()

    bench.open(had_clean_shutdown=True)
    assert (bench.pairs(), bench.headers()) == (before, headers)
    bench.open(recovery_point=0, was_cleaned=True)

    assert (bench.pairs(), bench.headers()) == (before, headers)
    assert bench.log.log_end_offset == 20
    assert not bench.report.lost_data


def test_a_follower_copies_the_gaps(bench, tmp_path):
    for number in range(20):
        bench.put(("same" if number % 4 else f"key-{number}", str(number)))
    bench.roll()
    bench.clean()
    follower = CleanerBench(tmp_path / "follower")
    follower.open()

    follower.log.append_as_follower(bench.fetch(0))

    assert follower.pairs() == bench.pairs()
    assert follower.log.log_end_offset == 20
    follower.log.abandon()


def test_old_files_go_after_their_delay(bench):
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"))
    bench.roll()
    bench.clean()
    assert len(bench.files(".log.deleted")) == 2

    bench.log.remove_deleted_files(bench.clock.time_ms + 60_000)

    assert not bench.files(".deleted")
    assert not bench.files(".cleaned")
    assert not bench.files(".swap")
    assert bench.offsets() == [1]


def test_a_second_run_changes_nothing(bench):
    for number in range(20):
        bench.put((f"key-{number % 3}", str(number) if number % 5 else None))
        if number % 6 == 5:
            bench.roll()
    bench.roll()
    bench.clean()
    first = bench.fetch(0)

    bench.log.cleaner_offset = None
    bench.clean()

    assert bench.fetch(0) == first


# The cleaner among others


def cleaner_of(bench, *logs, **settings):
    return LogCleaner(bench.disk, bench.clock, OneLog(*(logs or (bench.log,))), CleanerSettings(**settings))


def test_logs_that_are_not_compacted_are_left_alone(bench):
    bench.log.update_config(LogConfig(cleanup_policy=("delete",)))
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"))
    bench.roll()

    assert asyncio.run(cleaner_of(bench).clean_all_due()) == 0


def test_compact_and_delete_does_both(bench):
    """Kafka: LogCleanerManagerTest.testLogsWithSegmentsToDeleteShouldConsiderCleanupPolicyCompactDeleteLogs."""
    bench.open(cleanup_policy=("compact", "delete"), retention_ms=HOUR_MS)
    bench.put(("old", "1"))
    bench.roll()
    bench.clock.time_ms += 2 * HOUR_MS
    bench.put(("a", "1"))
    bench.roll()
    bench.put(("a", "2"))
    bench.roll()
    bench.put(("b", "1"))

    bench.log.delete_old_segments(bench.clock.time_ms)
    asyncio.run(cleaner_of(bench).clean_all_due())

    assert bench.pairs() == [(2, "a", "2"), (3, "b", "1")]
    assert bench.log.log_start_offset == 1


def test_a_damaged_log_is_reported_and_left_alone(bench, caplog):
    """Kafka: LogCleanerIntegrationTest.testMarksPartitionsAsOfflineAndPopulatesUncleanableMetrics."""
    bench.put(("a", "1"), ("a", "2"))
    bench.roll()
    with bench.path(bench.files(".log")[0]).open("r+b") as file:
        file.seek(70)
        file.write(b"\xff")
    cleaner = cleaner_of(bench)

    async def run():
        return await cleaner.clean_all_due(), cleaner.dirtiest(bench.clock.time_ms)

    runs, still_due = asyncio.run(run())

    assert still_due is None
    assert runs == 1
    assert "checksum" in cleaner.uncleanable[bench.log.topic_partition][1]
    assert "left alone" in caplog.text
    assert not bench.files(".cleaned")
    assert not bench.failures, "the directory is not to blame"


def test_a_disk_error_takes_the_directory_offline(bench):
    bench.put(("a", "1"))
    bench.roll()
    bench.path(bench.files(".log")[0]).unlink()

    asyncio.run(cleaner_of(bench).clean_all_due())

    assert len(bench.failures) == 1
    assert bench.log.is_offline


@pytest.mark.parametrize("change", ["truncate", "retention", "close", "policy", "start over"])
def test_a_log_that_changes_under_the_run_is_given_up_and_unharmed(bench, change):
    for number in range(40):
        bench.put((f"key-{number % 7}", "v" * 200))
        if number % 8 == 7:
            bench.roll()
    before = bench.pairs()
    cleaner = cleaner_of(bench, slice_bytes=2_000)

    async def run():
        task = asyncio.ensure_future(cleaner.clean(bench.log))
        while not bench.files(".log.cleaned"):
            await asyncio.sleep(0)
        if change == "truncate":
            bench.log.truncate_to(20)
        elif change == "retention":
            bench.log.increment_log_start_offset(17, LogStartOffsetReason.CLIENT_RECORD_DELETION)
            bench.log.delete_old_segments(bench.clock.time_ms)
        elif change == "close":
            bench.log.abandon()
        elif change == "policy":
            bench.log.update_config(LogConfig())
        else:
            bench.log.truncate_fully_and_start_at(100)
        return await task

    assert asyncio.run(run()) is None
    assert not bench.files(".cleaned")
    assert not bench.files(".swap")
    expected = {"truncate": before[:20], "retention": before[17:], "start over": []}.get(change, before)
    bench.open(log_start_offset=bench.log.log_start_offset)
    assert bench.pairs() == expected


def test_the_rate_is_kept(bench):
    for number in range(40):
        bench.put((f"key-{number % 7}", "v" * 1_000))
    bench.roll()

    report = bench.clean(io_bytes_per_second_max=400_000.0, slice_bytes=1_000)

    assert report.elapsed_s >= (report.bytes_read + report.map_bytes_read) / 400_000
