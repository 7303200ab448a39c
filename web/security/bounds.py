"""How much anybody may send or ask for: sizes of bodies, time to send them, time to take answers, requests a second."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.security.refusal import refuse

BODY_BYTES_MAX = 1024 * 1024
RECORD_BODY_BYTES_MAX = 32 * 1024 * 1024
"""Where records are sent, which may be large."""
FILE_BODY_BYTES_MAX = 1024 * 1024 * 1024
"""Where a file of records is sent, which goes on to the cluster as it comes."""
BODY_SILENCE_S = 20.0
"""So long may a body be silent."""
STREAM_SILENCE_S = 300.0
"""So long may a body be silent that goes on for as long as the connection is kept open."""
ANSWER_SILENCE_S = 60
"""So long may a client not take any more of an answer."""
REQUESTS_PER_SECOND = 500.0
REQUESTS_AT_ONCE = 2_000.0
CLIENTS_MAX = 4_096
"""Clients whose rate is known; the one that was quiet longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class BodyBound:
    """What may be sent to a path."""

    bytes_max: int | None = BODY_BYTES_MAX
    """None: whoever reads it has a bound of its own, for each piece of it that makes sense by itself."""
    silence_s: float = BODY_SILENCE_S


_LARGE = BodyBound(RECORD_BODY_BYTES_MAX)
_FILE = BodyBound(FILE_BODY_BYTES_MAX)
_ENDLESS = BodyBound(None, STREAM_SILENCE_S)
_STREAMS = re.compile(r"(/clusters/[^/]+)?/v3/clusters/[^/]+/topics/[^/]+/records")
"""Records for as long as the connection is kept open (Confluent's streaming mode)."""


def body_bound(path: str) -> BodyBound:
    """Of the body of a request to that path."""
    if _STREAMS.fullmatch(path):
        return _ENDLESS
    parts = path.split("/")
    if parts[-1] == "produce-file":
        return _FILE
    large = path.startswith(("/v3/", "/api/")) or "records" in parts or "produce" in parts
    return _LARGE if large else BodyBound()


class _TooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    """Raised where the body is read, when it is silent for too long."""


class Bounds:
    """Bodies within their size and time, answers that are taken. What is too large is not read on."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        answer_silence_s: float = ANSWER_SILENCE_S,
        bound: Callable[[str], BodyBound] = body_bound,
    ) -> None:
        self._app = app
        self._answer_silence_s = answer_silence_s
        self._bound = bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = self._bound(scope["path"])
        most = bound.bytes_max if bound.bytes_max is not None else sys.maxsize
        length = Headers(scope=scope).get("content-length", "")
        if length and (not length.isdecimal() or len(length) > 18 or int(length) > most):
            await self._refuse_size(scope, receive, send, most)
            return
        seen = 0
        body_done = started = False

        async def bounded_receive() -> Message:
            nonlocal seen, body_done
            if body_done:
                return await receive()
            try:
                async with asyncio.timeout(bound.silence_s):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                body_done = not message.get("more_body", False)
                if seen > most:
                    raise _TooLarge
            return message

        async def bounded_send(message: Message) -> None:
            nonlocal started
            started = True
            async with asyncio.timeout(self._answer_silence_s):
                await send(message)

        try:
            await self._app(scope, bounded_receive, bounded_send)
        except _TooLarge:
            if not started:
                await self._refuse_size(scope, receive, send, most)
        except BodyTooSlow:
            if not started:
                await refuse(scope, receive, send, 408, "Too slow", "The rest of the request did not come.")
        except TimeoutError:
            # Nobody takes the answer: there is nobody to tell.
            if not started:
                raise

    async def _refuse_size(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        text = f"At most {most:,} bytes are taken here."
        await refuse(scope, receive, send, 413, "Too large", text, headers={"Connection": "close"})


def _client(scope: Scope) -> str:
    """Its address. Pages of others are counted by themselves: on this machine their requests, none of which is answered,
    come from the same address as the operator's, who would be told to slow down for them."""
    address: str = (scope.get("client") or ("", 0))[0]
    is_of_others = Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site")
    return f"{address} (other pages)" if is_of_others else address


class Rates:
    """A bound on requests per second and client address, with room for a burst."""

    def __init__(
        self,
        app: ASGIApp,
        clock: Callable[[], float],
        *,
        per_second: float = REQUESTS_PER_SECOND,
        at_once: float = REQUESTS_AT_ONCE,
    ) -> None:
        """`clock()`: monotonic seconds."""
        self._app = app
        self._clock = clock
        self._per_second = per_second
        self._at_once = at_once
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens left, and when that was."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.take(_client(scope)):
            text = "Too many requests at once. Wait a second."
            await refuse(scope, receive, send, 429, "Slow down", text, headers={"Retry-After": "1"})
            return
        await self._app(scope, receive, send)

    def take(self, client: str) -> bool:
        """Whether that client may ask once more, now."""
        now = self._clock()
        left, at = self._clients.pop(client, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._clients[client] = (left - 1 if allowed else left, now)
        if len(self._clients) > CLIENTS_MAX:
            self._clients.popitem(last=False)
        return allowed
