"""Searches: fixed ends, everything accounted for, resumed to the same result."""

import pytest

from console.errors import OperatorError
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.positions import Position, PositionKind
from console.records.search import SearchRequest, resume_search, search
from engine.protocol.records.record import Record, build_batch
from tests.unit.console.records.conftest import BASE_MS

pytestmark = pytest.mark.anyio

EVEN = RecordFilter((Condition(Part.VALUE, Match.REGEX, r"[02468]$"),))


async def collect(steps):
    found, last = [], None
    async for last in steps:
        found += [int(record.value) for record in last.records]
    return found, last


@pytest.fixture
async def topic(topics):
    name = topics.make(partitions=3)
    await topics.fill(name, [(number % 3, number, b"%d" % number) for number in range(300)])
    return name


async def test_matches_come_in_the_order_of_time_and_all_is_accounted_for(live, topic):
    found, last = await collect(search(live, SearchRequest((topic,), EVEN), BASE_MS))

    assert found == list(range(0, 300, 2))
    assert (last.scanned, last.to_scan, last.matched, last.undecodable, last.hidden) == (300, 300, 150, 0, 0)
    assert last.finished
    assert last.seconds_left == 0


async def test_what_arrives_while_it_runs_is_not_part_of_it(live, topic, topics, monkeypatch):
    monkeypatch.setattr("console.records.search.STEP_RECORDS_MAX", 1)
    steps = search(live, SearchRequest((topic,), EVEN), BASE_MS)
    first = await anext(steps)
    await topics.fill(topic, [(0, 300, b"300")])

    found, last = await collect(steps)

    assert len(first.records) + len(found) == 150
    assert last.to_scan == 300


@pytest.mark.parametrize("limit", [1, 7, 40])
async def test_a_search_in_pieces_finds_what_one_in_a_piece_does_with_the_same_account(live, topic, topics, limit):
    await topics.fill(topic, [(number % 3, 300 + number, b"no number 0") for number in range(30)])
    wanted = RecordFilter(
        (Condition(Part.VALUE, Match.REGEX, "[05]$"), Condition(Part.VALUE, Match.JSON, "x", path="$", negate=True))
    )
    request = SearchRequest((topic,), wanted, limit=limit)
    found, last = await collect(search(live, request, BASE_MS))
    assert not last.finished
    for _ in range(200):
        more, last = await collect(resume_search(live, last.token, BASE_MS, limit=limit))
        found += more
        if last.finished:
            break

    assert found == list(range(0, 300, 5))
    assert (last.scanned, last.matched, last.undecodable) == (330, 60, 30)


async def test_a_range_of_time_is_all_that_is_read(live, topic):
    start, until = (Position(PositionKind.TIMESTAMP, BASE_MS + after) for after in (90, 120))

    found, last = await collect(search(live, SearchRequest((topic,), EVEN, start=start, until=until), BASE_MS + 1000))

    assert found == list(range(90, 120, 2))
    assert last.scanned == 30


async def test_what_is_no_json_is_counted_as_undecodable(live, topics):
    name = topics.make()
    await topics.fill(name, [(0, 0, b'{"a":{"b":[1,2]}}'), (0, 1, b"{"), (0, 2, b'{"a":1}'), (0, 3, b"[" * 100_000)])
    wanted = RecordFilter((Condition(Part.VALUE, Match.JSON, "2", path="$.a.b[1]"),))

    steps = [step async for step in search(live, SearchRequest((name,), wanted), BASE_MS)]

    assert [record.offset for step in steps for record in step.records] == [0]
    assert (steps[-1].scanned, steps[-1].matched, steps[-1].undecodable) == (4, 1, 2)


async def test_hostile_header_names_hide_nothing(live, topics):
    name = topics.make()
    odd = b"n\xff\x1b[2J".decode(errors="surrogateescape")
    assert await topics.put(name, 0, build_batch([Record(0, BASE_MS, b"k", b"1", [(odd, b"x")])])) == 0
    await topics.fill(name, [(0, 1, b"2")])

    found, last = await collect(search(live, SearchRequest((name,)), BASE_MS))

    assert found == [1, 2]
    assert last.undecodable == 0


async def test_an_empty_topic_is_searched_at_once(live, topics):
    found, last = await collect(search(live, SearchRequest((topics.make(),), EVEN), BASE_MS))

    assert (found, last.finished, last.to_scan) == ([], True, 0)


@pytest.mark.parametrize("token", ["", "{}", "[]", '{"version":9}', '{"version":1,"request":{},"left":[],"counts":{}}'])
async def test_what_is_no_token_is_refused(live, token):
    with pytest.raises(OperatorError, match="not a search that can be resumed"):
        await collect(resume_search(live, token, BASE_MS))


async def test_a_search_into_the_future_is_refused(live, topic):
    until = Position(PositionKind.TIMESTAMP, BASE_MS + 1)

    with pytest.raises(OperatorError, match="is in the future"):
        await collect(search(live, SearchRequest((topic,), until=until), BASE_MS))
