"""Apache Kafka's own kafka-dump-log reads our files without complaint."""

import re

import pytest

from engine.protocol.records.compression import Compression
from tests.java.classpath import run_java

pytestmark = pytest.mark.java

DUMP = "org.apache.kafka.tools.DumpLogSegments"
COMPLAINTS = ("mismatch", "is followed by", "out of order", "isvalid: false", "corrupt", "exception", "not found")
# The tool itself thinks that every log starts at offset 0, and calls the first offset of a later segment a gap.
FALSE_ALARMS = re.compile(r"^Non-consecutive offsets in .*$|^ *-1 is followed by \d+$", re.MULTILINE)


def dump(bench, suffix, *options, allow=()):
    """What the tool prints; complaints fail, but for those in `allow`."""
    files = ",".join(str(bench.path(name)) for name in bench.files(suffix))
    printed = run_java(DUMP, "--files", files, *options)
    relevant = FALSE_ALARMS.sub("", printed).lower()
    for complaint in (each for each in COMPLAINTS if each not in allow):
        assert complaint not in relevant, f"{complaint}: {printed[-3000:]}"
    return printed


@pytest.fixture
def busy(bench):
    """A log with several segments, codecs, producers, an aborted and a committed transaction, closed cleanly."""
    bench.open(segment_bytes=10_000, index_interval_bytes=100)
    for number in range(120):
        bench.clock.time_ms += 1000
        codec = list(Compression)[number % 5]
        timestamp_ms = bench.clock.time_ms - (5_000 if number % 7 == 0 else 0)
        bench.append(3, epoch=number // 40, value=b"x" * 100, timestamp_ms=timestamp_ms, compression=codec)
        bench.append(2, epoch=number // 40, producer_id=9, producer_epoch=0, base_sequence=number * 2)
        bench.append(
            1, epoch=number // 40, producer_id=7, producer_epoch=1, base_sequence=number, is_transactional=True
        )
        if number % 20 == 19:
            bench.append_marker(7, commit=number % 40 == 19, producer_epoch=1, epoch=number // 40)
    bench.append(5, epoch=2, producer_id=8, producer_epoch=0, base_sequence=0, is_transactional=True)
    end = bench.log.log_end_offset
    bench.close()
    assert len(bench.segment_bases()) > 2
    return end


def test_kafka_dump_log_reads_the_segments(bench, busy):
    printed = dump(bench, ".log", "--deep-iteration", "--print-data-log")
    assert f"lastOffset: {busy - 1} " in printed
    assert printed.count("isvalid: true") == len([1 for line in printed.splitlines() if line.startswith("baseOffset")])
    assert "endTxnMarker: ABORT" in printed
    assert "endTxnMarker: COMMIT" in printed


def test_kafka_dump_log_finds_the_offset_index_sane_and_true(bench, busy):
    assert "passed sanity check" in dump(bench, ".index", "--index-sanity-check")
    assert "offset: " in dump(bench, ".index")
    dump(bench, ".index", "--verify-index-only")


def test_kafka_dump_log_finds_the_time_index_sane_and_true(bench, busy):
    assert "passed sanity check" in dump(bench, ".timeindex", "--index-sanity-check")
    assert "timestamp: " in dump(bench, ".timeindex")


def test_kafka_dump_log_reads_the_transaction_index(bench, busy):
    printed = dump(bench, ".txnindex")
    assert printed.count("producerId: 7") == 3


def test_kafka_dump_log_reads_the_producer_snapshots(bench, busy):
    printed = dump(bench, f"{busy:020d}.snapshot")
    assert "producerId: 9 producerEpoch: 0" in printed
    assert (
        f"producerId: 8 producerEpoch: 0 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong[{busy - 5}]"
        in printed
    )


def test_kafka_dump_log_is_content_with_what_recovery_made(bench, busy):
    last = bench.path(bench.files(".log")[-1])
    last.write_bytes(last.read_bytes()[:-20])
    for name in bench.files(".index") + bench.files(".timeindex"):
        bench.path(name).unlink()
    bench.open(segment_bytes=10_000, index_interval_bytes=100)
    assert bench.report.truncated_bytes > 0
    bench.close()
    dump(bench, ".log", "--deep-iteration")
    dump(bench, ".index")
    dump(bench, ".timeindex")
