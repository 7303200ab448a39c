"""`GET /lab/stream`: the world as it changes, as server-sent events.

Each `world` event has `set` and `gone` (pieces of `console.laboratory.frames`, since the event before), `events` (new
lines of the timeline) with `first`, `reset` when it is another world, and `play`: how it is played. A browser that is
slow gets fewer events with more in each, never a wrong state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.responses import Response

from console.errors import OperatorError
from console.laboratory.session import Session
from web.ask import Ask
from web.live.broadcast import CLIENTS_MAX, Live
from web.live.stream import Event, event_stream
from web.page import PageRoute
from web.pages.laboratory.sessions import session_of

PAUSE_S = 0.04
"""Between two events at least."""
EVENTS_AT_FIRST = 1_000
"""Lines of the timeline that a page gets when it is opened."""


async def stream(ask: Ask) -> Response:
    live: Live = ask.request.app.state.live
    if live.client_count >= CLIENTS_MAX:
        return Response("Too many pages are open", 503, media_type="text/plain")
    session = await session_of(ask.request)
    return event_stream(world_events(session, live))


async def world_events(session: Session, live: Live | None = None) -> AsyncGenerator[Event, None]:
    """Events until the session or the console closes."""
    sent: dict[str, bytes] = {}
    life, next_event = -1, 0
    if not session.pieces and not session.failure:
        try:
            await session.ask("open")
        except OperatorError as error:
            yield Event("world", {"failure": error.title})
    async for _ in session.changes():
        if live is not None and live.closed:
            return
        reset = session.life != life
        if reset:
            sent, life = {}, session.life
            next_event = max(session.first, session.first + len(session.events) - EVENTS_AT_FIRST)
        pieces = session.pieces
        changed = {name: msgspec.Raw(data) for name, data in pieces.items() if sent.get(name) != data}
        gone = [name for name in sent if name not in pieces]
        start = max(next_event, session.first)
        lines = [msgspec.Raw(each) for each in session.events[start - session.first :]]
        sent, next_event = dict(pieces), start + len(lines)
        yield Event(
            "world",
            {
                "reset": reset,
                "set": changed,
                "gone": gone,
                "first": start,
                "events": lines,
                "play": play_state(session),
            },
        )
        await asyncio.sleep(PAUSE_S)


def play_state(session: Session) -> dict[str, Any]:
    """How it is played."""
    return {
        "is_playing": session.is_playing,
        "speed": session.speed,
        "failure": session.failure,
        "busy": session.busy,
    }


PAGES = (PageRoute("/lab/stream", stream, suffixes=()),)
