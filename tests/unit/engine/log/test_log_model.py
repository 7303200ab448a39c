"""Whatever is done to a log, it reads like a list of batches."""

import tempfile
from bisect import bisect_left
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.log.log_config import LogConfig
from engine.log.values import LogStartOffsetReason
from tests.unit.engine.log.conftest import LogBench

CONFIG = LogConfig(segment_bytes=700, index_interval_bytes=150, max_message_bytes=700)

APPEND = st.tuples(st.just("append"), st.integers(1, 5), st.integers(0, 60))
STEP = st.one_of(
    *[APPEND] * 6,
    st.tuples(st.just("truncate"), st.floats(0, 1)),
    st.tuples(st.just("delete"), st.floats(0, 1)),
    st.tuples(st.just("reopen"), st.booleans()),
    st.tuples(st.just("roll")),
    st.tuples(st.just("flush")),
    st.tuples(st.just("start over"), st.integers(0, 50)),
)


class Model:
    """A log as a list of (first offset, bytes, next offset)."""

    def __init__(self):
        self.batches = []
        self.start = 0
        self.end = 0

    def append(self, start, data, end):
        self.batches.append((start, data, end))
        self.end = end

    def truncate(self, offset):
        while self.batches and self.batches[-1][2] > offset:
            offset = min(offset, self.batches[-1][0])
            self.batches.pop()
        self.end = min(self.end, offset)
        self.start = min(self.start, self.end)

    def read(self, offset, max_bytes, max_offset):
        first = bisect_left(self.batches, offset + 1, key=lambda batch: batch[2])
        found = b""
        for start, data, end in self.batches[first:]:
            if end > max_offset or (found and len(found) + len(data) > max_bytes):
                break
            found += data
            if start < 0:
                break
        return found


def run(bench, model, step):
    kind, *arguments = step
    log = bench.log
    if kind == "append":
        count, size = arguments
        info = bench.append(count, value=b"x" * size, epoch=len(model.batches))
        assert info.first_offset == model.end
        model.append(info.first_offset, bench.fetch(info.first_offset), info.last_offset + 1)
    elif kind == "truncate":
        first = model.batches[0][0] if model.batches else model.start
        offset = first + int((model.end - first) * arguments[0])
        log.truncate_to(offset)
        model.truncate(offset)
    elif kind == "delete":
        log.update_high_watermark(model.end)
        offset = model.start + int((model.end - model.start) * arguments[0])
        log.increment_log_start_offset(offset, LogStartOffsetReason.CLIENT_RECORD_DELETION)
        log.delete_old_segments(bench.clock.time_ms)
        model.start = max(model.start, offset)
        base = log.first_segment_base_offset
        model.batches = [batch for batch in model.batches if batch[0] >= base]
    elif kind == "reopen":
        if arguments[0]:
            bench.close()
        bench.open(
            config=CONFIG,
            had_clean_shutdown=arguments[0],
            recovery_point=log.recovery_point,
            log_start_offset=log.log_start_offset,
        )
    elif kind == "roll":
        log.roll(bench.clock.time_ms)
    elif kind == "flush":
        bench.run(log.flush())
        log.recovery_point_checkpointed = log.recovery_point
    else:
        log.truncate_fully_and_start_at(model.end + arguments[0])
        model.batches = []
        model.start = model.end = model.end + arguments[0]
        log.recovery_point_checkpointed = 0


def check(bench, model):
    log = bench.log
    assert (log.log_start_offset, log.log_end_offset) == (model.start, model.end)
    for offset in range(model.start, model.end + 1):
        for max_bytes, max_offset in ((1, model.end), (250, model.end), (1 << 20, model.end), (1 << 20, offset + 2)):
            result = log.read(offset, max_bytes, max_offset=max_offset)
            expected = model.read(offset, max_bytes, max_offset)
            # A read ends with its segment, so it may be shorter, but never empty when there is something.
            assert expected.startswith(result.records)
            assert bool(result.records) == bool(expected)
            if result.records:
                nexts = [end for _, _, end in model.batches if end > offset]
                lengths = [len(data) for _, data, end in model.batches if end > offset]
                assert len(result.records) == sum(lengths[: nexts.index(result.next_offset) + 1])
    for start, _, _ in model.batches:
        if start >= model.start:
            assert log.epoch_for_offset(start) >= 0


@settings(max_examples=80)
@given(st.lists(STEP, min_size=1, max_size=40))
def test_a_log_reads_like_a_list(steps):
    with tempfile.TemporaryDirectory() as root:
        bench, model = LogBench(Path(root)), Model()
        bench.open(config=CONFIG)
        for step in steps:
            run(bench, model, step)
            if step[0] in ("truncate", "delete", "reopen"):
                check(bench, model)
        check(bench, model)
        bench.log.abandon()
