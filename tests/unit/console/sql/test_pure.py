"""What needs neither cluster nor worker: words, predicates, the cache, frames, what is kept."""

import pyarrow as pa
import pytest

from console.errors import OperatorError
from console.sql import saved
from console.sql.chunk_cache import Chunk, ChunkCache
from console.sql.decoding import SCHEMA, decode
from console.sql.frames import HEAD_BYTES_MAX, LENGTHS, BadFrame, head_bytes, parse_head, parse_lengths
from console.sql.lexing import quote_offset, without_parameters
from console.sql.pivots import table_paths
from console.sql.predicates import And, Compare, In, Interval, Not, Or, interval, values
from console.sql.results import PlannedScan, SqlPlan
from console.sql.saved import SavedQuery
from console.sql.scans import whole_batches
from console.sql.topic_columns import TOPIC_COLUMNS
from engine.protocol.messages import EndTxnMarker
from engine.protocol.records.control import ControlType, build_control_batch
from engine.protocol.records.record import Record, build_batch

# The word offset


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("select offset from t", 'select "offset" from t'),
        ("select a, offset from t", 'select a, "offset" from t'),
        ("select offset + 1 from t where offset > 3", 'select "offset" + 1 from t where "offset" > 3'),
        ("select max(offset) from t", 'select max("offset") from t'),
        ("select * from t order by offset desc", 'select * from t order by "offset" desc'),
        ("select * from t order by OFFSET", 'select * from t order by "OFFSET"'),
        ("select partition offset from t", 'select partition "offset" from t'),
        ("select * from t limit 5 offset 10", "select * from t limit 5 offset 10"),
        ("select * from t limit 5 offset $n", "select * from t limit 5 offset $n"),
        ("select * from t limit 5 offset (1 + 1)", "select * from t limit 5 offset (1 + 1)"),
        ("select a.offset from t a", "select a.offset from t a"),
        ("select 'offset', \"offset\" from t", "select 'offset', \"offset\" from t"),
        ("select 1 -- offset\n, offset from t", 'select 1 -- offset\n, "offset" from t'),
        ("select $$ offset $$ /* offset */ from t", "select $$ offset $$ /* offset */ from t"),
        ("select 'it''s offset' from t", "select 'it''s offset' from t"),
    ],
)
def test_offset_is_the_column_where_it_cannot_be_the_clause(written, meant):
    assert quote_offset(written) == meant


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("pivot orders on key using sum(n)", {("orders",)}),
        (
            "from (pivot orders.v1 on a using sum(n)) p join kafka.brokers b on true",
            {("orders", "v1"), ("kafka", "brokers")},
        ),
        ('with p as (select key from orders, "a.b" c) pivot p on key using sum(n)', {("orders",), ("a.b",)}),
        ("pivot (select extract(year from timestamp) y from t where a is distinct from b) on y", {("t",)}),
        ("pivot (from topic.\"x\" select key, value->>'$.s' s) on s, key using count(*)", {("topic", "x")}),
        ("select * from range(3) r, orders o where a in (pivot x on a using sum(b))", {("orders",), ("x",)}),
        ("select 'from secret' from t pivot (sum(a) for b in (1))", {("t",)}),
    ],
)
def test_the_tables_of_a_pivot_are_found_by_its_words(sql, tables):
    assert table_paths(sql) == tables


def test_parameters_in_text_are_text():
    assert without_parameters("select $a, '$b', ?, \"$c\" -- $d") == "select NULL, '$b', NULL, \"$c\" -- $d"


# Predicates

OFFSET_LOW, OFFSET_HIGH = Compare("offset", ">=", 10), Compare("offset", "<", 20)


@pytest.mark.parametrize(
    ("predicates", "expected"),
    [
        ([], Interval()),
        ([OFFSET_LOW, OFFSET_HIGH], Interval(10, 19)),
        ([And(OFFSET_LOW, OFFSET_HIGH)], Interval(10, 19)),
        ([Or(Compare("offset", "=", 3), Compare("offset", "=", 9))], Interval(3, 9)),
        ([Or(Compare("offset", "=", 3), Compare("key", "=", "x"))], Interval()),
        ([In("offset", (5, 1, 7))], Interval(1, 7)),
        ([Not(OFFSET_LOW)], Interval()),
        ([Compare("offset", "!=", 3)], Interval()),
        ([Compare("partition", "=", 3)], Interval()),
    ],
)
def test_an_interval_never_leaves_out_what_could_match(predicates, expected):
    assert interval(predicates, "offset") == expected


