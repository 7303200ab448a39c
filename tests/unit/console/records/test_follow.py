"""Following with a bounded buffer, latest by key, and counts."""

import asyncio

import pytest

from console.records.counting import count_records, records_at_most
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.follow import follow
from console.records.latest import LatestRequest, latest_by_key
from console.records.positions import BEGINNING, END
from console.records.producing import NewRecord
from console.records.stream import StreamRequest
from tests.unit.console.records.conftest import BASE_MS

pytestmark = pytest.mark.anyio


async def test_records_of_several_topics_arrive_as_they_come(live, topics):
    first, second = topics.make(), topics.make()
    got = []

    async def listen():
        async for step in follow(live, StreamRequest((first, second), BEGINNING, count=4), BASE_MS):
            got.extend(record.value for record in step.records)

    listening = asyncio.create_task(listen())
    for number in range(4):
        await topics.fill((first, second)[number % 2], [(0, number, b"%d" % number)])
    await asyncio.wait_for(listening, 20)

    assert sorted(got) == [b"0", b"1", b"2", b"3"]


async def test_who_is_too_slow_is_told_how_much_was_dropped_and_keeps_the_newest(live, topics):
    name = topics.make()
    await topics.fill(name, [(0, number, b"%d" % number) for number in range(500)])
    request = StreamRequest((name,), BEGINNING, exit_at_end=True)

    steps = [step async for step in follow(live, request, BASE_MS, records_max=20, step_records_max=5)]

    got = [int(record.value) for step in steps for record in step.records]
    assert got == sorted(got)
    assert got[-1] == 499
    assert len(got) + steps[-1].dropped_total == 500
    assert steps[-1].dropped_total == sum(step.dropped for step in steps) > 0
    assert all(len(step.records) <= 5 for step in steps)


async def test_nothing_is_dropped_for_who_wants_everything(live, topics):
    name = topics.make()
    await topics.fill(name, [(0, number, b"%d" % number) for number in range(500)])
    request = StreamRequest((name,), BEGINNING, exit_at_end=True)

    steps = [step async for step in follow(live, request, BASE_MS, records_max=20, drop=False)]

    assert [int(record.value) for step in steps for record in step.records] == list(range(500))
    assert steps[-1].dropped_total == 0


async def test_closing_it_stops_the_reading(live, topics):
    name = topics.make()
    await topics.fill(name, [(0, 0, b"0")])
    before = len(asyncio.all_tasks())
    steps = follow(live, StreamRequest((name,), BEGINNING), BASE_MS)
    await anext(steps)
    await steps.aclose()

    assert len(asyncio.all_tasks()) <= before + 1


async def test_the_end_is_where_it_was_when_following_began(live, topics):
    name = topics.make()
    await topics.fill(name, [(0, 0, b"old")])
    following = follow(live, StreamRequest((name,), END, count=1), BASE_MS)
    waiting = asyncio.create_task(anext(following))
    for _ in range(200):
        await topics.fill(name, [(0, 1, b"new")])
        if waiting.done():
            break
    step = await asyncio.wait_for(waiting, 20)
    await following.aclose()

    assert [record.value for record in step.records] == [b"new"]


@pytest.fixture
async def users(topics):
    name = topics.make(partitions=2)
    await topics.fill(
        name,
        [
            NewRecord(b"alice", b"1", partition=0),
            NewRecord(b"bob", b"1", partition=1),
            NewRecord(b"alice", b"2", partition=0),
            NewRecord(b"carol", b"1", partition=0),
            NewRecord(b"bob", None, partition=1),
            NewRecord(None, b"odd", partition=1),
        ],
    )
    return name


async def test_the_latest_record_of_every_key_and_no_tombstones_unless_wanted(live, users):
    view = await latest_by_key(live, LatestRequest(users), BASE_MS)
    with_tombstones = await latest_by_key(live, LatestRequest(users, tombstones=True), BASE_MS)

    assert [(record.key, record.value) for record in view.records] == [(b"alice", b"2"), (b"carol", b"1")]
    assert (view.keys, view.tombstones, view.without_key, view.scanned, view.complete) == (3, 1, 1, 6, True)
    assert [record.key for record in with_tombstones.records] == [b"alice", b"carol", b"bob"]


async def test_a_filter_looks_at_the_latest_only(live, users):
    ones = RecordFilter((Condition(Part.VALUE, Match.EQUALS, "1"),))

    view = await latest_by_key(live, LatestRequest(users, filter=ones), BASE_MS)

    assert [record.key for record in view.records] == [b"carol"]


async def test_more_keys_than_may_be_held_are_said(live, users):
    view = await latest_by_key(live, LatestRequest(users, keys_max=2), BASE_MS)

    assert not view.complete
    assert view.keys == 2
    assert len(view.stopped_at) == 1


async def test_offsets_tell_at_most_and_counting_tells_exactly(live, users, topics):
    empty = topics.make()

    guess = await records_at_most(live, [users, empty])
    steps = [step async for step in count_records(live, [users, empty])]

    assert (guess.records, guess.exact) == (6, False)
    assert [each.exact for each in guess.partitions] == [False, False, True]
    counts = steps[-1].counts
    assert (counts.records, counts.exact) == (6, True)
    assert steps[-1].scanned == steps[-1].to_scan == 6
