"""`ORDER BY offset DESC LIMIT n` and `ORDER BY timestamp DESC LIMIT n` read from the tail. Runs in the worker.

The query is run over a window of the newest offsets of each partition. Its n-th row tells what any better row would need: a
higher offset than that row's (so: none when every window begins at or below it), or a timestamp as new, which ListOffsets
finds exactly although records are not ordered by time. When the window may miss one it grows, and in the end is everything;
the answer is always the one that reading everything would give.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from console.sql.topic_source import ScanContext, TopicSource, TopicTable, first_offsets

ROWS_MAX = 10_000
"""A larger LIMIT is not worth a window."""

_FIRST_WINDOW = 256
_GROWTH = 16
_KEY = "__stoker_sort_key"


@dataclass(frozen=True, slots=True)
class NewestQuery:
    """What such a query asks for: rows of one table by its `column`, descending."""

    column: str
    rows: int
    sql: str
    """The query with the sort key as one more column at the end."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Rows that are here already, looking like a relation of DuckDB."""

    columns: list[str]
    types: list[str]
    table: pa.Table

    def to_arrow_reader(self, page_rows: int) -> Iterator[pa.RecordBatch]:
        return iter(self.table.to_batches(max_chunksize=page_rows))


def newest(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any, context: ScanContext, sources: list[TopicSource]
) -> Collected | None:
    """The whole answer, when `sql` is such a query over the one topic in `sources`; else None."""
    if len(sources) != 1:
        return None
    query = recognize(connection, sql)
    if query is None:
        return None
    table = sources[0].table
    window = _first_window(query)
    longest = max((end - start for start, end in table.offsets.values()), default=0)
    starts = _window_starts(table, window)
    while True:
        context.windows = starts
        relation = connection.sql(query.sql, params=parameters)
        names, kinds = relation.columns[:-1], [str(each) for each in relation.types[:-1]]
        rows = relation.to_arrow_reader(ROWS_MAX).read_all()
        is_whole = all(starts[each] <= start for each, (start, _) in table.offsets.items())
        keys = rows.column(rows.num_columns - 1)
        if is_whole or (rows.num_rows >= query.rows and _is_exact(query.column, keys, starts, table, context)):
            context.windows = None
            return Collected(names, kinds, rows.select(range(rows.num_columns - 1)))
        if rows.num_rows >= query.rows and query.column == "timestamp":
            # The windows moved to where every candidate is: next time it is exact.
            continue
        window = min(window * _GROWTH, max(longest, 1))
        starts = _window_starts(table, window)


def first_starts(
    connection: duckdb.DuckDBPyConnection, sql: str, sources: list[TopicSource]
) -> tuple[dict[int, int], str] | None:
    """Where such a query begins in each partition, for whoever asks beforehand, with what to say of it; else None."""
    query = recognize(connection, sql) if len(sources) == 1 else None
    if query is None:
        return None
    table = sources[0].table
    starts = _window_starts(table, _first_window(query))
    if all(starts[each] <= start for each, (start, _) in table.offsets.items()):
        return None
    in_all = sum(end - start for start, end in table.offsets.values())
    return starts, f"from the end, and further back only while the answer needs it: at most all {in_all:,} records"


def _first_window(query: NewestQuery) -> int:
    return max(_FIRST_WINDOW, 2 * query.rows)


def _window_starts(table: TopicTable, window: int) -> dict[int, int]:
    return {each: max(start, end - window) for each, (start, end) in table.offsets.items()}