def test_values_are_known_only_where_every_way_names_them():
    assert values([In("partition", (1, 2)), Compare("partition", "=", 2)], "partition") == {2}
    assert values([Or(Compare("key", "=", "a"), Compare("key", "=", "b"))], "key") == {"a", "b"}
    assert values([Or(Compare("key", "=", "a"), Compare("offset", "=", 1))], "key") is None
    assert values([Not(Compare("key", "=", "a"))], "key") is None


# The cache


def chunk(start, stop, columns=("offset", "key"), place=("t", 0)):
    made = {}
    for name in columns:
        made[name] = pa.array(range(start, stop), pa.int64()) if name == "offset" else pa.array(["k"] * (stop - start))
    return Chunk(place, start, stop, stop - start, made)


def test_the_cache_tells_what_is_there_and_what_is_to_be_fetched():
    cache = ChunkCache(10**6)
    cache.add(chunk(10, 20))
    cache.add(chunk(30, 40))

    pieces = cache.pieces(("t", 0), 5, 45, {"key"})

    assert [(each.start, each.end, each.chunk is not None) for each in pieces] == [
        (5, 10, False), (10, 20, True), (20, 30, False), (30, 40, True), (40, 45, False),
    ]  # fmt: skip


def test_a_chunk_without_a_column_that_is_needed_does_not_count():
    cache = ChunkCache(10**6)
    cache.add(chunk(0, 10))

    assert [each.chunk for each in cache.pieces(("t", 0), 0, 10, {"value"})] == [None]
    assert [each.chunk for each in cache.pieces(("t", 1), 0, 10, {"key"})] == [None]
    assert [each.chunk for each in cache.pieces(("made anew", 0), 0, 10, {"key"})] == [None]


def test_a_chunk_without_offsets_cannot_be_cut():
    cache = ChunkCache(10**6)
    cache.add(chunk(0, 10, columns=("key",)))

    assert cache.pieces(("t", 0), 0, 10, {"key"})[0].chunk is not None
    assert [each.chunk for each in cache.pieces(("t", 0), 3, 10, {"key"})] == [None]


def test_the_cache_never_holds_more_than_it_may_and_drops_what_was_not_used_for_longest():
    one = chunk(0, 10).size
    cache = ChunkCache(one * 5)
    for start in range(0, 50, 10):
        cache.add(chunk(start, start + 10))
    cache.pieces(("t", 0), 0, 10, {"key"})

    cache.add(chunk(50, 60))

    assert cache.size <= cache.limit
    kept = [each.start for each in cache.pieces(("t", 0), 0, 60, {"key"}) if each.chunk is not None]
    assert kept == [0, 20, 30, 40, 50]


def test_value_and_its_bytes_count_once():
    raw = pa.array([b"x" * 1000] * 100)

    assert Chunk(("t", 0), 0, 100, 100, {"value_bytes": raw, "value": raw.cast(pa.string())}).size < 110_000


# Batches


def batch(base, count=10):
    return build_batch([Record(base + each, 1000, b"k", b"v", []) for each in range(count)], base_offset=base)


def test_whole_batches_are_taken_and_a_cut_one_is_left():
    data = batch(0) + batch(10) + batch(20)

    assert whole_batches(data, 0, 100) == (len(data), 30, 30)
    assert whole_batches(data[:-1], 0, 100) == (len(batch(0)) * 2, 20, 20)
    assert whole_batches(data, 0, 15)[1:] == (20, 20)
    assert whole_batches(batch(40), 0, 30) == (0, 30, 0)
    assert whole_batches(b"", 7, 30) == (0, 7, 0)


def test_rows_outside_of_the_range_are_cut_off():
    assert decode(batch(0) + batch(10), 3, 5, 12, {"offset", "partition"})["offset"].to_pylist() == list(range(5, 12))


def test_a_damaged_batch_is_one_row_that_says_so_and_the_others_are_read():
    broken = bytearray(batch(10))
    broken[-1] ^= 0xFF

    rows = decode(bytes(batch(0) + broken + batch(20)), 0, 0, 30, {"offset", "key", "decode_error"})

    errors = [(o, e) for o, e in zip(rows["offset"].to_pylist(), rows["decode_error"].to_pylist(), strict=True) if e]
    assert [offset for offset, _ in errors] == [10]
    assert "batch of 10 records at offset 10: " in errors[0][1]
    assert "checksum" in errors[0][1]
    assert len(rows["offset"]) == 21


