"""Results and plans of `stoker sql` on the terminal, in a pipe, or in a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.output.progress import Progress as ProgressLine
from console.output.render import csv_cell, print_rows, say, terminal_width, to_json, warn, write
from console.output.style import colours_on
from console.output.table import Column, table_lines
from console.output.text import count, size
from console.sql.values import plain

if TYPE_CHECKING:
    from console.sql.results import Page, Progress, ResultColumn, SqlLimits, SqlPlan, Statistics
    from console.sql.service import SqlService

_RIGHT = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
    ]
)
_CELL_WIDTH_MAX = 2_000


async def print_result(
    service: SqlService, statement: str, values: dict[str, Any], limits: SqlLimits, output: str
) -> Statistics:
    """Runs the statement and writes its rows as `output` says ("csv", "parquet=FILE", ...)."""
    kind, _, file = output.partition("=")
    with ProgressLine("records") as line:

        def on_progress(progress: Progress) -> None:
            line.total = progress.expected
            line.update(progress.records, progress.bytes)

        async with service.run(statement, values, limits, on_progress=on_progress) as result:
            if file:
                from console.sql.export import export

                written = await export(result, kind, file)
                line.clear()
                say(f"{count(result.statistics.rows)} rows, {size(written)}, in {file}")
            else:
                await _PRINTERS[kind](result, line)
        statistics = result.statistics
    _tell(statistics, kind, bool(file))
    return statistics


async def _print_table(result: Any, line: ProgressLine) -> None:
    columns = result.columns
    rows: list[dict[str, Any]] = []
    async for page in result:
        rows += _keyed(columns, page)
    line.clear()
    shown = [
        Column(str(index), column.name, _show, right=column.type in _RIGHT, flexible=column.type not in _RIGHT)
        for index, column in enumerate(columns)
    ]
    if not rows:
        say("No rows.")
        return
    for text in table_lines(shown, rows, width_max=terminal_width(), colours=colours_on(sys.stdout)):
        write(text)


def _keyed(columns: Sequence[ResultColumn], page: Page) -> list[dict[str, Any]]:
    """Rows keyed by the number of the column: names may come twice."""
    kinds = [column.type for column in columns]
    return [{str(index): plain(value, kinds[index]) for index, value in enumerate(row)} for row in page.rows()]


def _show(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case str():
            return value[:_CELL_WIDTH_MAX]
        case list() | dict():
            return to_json(value)[:_CELL_WIDTH_MAX]
    return str(value)


async def _print_json(result: Any, line: ProgressLine) -> None:
    first = True
    async for page in result:
        for row in named_rows(result.columns, page):
            if first:
                line.clear()
            sys.stdout.write(("[\n  " if first else ",\n  ") + to_json(row))
            first = False
    sys.stdout.write("[]\n" if first else "\n]\n")


async def _print_jsonl(result: Any, line: ProgressLine) -> None:
    async for page in result:
        line.clear()
        sys.stdout.write("".join(to_json(row) + "\n" for row in named_rows(result.columns, page)))
        sys.stdout.flush()


async def _print_csv(result: Any, line: ProgressLine) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    kinds = [column.type for column in result.columns]
    async for page in result:
        line.clear()
        for row in page.rows():
            writer.writerow([csv_cell(plain(value, kind)) for value, kind in zip(row, kinds, strict=True)])


_PRINTERS = {"table": _print_table, "json": _print_json, "jsonl": _print_jsonl, "csv": _print_csv}


def named_rows(columns: Sequence[ResultColumn], page: Page) -> list[dict[str, Any]]:
    """Rows as objects; a name that comes twice gets a number, as nothing may be lost."""
    from console.sql.export import unique_names

    names = unique_names([column.name for column in columns])
    kinds = [column.type for column in columns]
    return [
        {name: plain(value, kind) for name, value, kind in zip(names, row, kinds, strict=True)} for row in page.rows()
    ]


def _tell(statistics: Statistics, kind: str, to_file: bool) -> None:
    """What is cut, odd or missing; how long it took, where people look."""
    for missing in statistics.missing:
        warn(f"missing: {missing}")
    for note in statistics.notes:
        say(f"note: {note}")
    if statistics.truncated == "rows":
        warn(f"showing the first {count(statistics.rows)} rows, there are more (--limit-rows)")
    elif statistics.truncated == "bytes":
        warn(f"showing the first {count(statistics.rows)} rows: the result is larger than may be shown (-o csv=FILE)")
    if kind == "table" and not to_file and sys.stderr.isatty():
        read = f", {count(statistics.records_read)} records read" if statistics.records_read else ""
        say(f"{count(statistics.rows)} rows in {statistics.elapsed_ms / 1000:.2f} s{read}")


def print_plan(plan: SqlPlan, output: str) -> None:
    """What would be read: a line for each pass over a topic."""
    rows = [
        {
            "topic": scan.topic,
            "partitions": len(scan.ranges),
            "partition_count": scan.partition_count,
            "records": scan.records,
            "records_to_fetch": scan.records_to_fetch,
            "bytes": scan.bytes,
            "columns": list(scan.columns),
            "from_offsets_alone": scan.counted,
            "ranges": [{"partition": each, "start": start, "end": end} for each, start, end in scan.ranges],
            "notes": list(scan.notes),
        }
        for scan in plan.scans
    ]
    shown = [
        Column("topic", "TOPIC", flexible=True),
        Column("partitions", "PARTITIONS", right=True),
        Column("partition_count", "OF", right=True),
        Column("records", "RECORDS", count, right=True),
        Column("records_to_fetch", "TO FETCH", count, right=True),
        Column("bytes", "BYTES", size, right=True),
        Column("columns", "COLUMNS", ", ".join, flexible=True),
    ]
    print_rows(output, shown, rows, empty="No topic would be read.")
    for missing in plan.missing:
        warn(f"missing: {missing}")
    for note in dict.fromkeys((*(note for scan in plan.scans for note in scan.notes), *plan.notes)):
        say(f"note: {note}")
    if plan.tables and output == "table":
        say(f"Tables of the cluster: {', '.join(plan.tables)}")
