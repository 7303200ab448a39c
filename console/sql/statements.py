"""Which statements are let in, and which tables they name. Runs in the worker.

One statement that reads: SELECT in all its forms (WITH, FROM first, VALUES, DESCRIBE, SUMMARIZE, SHOW), or EXPLAIN of one.
DuckDB's own parser decides, so that nothing is parsed twice in two ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from console.sql.lexing import quote_offset, without_parameters

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


def let_in(connection: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """The one statement in `sql`. Raises Refused, and what DuckDB's parser raises."""
    if len(sql.encode("utf-8", "surrogatepass")) > SQL_BYTES_MAX:
        raise Refused(f"the statement has more than {SQL_BYTES_MAX // 1024} KiB")
    if _SHOW_TABLES.match(sql):
        sql = "select * from kafka.tables order by kind, name"
    sql = quote_offset(sql)
    statement = _one(connection, sql)
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
    tables = connection.get_table_names(without_parameters(inner), qualified=True)
    return Statement(sql, tuple(sorted({_parts(each) for each in tables})), is_explain)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise Refused(
            "there is no statement" if not statements else f"one statement at a time, these are {len(statements)}"
        )
    return statements[0]


def _only_reading() -> Refused:
    return Refused(
        "only statements that read are run",
        hint="SELECT (also WITH, FROM, VALUES), DESCRIBE, SUMMARIZE, SHOW TABLES, or EXPLAIN of one.",
    )


_PART = re.compile(r'(?:"((?:[^"]|"")*)"|([^".\s]+))(\.?)')


def _parts(qualified: str) -> tuple[str, ...]:
    """The parts of `"a b".c AS d`: what get_table_names gives has the alias with it."""
    parts = []
    position = 0
    while (match := _PART.match(qualified, position)) is not None:
        quoted_part, plain, dot = match.groups()
        parts.append(plain if quoted_part is None else quoted_part.replace('""', '"'))
        position = match.end()
        if not dot:
            break
    return tuple(parts)


def quoted(name: str) -> str:
    """The name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
