"""Server-sent events on the wire, and the bounded queue before a client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

KEEP_ALIVE_S = 15.0
RETRY_MS = 2_000
"""After which browsers connect again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. With an `id`, browsers say it when they come back (Last-Event-ID)."""

    name: str
    data: Any
    id: str = ""

    def encode(self) -> bytes:
        """As the wire has it; JSON has no line ends, so the data is one line."""
        head = f"event: {self.name}\n" + (f"id: {_one_line(self.id)}\n" if self.id else "")
        return head.encode() + b"data: " + msgspec.json.encode(self.data, enc_hook=str) + b"\n\n"


def _one_line(text: str) -> str:
    return "".join(character for character in text if character >= " ")


class Feed:
    """Events for one client, at most `size` of them: when it takes them too slowly, the oldest go, and `dropped` counts
    them. `size=1` keeps only the newest."""

    def __init__(self, size: int) -> None:
        self.dropped = 0
        self._size = size
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Never waits."""
        if self._closed:
            return
        if len(self._events) >= self._size:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """Ends it, after what is in it."""
        self._closed = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()


def event_stream(
    events: AsyncGenerator[Event, None], *, keep_alive_s: float = KEEP_ALIVE_S, retry_ms: int = RETRY_MS
) -> StreamingResponse:
    """The answer that sends those events, and a comment when there are none for a while. The generator is closed when
    the client goes."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_chunks(events, keep_alive_s, retry_ms), 200, headers, "text/event-stream")


async def _chunks(events: AsyncGenerator[Event, None], keep_alive_s: float, retry_ms: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    yield f"retry: {retry_ms}\n\n".encode()
    async with aclosing(events):
        pending: asyncio.Task[Event] | None = None
        try:
            while True:
                pending = pending or loop.create_task(_next(events))
                done, _ = await asyncio.wait({pending}, timeout=keep_alive_s)
                if not done:
                    yield b": keep-alive\n\n"
                    continue
                task, pending = pending, None
                try:
                    event = task.result()
                except StopAsyncIteration:
                    return
                yield event.encode()
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)


async def _next(events: AsyncGenerator[Event, None]) -> Event:
    return await anext(events)
