"""`/topics/{topic}/produce-file`: a file of records, sent as it comes from the browser.

    GET   the form
    POST  the file itself as the body, and how it is to be read in the query; answers JSON when all of it was acknowledged
    POST  .../preview  its beginning; answers the first records, or what is wrong with them

Whatever was acknowledged before something went wrong stays, and is told.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from console.changes.door import Produced
from console.errors import OperatorError
from console.output.text import safe
from console.records.importing import ImportOptions
from console.records.line_form import LineForm
from console.records.producing import NewRecord, ProducerStatistics
from console.records.sending import CODECS, ProduceOptions, produce_stream
from console.records.uploads import FORMATS, Format, records_of
from console.services.topics import existing_topic
from engine.runtime import SystemClock
from web.ask import Ask
from web.page import Page, PageRoute, json_response
from web.pages.records.asked import read_asked, tabs
from web.pages.records.browsing import crumbs
from web.security.bounds import FILE_BODY_BYTES_MAX

PREVIEW_RECORDS = 5
PREVIEW_BYTES = 128 * 1024
PREVIEW_CHARACTERS = 300
SEPARATOR_CHARACTERS_MAX = 100
TITLES = (
    ("lines", "Text: a record a line"),
    ("jsonl", "JSON lines: an object a record"),
    ("csv", "CSV with a heading"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    format: Format
    form: LineForm
    options: ImportOptions
    compression: str


def reading_of(ask: Ask) -> Reading:
    """What the query says. Raises HTTPException 400."""
    format = ask.get("format", "lines")
    if format not in FORMATS:
        raise HTTPException(400, f"format is one of {', '.join(FORMATS)}")
    compression = ask.get("compression", "none")
    if compression not in CODECS:
        raise HTTPException(400, f"compression is one of {', '.join(CODECS)}")
    separator, null = (ask.get(name)[:SEPARATOR_CHARACTERS_MAX] for name in ("separator", "null"))
    form = LineForm(
        key_separator=(separator.replace("\\t", "\t").encode() or None),
        null=null.encode() or None,
    )
    options = ImportOptions(partitions=ask.flag("partitions", True), timestamps=ask.flag("timestamps", True))
    return Reading(format, form, options, compression)


async def produce_file(ask: Ask) -> Page | Response:
    topic = ask.part("topic")
    if ask.is_post:
        return await _send(ask, topic)
    found = await existing_topic(ask.cluster.client, topic)
    asked = read_asked(ask)
    return Page(
        "Produce a file",
        "pages/produce_file.html",
        {"topic": topic, "formats": FORMATS, "compressions": CODECS, "bytes_max": FILE_BODY_BYTES_MAX},
        crumbs=crumbs(ask, topic, records=True),
        view={
            "asked": asked,
            "tabs": tabs(ask, asked),
            "formats": TITLES,
            "codecs": [(each, each) for each in CODECS],
            "bytes_max": FILE_BODY_BYTES_MAX,
            "preview_bytes": PREVIEW_BYTES,
            "partition_count": found.partition_count,
        },
        live=False,
    )


async def _send(ask: Ask, topic: str) -> Response:
    reading = reading_of(ask)
    statistics = ProducerStatistics()

    def sent() -> Produced:
        error = statistics.first_error
        return Produced(
            statistics.acknowledged_records, statistics.acknowledged_bytes, None if error is None else error.title
        )

    await existing_topic(ask.cluster.client, topic)
    began = time.monotonic()
    failure: OperatorError | None = None
    try:
        async with ask.cluster.door.producing(topic, sent):
            records = records_of(_pieces(ask.request), reading.format, reading.form, reading.options)
            options = ProduceOptions(compression=reading.compression)
            await produce_stream(ask.cluster.client, SystemClock(), topic, records, options, statistics)
    except OperatorError as error:
        if ask.cluster.readonly:
            raise
        failure = error
    return json_response(
        {
            "acknowledged_records": statistics.acknowledged_records,
            "acknowledged_bytes": statistics.acknowledged_bytes,
            "failed_records": statistics.failed_records,
            "seconds": round(time.monotonic() - began, 3),
            "error": _words(failure or statistics.first_error),
        }
    )


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes: what is taken slowly is sent slowly."""
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect as error:
        raise OperatorError("the upload was cut off", "What came before is sent.") from error


def _words(error: OperatorError | None) -> str | None:
    return (
        None
        if error is None
        else ". ".join(each.rstrip(".") for each in (error.title, error.detail, error.hint) if each) + "."
    )


async def preview(ask: Ask) -> Response:
    """The first records of a file. Nothing is sent to the cluster."""
    reading = reading_of(ask)
    body = await ask.request.body()
    if not ask.flag("whole"):
        # Where the beginning was cut off, the last line is not all there.
        body = body[: body.rfind(b"\n") + 1] or body
    found: list[NewRecord] = []
    problem: str | None = None

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    try:
        async for some in records_of(pieces(), reading.format, reading.form, reading.options):
            found += some
            if len(found) >= PREVIEW_RECORDS:
                break
    except OperatorError as error:
        problem = _words(error)
    return json_response({"records": [_shown(each) for each in found[:PREVIEW_RECORDS]], "problem": problem})


def _shown(record: NewRecord) -> dict[str, Any]:
    return {
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [f"{name}={_text(value)}"[:PREVIEW_CHARACTERS] for name, value in list(record.headers)[:5]],
        "partition": record.partition,
        "timestamp": record.timestamp,
    }


def _text(part: bytes | None) -> str | None:
    return (
        None if part is None else safe(part[: PREVIEW_CHARACTERS * 4].decode("utf-8", "replace"))[:PREVIEW_CHARACTERS]
    )


PATH = "/topics/{topic}/produce-file"
PAGES = (
    PageRoute(PATH, produce_file, methods=("GET", "POST"), suffixes=("json",)),
    PageRoute(f"{PATH}/preview", preview, methods=("POST",), suffixes=()),
)
