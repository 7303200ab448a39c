"""The server itself: clients that never finish, answers that arrive although more was sent, and stopping."""

import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn import Config, Server

from web.security.closing import HEAD_BYTES_MAX
from web.security.slow_clients import ConsoleProtocol
from web.server import _bound


async def hello(request):
    return PlainTextResponse("hello")


async def refuse(request):
    """Without a look at the body."""
    return PlainTextResponse("too large", 413, {"Connection": "close"})


def serving(story, head_s=10):
    """Runs `story(port)` against a server that waits so long for the head of a request."""

    async def main():
        app = Starlette(routes=[Route("/", hello), Route("/refused", refuse, methods=["POST"])])
        protocol = type("Protocol", (ConsoleProtocol,), {"head_s": head_s})
        server = Server(
            Config(
                app,
                http=protocol,
                ws="none",
                log_config=None,
                access_log=False,
                h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            )
        )
        taken = _bound("127.0.0.1", 0)
        running = asyncio.create_task(server.serve([taken]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            return await asyncio.wait_for(story(taken.getsockname()[1]), 60)
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


async def sent_slowly(port, head, size, piece=64 * 1024):
    """All of it is sent, whatever is answered meanwhile; then the answer is read to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    for _ in range(size // piece):
        writer.write(b"x" * piece)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await reader.read()
    writer.close()
    return answer


def test_a_refused_body_is_taken_and_thrown_away_so_that_the_refusal_arrives():
    async def story(port):
        size = 8 * 1024 * 1024
        head = f"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
        for _ in range(3):
            answer = await sent_slowly(port, head, size)
            assert answer.startswith(b"HTTP/1.1 413")
            assert answer.endswith(b"too large")

    serving(story)


def test_an_endless_head_is_refused_and_the_refusal_arrives():
    async def story(port):
        for head in (b"GET /?q=", b"GET / HTTP/1.1\r\nHost: a\r\nCookie: "):
            answer = await sent_slowly(port, head, 4 * 1024 * 1024)
            assert answer.startswith(b"HTTP/1.1 400")

    serving(story)


def test_many_requests_on_one_connection_have_room_for_a_head_each():
    async def story(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(12):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000 + b"\r\n\r\n")
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        writer.close()

    serving(story)


def test_the_server_stops_although_a_client_keeps_its_connection():
    kept = []

    async def story(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"hello")
        kept.append(writer)

    serving(story)
    assert kept
