"""Pages: a handler returns one `Page`, and everything else follows: HTML, `.json` and, where it has a table, `.csv`.

    async def topics(ask: Ask) -> Page:
        snapshot = await ask.cluster.snapshot()
        rows = [{"name": name, "partition_count": count} for name, count in ...]
        return Page(
            "Topics",                                     # the title, and the last of the breadcrumbs
            "pages/topics.html",
            data={"at_ms": snapshot.at_ms},               # what the page knows; `.json` has exactly this
            table=Table(COLUMNS, rows, key="name"),       # filtered, ordered, cut to the window by the wrapper
            missing=snapshot.missing,                     # what nobody answered: told on the page and in the JSON
        )

    PAGES = (PageRoute("/topics", topics),)               # add the module to web/pages/__init__.py

That makes `/topics`, `/topics.json`, `/topics.csv` and the same under `/clusters/NAME/`. The rules:

- All state is in the query string. Tables have `?q=` (filter), `?sort=` (`-name`: descending), `?from=` and `?count=`;
  others read theirs with `ask.get`, `ask.integer`. `ask.here(sort="-size")` is this address with a change, `ask.url("topics",
  name)` another page of the same cluster. Names in addresses: `web.names`; `ask.part("topic")` gives the name back.
- `data` is plain values, dataclasses, lists and dicts: what msgspec can write. Keys are Kafka's names in snake_case, times
  in ms since 1970. The template sees it as `data`, the arranged table as `table`, `ask`, and `page`; what only the template
  needs (text that is shown, charts) is in `view`, and is its `view`.
- The template begins with `{% extends layout %}` and has a block `main`. With `?_part=main` the frame is left out; live
  pages fetch themselves that way (see `web.live`): every element with an `id` and `data-live` is exchanged when it differs.
- A handler that is also asked by POST (`methods`) looks at `ask.is_post`, reads `await ask.form()`, and returns a `Page`
  with `status=422` and what was typed when something is wrong, or a Response. Changes go through `web.changes`.
- OperatorError becomes the error page, with its hint. A cluster that cannot be reached must leave the page there: use
  `ask.cluster.latest`, `failure`, and `missing`.
- Nothing is marked safe in templates, except what the macros make; values are text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from console.services.partial import Missing
from web.ask import Ask
from web.names import SUFFIXES
from web.render import render
from web.tables import Table, csv_cell


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way to a page."""

    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows, before it is HTML, JSON or CSV."""

    title: str
    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    table: Table | None = None
    missing: Sequence[Missing] = ()
    crumbs: Sequence[Crumb] = ()
    """Above it, the nearest last; without the cluster and the page itself."""
    view: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    nav: str = ""
    """The path of the entry in the navigation that it belongs to; "" the first part of its own."""
    live: bool = True
    """Whether it fetches itself anew with every snapshot of the cluster."""


Handler = Callable[[Ask], Awaitable[Page | Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """Where a page is. `{name}` in the path stands for one name, see `web.names`."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    suffixes: tuple[str, ...] = SUFFIXES


def page_routes(pages: Sequence[PageRoute]) -> list[Route]:
    """The routes of all pages: each with its suffixes, of the default cluster and of any other."""
    routes: list[Route] = []
    for prefix in ("", "/clusters/{cluster:part}"):
        # What has a suffix is looked for first: "{name}" would match it too.
        for page in pages:
            path = re.sub(r"\{(\w+)\}", r"{\1:part}", page.path)
            for suffix in page.suffixes:
                routes.append(
                    _route(prefix + (f"/overview.{suffix}" if path == "/" else f"{path}.{suffix}"), page, suffix)
                )
        for page in sorted(pages, key=lambda each: "{" in each.path):
            routes.append(_route(prefix + re.sub(r"\{(\w+)\}", r"{\1:part}", page.path), page, "html"))
            if page.path == "/" and prefix:
                routes.append(_route(prefix, page, "html"))
    return routes


def _route(path: str, page: PageRoute, suffix: str) -> Route:
    async def endpoint(request: Request) -> Response:
        ask = Ask(request, suffix)
        answer = await page.handler(ask)
        return answer if isinstance(answer, Response) else respond(ask, answer)

    return Route(path, endpoint, methods=list(page.methods if suffix == "html" else ("GET",)))


def respond(ask: Ask, page: Page) -> Response:
    """The page in the form that was asked for."""
    if page.table is not None and page.table.total is None:
        page = replace(page, table=page.table.arranged(ask.table_state()))
    if ask.suffix == "json":
        return json_response(as_json(ask, page), page.status)
    if ask.suffix == "csv":
        if page.table is None:
            raise HTTPException(404, "This page has no table; its JSON is at " + ask.here(suffix="json"))
        return csv_response(page.table, page.title)
    return html_response(ask, page)


def html_response(ask: Ask, page: Page) -> Response:
    body = render(ask, page.template, page=page, data=page.data, table=page.table, view=page.view)
    # Who asks for a part is our own script, which finds what is wrong in it. A browser would write down a request that
    # "failed", and what somebody mistyped is no failure of the page.
    status = 200 if ask.is_part and page.status in (400, 422) else page.status
    return Response(body, status, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")


def as_json(ask: Ask, page: Page) -> dict[str, Any]:
    """The page as one JSON object."""
    answer: dict[str, Any] = {
        "title": page.title,
        "cluster": ask.cluster.name,
        "missing": [{"what": each.what, "reason": each.reason} for each in page.missing],
        **page.data,
    }
    if (table := page.table) is not None:
        answer["table"] = {
            "columns": [each.name for each in table.columns],
            "total": table.total,
            "matching": table.matching,
            "rows": table.rows,
        }
        if table.problem:
            answer["table"]["problem"] = table.problem
    return answer


def json_response(data: object, status: int = 200) -> Response:
    """Any plain data, dataclasses included, as JSON."""
    return Response(
        msgspec.json.encode(data, enc_hook=_encode), status, {"Cache-Control": "no-store"}, "application/json"
    )


def _encode(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def csv_response(table: Table, title: str) -> Response:
    """All rows that match, in their order. Cells cannot be taken for formulas."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", title.lower()).strip("-.") or "table"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_csv_lines(table), 200, headers, "text/csv; charset=utf-8")


def _csv_lines(table: Table) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    names = [each.name for each in table.columns]
    writer.writerow(names)
    for index, row in enumerate(table.rows):
        writer.writerow([csv_cell(row.get(name)) for name in names])
        if index % 1_000 == 999:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
