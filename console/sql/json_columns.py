"""`value->>'$.status'` as a column of its own, taken out of the JSON once and kept with the chunk. Runs in the worker.

Parsing the JSON of a million values takes longer than everything else in a query over what is cached. So, where nothing in
the statement can tell the difference, each `->>` on a topic's `value` or `key` with a constant path becomes a column of
the topic's source, which the chunk cache keeps like any other. DuckDB's own function fills it: the answer is the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

COLUMNS_MAX = 16
"""More paths than that in one statement are left to DuckDB."""

_SOURCES = ("value", "key")


@dataclass(frozen=True, slots=True)
class JsonColumn:
    """The text at `path` of the JSON in the column `source`."""

    source: str
    path: str

    @property
    def name(self) -> str:
        """Of the column; no topic's table has one like it."""
        return f"{self.source}->>{self.path}"


@dataclass(slots=True)
class Rewritten:
    """A statement that asks for columns in place of JSON, by path of each table."""

    sql: str
    columns: dict[tuple[str, ...], dict[str, JsonColumn]] = field(default_factory=dict)


class Extractor:
    """Fills JSON columns with DuckDB, on a connection of its own (the query's is busy) and in a thread of its own, so that
    the next chunk is decoded meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1)

    def takes(self, column: JsonColumn) -> bool:
        """Whether the path means something; what it does not is for the query to fail with."""
        try:
            self._connection.sql(f"select {_expression('$json', column.path)}", params={"json": "{}"}).fetchall()
        except duckdb.Error:
            return False
        return True

    def fill(
        self, parts: Sequence[Mapping[str, pa.Array]], columns: Collection[JsonColumn]
    ) -> Future[list[dict[str, pa.Array]]]:
        """The columns for each part, of as many rows as its arrays have. One call after the other; each costs some two
        milliseconds on top of the JSON, so that small parts should come together."""
        return self._thread.submit(self._fill, parts, columns)

    def _fill(
        self, parts: Sequence[Mapping[str, pa.Array]], columns: Collection[JsonColumn]
    ) -> list[dict[str, pa.Array]]:
        sources = sorted({each.source for each in columns})
        self._connection.register(
            "chunk", pa.table({name: pa.chunked_array([part[name] for part in parts]) for name in sources})
        )
        wanted = ", ".join(_expression(each.source, each.path) for each in columns)
        found = self._connection.sql(f"select {wanted} from chunk").to_arrow_table()
        self._connection.unregister("chunk")
        filled: list[dict[str, pa.Array]] = []
        first = 0
        for part in parts:
            rows = len(part[sources[0]])
            filled.append(
                {each.name: _own_array(found.column(at).slice(first, rows)) for at, each in enumerate(columns)}
            )
            first += rows
        return filled


_EMPTY = pa.array([], pa.string())


def _own_array(found: pa.ChunkedArray) -> pa.Array:
    """One array with memory of its own: what it shares with others could not be counted nor freed."""
    return pa.concat_arrays([*(each.cast(pa.string()) for each in found.chunks), _EMPTY])


def _expression(source: str, path: str) -> str:
    text = path.replace("'", "''")
    return f"try(json_extract_string({source}, '{text}'))"


def rewrite(
    connection: duckdb.DuckDBPyConnection, sql: str, topics: Collection[tuple[str, ...]], extractor: Extractor
) -> Rewritten | None:
    """The statement over JSON columns; None when there is nothing to gain, or anything that might see them.

    `topics` are the paths of tables that are topics. A table takes part when each SELECT that names it has it alone in
    its FROM, and names neither `*` nor the table as a whole.
    """
    if "->>" not in sql:
        return None
    row = connection.sql("select json_serialize_sql($sql)", params={"sql": sql}).fetchall()[0]
    parsed = json.loads(row[0])
    if parsed.get("error") or len(parsed["statements"]) != 1:
        return None
    named: dict[tuple[str, ...], int] = {}
    for each in _dicts(parsed["statements"]):
        if each.get("type") in ("BASE_TABLE", "SHOW_REF"):
            path = tuple(each.get("qualified_name", {}).get("path", ()))
            named[path] = named.get(path, 0) + 1
    selects: dict[tuple[str, ...], list[Any]] = {}
    for each in _dicts(parsed["statements"]):
        if each.get("type") == "SELECT_NODE" and each["from_table"].get("type") == "BASE_TABLE":
            selects.setdefault(tuple(each["from_table"]["qualified_name"]["path"]), []).append(each)
    rewritten = Rewritten("")
    for path, nodes in selects.items():
        if path not in topics or named[path] != len(nodes) or any(_sees_all(each, path) for each in nodes):
            continue
        columns: dict[str, JsonColumn] = {}
        calls = [pair for node in nodes for pair in _calls(node, path)]
        for _, column in calls:
            columns[column.name] = column
        if not columns or len(columns) > COLUMNS_MAX or not all(map(extractor.takes, columns.values())):
            continue
        for call, column in calls:
            names = call["arguments"][0]["expression"]["column_names"]
            kept = {"alias": call["alias"], "query_location": call["query_location"]}
            call.clear()
            call.update(
                {"class": "COLUMN_REF", "type": "COLUMN_REF", **kept, "column_names": [*names[:-1], column.name]}
            )
        rewritten.columns[path] = columns
    if not rewritten.columns:
        return None
    row = connection.sql("select json_deserialize_sql($sql::json)", params={"sql": json.dumps(parsed)}).fetchall()[0]
    rewritten.sql = str(row[0])
    return rewritten


def _dicts(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += each
        elif isinstance(each, dict):
            yield each
            pending += each.values()


def _own(node: Any) -> Iterator[dict[str, Any]]:
    """What the SELECT says itself, without what the queries inside of it say."""
    pending: list[Any] = [value for name, value in node.items() if name not in ("from_table", "cte_map")]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += each
        elif isinstance(each, dict) and each.get("type") != "SELECT_NODE":
            yield each
            pending += each.values()


def _sees_all(node: Any, path: tuple[str, ...]) -> bool:
    table = node["from_table"]
    whole = {path[-1].lower(), (table.get("alias") or "").lower()}
    if table.get("column_name_alias") or table.get("sample"):
        return True
    for each in _own(node):
        if each.get("class") in ("STAR", "SUBQUERY"):
            return True  # a subquery may mean a column of this table by a name of its own
        if (
            each.get("class") == "COLUMN_REF"
            and len(each["column_names"]) == 1
            and each["column_names"][0].lower() in whole
        ):
            return True
        if each.get("alias", "") and str(each["alias"]).lower() in _SOURCES:
            return True
    return False


def _calls(node: Any, path: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], JsonColumn]]:
    """`->>` of the table's own columns with constant paths."""
    qualifiers = {path[-1].lower(), (node["from_table"].get("alias") or "").lower()}
    for each in _own(node):
        if each.get("class") != "FUNCTION" or each.get("function_name") != "->>" or len(each["arguments"]) != 2:
            continue
        left, right = (argument["expression"] for argument in each["arguments"])
        if left.get("class") != "COLUMN_REF" or right.get("type") != "VALUE_CONSTANT":
            continue
        *qualifier, name = (part.lower() for part in left["column_names"])
        literal = right.get("literal", {})
        if literal.get("kind") != "STRING" or name not in _SOURCES or len(qualifier) > 1:
            continue
        if not qualifier or qualifier[0] in qualifiers:
            yield each, JsonColumn(name, str(literal["text"]))
