"""Results as files."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import StreamingResponse

from console.output.render import csv_cell
from console.sql.export import unique_names
from console.sql.results import Page
from web.api.answers import NEVER_KEPT
from web.api.operations import Call, operation
from web.api.records.export import MEDIA, Formulas, Sink
from web.api.sql.run import ResultAsked, plain_rows, store_of
from web.api.sql.store import Result, pages_of
from web.api.state import state_of
from web.csv_cells import unformulated

Cell = Callable[[Any], Any]


class FileAsked(ResultAsked, kw_only=True):
    """A result, and what it is to be."""

    format: Annotated[Literal["csv", "jsonl", "parquet"], msgspec.Meta(description="Of the file.")] = "csv"
    formulas: Formulas = "guarded"


@operation(
    "GET",
    "/api/sql/results/{result_id}/export",
    tag="sql",
    summary="A result as a file",
    media={
        "text/csv": "With a heading. What begins like a formula is guarded, unless `formulas` says otherwise.",
        "application/x-ndjson": "An object a line. Columns of one name get numbers.",
        "application/vnd.apache.parquet": "Types as they are.",
    },
)
async def export_sql_result(call: Call, asked: FileAsked) -> StreamingResponse:
    """All rows that are kept; of a query that is under way also those still to come. One that fails meanwhile breaks the
    connection off."""
    result = store_of(call.cluster).get(asked.result_id)
    if result.error is not None:
        raise result.error
    headers = {**NEVER_KEPT, "Content-Disposition": f'attachment; filename="result-{result.id}.{asked.format}"'}
    state = state_of(call.cluster)
    state.check_streams()
    cell = unformulated if asked.formulas == "guarded" else _as_it_is

    async def pieces() -> AsyncIterator[bytes]:
        with state.stream():
            async for piece in _parquet(result) if asked.format == "parquet" else _text(result, asked.format, cell):
                yield piece

    return StreamingResponse(pieces(), media_type=MEDIA[asked.format], headers=headers)


def _as_it_is(value: Any) -> Any:
    return value


async def _text(result: Result, kind: str, cell: Cell) -> AsyncIterator[bytes]:
    first = True
    async for page in pages_of(result):
        names = unique_names([each.name for each in page.columns])
        if kind == "csv":
            yield await asyncio.to_thread(_csv, page, [cell(each) for each in names], first, cell)
        else:
            yield await asyncio.to_thread(_lines, page, names)
        first = False
    if first and kind == "csv":
        yield _heading([cell(each) for each in unique_names([each.name for each in result.columns])])


def _heading(names: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(names)
    return text.getvalue().encode("utf-8", "replace")


def _csv(page: Page, names: list[str], first: bool, cell: Cell) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in plain_rows(page):
        writer.writerow([cell(csv_cell(value)) for value in row])
    return (_heading(names) if first else b"") + text.getvalue().encode("utf-8", "replace")


def _lines(page: Page, names: list[str]) -> bytes:
    encode = msgspec.json.Encoder().encode
    return b"".join(encode(dict(zip(names, row, strict=True))) + b"\n" for row in plain_rows(page))


async def _parquet(result: Result) -> AsyncIterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = Sink()
    writer: Any = None
    async for page in pages_of(result, 50_000):
        names = unique_names([each.name for each in page.columns])
        batch = pa.RecordBatch.from_arrays(page.batch.columns, names=names)
        if writer is None:
            writer = pq.ParquetWriter(sink, batch.schema, compression="zstd")
        await asyncio.to_thread(writer.write_batch, batch)
        if piece := sink.take():
            yield piece
    if writer is None:
        names = unique_names([each.name for each in result.columns])
        writer = pq.ParquetWriter(sink, pa.schema([pa.field(name, pa.string()) for name in names]))
    await asyncio.to_thread(writer.close)
    yield sink.take()
