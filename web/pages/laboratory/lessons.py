"""`/lab/lessons`: what can be learnt, and what was; `/lab/lessons/ID` opens the world of one."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.laboratory.lessons import lesson_of, lessons, read_progress
from web.ask import Ask
from web.page import Crumb, Page, PageRoute
from web.pages.laboratory.sessions import cookie_of, sessions_of


async def lesson_list(ask: Ask) -> Page:
    """All of them, with what was done. A world gets ready meanwhile: who looks at lessons will open one."""
    sessions_of(ask.request).warm(cookie_of(ask.request))
    done = await asyncio.to_thread(read_progress)
    found = await asyncio.to_thread(lessons)
    rows = [
        {"id": each.id, "title": each.title, "summary": each.summary, "minutes": each.minutes, "kips": list(each.kips),
         "variant": None if each.variant is None else each.variant.title, "solved": each.id in done and done[each.id].solved,
         "variant_solved": each.id in done and done[each.id].variant}
        for each in found
    ]  # fmt: skip
    return Page(
        "Lessons",
        "pages/laboratory_lessons.html",
        {"lessons": rows, "solved": sum(row["solved"] for row in rows)},
        crumbs=[Crumb("Laboratory", ask.url("lab"))],
        nav="/lab",
        live=False,
    )


async def lesson(ask: Ask) -> Response:
    """To the world of that lesson. 404 when there is none."""
    name = ask.part("lesson")
    try:
        await asyncio.to_thread(lesson_of, name)
    except ValueError:
        raise HTTPException(404, f"There is no lesson {name!r:.60}.") from None
    query = {"lesson": name, **({"variant": "1"} if ask.flag("variant") else {})}
    return RedirectResponse(f"{ask.url('lab')}?{urlencode(query)}", 303)


PAGES = (
    PageRoute("/lab/lessons", lesson_list, suffixes=("json",)),
    PageRoute("/lab/lessons/{lesson}", lesson, suffixes=()),
)
