"""The server itself: clients that never finish, and stopping while streams are open."""

import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn import Config, Server

from web.security.slow_clients import http_protocol, impatient
from web.server import _bound


async def hello(request):
    return PlainTextResponse("hello")


def serving(story, head_s):
    """Runs `story(port)` against a server that waits so long for the head of a request."""

    async def main():
        protocol = impatient(http_protocol().__mro__[1], head_s)
        app = Starlette(routes=[Route("/", hello)])
        server = Server(Config(app, http=protocol, ws="none", log_config=None, access_log=False))
        taken = _bound("127.0.0.1", 0)
        running = asyncio.create_task(server.serve([taken]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            return await asyncio.wait_for(story(taken.getsockname()[1]), 20)
        finally:
            server.should_exit = True
            await running
            taken.close()

    return asyncio.run(main())


def test_a_connection_that_says_nothing_or_only_half_a_request_is_closed():
    async def story(port):
        for words in (b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(words)
            assert await reader.read() == b""
            writer.close()

    serving(story, head_s=0.05)


def test_a_request_that_comes_in_one_piece_is_answered_and_the_connection_may_be_used_again():
    async def story(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await reader.readuntil(b"hello")
            assert answer.startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HT")
        assert await reader.read() == b""
        writer.close()

    serving(story, head_s=0.3)
