"""Export: records as a file that is written while they are read."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, BinaryIO, Literal, cast

import msgspec
from starlette.responses import StreamingResponse

from console.open_cluster import OpenCluster
from console.records.exporting import CsvWriter, RecordWriter, record_writer
from console.records.positions import BEGINNING
from console.records.scope import find_bounds
from console.records.stream import RecordStream, StreamRequest
from web.api.answers import NEVER_KEPT
from web.api.names import Place, now_ms, place
from web.api.operations import Asked, Call, operation
from web.api.records.asked import (
    AllPartitions,
    Filters,
    Isolation,
    Key,
    Partitions,
    Topics,
    filter_of_words,
    visibility,
)
from web.api.state import state_of
from web.csv_cells import unformulated

MEDIA = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


class Sink(io.RawIOBase):
    """A file that is taken away piece by piece while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._parts.append(piece)
        self._position += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


Formulas = Annotated[
    Literal["guarded", "kept"],
    msgspec.Meta(
        description="In CSV: whether text that a spreadsheet would take for a formula gets an apostrophe before it. "
        "Only `kept` is what there was, to be imported again."
    ),
]


class ExportAsked(Asked, kw_only=True):
    """Which records, and as what."""

    topic: Topics
    format: Annotated[Literal["jsonl", "csv", "parquet"], msgspec.Meta(description="Of the file.")] = "jsonl"
    formulas: Formulas = "guarded"
    start: Place = "beginning"
    until: Place | None = None
    partition: Partitions = ()
    key: Key | None = None
    all_partitions: AllPartitions = False
    filter: Filters = ()
    isolation: Isolation = "read_uncommitted"
    limit: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1, description="Records at most.")] | None = None


@operation(
    "GET",
    "/api/export",
    tag="records",
    summary="Export records",
    media={
        "application/x-ndjson": "An object a line; `POST …/records` takes them.",
        "text/csv": "RFC 4180 with a heading. What begins like a formula is guarded, unless `formulas` says otherwise.",
        "application/vnd.apache.parquet": "Keys and values as bytes.",
    },
    statuses={429: "Too many streams are open."},
)
async def export_records(call: Call, asked: ExportAsked) -> StreamingResponse:
    """Up to where the topics end now (or `until`), in the order of time. What is not UTF-8 is base64, and says so.

    A failure on the way breaks the connection off: a file that came to its end is whole.
    """
    request = StreamRequest(
        asked.topic,
        place(asked.start) if asked.start != "beginning" else BEGINNING,
        None if asked.until is None else place(asked.until),
        exit_at_end=asked.until is None,
        partitions=asked.partition,
        key=None if asked.key is None else asked.key.encode(),
        all_partitions=asked.all_partitions,
        visibility=visibility(asked.isolation),
        count=asked.limit,
        filter=filter_of_words(asked.filter, call.cluster.decoder),
    )
    # What does not exist is an error, not an empty file; nor is one stream too many.
    await find_bounds(call.cluster.client, request.scope)
    state_of(call.cluster).check_streams()
    name = asked.topic[0] if len(asked.topic) == 1 else "records"
    headers = {**NEVER_KEPT, "Content-Disposition": f'attachment; filename="{name}.{asked.format}"'}
    source = _pieces(call.cluster, request, asked.format, asked.formulas == "guarded")
    return StreamingResponse(source, media_type=MEDIA[asked.format], headers=headers)


def _writer(kind: str, sink: BinaryIO, guarded: bool) -> RecordWriter:
    return CsvWriter(sink, cell=unformulated) if kind == "csv" and guarded else record_writer(kind, sink)


async def _pieces(cluster: OpenCluster, request: StreamRequest, kind: str, guarded: bool) -> AsyncIterator[bytes]:
    with state_of(cluster).stream():
        sink = Sink()
        writer = await asyncio.to_thread(_writer, kind, cast(BinaryIO, sink), guarded)
        stream = RecordStream(request, now_ms())
        async with aclosing(stream.steps(cluster.client)) as steps:  # type: ignore[type-var]
            async for records in steps:
                if records:
                    await asyncio.to_thread(writer.write, records)
                    if piece := sink.take():
                        yield piece
        await asyncio.to_thread(writer.finish)
        yield sink.take()
