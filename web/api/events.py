"""Streams: server-sent events, lines of JSON, and files. Whoever is slow slows the source down; whoever goes ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse

from console.errors import OperatorError
from web.api.answers import NEVER_KEPT, to_json
from web.api.errors import ApiError, Failure, api_error
from web.api.limits import EVENT_SECONDS_MAX

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `id` is where a lost connection goes on (Last-Event-ID)."""

    name: str
    data: Any
    id: str | None = None


Source = AsyncGenerator[Event, None]


def stream_response(request: Request, source: Source, media: str | None = None) -> StreamingResponse:
    """Events as they come, as lines of JSON ({"event": …, "data": …}) where these are accepted and events are not.

    A failure on the way is an event `failed`, with the body of an error; it is the last one.
    """
    media = media or (LINES if LINES in request.headers.get("accept", "") else EVENTS)
    encode = _line if media == LINES else _event
    # A reverse proxy must not collect what is meant to arrive now.
    headers = {**NEVER_KEPT, "X-Accel-Buffering": "no"}
    return StreamingResponse(_encoded(source, encode), media_type=media, headers=headers)


async def _encoded(source: Source, encode: Callable[[Event], bytes]) -> AsyncIterator[bytes]:
    async with aclosing(source):
        try:
            if encode is _event:
                # EventSource waits so long before it comes again.
                yield b"retry: 1000\n\n"
            async for event in source:
                yield encode(event)
        except (OperatorError, ApiError) as error:
            yield encode(Event("failed", _failure(error)))


def _failure(error: OperatorError | ApiError) -> Failure:
    return (api_error(error) if isinstance(error, OperatorError) else error).failure


def _event(event: Event) -> bytes:
    # JSON has no line ends outside of strings, and none in them.
    data = to_json(event.data)
    head = f"event: {event.name}\n" if event.id is None else f"id: {event.id}\nevent: {event.name}\n"
    return b"%bdata: %b\n\n" % (head.encode("utf-8", "replace"), data)


def _line(event: Event) -> bytes:
    said = {"event": event.name, "data": event.data}
    if event.id is not None:
        said["id"] = event.id
    return to_json(said) + b"\n"


async def with_silences(
    source: AsyncGenerator[T, None], seconds: float = EVENT_SECONDS_MAX
) -> AsyncGenerator[T | None, None]:
    """What comes from `source`, and None whenever nothing came for so long. Closing it closes the source."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Task[T] | None = None
    try:
        while True:
            if waiting is None:
                waiting = loop.create_task(_next(source))
            done, _ = await asyncio.wait([waiting], timeout=seconds)
            if not done:
                yield None
                continue
            finished, waiting = waiting, None
            try:
                item = finished.result()
            except _Ended:
                return
            yield item
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await source.aclose()


async def _next(source: AsyncGenerator[T, None]) -> T:
    try:
        return await anext(source)
    except StopAsyncIteration:
        # A task may not raise it.
        raise _Ended from None


class _Ended(Exception):
    """The source has ended."""
