"""PIVOT that takes its columns from the data: one statement of the user's, two of DuckDB's. Runs in the worker. Pure.

`PIVOT orders ON key USING count(*)` is parsed into a CREATE TYPE of the values that there are, and the SELECT over them;
DuckDB calls that MULTI and neither serializes it nor names its tables. The type is a temporary one, which goes with the
query's cursor. So it is let in when it stands where only a query can stand, and its tables are found by its words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.sql.lexing import tokens

_PIVOTS = frozenset(("pivot", "pivot_wider"))
_ENDS_FROM = frozenset(
    (
        "select",
        "where",
        "group",
        "having",
        "order",
        "limit",
        "offset",
        "union",
        "except",
        "intersect",
        "window",
        "qualify",
    )
    + ("on", "using", "pivot", "unpivot")
)


def as_subquery(sql: str) -> str:
    """The statement where only a query can stand: what is parsed so does nothing but read."""
    return f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n)"


@dataclass(slots=True)
class _Level:
    """Inside of one pair of parentheses."""

    is_first: bool = True
    is_query: bool = False
    takes_tables: bool = False
    """Right after FROM, JOIN or PIVOT, or a comma between tables."""
    in_from: bool = False


def table_paths(sql: str) -> set[tuple[str, ...]]:
    """Paths of what stands after FROM, JOIN and PIVOT, names of the statement's own WITH left out."""
    words = [(kind, text) for kind, text in tokens(sql) if kind != "space"]
    defined = {name.lower() for name in _defined(words)}
    found: set[tuple[str, ...]] = set()
    levels = [_Level()]
    index = 0
    while index < len(words):
        kind, text = words[index]
        level, word = levels[-1], text.lower()
        is_first, level.is_first = level.is_first, False
        if text == "(":
            level.takes_tables = False
            levels.append(_Level())
        elif text == ")":
            if len(levels) > 1:
                levels.pop()
        elif level.takes_tables and (kind == "word" or text.startswith('"')) and word != "lateral":
            level.takes_tables = False
            parts = [_name(text)]
            while index + 2 < len(words) and words[index + 1][1] == ".":
                parts.append(_name(words[index + 2][1]))
                index += 2
            is_function = index + 1 < len(words) and words[index + 1][1] == "("
            if not is_function and not (len(parts) == 1 and parts[0].lower() in defined):
                found.add(tuple(parts))
        elif text == ",":
            level.takes_tables = level.in_from
        elif kind == "word":
            if word in _ENDS_FROM:
                level.in_from = False
            if word in ("select", "with"):
                level.is_query = True
            is_from = word == "from" and (is_first or level.is_query) and words[index - 1][1].lower() != "distinct"
            if is_from or word == "join" or (word in _PIVOTS and _begins_statement(words, index)):
                level.takes_tables = True
                level.in_from = word not in _PIVOTS
                level.is_query = True
        index += 1
    return found


def _begins_statement(words: list[tuple[str, str]], index: int) -> bool:
    """PIVOT t ON …, and not FROM t PIVOT (…)."""
    return index + 1 < len(words) and (index == 0 or words[index - 1][1] in ("(", ")"))


def _defined(words: list[tuple[str, str]]) -> Iterator[str]:
    """Names before AS (, that is those of WITH."""
    for index in range(len(words) - 2):
        following = [text.lower() for _, text in words[index + 1 : index + 5]]
        if following[0] != "as":
            continue
        rest = [each for each in following[1:] if each not in ("not", "materialized")]
        if rest[:1] == ["("]:
            yield _name(words[index][1])


def _name(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
