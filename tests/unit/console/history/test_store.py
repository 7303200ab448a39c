"""The history's file: what is written, asked, thinned, bounded, and who may open it. Time is said, not waited for."""

import asyncio
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import OperatorError
from console.history.model import ChangeFilter, HistoryLimits
from console.history.queries import SeriesQuestion
from console.history.store import History
from console.history.tables import METRICS_COLUMNS, MetricsTable
from console.metrics.catalog import METRICS
from console.metrics.families import Family

END = "kafka_topic_partition_current_offset"
ROOT = Path(__file__).parents[4]
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def family(name, rows):
    return Family(METRICS[name], tuple((tuple(map(str, labels)), value) for labels, value in rows.items()))


def ends(**topics):
    return [family(END, {(topic, 0): end for topic, end in topics.items()})]


def story(tmp_path, tell, limits=None):
    """Tells it with a fresh history, or the one that is there."""

    async def main():
        history = await History.open(tmp_path / "h.duckdb", limits)
        try:
            return await tell(history)
        finally:
            await history.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


def ask(from_ms, to_ms, buckets, metric=END, **more):
    return SeriesQuestion(metric, from_ms, to_ms, buckets=buckets, **more)


def test_a_series_is_carried_on_until_it_changes(tmp_path):
    async def tell(history):
        for second, end in ((10, 5), (20, 5), (30, 8)):
            await history.record(second * SECOND, ends(orders=end))
        return await history.series(ask(0, 40 * SECOND, 8))

    (line,) = story(tmp_path, tell).series

    assert line.labels == {"topic": "orders", "partition": "0"}
    assert line.times_ms == [5000, 10000, 15000, 20000, 25000, 30000, 35000, 40000]
    assert line.values == [None, 5, 5, 5, 5, 8, 8, 8]


def test_what_did_not_change_is_not_written_again_until_it_must_be_refreshed(tmp_path):
    async def tell(history):
        return [await history.record(at * MINUTE, ends(orders=7, users=at)) for at in range(12)]

    assert story(tmp_path, tell) == [2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1]


def test_a_time_when_nobody_looked_is_a_gap(tmp_path):
    async def tell(history):
        await history.record(MINUTE, ends(orders=7))
        await history.record(60 * MINUTE, ends(orders=9))
        return await history.series(ask(0, 64 * MINUTE, 16))

    (line,) = story(tmp_path, tell).series

    assert line.values == [7, 7] + [None] * 12 + [9, 9]


def test_a_series_that_ends_is_not_carried_on(tmp_path):
    async def tell(history):
        await history.record(10_000, ends(orders=7, users=3))
        await history.record(20_000, ends(orders=7))
        await history.record(40_000, ends(orders=7, users=4))
        last = await history.last(END)
        await history.record(50_000, ends(orders=7))
        return await history.series(ask(0, 50_000, 5, labels={"topic": "users"})), last, await history.last(END)

    answer, before, after = story(tmp_path, tell)

    assert answer.series[0].values == [3, None, None, 4, None]
    assert [each.value for each in before] == [7, 4]
    assert [each.labels["topic"] for each in after] == ["orders"]


def test_lows_and_highs_are_of_the_bucket(tmp_path):
    async def tell(history):
        for second, lag in ((1, 10), (2, 90), (3, 2), (4, 20), (11, 30)):
            await history.record(second * SECOND, ends(orders=lag))
        return await history.series(ask(0, 20 * SECOND, 2))

    (line,) = story(tmp_path, tell).series

    assert (line.values, line.lows, line.highs) == ([20, 30], [2, 30], [90, 30])


def test_series_are_summed_up_by_labels(tmp_path):
    rows = {("g", "orders", 0): 1, ("g", "orders", 1): 2, ("g", "users", 0): 4, ("h", "orders", 0): 8}

    async def tell(history):
        await history.record(1000, [family("kafka_consumergroup_lag", rows)])
        by_topic = await history.series(
            ask(0, 2000, 1, "kafka_consumergroup_lag", labels={"consumergroup": "g"}, by=("topic",))
        )
        total = await history.series(ask(0, 2000, 1, "kafka_consumergroup_lag", by=()))
        some = await history.series(ask(0, 2000, 1, "kafka_consumergroup_lag", series_max=3))
        return by_topic, total, some

    by_topic, total, some = story(tmp_path, tell)

    assert [(line.labels, line.values) for line in by_topic.series] == [
        ({"topic": "orders"}, [3]),
        ({"topic": "users"}, [4]),
    ]
    assert [line.values for line in total.series] == [[15]]
    assert (len(some.series), some.left_out) == (3, 1)