def transactional(base, producer_id):
    records = [Record(base, 1000, b"k", b"%d" % base, [])]
    return build_batch(
        records, base_offset=base, producer_id=producer_id, producer_epoch=0, base_sequence=0, is_transactional=True
    )


def marker(kind, offset, producer_id):
    return build_control_batch(
        kind, EndTxnMarker(), offset=offset, timestamp=1000, producer_id=producer_id, producer_epoch=0
    )


def test_aborted_records_are_left_out_until_their_marker():
    data = (
        transactional(0, 7) + transactional(1, 8) + marker(ControlType.ABORT, 2, 7)
        + transactional(3, 7) + marker(ControlType.COMMIT, 4, 8)
    )  # fmt: skip

    assert decode(data, 0, 0, 10, {"offset"}, [(0, 7)])["offset"].to_pylist() == [1, 3]
    assert decode(data, 0, 0, 10, {"offset"})["offset"].to_pylist() == [0, 1, 3]


def test_compacted_batches_keep_the_offsets_they_have():
    data = build_batch([Record(3, 1, b"a", b"1", []), Record(7, 1, b"b", b"2", [])], base_offset=0, last_offset_delta=9)

    assert decode(data, 0, 0, 10, {"offset", "key"})["offset"].to_pylist() == [3, 7]


def test_columns_are_declared_as_they_are_made():
    assert [name for name, _, _ in TOPIC_COLUMNS] == SCHEMA.names


# Frames


def test_a_frame_is_read_as_it_was_written():
    data = head_bytes({"do": "run", "sql": "select 1"}, 5)

    assert parse_lengths(data[: LENGTHS.size]) == (len(data) - LENGTHS.size, 5)
    assert parse_head(data[LENGTHS.size :]) == {"do": "run", "sql": "select 1"}


@pytest.mark.parametrize("lengths", [(HEAD_BYTES_MAX + 1, 0), (0, 2**32 - 1)])
def test_a_frame_that_is_too_long_is_not_read(lengths):
    with pytest.raises(BadFrame):
        parse_lengths(LENGTHS.pack(*lengths))


@pytest.mark.parametrize("head", [b"", b"\xc1", b"\x01", b"\x81\xa1a", b"\x91" * 5000])
def test_what_is_no_map_is_no_head(head):
    with pytest.raises(BadFrame):
        parse_head(head)


# What is kept


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


def test_a_saved_statement_is_found_again_and_forgotten():
    tricky = "select 'it''s', \"with \"\"quotes\"\"\", '\\d+'\nfrom t -- \x7f\t"
    saved.save(SavedQuery("a name", tricky, "about"))
    saved.save(SavedQuery("b", "select 1"))

    assert saved.saved("a name") == SavedQuery("a name", tricky, "about")
    saved.remove("a name")
    assert list(saved.load_saved()) == ["b"]
    with pytest.raises(OperatorError, match="no statement is saved"):
        saved.saved("a name")


def test_the_history_keeps_each_statement_once_the_latest_last_and_no_more_than_it_may():
    for number in range(saved.HISTORY_MAX + 10):
        saved.remember(f"select {number}", 1) if number > saved.HISTORY_MAX - 5 else None
    saved.remember("select 1000", 2)

    found = [each.sql for each in saved.load_history()]

    assert found[-1] == "select 1000"
    assert found.count("select 1000") == 1
    assert len(found) <= saved.HISTORY_MAX
    assert saved.history_file().stat().st_mode & 0o777 == 0o600


# The plan


def test_the_bytes_of_a_plan_are_those_of_the_records_that_are_not_held_yet():
    def scan(records, size, held, counted=False):
        return PlannedScan("orders", (), (), 1, records, size, held, counted, ())

    plan = SqlPlan((scan(1_000, 50_000, 900), scan(10, 500, 0), scan(70, 70, 0, counted=True)), (), (), (), "")
    assert (plan.records, plan.bytes) == (110, 5_500)
    assert SqlPlan((scan(0, 0, 0), scan(5, None, 0)), (), (), (), "").bytes is None
