"""Requests as bytes on a socket, as no browser writes them: what could be read in two ways is refused, and what seems to
follow it on the connection is never looked at (request smuggling). Authority: RFC 9112."""

import asyncio

import pytest
from uvicorn import Config, Server

from web.security.closing import HEAD_BYTES_MAX
from web.security.layers import guarded
from web.security.slow_clients import ConsoleProtocol
from web.server import _bound

TOKEN = "a-token-that-nobody-guesses"


class Wire:
    """A guarded application on a socket; `paths` are what got through to it."""

    def __init__(self):
        self.paths = []
        self.schemes = []
        self.port = 0

    async def app(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        self.paths.append(scope["path"])
        self.schemes.append(scope["scheme"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"in"})

    async def say(self, data):
        """Sends it, ends our side, and returns the statuses of all that is answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data.encode("latin-1"))
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return [int(each[:3]) for each in answer.decode("latin-1").split("HTTP/1.1 ")[1:]]


def on_the_wire(story):
    async def main():
        wire = Wire()
        app = guarded(wire.app, token=TOKEN, host="127.0.0.1", allowed_hosts=(), stylesheet="")
        server = Server(
            Config(
                app,
                http=ConsoleProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            )
        )
        taken = _bound("127.0.0.1", 0)
        wire.port = taken.getsockname()[1]
        running = asyncio.create_task(server.serve([taken]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            return await asyncio.wait_for(story(wire), 60)
        finally:
            server.should_exit = True
            await running
            taken.close()

    return asyncio.run(main())


HEAD = f"Host: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
HIDDEN = f"GET /hidden HTTP/1.1\r\n{HEAD}\r\n"
"""What is to be smuggled: a whole request, in or behind a body."""

DOUBTFUL_FRAMES = {
    "both lengths": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "a length with a sign": "Content-Length: +0\r\n\r\n",
    "a negative length": "Content-Length: -1\r\n\r\n",
    "a hexadecimal length": "Content-Length: 0x0\r\n\r\n",
    "a length with an underscore": "Content-Length: 0_0\r\n\r\n",
    "an empty length": "Content-Length:\r\n\r\n",
    "another encoding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two encodings": "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "encodings in two headers": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a carriage return alone": "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a control character": "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a null": "X: a\0b\r\n\r\n",
    "a size with a prefix": "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a negative size": "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "bytes behind a chunk": "Transfer-Encoding: chunked\r\n\r\n1\r\nabc0\r\n\r\n",
}


@pytest.mark.parametrize("frame", list(DOUBTFUL_FRAMES))
def test_where_it_is_not_sure_where_a_body_ends_nothing_that_follows_is_a_request(frame):
    async def story(wire):
        statuses = await wire.say(f"POST /first HTTP/1.1\r\n{HEAD}{DOUBTFUL_FRAMES[frame]}{HIDDEN}")
        assert 200 not in statuses
        assert wire.paths == []

    on_the_wire(story)


@pytest.mark.parametrize(
    "frame",
    [
        f"Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\n{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n",
        f"Transfer-Encoding: chunked\r\n\r\n{len(HIDDEN):x};x=y\r\n{HIDDEN}\r\n0\r\nHost: evil.example\r\n\r\n",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_within_a_body_is_none(method, frame):
    async def story(wire):
        assert await wire.say(f"{method} /first HTTP/1.1\r\n{HEAD}{frame}") == [200]
        assert wire.paths == ["/first"]

    on_the_wire(story)


def test_requests_one_after_the_other_are_each_asked_for_the_token():
    async def story(wire):
        stranger = "GET /second HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        assert await wire.say(f"GET /first HTTP/1.1\r\n{HEAD}\r\n{stranger}{HIDDEN}") == [200, 401, 200]
        assert wire.paths == ["/first", "/hidden"]

    on_the_wire(story)


@pytest.mark.parametrize(
    "more",
    [
        "Host: evil.example\r\n",
        "Origin: http://127.0.0.1\r\nOrigin: http://evil.example\r\n",
        "Origin: http://evil.example\r\nOrigin: http://127.0.0.1\r\n",
        "Authorization: Bearer x\r\n",
        "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
    ],
)
def test_what_says_two_things_at_once_says_neither(more):
    async def story(wire):
        statuses = await wire.say(f"POST /first HTTP/1.1\r\n{HEAD}{more}\r\n{HIDDEN}")
        assert statuses == [400]
        assert wire.paths == []

    on_the_wire(story)


def test_a_header_folded_over_two_lines_is_one_header():
    """RFC 9112, 5.2: refused, or each fold a space."""

    async def story(wire):
        folded = f"GET /first HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n Authorization: Bearer {TOKEN}\r\n\r\n"
        assert set(await wire.say(folded)) <= {400, 401}
        assert wire.paths == []

    on_the_wire(story)


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "https://127.0.0.1@evil.example/", "ftp://127.0.0.1/", "127.0.0.1:80", "x", "*"]
)
def test_an_address_that_is_not_of_this_host_leads_nowhere(target):
    async def story(wire):
        assert await wire.say(f"GET {target} HTTP/1.1\r\n{HEAD}\r\n") == [400]
        assert wire.paths == []

    on_the_wire(story)


def test_an_address_in_full_is_its_path():
    """RFC 9112, 3.2.2: servers must accept it."""

    async def story(wire):
        assert await wire.say(f"GET http://127.0.0.1/topics/a%2Fb?q=1 HTTP/1.1\r\n{HEAD}\r\n") == [200]
        assert await wire.say(f"GET http://127.0.0.1 HTTP/1.1\r\n{HEAD}\r\n") == [200]
        assert wire.paths == ["/topics/a/b", "/"]

    on_the_wire(story)


def test_no_address_in_full_gets_around_the_token():
    async def story(wire):
        for path in ("/static/../topics", "/healthz/../topics", "/topics"):
            assert await wire.say(f"GET http://127.0.0.1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") in ([401], [200])
        assert "/topics" not in wire.paths

    on_the_wire(story)


def test_a_proxy_that_speaks_tls_can_say_so():
    async def story(wire):
        await wire.say(f"GET / HTTP/1.1\r\n{HEAD}X-Forwarded-Proto: https\r\n\r\n")
        await wire.say(f"GET / HTTP/1.1\r\n{HEAD}X-Forwarded-Proto: gopher\r\n\r\n")
        assert wire.schemes == ["https", "http"]

    on_the_wire(story)
