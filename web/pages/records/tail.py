"""`/topics/{topic}/tail`: records as they arrive, of this topic and of those named by `?also=`. The stream is `/api/tail`'s."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from web.ask import Ask
from web.page import Page, PageRoute
from web.pages.records.asked import address, canonical, filter_problem, form_view, read_asked
from web.pages.records.browsing import crumbs

TOPICS_MAX = 20


async def tail(ask: Ask) -> Page | Response:
    """The frame of a tail. `.json` has the address of its stream."""
    if (better := canonical(ask)) is not None:
        return RedirectResponse(better, 303)
    asked = read_asked(ask)
    problem = filter_problem(ask, asked)
    wrong = bool(problem or asked.wrong)
    also = list(dict.fromkeys(each for each in ask.all("also") if each and each != asked.topic))[: TOPICS_MAX - 1]
    latest = ask.cluster.latest
    known = [] if latest is None else sorted({each.topic for each in latest.partitions} - {asked.topic, *also})
    stream = address(
        f"{ask.base}/api/tail", asked.api(topic=[asked.topic, *also], characters_max=1_024, interval_ms=100)
    )
    query = asked.query()
    return Page(
        "Live tail",
        "pages/records_tail.html",
        {
            "topics": [asked.topic, *also],
            "filters": list(asked.filters),
            "stream": stream,
            "problem": problem or " ".join(asked.wrong.values()),
        },
        crumbs=crumbs(ask, asked.topic, records=True),
        view={
            **form_view(ask, asked, problem),
            "stream": stream,
            "known": known[:2_000],
            "also": [
                (each, address(ask.path(), {**query, "also": [other for other in also if other != each]}))
                for each in also
            ],
        },
        # The page itself is as it should be: it says what is wrong beside the form.
        status=400 if wrong and ask.suffix != "html" else 200,
        live=False,
    )


PAGES = (PageRoute("/topics/{topic}/tail", tail, suffixes=("json",)),)
