"""`/topics/{topic}/records`: pages of records, the newest first or from any place on."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from console.errors import OperatorError
from console.services.partial import Missing
from web.api.errors import ApiError
from web.api.records.pages import BrowseAsked, RecordsPage, records_page
from web.api.records.view import PartView, RecordView
from web.ask import Ask
from web.page import Crumb, Page, PageRoute
from web.pages.records.asked import RecordsAsked, address, canonical, filter_problem, form_view, read_asked
from web.tables import Column, Row, Table

COUNTS = (20, 50, 100, 250, 500, 1_000)
CHARACTERS_MAX = 400
"""Of keys and values in a row; `.json` and `.csv` have more."""
FILE_CHARACTERS_MAX = 4_096

COLUMNS = (
    Column("timestamp", "Time", "time", "When it was created, or appended: as the topic has it"),
    Column("partition", "Partition", "number"),
    Column("offset", "Offset", "number"),
    Column("key", "Key", "mono"),
    Column("value", "Value", "mono"),
    Column("headers", "Headers", "list", narrow=False),
    Column("size_bytes", "Size", "bytes", "Of key and value", narrow=False),
)


async def records(ask: Ask) -> Page | Response:
    """One page. What is wrong with a filter or a place stands beside the form, and what was typed stays."""
    if (better := canonical(ask)) is not None:
        return RedirectResponse(better, 303)
    asked = read_asked(ask)
    count = ask.integer("limit", 50, 1, COUNTS[-1])
    problem = filter_problem(ask, asked)
    page: RecordsPage | None = None
    missing: list[Missing] = []
    if not problem and not asked.wrong:
        try:
            page = await _page(ask, asked, count)
        except ApiError as error:
            problem = f"{error.failure.message}. {error.failure.hint or error.failure.detail}".strip()
        except OperatorError as error:
            if error.blame.name != "WORDS":
                raise
            problem = f"{error.title}. {error.detail or error.hint}".strip()
    rows = [] if page is None else [row(ask, each) for each in page.records]
    if page is not None:
        missing = [Missing(each.what, each.reason) for each in page.missing]
    return Page(
        "Records",
        "pages/records.html",
        _data(page, problem or " ".join(asked.wrong.values())),
        Table(COLUMNS, rows, key="place", id="records", noun="record", href=lambda each: str(each["href"])),
        missing,
        crumbs=crumbs(ask, asked.topic),
        view={
            **form_view(ask, asked, problem),
            "page": page,
            "in_all": _in_all(page),
            "limit": count,
            **_steps(ask, asked, page, count),
        },
        # The page itself is as it should be: it says what is wrong beside the form.
        status=400 if (problem or asked.wrong) and ask.suffix != "html" else 200,
        live=False,
    )


async def _page(ask: Ask, asked: RecordsAsked, count: int) -> RecordsPage:
    said: dict[str, Any] = {
        "topic": (asked.topic,),
        "start": asked.start,
        "newest_first": ask.flag("backwards"),
        "limit": count,
        "partition": asked.partitions,
        "key": asked.key or None,
        "all_partitions": asked.all_partitions,
        "filter": asked.filters,
        "isolation": "read_committed" if asked.committed else "read_uncommitted",
        "aborted": asked.aborted,
        "markers": asked.markers,
        "cursor": ask.get("cursor") or None,
        "characters_max": CHARACTERS_MAX if ask.suffix == "html" else FILE_CHARACTERS_MAX,
    }
    try:
        wanted = msgspec.convert(said, BrowseAsked)
    except msgspec.ValidationError as error:
        raise ApiError(400, str(error)) from error
    return await records_page(ask.cluster, wanted)


def row(ask: Ask, record: RecordView) -> Row:
    """A record as a row: plain values for JSON and CSV, and the view for the page."""
    return {
        "place": f"{record.partition}-{record.offset}",
        "timestamp": record.timestamp,
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [f"{each.name}={each.text}" for each in record.headers],
        "size_bytes": record.key.size_bytes + record.value.size_bytes,
        "key_format": record.key.format,
        "value_format": record.value.format,
        "error": record.value.error or record.key.error,
        "is_tombstone": record.is_tombstone,
        "aborted": record.aborted,
        "control": record.control,
        "is_preview": record.value.is_preview,
        "href": ask.url("topics", record.topic, "records", record.partition, record.offset),
    }


def _text(part: PartView) -> str | None:
    return None if part.format == "null" else part.text


def _in_all(page: RecordsPage | None) -> int:
    """Offsets between the starts and the ends: as many records, unless some were compacted or are markers."""
    return 0 if page is None else sum(each.end_offset - each.log_start_offset for each in page.bounds)


def _data(page: RecordsPage | None, problem: str) -> dict[str, Any]:
    if page is None:
        return {"problem": problem}
    data: dict[str, Any] = msgspec.to_builtins(page)
    for name in ("records", "missing"):
        data.pop(name)
    return data


def _steps(ask: Ask, asked: RecordsAsked, page: RecordsPage | None, count: int) -> dict[str, str | None]:
    """Addresses of the pages around."""
    path = ask.path()
    query = asked.query(limit=None if count == 50 else count)
    steps: dict[str, str | None] = {"older": None, "newer": None}
    if page is not None:
        if page.older is not None:
            steps["older"] = address(path, {**query, "cursor": page.older})
        steps["newer"] = address(path, {**query, "cursor": page.newer})
    query.pop("start", None)
    return {
        **steps,
        "newest": address(path, query),
        "oldest": address(path, {"start": "oldest", **query}),
    }


def crumbs(ask: Ask, topic: str, *, records: bool = False) -> tuple[Crumb, ...]:
    """The way to a page of a topic's records."""
    way = (Crumb("Topics", ask.url("topics")), Crumb(topic, ask.url("topics", topic)))
    return (*way, Crumb("Records", ask.url("topics", topic, "records"))) if records else way


PAGES = (PageRoute("/topics/{topic}/records", records),)
