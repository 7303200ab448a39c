"""A topic as a table: what its columns hold, and that only what is needed is read."""

import asyncio
import contextlib
import datetime
import re

import pytest

from console.errors import OperatorError
from console.records.partitioner import partition_for_key
from console.sql.decoding import decode
from console.sql.results import SqlLimits
from engine.protocol.messages import EndTxnMarker
from engine.protocol.records.compression import Compression
from engine.protocol.records.control import ControlType, build_control_batch
from engine.protocol.records.record import Record, build_batch


def test_a_topic_is_a_table_by_its_own_name(ask, orders):
    assert ask("select count(*), count(distinct key), min(offset), max(offset) from orders").rows == [
        (3000, 100, 0, 999)
    ]


def test_offset_is_a_column_without_quotes_and_still_a_clause(ask, orders):
    answer = ask("select partition, offset from orders where offset > 997 order by offset, partition limit 2 offset 1")

    assert answer.rows == [(1, 998), (2, 998)]


def test_json_is_reachable_without_declaring_anything(ask, orders):
    sql = "select value->>'$.status' status, sum((value->>'$.n')::int) from orders group by 1 order by 1"

    assert ask(sql).rows == [("open", 2248500), ("paid", 2250000)]


def test_a_pivot_takes_its_columns_from_the_data(ask, orders):
    sql = "pivot (select partition, value->>'$.status' status from orders) on status using count(*) order by partition"

    answer = ask(sql)

    assert answer.columns == ["partition", "open", "paid"]
    assert answer.rows == [(0, 500, 500), (1, 500, 500), (2, 500, 500)]
    assert ask(f"select sum(open + paid) from ({sql})").rows == [(3000,)]
    assert ask(f"with p as ({sql}) select max(paid) from p").rows == [(500,)]
    assert len(ask("pivot kafka.partitions on leader using count(*) group by topic").rows) >= 1


def test_a_pivot_is_planned_as_everything_at_most(ask, orders):
    plan = ask.explain("pivot orders on key using count(*) group by partition")

    assert [(scan.topic, scan.records) for scan in plan.scans] == [("orders", 3000)]
    assert "PIVOT" in plan.scans[0].notes[0]


@pytest.mark.parametrize(
    "sql",
    [
        "select value->>'$.status' from {0} where value->>'$.n' = '7'",
        "select value->>'$.status' s, max((value->>'$.n')::int), count(*) from {0} group by 1 order by 1",
        "select o.value->>'$.status', upper(value->>'status') from {0} o order by o.\"offset\", o.partition limit 3",
        "select *, value->>'$.n' as m from {0} where value->>'$.n' in ('7', '8') order by 3",
        "select t, value->>'$.n' from {0} t where value->>'$.n' = '7'",
        "with x as (select value->>'$.n' from {0}) select count(*), min(columns(*)) from x",
        "select (select max(value->>'$.n') from {0}), value->>'$.status' from {0} limit 1",
        "select value->>'$.status', value->>'$.none', key->>'$.x' from {0} where key = 'k7' order by \"offset\" limit 4",
    ],
)
def test_json_that_is_cached_gives_the_names_and_rows_that_duckdb_gives(ask, orders, sql):
    """The operator and the function that it stands for, which is not cached."""
    cached = ask.new_service()
    plain = re.sub(r"([\w.]+)->>('[^']*')", r"try(json_extract_string(\1, \2))", sql)

    first, again = (ask(sql.format(orders), service=cached) for _ in range(2))
    expected = ask(plain.format(orders))

    assert first.rows == again.rows == expected.rows
    assert first.types == expected.types
    assert first.columns == again.columns == ask(sql.format(orders) + " ").columns


def test_a_path_that_means_nothing_is_refused_as_duckdb_refuses_it(ask, orders):
    with pytest.raises(OperatorError) as raised:
        ask(f"select value->>'$[' from {orders}")

    assert "path" in raised.value.detail.lower()


def test_columns_of_json_are_named_as_they_were_written(ask, orders):
    assert ask(f"select value->>'$.n', 1 from {orders} limit 1").columns == ["(\"value\" ->> '$.n')", "1"]


