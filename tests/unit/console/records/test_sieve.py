"""Batches that cannot hold what is sought are gone by undecoded, and nobody can tell by the counts."""

import random

import pytest

from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.search import SearchRequest, search
from console.records.sieve import BatchSieve
from engine.protocol.records.batch import HEADER_BYTES
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record, build_batch
from tests.unit.console.records.conftest import BASE_MS

VALUE, KEY, ANY, HEADERS = Part.VALUE, Part.KEY, Part.ANY, Part.HEADERS


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        (Condition(VALUE, Match.CONTAINS, "needle"), True),
        (Condition(VALUE, Match.CONTAINS, "thread"), False),
        (Condition(VALUE, Match.CONTAINS, "NEEDLE"), False),
        (Condition(VALUE, Match.CONTAINS, "NEEDLE", ignore_case=True), True),
        (Condition(KEY, Match.EQUALS, "k1", ignore_case=True), True),
        (Condition(KEY, Match.EQUALS, "k2"), False),
        (Condition(VALUE, Match.REGEX, "ne+dle"), True),
        (Condition(VALUE, Match.REGEX, "na+dle"), False),
        (Condition(HEADERS, Match.EQUALS, "value", header="name"), True),
        (Condition(HEADERS, Match.EQUALS, "other", header="name"), False),
        (Condition(ANY, Match.CONTAINS, "nothing"), False),
    ],
)
def test_a_batch_passes_when_its_bytes_hold_what_is_sought(condition, passes):
    batch = build_batch([Record(0, 0, b"k1", b"a needle", [("name", b"value")])])

    assert BatchSieve(RecordFilter((condition,))).may_match(batch[HEADER_BYTES:]) is passes


@pytest.mark.parametrize(
    "condition",
    [
        Condition(VALUE, Match.CONTAINS, "x", negate=True),
        Condition(VALUE, Match.CONTAINS, ""),
        Condition(VALUE, Match.JSON, "1", path="a"),
        Condition(VALUE, Match.PRESENT),
        Condition(VALUE, Match.REGEX, "^a$"),
        Condition(VALUE, Match.REGEX, r"\bword\b"),
        Condition(VALUE, Match.REGEX, "(?m)a"),
        Condition(ANY, Match.CONTAINS, "name=value"),
        Condition(HEADERS, Match.REGEX, "name.value"),
    ],
)
def test_what_bytes_of_a_batch_cannot_tell_is_not_asked(condition):
    assert not BatchSieve(RecordFilter((condition,))).applies("t")


def test_a_sieve_that_holds_nothing_back_is_seldom_asked():
    sieve = BatchSieve(RecordFilter((Condition(VALUE, Match.CONTAINS, "a"),)))

    asked = 0
    for _ in range(1000):
        if sieve.applies("t"):
            asked += 1
            sieve.may_match(b"aaa")

    assert asked < 100


@pytest.mark.anyio
@pytest.mark.parametrize("codec", [Compression.NONE, Compression.GZIP])
async def test_counts_and_matches_are_those_of_reading_everything(live, topics, monkeypatch, codec):
    """Random texts, with a JSON condition behind, so that what is undecodable depends on what came so far."""
    draw = random.Random(7)
    name = topics.make(partitions=1)
    values = [b'{"x":%d}' % draw.randrange(30) if draw.random() < 0.7 else b"no 7" for _ in range(200)]
    for start in range(0, 200, 5):
        records = [(0, start + at, value) for at, value in enumerate(values[start : start + 5])]
        await topics.fill(name, records, compression=codec)
    wanted = RecordFilter((Condition(VALUE, Match.CONTAINS, "7"), Condition(VALUE, Match.JSON, "7", path="x")))

    async def outcome():
        found = []
        async for step in search(live, SearchRequest((name,), wanted), BASE_MS):
            found += [record.offset for record in step.records]
        return found, step.scanned, step.matched, step.undecodable, step.bytes

    sieved = await outcome()
    monkeypatch.setattr(BatchSieve, "applies", lambda *_: False)
    assert sieved == await outcome()
    assert sieved[0] == [at for at, value in enumerate(values) if value == b'{"x":7}']
    assert sieved[3] == values.count(b"no 7")
