"""Rows to stdout in the format that was asked for. Data goes to stdout, everything else (`say`) to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from console.output.style import Style, colours_on, paint
from console.output.table import Column, facts, table_lines

FORMATS = ("table", "json", "jsonl", "csv")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text; what is not ASCII stays as it is."""
    import msgspec

    # A third of the time that json takes, and it leaves integers of any size alone.
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def print_rows(output: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, empty: str = "") -> None:
    """A listing: `rows` have every key in every format, the table only its columns. `empty` is said when there are none."""
    if output == "json":
        write(to_json(rows, indent=2))
    elif output == "jsonl":
        for row in rows:
            write(to_json(row))
    elif output == "csv":
        write_csv(rows, list(rows[0]) if rows else [column.key for column in columns])
    elif rows:
        for line in table_lines(columns, rows, width_max=terminal_width(), colours=colours_on(sys.stdout)):
            write(line)
    elif empty:
        say(empty)


def print_facts(output: str, pairs: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> None:
    """One thing: `pairs` for people, `data` for programs."""
    if output == "json":
        write(to_json(data, indent=2))
    elif output == "jsonl":
        write(to_json(data))
    elif output == "csv":
        write_csv([data], list(data))
    else:
        for line in facts(pairs, colours=colours_on(sys.stdout)):
            write(line)


def write_csv(rows: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """RFC 4180 with a heading; lists of plain values are joined by commas, anything deeper is JSON."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        writer.writerow([csv_cell(row[key]) for key in keys])


def csv_cell(value: Any) -> Any:
    """What a cell of a CSV file holds for `value`: nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        plain = all(isinstance(each, (str, int)) for each in value)
        return ",".join(map(str, value)) if plain else to_json(value)
    if isinstance(value, dict):
        return to_json(value)
    return value


def write(text: str) -> None:
    """One line of data."""
    sys.stdout.write(text + "\n")


def say(text: str, style: Style | None = None) -> None:
    """One line for people, to stderr."""
    sys.stderr.write((paint(text, style) if style is not None and colours_on(sys.stderr) else text) + "\n")


def warn(text: str) -> None:
    """Something that is missing or odd, to stderr."""
    say(f"warning: {text}", Style.WARNING)


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is, None when it is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size((100, 24)).columns