def test_rates_per_second_where_a_counter_that_began_anew_stands_still(tmp_path):
    async def tell(history):
        for second, end in ((0, 0), (20, 100), (40, 300), (60, 10), (80, 50)):
            await history.record(second * SECOND, ends(orders=end))
        return await history.series(ask(20 * SECOND, 80 * SECOND, 3, per_second=True))

    (line,) = story(tmp_path, tell).series

    assert line.times_ms == [40_000, 60_000, 80_000]
    assert line.values == [10.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (ask(0, 1, 1, "nope"), "no metric 'nope'"),
        (ask(0, 1, 1, labels={"group": "g"}), "no label 'group'"),
        (ask(0, 1, 1, by=("broker",)), "no label 'broker'"),
        (ask(5, 5, 1), "cannot cut"),
        (ask(0, 10, 0), "cannot cut"),
        (ask(0, 10, 100_000), "cannot cut"),
    ],
)
def test_questions_that_make_no_sense(tmp_path, question, words):
    async def tell(history):
        with pytest.raises(OperatorError) as error:
            await history.series(question)
        return error.value

    assert words in story(tmp_path, tell).title


def test_it_is_all_there_after_it_was_closed_and_opened(tmp_path):
    async def write(history):
        await history.record(1000, ends(orders=5, users=6))

    async def read(history):
        await history.record(2000, ends(orders=5, users=7))
        return [
            (each.labels["topic"], each.at_ms, each.value) for each in await history.last(END)
        ], await history.table()

    story(tmp_path, write)
    last, rows = story(tmp_path, read)

    assert last == [("orders", 2000, 5), ("users", 2000, 7)]
    assert len(rows) == 4
    assert len({(row["metric"], row["labels"]) for row in rows.to_pylist()}) == 2


def test_old_values_become_one_a_minute_then_one_a_quarter_and_then_go(tmp_path):
    limits = HistoryLimits(refresh_ms=1000)

    async def tell(history):
        for second in range(0, 3600, 20):
            await history.record(second * SECOND, ends(orders=second))
        counts = []
        for now in (HOUR, 4 * HOUR, 3 * DAY, 40 * DAY):
            await history.maintain(now)
            counts.append((await history.table()).num_rows)
            if now == 4 * HOUR:
                kept = [(row["value"], row["low"], row["high"]) for row in (await history.table()).to_pylist()]
        return counts, kept

    counts, kept = story(tmp_path, tell, limits)

    assert counts == [180, 60, 4, 0]
    assert kept[-1] == (40.0, 0.0, 40.0)
    assert kept[0] == (3580.0, 3540.0, 3580.0)


def test_a_chart_over_thinned_values_has_no_holes(tmp_path):
    async def tell(history):
        for minute in range(0, 120, 5):
            await history.record(minute * MINUTE, ends(orders=7))
        await history.maintain(3 * DAY)
        return await history.series(ask(0, 2 * HOUR, 24))

    (line,) = story(tmp_path, tell).series

    assert line.values[2:] == [7] * 22


def test_series_without_any_values_left_are_forgotten_and_may_come_back(tmp_path):
    async def tell(history):
        await history.record(1000, ends(orders=5))
        await history.maintain(40 * DAY)
        gone = await history.last(END)
        await history.record(40 * DAY + 1, ends(orders=5))
        return gone, await history.last(END)

    gone, back = story(tmp_path, tell)

    assert gone == []
    assert [each.value for each in back] == [5]


def test_the_file_keeps_to_its_size_and_the_latest_stays(tmp_path):
    limits = HistoryLimits(bytes_max=4 * 1024 * 1024, refresh_ms=1)
    generator = __import__("random").Random(1)

    async def tell(history):
        sizes = []
        for number in range(40):
            rows = {(f"t{each}", 0): generator.random() for each in range(10_000)}
            await history.record(number * 1000, [family(END, rows)])
            if number % 8 == 7:
                await history.maintain(number * 1000)
                sizes.append(await history.size_bytes())
        return sizes, (await history.table(rows_max=1)).to_pylist(), (await history.table()).num_rows

    sizes, latest, count = story(tmp_path, tell, limits)

    assert max(sizes) <= limits.bytes_max
    assert latest[0]["time"] == 39_000
    assert 10_000 < count < 400_000


def test_more_series_than_are_kept_are_counted(tmp_path):
    async def tell(history):
        written = await history.record(1000, ends(a=1, b=2, c=3))
        dropped = history.dropped
        again = await history.record(2000, ends(a=2, b=3, c=4))
        return written, dropped, again, history.dropped

    assert story(tmp_path, tell, HistoryLimits(series_max=2)) == (2, 1, 2, 1)


