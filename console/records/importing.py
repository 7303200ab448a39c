"""Reading records from files: the JSON lines and CSV that `exporting` writes, and others of that form."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from console.errors import Blame, OperatorError
from console.records.exporting import CSV_COLUMNS, DECODED_COLUMNS
from console.records.json_form import record_from_json
from console.records.producing import NewRecord

_ROWS_MAX = 1_000
_BYTES_MAX = 4 * 1024 * 1024
"""About how much is read ahead of the producer."""

_CELL_BYTES_MAX = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What of the file is taken over."""

    partitions: bool = True
    """Each record goes to the partition it came from; else its key, or chance, decides."""
    timestamps: bool = True
    """Else records get the time of sending."""


async def read_json_lines(
    lines: AsyncIterator[list[bytes]], options: ImportOptions, where: str = "line"
) -> AsyncIterator[list[NewRecord]]:
    """Records of lines; empty lines are passed over. Raises OperatorError with the number of the line."""
    number = 0
    async for some in lines:
        records = []
        for line in some:
            number += 1
            if not line.strip():
                continue
            try:
                records.append(_taken(record_from_json(line), options))
            except OperatorError as error:
                if records:
                    yield records
                raise OperatorError(f"{where} {number}: {error.title}", error.detail, error.hint) from error
        if records:
            yield records


async def read_csv(path: str | None, options: ImportOptions) -> AsyncIterator[list[NewRecord]]:
    """Records of a CSV file with a heading (None: the standard input); a thread reads it.

    The columns `value` or `key` are needed, the others of CSV_COLUMNS may be missing, `topic`, `offset` and
    `timestamp_type` are passed over. Raises OperatorError with the number of the line.
    """
    source = _open(path)
    with source:
        batches = csv_batches(source, options, path or "standard input")
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            records, failure = batch
            if records:
                yield records
            if failure is not None:
                raise failure


def _open(path: str | None) -> TextIO:
    try:
        if path is None:
            return open(0, encoding="utf-8-sig", newline="", closefd=False)
        # Spreadsheets begin their files with a byte order mark.
        return open(path, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise OperatorError(f"cannot read {path}", error.strerror or str(error), blame=Blame.WORDS) from error


def csv_heading(source: TextIO) -> list[str]:
    """The names of the columns, in the first row."""
    return list(csv.DictReader(source).fieldnames or ())


def csv_batches(
    source: TextIO, options: ImportOptions, where: str, *, names: list[str] | None = None, lines_before: int = 0
) -> Iterator[tuple[list[NewRecord], OperatorError | None]]:
    """Records, and at the end what went wrong. With `names` the source has no heading of its own, and is what comes after
    `lines_before` lines."""
    # A cell may hold a value of many MB; Python's own limit is 128 KiB.
    csv.field_size_limit(min(_CELL_BYTES_MAX, sys.maxsize))
    reader = csv.DictReader(source, names)
    records: list[NewRecord] = []
    size = 0
    try:
        _check_heading(reader.fieldnames or ())
        for row in reader:
            record = _taken(record_from_row(row), options)
            records.append(record)
            size += len(record.key or b"") + len(record.value or b"")
            if len(records) >= _ROWS_MAX or size >= _BYTES_MAX:
                yield records, None
                records, size = [], 0
    except (OperatorError, csv.Error, UnicodeDecodeError) as error:
        title = error.title if isinstance(error, OperatorError) else f"not CSV in UTF-8: {error}"
        hint = error.hint if isinstance(error, OperatorError) else ""
        place = f"{where} line {lines_before + reader.line_num}".strip()
        yield records, OperatorError(f"{place}: {title}", hint=hint)
        return
    if records:
        yield records, None


def _check_heading(names: object) -> None:
    heading = list(names) if isinstance(names, (list, tuple)) else []
    unknown = [name for name in heading if name not in CSV_COLUMNS and name not in DECODED_COLUMNS]
    if unknown:
        raise OperatorError(f"unknown column {unknown[0]!r}", hint=f"Known: {', '.join(CSV_COLUMNS)}.")
    if "value" not in heading and "key" not in heading:
        raise OperatorError("no column key or value in the heading", hint=f"Known: {', '.join(CSV_COLUMNS)}.")


def record_from_row(row: Mapping[str, str | None]) -> NewRecord:
    """The record of a CSV row. An empty key or value without encoding is null when the file has that column."""
    import json

    if None in row:
        raise OperatorError("more cells than the heading has columns")
    data: dict[str, object] = {}
    for name in ("key", "value"):
        cell, encoding_name = row.get(name), f"{name}_encoding"
        encoding = row.get(encoding_name)
        if cell is None or (not cell and encoding_name in row and not encoding):
            continue
        data[name] = cell
        if encoding:
            data[encoding_name] = encoding
    for name in ("partition", "timestamp"):
        cell = row.get(name)
        if cell:
            try:
                data[name] = int(cell)
            except ValueError as error:
                raise OperatorError(f"{name} {cell!r} is not a whole number") from error
    if row.get("headers"):
        try:
            data["headers"] = json.loads(row["headers"] or "")
        except ValueError as error:
            raise OperatorError(f"headers are not JSON: {error}") from error
    return record_from_json(data)


def _taken(record: NewRecord, options: ImportOptions) -> NewRecord:
    # -1 is a record without timestamp: it stays without.
    timestamp = record.timestamp if options.timestamps else None
    return record._replace(partition=record.partition if options.partitions else None, timestamp=timestamp)
