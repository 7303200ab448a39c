"""Live streams: bounded, resumed, ended."""

import asyncio
import json

from web.live.broadcast import Live
from web.live.stream import Event, Feed, event_stream


def test_a_slow_client_loses_the_oldest_and_it_is_counted():
    async def story():
        feed = Feed(2)
        for number in range(5):
            feed.put(Event("n", number))
        feed.close()
        return [event.data async for event in feed], feed.dropped

    assert asyncio.run(story()) == ([3, 4], 3)


def test_an_event_is_one_line_of_json_whatever_is_in_it():
    wire = Event("record", {"value": "a\nb\r\n\ndata: x\u2028"}, "5\n6").encode().decode()
    lines = wire.split("\n")
    assert lines[0] == "event: record"
    assert lines[1] == "id: 56"
    assert lines[2].startswith("data: {")
    assert lines[3:] == ["", ""]
    assert json.loads(lines[2].removeprefix("data: ")) == {"value": "a\nb\r\n\ndata: x\u2028"}


def test_silence_is_filled_with_comments_and_the_source_is_closed_when_the_client_goes():
    closed = []

    async def source():
        try:
            yield Event("first", 1)
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def story():
        chunks = event_stream(source(), keep_alive_s=0.01).body_iterator
        seen = [await anext(chunks) for _ in range(4)]
        await chunks.aclose()
        return seen

    seen = asyncio.run(story())
    assert seen[0].startswith(b"retry:")
    assert b"event: first" in seen[1]
    assert seen[2:] == [b": keep-alive\n\n"] * 2
    assert closed == [True]


class Sampled:
    """A cluster whose passes the test makes."""

    def __init__(self):
        self.latest = None
        self.failure = None
        self.sampler = self
        self.passes = 0
        self.queue = asyncio.Queue()

    async def snapshots(self):
        while True:
            yield await self.queue.get()


class Snapshot:
    missing = ()

    def __init__(self, at_ms):
        self.at_ms = at_ms


def test_who_comes_back_gets_the_newest_only_when_it_has_not_seen_it():
    async def story():
        cluster, live = Sampled(), Live()
        cluster.latest = Snapshot(1000)
        fresh = live.snapshots(cluster, "")
        first = await anext(fresh)
        again = live.snapshots(cluster, first.id)
        waiting = asyncio.ensure_future(anext(again))
        await asyncio.sleep(0)
        assert not waiting.done()
        cluster.latest = Snapshot(2000)
        cluster.queue.put_nowait(None)
        second = await waiting
        live.close()
        await fresh.aclose()
        await again.aclose()
        return first.id, second.id, live.client_count

    assert asyncio.run(story()) == ("1000", "2000", 0)


def test_closing_ends_all_streams():
    async def story():
        cluster, live = Sampled(), Live()
        stream = live.snapshots(cluster, "0")
        waiting = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        live.close()
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(story()) is None
