"""A follower's short way writes, keeps and refuses exactly what the long way does (`engine.log.batch_runs`)."""

import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import KafkaError
from engine.log import partition_log
from engine.log.batch_runs import read_run
from engine.log.values import UnexpectedAppendOffset
from tests.unit.engine.log.conftest import START_MS, LogBench, stamped

batches = st.fixed_dictionaries(
    {
        "count": st.integers(1, 3),
        "value": st.sampled_from([b"v", b"w" * 30, b"x" * 90]),
        "timestamp_ms": st.integers(START_MS - 50, START_MS + 50),
        "producer_id": st.sampled_from([-1, -1, 7]),
        "gap": st.sampled_from([0, 0, 0, 2]),
        "epoch": st.sampled_from([4, 4, 4, 5]),
    }
)
damages = st.one_of(
    st.none(),
    st.tuples(st.just("flip"), st.integers(0, 5_000)),
    st.tuples(st.just("cut"), st.integers(1, 80)),
    st.tuples(st.just("again"), st.just(0)),
)
fetches = st.lists(st.tuples(st.lists(batches, min_size=1, max_size=12), damages), min_size=1, max_size=5)
configs = st.fixed_dictionaries(
    {
        "index_interval_bytes": st.sampled_from([0, 100, 300, 4096]),
        "segment_bytes": st.sampled_from([800, 3_000, 1 << 20]),
        "segment_ms": st.sampled_from([40, 1 << 40]),
        "segment_index_bytes": st.sampled_from([48, 10 << 20]),
    }
)


def sent(bench, drawn, next_offset, sequences):
    """What a leader would send: batches from `next_offset` on, with gaps as compaction leaves them."""
    data = b""
    for each in drawn:
        next_offset += each["gap"]
        options = {}
        if each["producer_id"] >= 0:
            options = {"producer_id": 7, "producer_epoch": 1, "base_sequence": sequences[0]}
            sequences[0] += each["count"]
        batch = bench.batch(each["count"], value=each["value"], timestamp_ms=each["timestamp_ms"], **options)
        data += stamped(batch, next_offset, each["epoch"])
        next_offset += each["count"]
    return data, next_offset


def damaged(data, damage):
    if damage is None:
        return data
    kind, number = damage
    if kind == "flip":
        copy = bytearray(data)
        copy[number % len(copy)] ^= 0x41
        return bytes(copy)
    if kind == "cut":
        return data[: max(len(data) - number, 0)]
    return data + data


def outcome(log, data, leader_epoch):
    try:
        return log.append_as_follower(data, leader_epoch=leader_epoch)
    except UnexpectedAppendOffset as error:
        return str(error), error.first_offset, error.last_offset
    except KafkaError as error:
        return error.code, error.message


def state(bench):
    """All a log knows, and all that is in its files."""
    log = bench.log
    segments = []
    for segment in log.segments:
        offset_index, time_index = segment.indexes()
        segments.append(
            (
                segment.base_offset,
                segment.size,
                segment.bytes_since_index_entry,
                segment.rolling_timestamp_ms,
                segment.max_timestamp(),
                [offset_index.entry(number) for number in range(len(offset_index))],
                [time_index.entry(number) for number in range(len(time_index))],
                (offset_index.is_full, time_index.is_full),
            )
        )
    files = {path.name: path.read_bytes() for path in sorted(Path(log.directory).glob("*.log"))}
    reads = [
        log.read(offset, 200, max_offset=log.log_end_offset)
        for offset in range(log.log_start_offset, log.log_end_offset)
    ]
    producers = [entry.to_snapshot() for _, entry in sorted(log.producers.producers.items())]
    epochs = log.leader_epochs.entries()
    return log.log_end_offset, segments, files, reads, producers, epochs, log.producers.map_end_offset


@settings(max_examples=60, deadline=None)
@given(fetches, configs, st.sampled_from([None, 4, 5]))
def test_the_short_way_and_the_long_way_leave_the_same_log(drawn, config, leader_epoch):
    with tempfile.TemporaryDirectory() as short_root, tempfile.TemporaryDirectory() as long_root:
        short, long = LogBench(Path(short_root)), LogBench(Path(long_root))
        for bench in (short, long):
            bench.open(**config)
        sequences = [0]
        for each, damage in drawn:
            data, _ = sent(short, each, short.log.log_end_offset, sequences)
            data = damaged(data, damage)
            done = outcome(short.log, data, leader_epoch)
            with patch.object(partition_log, "read_run", lambda *_, **__: None):
                assert outcome(long.log, data, leader_epoch) == done
            assert state(short) == state(long)
        for bench in (short, long):
            bench.log.abandon()


def test_batches_of_one_epoch_go_the_short_way(bench, log):
    each = {"count": 2, "value": b"v", "timestamp_ms": START_MS, "producer_id": -1, "gap": 0, "epoch": 4}
    data, next_offset = sent(bench, [each] * 3, 0, [0])
    cut_off, _ = sent(bench, [each], next_offset, [0])
    run = read_run(data + cut_off[:-1], next_offset=0, leader_epoch_max=4)
    assert run is not None
    assert run.last_offsets == [1, 3, 5]
    assert run.size == len(data), "the batch that was cut off is left out"
    assert read_run(data, next_offset=1, leader_epoch_max=4) is None, "begins before the log's end"
    assert read_run(data, next_offset=0, leader_epoch_max=3) is None, "of a later leader"
