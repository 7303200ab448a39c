"""`/topics/{topic}/search`: everything that matches, with an account of what was looked at. The stream is `/api/search`'s."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from web.ask import Ask
from web.page import Page, PageRoute
from web.pages.records.asked import address, canonical, filter_problem, form_view, read_asked
from web.pages.records.browsing import crumbs

MATCHES = 500
"""Matches before a search waits to be told to go on."""


async def search(ask: Ask) -> Page | Response:
    """The frame of a search; it begins by itself when there is something to look for. `.json` has what it would ask."""
    if (better := canonical(ask)) is not None:
        return RedirectResponse(better, 303)
    asked = read_asked(ask, start="beginning")
    problem = filter_problem(ask, asked)
    wrong = bool(problem or asked.wrong)
    limit = ask.integer("limit", MATCHES, 1, 10_000)
    stream = address(f"{ask.base}/api/search", asked.api(limit=limit, characters_max=1_024))
    return Page(
        "Search",
        "pages/records_search.html",
        {
            "topic": asked.topic,
            "filters": list(asked.filters),
            "start": asked.start,
            "stream": stream,
            "problem": problem or " ".join(asked.wrong.values()),
        },
        crumbs=crumbs(ask, asked.topic, records=True),
        view={
            **form_view(ask, asked, problem),
            "stream": stream,
            "begins": bool((asked.filters or asked.key or ask.flag("all")) and not wrong),
            "limit": limit,
        },
        # The page itself is as it should be: it says what is wrong beside the form.
        status=400 if wrong and ask.suffix != "html" else 200,
        live=False,
    )


PAGES = (PageRoute("/topics/{topic}/search", search, suffixes=("json",)),)
