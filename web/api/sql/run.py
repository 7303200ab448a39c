"""Running statements, and reading what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import StreamingResponse

from console.open_cluster import OpenCluster
from console.sql.results import Page, ResultColumn, SqlLimits, Statistics
from console.sql.saved import remember
from console.sql.values import plain
from web.api.errors import Failure, api_error, bad_request
from web.api.events import Event, Source, stream_response
from web.api.limits import (
    EVENT_SECONDS_MAX,
    SQL_PAGE_ROWS_MAX,
    SQL_RESULT_BYTES_MAX,
    SQL_ROWS_DEFAULT,
    SQL_ROWS_MAX,
    SQL_TEXT_BYTES_MAX,
    SQL_TIME_MS_DEFAULT,
    SQL_TIME_MS_MAX,
)
from web.api.operations import Asked, Call, Nothing, operation
from web.api.records.view import MissingView, missing_views
from web.api.sql.store import Result, ResultStore
from web.api.state import state_of

SqlText = Annotated[str, msgspec.Meta(min_length=1, max_length=SQL_TEXT_BYTES_MAX, description="One statement.")]
Parameters = Annotated[
    dict[str, str | int | float | bool | None],
    msgspec.Meta(max_length=100, description="What `$name` in the statement stands for."),
]
ResultId = Annotated[str, msgspec.Meta(min_length=1, max_length=50, description="The id of a result.")]
RowNumber = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1, description="The first of the page.")]
RowCount = Annotated[int, msgspec.Meta(ge=0, le=SQL_PAGE_ROWS_MAX, description="Rows of the page.")]

_PROGRESS_SECONDS = 0.1


class SqlBody(Asked, kw_only=True):
    """A statement, and how far it may go."""

    sql: SqlText
    parameters: Parameters = {}  # noqa: RUF012 - msgspec copies it
    rows_max: Annotated[int, msgspec.Meta(ge=1, le=SQL_ROWS_MAX, description="Rows that are kept.")] = SQL_ROWS_DEFAULT
    time_ms_max: Annotated[int, msgspec.Meta(ge=1, le=SQL_TIME_MS_MAX)] = SQL_TIME_MS_DEFAULT
    key_partitioner: Annotated[
        bool, msgspec.Meta(description="Trust that keys are where Java's partitioner puts them.")
    ] = False
    isolation: Literal["read_uncommitted", "read_committed"] = "read_uncommitted"
    rows_streamed: Annotated[
        int, msgspec.Meta(ge=0, le=SQL_ROWS_MAX, description="Rows sent with the answer; the result has all of them.")
    ] = 1_000
    remember: Annotated[bool, msgspec.Meta(description="Add it to the history of statements.")] = True


class SqlAsked(Asked, kw_only=True):
    """A statement."""

    body: SqlBody


class ColumnView(msgspec.Struct, kw_only=True):
    """A column; `type` as DuckDB writes it."""

    name: str
    type: str


class StatisticsView(msgspec.Struct, kw_only=True):
    """What a query cost."""

    rows: int
    truncated: str
    """"rows" or "bytes": which limit cut the result; "" when it is whole."""
    elapsed_ms: int
    records_read: int
    records_expected: int
    bytes_read: int
    from_files: bool
    counted: bool
    notes: list[str]
    missing: list[MissingView]


class SqlResultView(msgspec.Struct, kw_only=True):
    """A result without its rows."""

    id: str
    sql: str
    state: Literal["waiting", "running", "finished", "failed", "cancelled"]
    began_ms: int
    columns: list[ColumnView]
    rows_total: int
    """So far."""
    rows_max: int
    bytes: int
    statistics: StatisticsView
    error: Failure | None


class SqlResultPage(msgspec.Struct, kw_only=True):
    """Some rows of a result."""

    result: SqlResultView
    from_: int = msgspec.field(name="from")
    rows: list[list[Any]]
    """A list of values a row. Times are ISO 8601, decimals text, whole numbers beyond 2^53 text, bytes text or
    {"base64": …}."""
    count_max: int


def store_of(cluster: OpenCluster) -> ResultStore:
    """The results of that cluster."""
    return state_of(cluster).results(lambda: ResultStore(lambda: cluster.sql))


def limits_of(body: SqlBody) -> SqlLimits:
    return SqlLimits(
        rows_max=body.rows_max,
        bytes_max=SQL_RESULT_BYTES_MAX,
        time_ms=body.time_ms_max,
        key_partitioner=body.key_partitioner,
        read_committed=body.isolation == "read_committed",
    )


def check_text(sql: str) -> None:
    """Raises ApiError."""
    if len(sql.encode("utf-8", "replace")) > SQL_TEXT_BYTES_MAX:
        raise bad_request(f"the statement has more than {SQL_TEXT_BYTES_MAX:,} bytes")
    if not sql.strip():
        raise bad_request("the statement is empty")


def result_view(result: Result) -> SqlResultView:
    return SqlResultView(
        id=result.id,
        sql=result.sql,
        state=result.state,
        began_ms=result.began_ms,
        columns=columns_view(result.columns),
        rows_total=result.rows,
        rows_max=result.limits.rows_max or 0,
        bytes=result.bytes,
        statistics=_statistics(result.statistics, result),
        error=None if result.error is None else api_error(result.error).failure,
    )


def columns_view(columns: tuple[ResultColumn, ...]) -> list[ColumnView]:
    return [ColumnView(name=each.name, type=each.type) for each in columns]


def _statistics(each: Statistics, result: Result) -> StatisticsView:
    return StatisticsView(
        rows=result.rows,
        truncated=each.truncated,
        elapsed_ms=each.elapsed_ms,
        records_read=each.records_read or result.progress.records,
        records_expected=each.records_expected or result.progress.expected,
        bytes_read=each.bytes_read or result.progress.bytes,
        from_files=each.from_files,
        counted=each.counted,
        notes=list(each.notes),
        missing=missing_views(each.missing),
    )


def plain_rows(page: Page) -> list[list[Any]]:
    """In types that JSON has."""
    kinds = [each.type for each in page.columns]
    return [[plain(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in page.rows()]


@operation(
    "POST",
    "/api/sql",
    tag="sql",
    summary="Run a statement",
    media={
        "text/event-stream": "Events `begin`, `columns`, `progress`, `rows`, then `finished` or `failed`.",
        "application/x-ndjson": "The same as lines of JSON, where Accept asks for it.",
    },
    statuses={429: "Too many queries are under way."},
)
async def run_sql(call: Call, asked: SqlAsked) -> StreamingResponse:
    """`begin` has the id of the result. `rows` has rows with the number of the first (`from`) until `rows_streamed` of them
    were sent; all of them are at `/api/sql/results/ID` for half an hour after they were last looked at.

    Closing the connection before the end cancels the query, and so does DELETE of the result. One query runs at a time.
    """
    body = asked.body
    check_text(body.sql)
    if body.remember:
        await asyncio.to_thread(remember, body.sql)
    result = store_of(call.cluster).run(body.sql, body.parameters, limits_of(body))
    return stream_response(call.request, _events(result, body.rows_streamed))


async def _events(result: Result, rows_streamed: int) -> Source:
    try:
        yield Event("begin", {"id": result.id, "rows_max": result.limits.rows_max, "rows_streamed": rows_streamed})
        async for event in _progress(result, rows_streamed):
            yield event
    finally:
        # Whoever goes before the end cancels; nothing may be waited for here.
        if not result.is_over and result.task is not None:
            result.task.cancel()


async def _progress(result: Result, rows_streamed: int) -> AsyncGenerator[Event, None]:
    loop = asyncio.get_running_loop()
    said_columns = False
    sent = 0
    told = 0.0
    while True:
        over = result.is_over
        if result.columns and not said_columns:
            said_columns = True
            yield Event("columns", columns_view(result.columns))
        while sent < min(result.rows, rows_streamed):
            page = result.page(sent, min(1_000, rows_streamed - sent))
            yield Event("rows", {"from": sent, "rows": await asyncio.to_thread(plain_rows, page)})
            sent += page.batch.num_rows
        if over:
            yield Event("finished" if result.state == "finished" else "failed", _end(result))
            return
        if loop.time() - told >= _PROGRESS_SECONDS:
            told = loop.time()
            progress = result.progress
            said = {"records": progress.records, "expected": progress.expected, "bytes": progress.bytes}
            yield Event("progress", {"state": result.state, "rows": result.rows, **said})
        else:
            await asyncio.sleep(_PROGRESS_SECONDS / 2)
        if not result.is_over and not await result.change(EVENT_SECONDS_MAX):
            told = 0.0


def _end(result: Result) -> Any:
    if result.state == "finished":
        return result_view(result)
    if result.error is not None:
        return api_error(result.error).failure
    return Failure(error_code=409, message="the query was cancelled")


class ResultAsked(Asked, kw_only=True):
    """A result."""

    result_id: ResultId


class PageAsked(ResultAsked, kw_only=True):
    """Which rows of a result."""

    from_: RowNumber = msgspec.field(name="from", default=0)
    count: RowCount = 1_000
    wait_ms: Annotated[
        int, msgspec.Meta(ge=0, le=10_000, description="Wait so long for rows that are still to come.")
    ] = 0


@operation("GET", "/api/sql/results", tag="sql", summary="List results that are kept")
async def list_sql_results(call: Call, asked: Nothing) -> list[SqlResultView]:
    """The one that was looked at last first."""
    return [result_view(each) for each in store_of(call.cluster).list()]


@operation("GET", "/api/sql/results/{result_id}", tag="sql", summary="Rows of a result")
async def get_sql_result(call: Call, asked: PageAsked) -> SqlResultPage:
    """Any range of it, also while the query is under way; fewer rows where there are no more (yet)."""
    result = store_of(call.cluster).get(asked.result_id)
    deadline = asyncio.get_running_loop().time() + asked.wait_ms / 1000
    while not result.is_over and result.rows <= asked.from_:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or not await result.change(left):
            break
    rows = await asyncio.to_thread(plain_rows, result.page(asked.from_, asked.count))
    return SqlResultPage(result=result_view(result), from_=asked.from_, rows=rows, count_max=SQL_PAGE_ROWS_MAX)


@operation(
    "DELETE", "/api/sql/results/{result_id}", tag="sql", summary="Cancel a query, or forget its result", status=204
)
async def delete_sql_result(call: Call, asked: ResultAsked) -> None:
    await store_of(call.cluster).forget(asked.result_id)
