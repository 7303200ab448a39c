"""`/lab`: the world. `?s=` is a situation that someone sent; `.json` has the world as it stands."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import msgspec
from starlette.responses import Response

from console.laboratory.controls import CONTROLS, USAGE
from console.laboratory.lessons import lesson_of, lessons, read_progress
from console.laboratory.playing import SPEEDS
from web.ask import Ask
from web.page import Page, PageRoute, respond
from web.pages.laboratory.sessions import cookie_of, sessions_of, with_cookie

SITUATION_CHARACTERS_MAX = 100_000


def _opening(name: str) -> dict[str, Any] | None:
    """The lesson that the page will open, to be read while its world gets ready."""
    try:
        lesson = lesson_of(name) if name else None
    except ValueError:
        return None
    if lesson is None:
        return None
    return {"title": lesson.title, "minutes": lesson.minutes, "story": lesson.story, "nodes": lesson.shape.nodes}


def _given() -> dict[str, Any]:
    """What can be done to a world. The classroom is imported when somebody looks at one: it is a third of the console's
    start."""
    from console.laboratory.forms import forms

    given = {
        "forms": [asdict(each) for each in forms()],
        "words": list(USAGE.items()),
        "controls": [asdict(each) for each in CONTROLS],
    }
    return {"given": msgspec.json.encode(given).decode(), "controls": CONTROLS}


def _next_lesson() -> dict[str, Any] | None:
    """The first lesson that is not done, for whoever looks at a world of none."""
    done = read_progress()
    for number, each in enumerate(lessons()):
        if each.id not in done or not done[each.id].solved:
            return {
                "id": each.id,
                "title": each.title,
                "summary": each.summary,
                "minutes": each.minutes,
                "is_first": number == 0,
            }
    return None


async def world(ask: Ask) -> Response:
    """The frame; what is in it comes by `/lab/stream`."""
    data: dict[str, Any] = {}
    if ask.suffix != "json":
        sessions_of(ask.request).warm(cookie_of(ask.request))
    opening = await asyncio.to_thread(_opening, ask.get("lesson")[:60])
    if ask.suffix == "json":
        session = sessions_of(ask.request).of(cookie_of(ask.request))
        if session is not None:
            data = {name: msgspec.json.decode(piece) for name, piece in session.pieces.items()}
    page = Page(
        "Laboratory",
        "pages/laboratory.html",
        {"pieces": data},
        nav="/lab",
        live=False,
        view={
            "situation": ask.get("s")[:SITUATION_CHARACTERS_MAX],
            "lesson": ask.get("lesson")[:60],
            "variant": ask.flag("variant"),
            "opening": opening,
            **await asyncio.to_thread(_given),
            "next_lesson": await asyncio.to_thread(_next_lesson),
            "speeds": SPEEDS,
        },
    )
    return with_cookie(ask.request, respond(ask, page))


PAGES = (PageRoute("/lab", world, suffixes=("json",)),)