@pytest.mark.parametrize("codec", [Compression.NONE, Compression.GZIP])
def test_a_key_is_found_wherever_it_is_and_found_again(ask, codec):
    topic = ask.topic(partitions=2)
    long = b"k" * 200
    for partition in (0, 1):
        for start in (0, 3, 6):
            named = (b"aa", b"a", b"aaa", None, b"", long, b"aa", b"b", b"\xff")
            records = [(key, b"v aa%d" % (start + at)) for at, key in enumerate(named[start : start + 3])]
            ask.produce(topic, *records, partition=partition, compression=codec)
    service = ask.new_service()
    for _ in range(2):
        for sql, found in (
            ("key = 'aa'", [0, 6]),
            ("key = ''", [4]),
            (f"key in ('a', '{long.decode()}')", [1, 5]),
            ("key = 'nobody'", []),
            ("key = 'aa' and \"offset\" > 2", [6]),
            ("key is null", [3, 8]),
        ):
            rows = ask(f"select partition, offset, value from {topic} where {sql} order by 1, 2", service=service).rows
            assert rows == [(partition, at, f"v aa{at}") for partition in (0, 1) for at in found], sql
    assert ask(f"select count(value) from {topic}", service=service).rows == [(18,)]


def test_what_is_no_json_is_null_and_no_error(ask):
    topic = ask.topic()
    ask.produce(topic, (b"a", b'{"x":1}'), (b"b", b"no json"), (b"c", None), (b"d", b"\xff\xfe"), (b"e", b'{"x":'))

    assert ask(f"select key, value->>'$.x', value->>'x' from {topic} order by offset").rows == [
        ("a", "1", "1"), ("b", None, None), ("c", None, None), ("d", None, None), ("e", None, None),
    ]  # fmt: skip


def test_integers_beyond_two_to_the_53_survive(ask):
    topic = ask.topic()
    ask.produce(topic, (None, b'{"id":9007199254740993}'), (None, b'{"id":123456789012345678901234567890}'))

    assert ask(f"select (value->>'$.id')::hugeint from {topic} order by offset").rows == [
        (9007199254740993,),
        (123456789012345678901234567890,),
    ]


def test_every_column_of_a_record(ask):
    topic = ask.topic()
    ask.produce(topic, (b"k", b"value", 1_700_000_000_123, [("trace", b"abc"), ("empty", None)]), (None, None))

    answer = ask(f"select * from {topic} order by offset")

    first = dict(zip(answer.columns, answer.rows[0], strict=True))
    assert first["timestamp"] == datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=datetime.UTC)
    assert first["timestamp_type"] == "CreateTime"
    assert (first["key"], first["value"], first["key_size"], first["value_size"]) == ("k", "value", 1, 5)
    assert (first["key_bytes"], first["value_bytes"]) == (b"k", b"value")
    assert first["headers"] == [{"name": "trace", "value": b"abc"}, {"name": "empty", "value": None}]
    assert (first["producer_id"], first["sequence"], first["decode_error"]) == (None, None, None)
    second = dict(zip(answer.columns, answer.rows[1], strict=True))
    assert (second["key"], second["value"], second["key_size"], second["value_size"]) == (None, None, None, None)


def test_producer_and_sequence_of_an_idempotent_producer(ask):
    topic = ask.topic()
    ask.produce(topic, (b"a", b"1"), (b"b", b"2"), producer_id=4001, producer_epoch=0, base_sequence=0)

    answer = ask(f"select offset, producer_id, producer_epoch, sequence, is_transactional from {topic} order by 1")

    assert answer.rows == [(0, 4001, 0, 0, False), (1, 4001, 0, 1, False)]


@pytest.mark.parametrize("codec", list(Compression), ids=lambda codec: codec.name)
def test_every_codec_is_read(ask, codec):
    topic = ask.topic()
    ask.produce(topic, *[(b"k%d" % each, b"value " * 20) for each in range(50)], compression=codec)

    assert ask(f"select count(*), count(distinct key), min(value_size) from {topic}").rows == [(50, 50, 120)]