def test_values_that_are_no_ordinary_numbers(tmp_path):
    rows = {('g"\n\\', 0): 1}

    async def tell(history):
        await history.record(
            1000, [family("stoker_consumergroup_drain_seconds", {("g",): math.inf}), family(END, rows)]
        )
        return await history.last("stoker_consumergroup_drain_seconds"), await history.last(END)

    drain, end = story(tmp_path, tell)

    assert drain[0].value == math.inf
    assert end[0].labels == {"topic": 'g"\n\\', "partition": "0"}


def test_a_second_one_is_told_who_writes_the_file(tmp_path):
    async def tell(history):
        with pytest.raises(OperatorError) as error:
            await History.open(history.path)
        return error.value

    error = story(tmp_path, tell)

    assert "is in use" in error.title
    assert str(os.getpid()) in error.detail
    assert story(tmp_path, lambda history: history.last(END)) == []


_WRITER = """
import asyncio, sys
sys.path.insert(0, {root!r})
from console.history.store import History
from console.metrics.catalog import METRICS
from console.metrics.families import Family

async def main():
    history = await History.open(sys.argv[1])
    number = 0
    while True:
        number += 1
        await history.record(number * 1000, [Family(METRICS["kafka_brokers"], (((), number),)),
                                             Family(METRICS["stoker_broker_leaders"], ((("1",), number),))])
        print(number, flush=True)

asyncio.run(main())
"""


def test_what_was_recorded_is_there_whole_after_a_kill(tmp_path):
    path = tmp_path / "h.duckdb"
    script = _WRITER.format(root=str(ROOT))
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    told = 0
    for line in process.stdout:
        told = int(line)
        if told == 30:
            break
    process.kill()
    process.wait(20)
    process.stdout.close()

    async def tell(history):
        return await history.last("kafka_brokers"), await history.last("stoker_broker_leaders"), history.notes

    brokers, leaders, notes = story(tmp_path, tell)

    assert brokers[0].value >= told
    assert leaders[0].value == brokers[0].value
    assert notes == []


@pytest.mark.parametrize("content", [b"no database at all" * 1000, b"", bytes(8192)])
def test_a_file_that_is_damaged_is_set_aside(tmp_path, content):
    (tmp_path / "h.duckdb").write_bytes(content)

    async def tell(history):
        await history.record(1000, ends(orders=5))
        return history.notes, await history.last(END)

    notes, last = story(tmp_path, tell)

    aside = [path for path in tmp_path.iterdir() if "damaged" in path.name]
    assert len(notes) == len(aside) == 1
    assert aside[0].read_bytes() == content
    assert last[0].value == 5


def test_the_table_has_its_columns(tmp_path):
    rows = {("g", "orders", 3): 7}

    async def tell(history):
        await history.record(1_500_000_000_123, [family("kafka_consumergroup_lag", rows)])
        await history.record(1_500_000_001_000, [family("stoker_broker_leaders", {(2,): 5})])
        table = MetricsTable(lambda: history)
        one = await MetricsTable(lambda: history, rows_max=1).rows()
        return table, await table.rows(), await history.table(since_ms=1_500_000_001_000), one

    table, everything, later, one = story(tmp_path, tell)

    assert everything.schema == table.schema()
    assert everything.column_names == [name for name, _, _ in METRICS_COLUMNS]
    named = everything.to_pylist()
    assert [
        (row["metric"], row["topic"], row["partition"], row["group_id"], row["node_id"], row["value"]) for row in named
    ] == [
        ("stoker_broker_leaders", None, None, None, 2, 5.0),
        ("kafka_consumergroup_lag", "orders", 3, "g", None, 7.0),
    ]
    assert named[1]["time"].microsecond == 123_000
    assert (later.num_rows, one.num_rows) == (1, 1)


def test_a_pass_that_could_not_be_written_is_not_taken_for_written():
    changes = ChangeFilter(HistoryLimits(), {})
    rows = [((END, ("orders", "0")), 5.0)]

    failed = changes.plan(1000, rows)
    again = changes.plan(2000, rows)
    changes.written(again)

    assert failed.new == again.new
    assert changes.plan(3000, rows).ids == []


def test_a_clock_that_goes_back_writes_nothing_out_of_order():
    changes = ChangeFilter(HistoryLimits(), {})
    changes.written(changes.plan(10_000, [((END, ("orders", "0")), 5.0)]))

    assert changes.plan(9_000, [((END, ("orders", "0")), 6.0)]).ids == []