def _is_exact(column: str, keys: Any, starts: dict[int, int], table: Any, context: ScanContext) -> bool:
    """Whether no row outside of the windows belongs among these. Moves the windows where one may, for timestamps."""
    last = keys[len(keys) - 1]
    if not last.is_valid:
        return False
    unread = {each: start for each, start in starts.items() if start > table.offsets[each][0]}
    if column == "offset":
        return all(start <= last.as_py() for start in unread.values())
    found = first_offsets(context.link, table, list(unread), last.value // 1000)
    exact = True
    for partition, start in unread.items():
        first = max(found.get(partition, table.offsets[partition][0]), table.offsets[partition][0])
        if first < start:
            starts[partition] = first
            exact = False
    return exact


def recognize(connection: duckdb.DuckDBPyConnection, sql: str) -> NewestQuery | None:
    """The query when it is of that kind: one table, no grouping, ordered by its offset or timestamp first, with LIMIT."""
    serialized = _one_value(connection, "select json_serialize_sql($sql)", sql)
    parsed = json.loads(serialized)
    statements = parsed.get("statements", [])
    if parsed.get("error") or len(statements) != 1:
        return None
    node = statements[0]["node"]
    if (
        node.get("type") != "SELECT_NODE"
        or node["from_table"].get("type") != "BASE_TABLE"
        or node["from_table"].get("sample")
        or node.get("group_expressions")
        or node.get("having")
        or node.get("qualify")
        or node.get("sample")
        or node["cte_map"]["map"]
    ):
        return None
    modifiers = {each["type"]: each for each in node["modifiers"]}
    if set(modifiers) != {"ORDER_MODIFIER", "LIMIT_MODIFIER"} or len(node["modifiers"]) != 2:
        return None
    first = modifiers["ORDER_MODIFIER"]["orders"][0]
    if first["type"] != "DESCENDING" or first["null_order"] not in ("ORDER_DEFAULT", "NULLS_LAST"):
        return None
    expression = first["expression"]
    if expression.get("class") != "COLUMN_REF" or len(expression["column_names"]) > 2:
        return None
    column = expression["column_names"][-1].lower()
    limit = modifiers["LIMIT_MODIFIER"]
    amounts = [_amount(limit["limit"]), 0 if limit["offset"] is None else _amount(limit["offset"])]
    if column not in ("offset", "timestamp") or limit.get("limit_type") != "ROW_COUNT" or None in amounts:
        return None
    rows = sum(each for each in amounts if each is not None)
    if not 0 < rows <= ROWS_MAX or not amounts[0] or _has_more_than_scalars(connection, node, column):
        return None
    # The rows before OFFSET are needed to be sure of the last one: they come with it, since it is not touched.
    key = {**expression, "alias": _KEY}
    node["select_list"].append(key)
    rewritten = _one_value(connection, "select json_deserialize_sql($sql::json)", json.dumps(parsed))
    return NewestQuery(column, amounts[0], rewritten)


def _amount(expression: Any) -> int | None:
    if not expression or expression.get("type") != "VALUE_CONSTANT":
        return None
    value = expression.get("literal", {}).get("text", expression.get("value", {}).get("value"))
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _has_more_than_scalars(connection: duckdb.DuckDBPyConnection, node: Any, column: str) -> bool:
    """Aggregates, windows, subqueries, or an alias that hides the column."""
    names: set[str] = set()
    pending: list[Any] = [node["select_list"], node["where_clause"], node["modifiers"]]
    for item in node["select_list"]:
        if item.get("alias", "").lower() == column:
            return True
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += each
        elif isinstance(each, dict):
            if each.get("class") in ("WINDOW", "SUBQUERY"):
                return True
            if each.get("class") == "FUNCTION":
                names.add(str(each.get("function_name", "")).lower())
            pending += each.values()
    return bool(names & _aggregates(connection)) or "unnest" in names


_aggregate_names: set[str] = set()


def _aggregates(connection: duckdb.DuckDBPyConnection) -> set[str]:
    if not _aggregate_names:
        rows = connection.sql("select distinct function_name from duckdb_functions() where function_type = 'aggregate'")
        _aggregate_names.update(name.lower() for (name,) in rows.fetchall())
    return _aggregate_names


def _one_value(connection: duckdb.DuckDBPyConnection, sql: str, value: str) -> str:
    rows = connection.sql(sql, params={"sql": value}).fetchall()
    return str(rows[0][0])