def test_bytes_that_are_no_text_are_shown_as_bytes_with_the_reason(ask):
    topic = ask.topic()
    ask.produce(topic, (b"\xff", b"fine"), (b"fine", b"\xff\x00"))

    assert ask(f"select key, key_bytes, value, decode_error from {topic} order by offset").rows == [
        (None, b"\xff", "fine", "key not UTF-8"),
        ("fine", b"fine", None, "value not UTF-8"),
    ]


def test_transaction_markers_are_no_rows(ask):
    topic = ask.topic()
    ask.produce(topic, (b"a", b"1"))
    ask.send(topic, build_batch([Record(0, 1, b"b", b"2", [])]))
    marker = build_control_batch(
        ControlType.COMMIT, EndTxnMarker(), offset=0, timestamp=1, producer_id=1, producer_epoch=0
    )
    assert len(decode(marker, 0, 0, 10, {"offset"})["offset"]) == 0
    assert ask(f"select key from {topic} order by offset").rows == [("a",), ("b",)]


def test_names_that_need_quotes_and_names_with_dots(ask):
    for name in ("with-dash", "dotted.name.v1", "select"):
        ask.topic(name)
        ask.produce(name, (b"k", name.encode()))

    assert ask('select value from "with-dash"').rows == [("with-dash",)]
    assert ask('select value from "dotted.name.v1"').rows == [("dotted.name.v1",)]
    assert ask('select value from "select"').rows == [("select",)]
    assert ask('select value from topic."with-dash"').rows == [("with-dash",)]


def test_one_dot_needs_no_quotes(ask):
    ask.topic("sales.v1")
    ask.produce("sales.v1", (b"k", b"dot"))

    assert ask("select value from sales.v1 s where s.key = 'k'").rows == [("dot",)]


def test_a_name_in_other_letter_case_is_found_when_there_is_no_doubt(ask, orders):
    assert ask("select count(*) from Orders").rows == [(3000,)]


def test_an_empty_topic_has_no_rows(ask):
    assert ask(f"select * from {ask.topic(partitions=2)}").rows == []


def test_an_unknown_name_says_what_was_meant(ask, orders):
    with pytest.raises(OperatorError, match="there is no topic or table ordres") as raised:
        ask("select * from ordres")
    assert "orders" in raised.value.hint


def test_parameters(ask, orders):
    assert ask("select count(*) from orders where key = $key and offset < $top", {"key": "k7", "top": 500}).rows == [
        (15,)
    ]


# What is read


def test_partition_and_offset_in_where_are_all_that_is_read(ask, orders):
    plan = ask.explain("select value from orders where partition = 1 and offset between 100 and 149")

    (scan,) = plan.scans
    assert scan.ranges == ((1, 100, 150),)
    assert scan.columns == ("value",)
    assert scan.records == 50


@pytest.mark.parametrize("column", ["offset", "timestamp"])
def test_the_plan_of_the_newest_few_is_the_end_with_a_word_about_more(ask, orders, column):
    plan = ask.explain(f"select value from orders order by {column} desc limit 50")

    (scan,) = plan.scans
    assert scan.ranges == tuple((partition, 744, 1000) for partition in range(3))
    assert any("from the end" in note and "3,000" in note for note in scan.notes)
    whole = ask.explain(f"select value from orders order by {column}")
    assert whole.scans[0].records == 3000
    assert not whole.scans[0].notes


def test_the_plan_of_a_key_says_that_every_partition_is_read_and_why(ask, orders):
    (scan,) = ask.explain("select value from orders where key = 'x'").scans
    assert len(scan.ranges) == 3
    assert any("--key-partitioner murmur2" in note for note in scan.notes)
    assert not ask.explain("select value from orders where partition = 1").scans[0].notes


def test_a_timestamp_begins_where_the_cluster_says(ask, orders):
    plan = ask.explain(
        "select value from orders where timestamp >= '2023-11-14 22:13:20Z'::timestamptz + interval 2700 second"
    )

    (scan,) = plan.scans
    assert {partition: start for partition, start, _ in scan.ranges} == {0: 900, 1: 900, 2: 900}


