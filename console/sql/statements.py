"""Which statements are let in, and which tables they name. Runs in the worker.

One statement that reads: SELECT in all its forms (WITH, FROM first, VALUES, DESCRIBE, SUMMARIZE, SHOW), or EXPLAIN of one.
DuckDB's own parser decides, so that nothing is parsed twice in two ways.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from console.sql.lexing import quote_offset, without_parameters
from console.sql.pivots import as_subquery, table_paths

SQL_BYTES_MAX = 64 * 1024

_EXPLAIN = re.compile(
    r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)*explain(?:\s+|--[^\n]*\n|/\*.*?\*/)+"
    r"(?:analyze\b(?:\s+|--[^\n]*\n|/\*.*?\*/)*)?(?:\([^()']*\)(?:\s+|--[^\n]*\n|/\*.*?\*/)*)?",
    re.IGNORECASE | re.DOTALL,
)
_SHOW_TABLES = re.compile(r"\A\s*show\s+(?:all\s+)?tables\s*;?\s*\Z", re.IGNORECASE)


class Refused(Exception):
    """The statement is not let in."""

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was let in."""

    sql: str
    tables: tuple[tuple[str, ...], ...]
    """What it names, each as the parts of a path: ("orders",), ("kafka", "brokers")."""
    is_explain: bool
    is_pivot: bool = False
    """Takes columns from the data, see `pivots`: binding it reads."""


def let_in(connection: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """The one statement in `sql`. Raises Refused, and what DuckDB's parser raises."""
    if len(sql.encode("utf-8", "surrogatepass")) > SQL_BYTES_MAX:
        raise Refused(f"the statement has more than {SQL_BYTES_MAX // 1024} KiB")
    if _SHOW_TABLES.match(sql):
        sql = "select * from kafka.tables order by kind, name"
    sql = quote_offset(sql)
    statement = _one(connection, sql)
    if statement.type == duckdb.StatementType.MULTI:
        if not _is_pivot(connection, sql):
            raise _only_reading()
        return Statement(sql, tuple(sorted(table_paths(sql))), False, is_pivot=True)
    is_explain = statement.type == duckdb.StatementType.EXPLAIN
    inner = sql
    if is_explain:
        match = _EXPLAIN.match(sql)
        if match is None:
            raise Refused("this EXPLAIN is not understood")
        inner = sql[match.end() :]
        if _one(connection, inner).type != duckdb.StatementType.SELECT:
            raise _only_reading()
    elif statement.type != duckdb.StatementType.SELECT:
        raise _only_reading()
    return Statement(sql, tuple(sorted(_tables(connection, inner))), is_explain)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise Refused(
            "there is no statement" if not statements else f"one statement at a time, these are {len(statements)}"
        )
    return statements[0]


def _is_pivot(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether it is a query all the same. What else is MULTI cannot stand in parentheses."""
    try:
        statements = connection.extract_statements(as_subquery(sql))
    except duckdb.Error:
        return False
    return len(statements) == 1 and statements[0].type == duckdb.StatementType.MULTI


def _only_reading() -> Refused:
    return Refused(
        "only statements that read are run",
        hint="SELECT (also WITH, FROM, VALUES), DESCRIBE, SUMMARIZE, SHOW TABLES, PIVOT, or EXPLAIN of one. "
        "To EXPLAIN or DESCRIBE a PIVOT, list its columns: PIVOT … ON status IN ('open', 'paid') USING count(*).",
    )


def _tables(connection: duckdb.DuckDBPyConnection, sql: str) -> set[tuple[str, ...]]:
    """Paths of the tables that `sql` names, names of its own WITH left out."""
    row = connection.sql("select json_serialize_sql($sql)", params={"sql": sql}).fetchall()[0]
    parsed = json.loads(row[0])
    if parsed.get("error"):
        # PIVOT has no such form. This wants to bind, and so does not know names that USING needs: good enough for it.
        names = connection.get_table_names(without_parameters(sql))
        return {(name,) for name in names}
    found: set[tuple[str, ...]] = set()
    # What is still to be looked at, each with the names that WITH defines around it.
    pending: list[tuple[Any, frozenset[str]]] = [(parsed["statements"], frozenset())]
    while pending:
        node, defined = pending.pop()
        if isinstance(node, list):
            pending += [(each, defined) for each in node]
        elif isinstance(node, dict):
            if node.get("type") in ("BASE_TABLE", "SHOW_REF"):
                path = tuple(node.get("qualified_name", {}).get("path", ()))
                if path and not (len(path) == 1 and path[0].lower() in defined):
                    found.add(path)
            for definition in (node.get("cte_map") or {}).get("map", ()):
                own = definition["key"].lower()
                is_recursive = definition["value"].get("query_node", {}).get("type") == "RECURSIVE_CTE_NODE"
                pending.append((definition["value"], defined | {own} if is_recursive else defined))
                defined |= {own}
            pending += [(value, defined) for name, value in node.items() if name != "cte_map"]
    return found


def quoted(name: str) -> str:
    """The name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
