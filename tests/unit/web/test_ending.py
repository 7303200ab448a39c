"""A server that stops does not wait for those who follow a stream, and gives other answers to their end."""

import asyncio

from web.live.ending import Ending


def ask(app, story, pieces=(b"",)):
    """Asks `app` once; `story(sent)` runs beside it. Gives what was sent."""

    async def main():
        ending = Ending(app)
        sent = asyncio.Queue()
        messages = []
        bodies = list(pieces)

        async def receive():
            if bodies:
                body = bodies.pop(0)
                return {"type": "http.request", "body": body, "more_body": bool(bodies)}
            await asyncio.Event().wait()
            return None

        async def send(message):
            messages.append(message)
            sent.put_nowait(message)

        running = asyncio.create_task(ending({"type": "http"}, receive, send))
        await story(ending, sent)
        await asyncio.wait_for(running, 20)
        return messages

    return asyncio.run(main())


async def endless(scope, receive, send):
    """As Starlette's streaming answers are: they go on until the client is gone."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive())["type"] != "http.disconnect":
        pass


async def slow(scope, receive, send):
    """An answer that takes its time, and looks for no disconnect."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"all of it", "more_body": False})


def test_a_stream_ends_when_the_server_does_and_is_complete():
    async def story(ending, sent):
        await sent.get()
        ending.end()

    messages = ask(endless, story)
    assert messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_stream_that_begins_too_late_ends_at_once():
    async def story(ending, sent):
        ending.end()

    assert len(ask(endless, story)) == 2


def test_an_answer_that_is_no_stream_is_given_to_its_end():
    async def story(ending, sent):
        ending.end()

    messages = ask(slow, story)
    assert [each.get("body") for each in messages] == [None, b"all of it"]


def test_a_body_that_still_comes_is_not_cut_off():
    got = []

    async def upload(scope, receive, send):
        while True:
            message = await receive()
            got.append(message["type"])
            if not message.get("more_body", False):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def story(ending, sent):
        ending.end()

    ask(upload, story, pieces=(b"a", b"b", b"c"))
    assert got == ["http.request"] * 3


def test_who_does_not_read_keeps_nobody_waiting():
    async def main():
        ending = Ending(endless)
        started = asyncio.Event()

        async def receive():
            if not started.is_set():
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()
            return None

        async def send(message):
            if started.is_set():
                await asyncio.Event().wait()
            started.set()

        running = asyncio.create_task(ending({"type": "http"}, receive, send))
        await started.wait()
        ending.end()
        await asyncio.wait_for(running, 20)

    asyncio.run(main())
