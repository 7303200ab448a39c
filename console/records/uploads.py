"""Records out of the bytes of a file as they come, from whoever sends it piece by piece: an upload.

    lines    a record a line (`LineForm`)      jsonl    an object a line      csv    with a heading

Nothing is kept but the record under way, which is bounded; what comes is read as far as it is taken.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import AsyncIterator
from typing import Literal

from console.errors import OperatorError
from console.records.importing import ImportOptions, csv_batches, csv_heading, read_json_lines
from console.records.line_form import LineForm
from console.records.producing import NewRecord

Format = Literal["lines", "jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("lines", "jsonl", "csv")

RECORD_BYTES_MAX = 32 * 1024 * 1024
"""Of a line, or a row of a CSV file."""


def format_of_name(name: str) -> Format:
    """What a file of that name most likely has in it."""
    ending = name.rpartition(".")[2].lower()
    return "jsonl" if ending in ("jsonl", "ndjson", "json") else "csv" if ending == "csv" else "lines"


async def records_of(
    pieces: AsyncIterator[bytes], format: Format, form: LineForm, options: ImportOptions
) -> AsyncIterator[list[NewRecord]]:
    """The records. `form` is for lines, `options` for the others. Raises OperatorError with the number of the line, after
    giving out what came before it."""
    match format:
        case "jsonl":
            records = read_json_lines(lines_of(pieces), options)
        case "csv":
            records = _csv_records(pieces, options)
        case "lines":
            records = _line_records(pieces, form)
    async for some in records:
        yield some


async def lines_of(pieces: AsyncIterator[bytes], bytes_max: int = RECORD_BYTES_MAX) -> AsyncIterator[list[bytes]]:
    """Lists of lines without their ends (LF or CR LF). Raises OperatorError for a line that is too long."""
    rest: list[bytes] = []
    size = number = 0
    async for piece in pieces:
        first, *more = piece.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > bytes_max:
            raise _too_long(number + 1, bytes_max)
        if more:
            lines = [b"".join(rest), *more[:-1]]
            rest = [more[-1]]
            size = len(more[-1])
            number += len(lines)
            yield [line.removesuffix(b"\r") for line in lines]
    if size:
        yield [b"".join(rest).removesuffix(b"\r")]


def _too_long(number: int, bytes_max: int) -> OperatorError:
    return OperatorError(f"line {number} is longer than {bytes_max:,} bytes")


async def _line_records(pieces: AsyncIterator[bytes], form: LineForm) -> AsyncIterator[list[NewRecord]]:
    number = 0
    async for lines in lines_of(pieces):
        records = []
        for line in lines:
            number += 1
            try:
                records.append(form.record(line))
            except OperatorError as error:
                if records:
                    yield records
                raise OperatorError(f"line {number}: {error.title}", error.detail, error.hint) from error
        yield records


async def _csv_records(pieces: AsyncIterator[bytes], options: ImportOptions) -> AsyncIterator[list[NewRecord]]:
    heading: list[str] | None = None
    lines_before = 0
    async for text in _csv_pieces(pieces):
        source = io.StringIO(text, newline="")
        if heading is None:
            heading, lines_before = csv_heading(source), 0
            source.seek(0)
            names = None
        else:
            names = heading
        for records, failure in csv_batches(source, options, "", names=names, lines_before=lines_before):
            if records:
                yield records
            if failure is not None:
                raise failure
        lines_before += text.count("\n")


async def _csv_pieces(pieces: AsyncIterator[bytes], bytes_max: int = RECORD_BYTES_MAX) -> AsyncIterator[str]:
    """Whole rows: a line end within quotes does not end one. Raises OperatorError for what is no UTF-8, or a row that is
    too long."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest: list[str] = []
    size = 0
    quoted = False
    lines = 0

    def decoded(piece: bytes, final: bool = False) -> str:
        try:
            return decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise OperatorError(f"after line {lines}: not CSV in UTF-8: {error}") from error

    async for piece in pieces:
        text = decoded(piece)
        # The last line end that is not within quotes: where the number of quotes before it is even.
        cut = -1
        at = text.find("\n")
        start = 0
        while at >= 0:
            quoted ^= text.count('"', start, at) % 2 == 1
            start = at
            if not quoted:
                cut = at
            at = text.find("\n", at + 1)
        quoted ^= text.count('"', start) % 2 == 1
        if cut < 0:
            rest.append(text)
            size += len(text)
            if size > bytes_max:
                raise _too_long(lines + 1, bytes_max)
            continue
        whole = "".join(rest) + text[: cut + 1]
        lines += whole.count("\n")
        rest, size = [text[cut + 1 :]], len(text) - cut - 1
        yield whole
    last = "".join(rest) + decoded(b"", True)
    if last:
        yield last
