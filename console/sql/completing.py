"""What may be typed next in a statement: tables after FROM and JOIN, else columns of the tables it names and words of SQL.
Pure; the prompt, the web and the terminal console each show it in their own way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.sql.catalog import TableName

KEYWORDS = [
    "select",
    "from",
    "where",
    "group",
    "by",
    "order",
    "limit",
    "offset",
    "having",
    "join",
    "left",
    "using",
    "on",
    "as",
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "ilike",
    "is",
    "null",
    "distinct",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "case",
    "when",
    "then",
    "else",
    "end",
    "with",
    "union",
    "all",
    "interval",
    "now",
    "desc",
    "asc",
    "describe",
    "summarize",
    "show",
    "tables",
    "explain",
    "cast",
    "date_trunc",
    "qualify",
    "over",
    "partition",
]

WORD = re.compile(r'[A-Za-z0-9_.$"-]+')
"""What a completion replaces."""


def candidates(before: str, statement: str, tables: Sequence[TableName]) -> list[tuple[str, str]]:
    """What may follow `before`, with a word about each."""
    if re.search(
        r"\b(from|join|describe|summarize|table|\.columns)\s+$|\b(from|join)\s+[^()]*,\s*$", before, re.IGNORECASE
    ):
        return [(quoted_if_needed(each.name, each.kind), each.kind) for each in tables]
    named = {word.strip('"').lower() for word in WORD.findall(statement)}
    columns: dict[str, str] = {}
    for each in tables:
        if each.name.lower() in named or each.name.rpartition(".")[2].lower() in named:
            columns.update(dict.fromkeys(each.columns, each.name))
    return [*columns.items(), *((word, "SQL") for word in KEYWORDS if word not in columns)]


def quoted_if_needed(name: str, kind: str = "topic") -> str:
    """The name as it is written in SQL."""
    return name if kind != "topic" or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f'"{name}"'
