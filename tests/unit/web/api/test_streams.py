"""Tail and search: what arrives, what does not and how much of it, and going on after a lost connection."""

import json
import time

import pytest

from engine.types import TopicPartition
from web.api import limits
from web.api.events import with_silences


def values(events):
    return [each["value"]["text"] for name, data, _ in events if name == "records" for each in data["records"]]


def read_until(events, count):
    """Events until `count` records came, shown or dropped."""
    taken, seen = [], 0
    for event in events:
        taken.append(event)
        if event[0] == "records":
            seen += len(event[1]["records"]) + event[1]["dropped"]
        assert event[0] != "failed", event
        if seen >= count:
            return taken
    raise AssertionError(taken)


def test_a_tail_shows_what_arrives_and_goes_on_where_it_was(api, topic, put):
    put(topic, "before")
    with api.events("GET", "/api/tail", query={"topic": topic}) as events:
        assert next(events)[0] == "begin"
        put(topic, "one", "two")
        taken = read_until(events, 2)
    assert values(taken) == ["one", "two"]
    put(topic, "three")
    put(topic, "four", partition=1)
    with api.events("GET", "/api/tail", query={"topic": topic}, headers={"Last-Event-ID": taken[-1][2]}) as events:
        assert sorted(values(read_until(events, 2))) == ["four", "three"]


def test_a_tail_begins_with_the_last_records_where_asked(api, topic, put):
    put(topic, *"abcdef")
    with api.events("GET", "/api/tail", query={"topic": topic, "start": "-3", "filter": "!value=e"}) as events:
        assert values(read_until(events, 3)) == ["c", "d", "f"]
        put(topic, "e", "g")
        assert values(read_until(events, 1)) == ["g"]


def test_a_tail_tells_what_was_deleted_while_it_was_away(api, topic, put):
    put(topic, *"abcdef")
    change = {"kind": "delete-records", "scope": {"topic": topic}, "before": {"kind": "offset", "value": 4}}
    done = api.post("/api/changes/execute", {"change": change, "confirm": topic})
    assert done.status == 200, done
    place = f"o,{topic}:0:1,0"
    with api.events("GET", "/api/tail", query={"topic": topic}, headers={"Last-Event-ID": place}) as events:
        assert next(events)[1]["lost"] == 3
        assert values(read_until(events, 2)) == ["e", "f"]


def test_several_topics_are_one_tail(api, topic, put, v3):
    other = f"{topic}-2"
    api.post(f"{v3}/topics", {"topic_name": other})
    with api.events("GET", "/api/tail", query={"topic": [topic, other]}) as events:
        assert next(events)[0] == "begin"
        put(topic, "one")
        put(other, "two")
        assert sorted(values(read_until(events, 2))) == ["one", "two"]


def test_a_tail_shows_a_thousand_records_a_second(api, topic, put):
    count = 5_000
    with api.events("GET", "/api/tail", query={"topic": topic, "interval_ms": 100}) as events:
        assert next(events)[0] == "begin"
        put(topic, *[f"record {number}" for number in range(count)])
        began = time.monotonic()
        taken = read_until(events, count)
        seconds = time.monotonic() - began
    assert len(values(taken)) == count
    assert count / seconds > 1_000


def test_a_slow_reader_is_told_exactly_how_many_it_was_not_shown(api, topic, put, monkeypatch):
    monkeypatch.setattr("web.api.records.tail.TAIL_BUFFER_RECORDS_MAX", 50)
    count = 3_000
    with api.events("GET", "/api/tail", query={"topic": topic, "interval_ms": 1_000}) as events:
        assert next(events)[0] == "begin"
        for _ in range(3):
            put(topic, *[str(number) for number in range(count // 3)])
        taken = read_until(events, count)
    dropped = sum(data["dropped"] for name, data, _ in taken if name == "records")
    assert len(values(taken)) + dropped == count
    assert dropped > 0
    assert taken[-1][1]["dropped_total"] == dropped


def test_no_more_streams_than_there_may_be(api, topic, monkeypatch):
    monkeypatch.setattr("web.api.state.STREAMS_MAX", 1)
    with api.events("GET", "/api/tail", query={"topic": topic}) as events:
        assert next(events)[0] == "begin"
        assert api.checked("GET", f"/api/tail?topic={topic}").status == 429


def test_who_goes_ends_the_reading(api, topic):
    from web.api.state import state_of

    state = state_of(api.cluster)
    with api.events("GET", "/api/tail", query={"topic": topic}) as events:
        next(events)
        assert state.streams >= 1
    deadline = time.monotonic() + 10
    while state.streams and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state.streams == 0


def test_a_search_accounts_for_everything_and_its_token_goes_on(api, topic, put):
    put(topic, *[f"{'match' if number % 3 == 0 else 'other'} {number}" for number in range(30)])
    found, query = [], {"topic": topic, "filter": "value~match", "limit": 4}
    headers = {}
    for _ in range(10):
        with api.events("GET", "/api/search", query=query, headers=headers) as events:
            steps = list(events)
        found += [each["value"]["text"] for _, data, _ in steps for each in data["records"]]
        name, last, token = steps[-1]
        assert (name, last["token"]) == ("progress", token)
        if last["finished"]:
            break
        headers = {"Last-Event-ID": token}
    assert found == [f"match {number}" for number in range(0, 30, 3)]
    assert (last["scanned"], last["to_scan"], last["matched"]) == (30, 30, 10)


def test_a_token_with_numbers_of_its_own_is_refused(api, topic, put):
    put(topic, "x")
    with api.events("POST", "/api/search", {"topics": [topic]}) as events:
        token = json.loads(list(events)[-1][1]["token"])
    token["left"] = [[topic, 0, 0, 2**80]]
    answer = api.checked("POST", "/api/search", {"token": json.dumps(token)})
    assert answer.status == 400


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_silence_is_told_and_an_end_is_an_end(anyio_backend):
    import asyncio

    told = asyncio.Event()

    async def source():
        yield 1
        await told.wait()
        yield 2

    seen = []
    async for each in with_silences(source(), 0.01):
        seen.append(each)
        if each is None:
            told.set()
    assert seen[0] == 1
    assert seen[-1] == 2
    assert None in seen


def test_positions_of_a_tail_are_those_of_browse(api, topic, put):
    put(topic, "a")
    page = api.get("/api/records", topic=topic).json()
    with api.events("GET", "/api/tail", query={"topic": topic}) as events:
        _, begin, place = next(events)
    assert place == page["newer"]
    assert [tuple(each) for each in begin["offsets"]] == [
        (*TopicPartition(topic, 0), 1),
        (*TopicPartition(topic, 1), 0),
    ]
    assert limits.ALL["streams_max"] == limits.STREAMS_MAX