def test_both_sides_of_a_join_are_narrowed(ask, orders):
    plan = ask.explain(
        "select a.key from orders a join orders b using (partition, offset) where partition = 2 and offset < 10"
    )

    assert [scan.ranges for scan in plan.scans] == [((2, 0, 10),), ((2, 0, 10),)]


def test_an_or_reads_the_hull(ask, orders):
    plan = ask.explain("select key from orders where (offset < 3 or offset > 996) and partition in (0, 2)")

    assert plan.scans[0].ranges == ((0, 0, 1000), (2, 0, 1000))
    assert ask("select count(*) from orders where (offset < 3 or offset > 996) and partition in (0, 2)").rows == [(12,)]


def test_a_key_reads_one_partition_only_when_that_is_asked_for(ask):
    topic = ask.topic(partitions=4)
    ask.produce(topic, (b"x", b"elsewhere"), partition=1)

    assert len(ask.explain(f"select value from {topic} where key = 'x'").scans[0].ranges) == 1  # only it has records
    assert ask(f"select value from {topic} where key = 'x'").rows == [("elsewhere",)]
    found = ask(f"select value from {topic} where key = 'x'", key_partitioner=True)
    assert found.rows == ([("elsewhere",)] if partition_for_key(b"x", 4) == 1 else [])
    assert any("murmur2" in note for note in found.statistics.notes)


def test_count_comes_from_offsets_where_every_offset_is_a_record(ask, orders):
    answer = ask("select partition, count(*) from orders where offset >= 500 group by 1 order by 1")

    assert answer.rows == [(0, 500), (1, 500), (2, 500)]
    assert answer.statistics.counted
    assert answer.statistics.records_read == 0


def test_count_of_a_compacted_topic_looks_at_the_batches(ask):
    topic = ask.topic(configs={"cleanup.policy": "compact"})
    ask.produce(topic, (b"a", b"1"), (b"b", b"2"))

    answer = ask(f"select count(*) from {topic}")

    assert answer.rows == [(2,)]
    assert not answer.statistics.counted
    assert answer.statistics.records_read == 2


def test_the_second_look_fetches_only_the_new_end(ask):
    topic = ask.topic()
    ask.produce(topic, *[(b"k", b"%d" % each) for each in range(100)])
    sql = f"select sum(value::int) from {topic}"
    assert ask(sql).rows == [(4950,)]
    ask.produce(topic, (b"k", b"50"))

    again = ask(sql)

    assert again.rows == [(5000,)]
    assert again.statistics.records_read == 1
    assert ask(sql).statistics.records_read == 0


def test_a_topic_made_anew_is_another_one(ask):
    from engine.protocol.messages import DeleteTopicsRequest

    topic = ask.topic()
    ask.produce(topic, (b"k", b"old"))
    assert ask(f"select value from {topic}").rows == [("old",)]
    states = DeleteTopicsRequest.DeleteTopicState
    ask.do(
        ask.client.request_to_controller(
            DeleteTopicsRequest(topics=[states(name=topic)], topic_names=[topic], timeout_ms=10_000)
        )
    )
    ask.topic(topic)
    ask.produce(topic, (b"k", b"new"))

    assert ask(f"select value from {topic}").rows == [("new",)]


def test_limit_stops_the_scan(ask):
    topic = ask.topic()
    for _ in range(40):
        ask.produce(topic, *[(b"k", b"x" * 1000) for _ in range(500)])

    answer = ask(f"select value_size from {topic} limit 5")

    assert answer.rows == [(1000,)] * 5
    assert answer.statistics.records_read < 20_000


# Newest first


def test_the_newest_are_read_from_the_tail(ask):
    topic = ask.topic(partitions=2)
    for partition in range(2):
        for start in range(0, 4000, 500):
            records = [(b"k", b"%d" % each, 1_700_000_000_000 + each) for each in range(start, start + 500)]
            ask.produce(topic, *records, partition=partition)

    answer = ask(f"select partition, offset, value from {topic} order by offset desc, partition limit 3")

    assert answer.rows == [(0, 3999, "3999"), (1, 3999, "3999"), (0, 3998, "3998")]
    assert answer.statistics.records_read <= 2000


