"""SQL expressions as filters."""

import pytest

from console.errors import OperatorError
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.model import ConsumedRecord
from console.records.where import WhereMatcher
from engine.protocol.records.batch import TimestampType

RECORDS = [
    ConsumedRecord("t", n % 3, n, 1_700_000_000_000 + n, TimestampType.CREATE_TIME, b"k%d" % n, value, [("h", b"x")])
    for n, value in enumerate(
        [b'{"n":0,"who":"alice"}', b'{"n":1,"who":"bob"}', b"no json", None, b"\xff\x00", b'{"n":9007199254740993}']
    )
]


def offsets(expression):
    return [record.offset for record in WhereMatcher(expression).select(RECORDS)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("offset >= 2 and partition < 2", [3, 4]),
        ("value->>'$.who' = 'bob'", [1]),
        ("(value->>'$.n')::bigint = 9007199254740993", [5]),
        ("value is null", [3, 4]),
        ("value_bytes is null", [3]),
        ("value_size between 1 and 7", [2, 4]),
        ("key in ('k1', 'k2')", [1, 2]),
        ("timestamp > '2023-11-14 22:13:20.003+00'", [4, 5]),
        ("len(headers) = 1 and headers[1].name = 'h' and offset = 0", [0]),
        ("topic = 't' -- and what follows is a comment", [0, 1, 2, 3, 4, 5]),
        ('offset = (select max("offset") from records)', [5]),
    ],
)
def test_expressions_see_the_columns_that_topics_have_in_sql(expression, expected):
    assert offsets(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "nonsense = 1",
        "offset >",
        "offset = 1); drop table records; select (1",
        "1 in (select 1 from read_csv('/etc/passwd'))",
        "1 in (select 1 from orders)",
        "exists (from '/etc/passwd')",
        "getenv('HOME') = 'x'",
        "1 = 1) union select 99 from duckdb_settings() where (true",
    ],
)
def test_what_makes_no_sense_or_is_not_allowed_is_refused_before_anything_is_read(expression):
    with pytest.raises(OperatorError, match="cannot use the expression"):
        WhereMatcher(expression)


def test_an_expression_that_takes_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr("console.records.where.BATCH_SECONDS_MAX", 0.3)
    with pytest.raises(OperatorError, match="takes more than"):
        WhereMatcher(
            "0 < (select count(*) from range(100000000000) a, range(1000) b where hash(a.range + b.range) % 7 = 1)"
        )


def test_conditions_are_asked_first():
    chosen = RecordFilter((Condition(Part.VALUE, Match.CONTAINS, "who"),), "(value->>'$.n')::int >= 1")

    assert [record.offset for record in chosen.matcher().select(RECORDS)] == [1]


def test_expressions_are_taken_from_the_trusted_only():
    data = RecordFilter(where="offset = 1").to_json()

    assert RecordFilter.from_json(data, trusted=True).where == "offset = 1"
    with pytest.raises(OperatorError, match="not taken from here"):
        RecordFilter.from_json(data)
