"""Apache Kafka's own kafka-dump-log reads what compaction has written."""

import asyncio

import pytest

from engine.log import LogCleaner
from engine.protocol.records.compression import Compression
from tests.unit.engine.log.test_cleaner import HOUR_MS, CleanerBench, OneLog
from tests.unit.engine.log.test_dump_log_segments import dump

pytestmark = pytest.mark.java


@pytest.fixture
def cleaned(tmp_path):
    """A compacted log with gaps, every codec, tombstones with horizons, empty batches, markers; closed cleanly."""
    bench = CleanerBench(tmp_path)
    bench.open(segment_bytes=6_000, index_interval_bytes=100)
    for number in range(200):
        bench.clock.time_ms += 1_000
        codec = list(Compression)[number % 5]
        value = None if number % 11 == 0 else "v" * 100
        bench.put((f"key-{number % 17}", value), (f"once-{number % 90}", "x"), compression=codec, epoch=number // 70)
        bench.put(
            (f"key-{number % 13}", "p"),
            producer_id=number % 3,
            producer_epoch=0,
            base_sequence=number // 3,
            epoch=number // 70,
        )
        if number % 10 == 0:
            bench.put(
                (f"key-{number % 7}", "t"),
                producer_id=50,
                producer_epoch=0,
                base_sequence=number // 10,
                is_transactional=True,
                epoch=number // 70,
            )
            bench.append_marker(50, commit=number % 20 == 0, epoch=number // 70)
            bench.log.update_high_watermark(bench.log.log_end_offset)
    bench.roll()

    async def run():
        cleaner = LogCleaner(bench.disk, bench.clock, OneLog(bench.log))
        for _ in range(2):
            bench.log.cleaner_offset = None
            assert await cleaner.clean(bench.log) is not None
            bench.clock.time_ms += HOUR_MS
        assert not cleaner.uncleanable

    asyncio.run(run())
    bench.log.remove_deleted_files(bench.clock.time_ms + HOUR_MS)
    bench.close()
    return bench


def test_kafka_dump_log_reads_compacted_segments(cleaned):
    # The tool counts gaps itself: they are what compaction is for.
    printed = dump(cleaned, ".log", "--deep-iteration", "--print-data-log", allow=("is followed by",))
    batches = [line for line in printed.splitlines() if line.startswith("baseOffset")]
    assert printed.count("isvalid: true") == len(batches) > 50
    assert "deleteHorizonMs: OptionalLong[" in printed
    assert " count: 0 " in printed
    assert "endTxnMarker: COMMIT" in printed


def test_kafka_dump_log_finds_the_indexes_of_compacted_segments_true(cleaned):
    assert "passed sanity check" in dump(cleaned, ".index", "--index-sanity-check")
    dump(cleaned, ".index", "--verify-index-only")
    dump(cleaned, ".index")
    assert "passed sanity check" in dump(cleaned, ".timeindex", "--index-sanity-check")
    dump(cleaned, ".timeindex")