def test_the_newest_by_time_are_found_wherever_they_are(ask):
    topic = ask.topic()
    ask.produce(topic, (b"first", b"x", 1_790_000_000_000), *[(b"k", b"x", 1_000 + each) for each in range(999)])
    for _ in range(5):
        ask.produce(topic, *[(b"k", b"x", 2_000 + each) for each in range(1000)])

    answer = ask(f"select key, offset from {topic} order by timestamp desc limit 2")

    assert answer.rows[0] == ("first", 0)
    assert len(answer.rows) == 2


@pytest.mark.parametrize("order", ["offset desc, partition", "timestamp desc", "timestamp desc, key"])
@pytest.mark.parametrize("where", ["", "where key = 'k7'", "where value->>'$.status' = 'paid'", "where offset < 10"])
@pytest.mark.parametrize("limit", ["limit 1", "limit 7", "limit 5 offset 3", "limit 10000"])
def test_the_tail_gives_what_everything_gives(ask, orders, order, where, limit):
    narrow = ask(f"select partition, offset, key from orders {where} order by {order} {limit}")
    whole = ask(
        f"select * from (select partition, offset, key, timestamp from orders {where}) order by {order} {limit}"
    )

    assert narrow.columns == ["partition", "offset", "key"]
    assert narrow.rows == [row[:3] for row in whole.rows]


def test_the_newest_of_few_are_all_there_are(ask, orders):
    assert (
        len(ask("select * from orders where key = 'k7' and partition = 0 order by timestamp desc limit 5000").rows)
        == 10
    )


# Limits


def test_a_result_that_is_cut_says_so(ask, orders):
    answer = ask("select * from orders", rows_max=10, page_rows=4)

    assert len(answer.rows) == 10
    assert answer.statistics.truncated == "rows"
    assert ask("select * from orders limit 10", rows_max=10).statistics.truncated == ""


def test_pages_are_no_longer_than_asked_for(ask, orders):
    async def sizes():
        async with ask.service.run("select offset from orders", None, SqlLimits(page_rows=100)) as result:
            return [page.batch.num_rows async for page in result]

    found = ask.do(sizes())
    assert sum(found) == 3000
    assert max(found) <= 100


def test_leaving_early_keeps_the_worker_and_what_it_has_read(ask, orders):
    async def first_page():
        async with ask.service.run("select * from orders", None, SqlLimits(page_rows=10)) as result:
            return (await anext(aiter(result))).rows()[0]

    assert ask("select 1").rows == [(1,)]
    before = ask.service.worker_pid
    assert len(ask.do(first_page())) == 17
    assert ask("select 1").rows == [(1,)]
    assert ask.service.worker_pid == before


def test_progress_counts_what_was_read(ask):
    topic = ask.topic()
    ask.produce(topic, *[(b"k", b"v") for _ in range(100)])
    seen = []

    async def run():
        async with ask.service.run(f"select value from {topic}", on_progress=seen.append) as result:
            async for _ in result:
                pass

    ask.do(run())
    assert (seen[-1].records, seen[-1].expected) == (100, 100)


def test_a_name_that_with_defines_is_not_looked_for_in_the_cluster(ask, orders):
    assert ask("with orders as (select * from orders where partition = 0) select count(*) from orders").rows == [
        (1000,)
    ]
    assert ask(
        "with recursive r as (select 1 a union all select a + 1 from r where a < 5) select max(a) from r"
    ).rows == [(5,)]


def test_who_cancels_a_second_time_gets_a_new_worker_and_nothing_of_the_old_query(ask):
    """The first cancelling waits until the worker has let go of the query; who cannot wait must not inherit it."""
    service = ask.new_service()

    async def cancel_twice():
        begun = asyncio.Event()

        async def ask_too_much():
            heavy = "select sum(a.range * b.range) from range(1000000) a, range(1000000) b"
            try:
                async with service.run(heavy) as result:
                    begun.set()
                    async for _ in result:
                        pass
            finally:
                begun.set()

        asking = asyncio.create_task(ask_too_much())
        await begun.wait()
        process = service.worker_pid
        asking.cancel()
        await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        return process

    before = ask.do(cancel_twice())
    assert ask("select 1", service=service).rows == [(1,)]
    assert service.worker_pid != before
