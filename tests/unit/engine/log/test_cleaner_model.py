"""Whatever is written, with whatever segments: compaction keeps what it promises to keep."""

import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.log.cleaner_range import cleanable_range
from engine.log.cleaner_records import scan_records
from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import HEADER_BYTES, parse_batch_header
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.runtime.system_disk import SystemDisk
from tests.unit.engine.log.test_cleaner import CleanerBench

PAIR = st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.text("xyz", max_size=30)))
STEP = st.one_of(
    st.tuples(st.just("put"), st.lists(PAIR, min_size=1, max_size=5), st.sampled_from([-1, 1, 2])),
    st.tuples(st.just("put"), st.lists(PAIR, min_size=1, max_size=5), st.just(-1)),
    st.tuples(st.just("roll")),
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(st.just("clean"), st.sampled_from([1, 400, 1 << 20])),
    st.tuples(st.just("reopen"), st.booleans()),
)


class QuickDisk(SystemDisk):
    """Does everything in place and syncs nothing: no power goes here."""

    async def run_blocking(self, work):
        return work()

    async def fsync_directory(self, path):
        pass


@pytest.fixture(autouse=True, scope="module")
def no_syncs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.runtime.system_disk.os.fsync", lambda fd: None)
        yield


class Run:
    def __init__(self, root, segment_bytes, codec):
        self.bench = CleanerBench(root, QuickDisk())
        self.options = {
            "segment_bytes": segment_bytes,
            "index_interval_bytes": 100,
            "delete_retention_ms": 30,
            "max_message_bytes": segment_bytes,
        }
        self.bench.open(**self.options)
        self.codec = codec
        self.sequences = {}
        self.history = []

    def put(self, pairs, producer_id):
        options = {"compression": self.codec}
        if producer_id > 0:
            sequence = self.sequences.get(producer_id, 0)
            options |= {"producer_id": producer_id, "producer_epoch": 0, "base_sequence": sequence}
            self.sequences[producer_id] = sequence + len(pairs)
        info = self.bench.put(*pairs, **options)
        self.history += [(info.first_offset + number, *pair) for number, pair in enumerate(pairs)]

    def clean(self, map_bytes):
        log = self.bench.log
        bound = cleanable_range(log, self.bench.clock.time_ms).end_offset
        before = self.bench.pairs()
        self.bench.clean(map_bytes=map_bytes)
        after = self.bench.pairs()
        assert [pair for pair in after if pair[0] >= bound] == [pair for pair in before if pair[0] >= bound]
        assert set(after) <= set(before)
        first = self.bench.fetch(0)
        if map_bytes == 1 << 20 and log.cleaner_offset is not None:
            log.cleaner_offset = 0
            self.bench.clean()
            assert self.bench.pairs() == after
            log.cleaner_offset = 0
            second = self.bench.fetch(0)
            self.bench.clean()
            assert self.bench.fetch(0) == second
            assert len(second) <= len(first)

    def judge(self):
        bench = self.bench
        found = bench.pairs()
        assert found == sorted(found)
        assert set(found) <= set(self.history)
        latest = {key: (offset, value) for offset, key, value in self.history}
        kept = {key: (offset, value) for offset, key, value in found}
        for key, (offset, value) in latest.items():
            if value is not None:
                assert kept[key] == (offset, value)
            else:
                assert kept.get(key, (offset, None)) == (offset, None)
        assert bench.log.log_end_offset == len(self.history)
        last_sequences = {
            entry.producer_id: entry.last_sequence + 1 for entry in bench.log.producers.producers.values()
        }
        assert last_sequences == self.sequences
        previous = -1
        for header in bench.headers():
            assert header.base_offset > previous
            previous = header.last_offset


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(STEP, min_size=5, max_size=25),
    segment_bytes=st.sampled_from([500, 1_000, 5_000]),
    codec=st.sampled_from([0, 0, 2]),
)
def test_the_latest_value_of_each_key_survives(steps, segment_bytes, codec):
    with tempfile.TemporaryDirectory() as root:
        run = Run(root, segment_bytes, codec)
        try:
            for step in steps:
                match step:
                    case ("put", pairs, producer_id):
                        run.put(pairs, producer_id)
                    case ("roll",):
                        run.bench.roll()
                    case ("wait", time_ms):
                        run.bench.clock.time_ms += time_ms
                    case ("clean", map_bytes):
                        run.clean(map_bytes)
                    case ("reopen", is_clean):
                        cleaned = run.bench.log.cleaner_offset
                        if is_clean:
                            run.bench.close()
                        end = run.bench.log.log_end_offset
                        run.bench.open(
                            **run.options,
                            had_clean_shutdown=is_clean,
                            recovery_point=end if is_clean else 0,
                            was_cleaned=cleaned is not None,
                        )
                        run.bench.log.cleaner_offset = cleaned
                        run.bench.log.update_high_watermark(end)
            run.judge()
            run.bench.roll()
            run.clean(1 << 20)
            run.judge()
        finally:
            run.bench.log.abandon()


RECORD = st.tuples(
    st.integers(0, 2**40),
    st.one_of(st.none(), st.binary(max_size=200)),
    st.one_of(st.none(), st.binary(max_size=200)),
    st.lists(st.tuples(st.text("h", max_size=3), st.one_of(st.none(), st.binary(max_size=3))), max_size=3),
)


@given(st.lists(RECORD, min_size=1, max_size=10))
def test_looking_through_a_batch_sees_what_decoding_it_sees(rows):
    batch = build_batch([Record(offset, *row) for offset, row in enumerate(rows)])
    header = parse_batch_header(batch)

    spans = scan_records(batch[HEADER_BYTES:], header)

    assert [
        (header.base_timestamp + span.timestamp_delta_ms, span.offset_delta, span.key, span.has_value) for span in spans
    ] == [(record.timestamp, record.offset, record.key, record.value is not None) for record in decode_records(batch)]
    assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_batch_that_is_not_what_its_header_says_is_refused(cut):
    batch = build_batch([Record(0, 1, b"key", b"value", []), Record(1, 1, b"key", b"value", [])])
    header = parse_batch_header(batch)

    with pytest.raises(ProtocolError):
        scan_records(batch[HEADER_BYTES:-cut], header)
    with pytest.raises(ProtocolError, match="follow"):
        scan_records(batch[HEADER_BYTES:] + b"x" * cut, header)
