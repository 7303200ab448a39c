"""Small repairs to statements before DuckDB parses them.

`offset` is a word of SQL, and Kafka's name for a column: `select partition, offset from orders` should just work.

DuckDB takes a bare `offset` only as the clause (LIMIT 5 OFFSET 10). Where it cannot be the clause, it is put in double
quotes. It is the clause when what follows begins an amount (a number, a parameter, a parenthesis, `+` or `-`) and what
stands before does not ask for an expression.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<text>[eE]?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
  | (?P<parameter>\$\w+|\?)
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

# After these an expression must follow, so `offset` is a column there.
_EXPECTS_EXPRESSION = frozenset(
    [
        "select",
        "distinct",
        "where",
        "and",
        "or",
        "not",
        "on",
        "having",
        "qualify",
        "by",
        "case",
        "when",
        "then",
        "else",
        "between",
        "in",
        "like",
        "ilike",
        "is",
        "as",
        "set",
        "using",
        "filter",
    ]
)


def quote_offset(sql: str) -> str:
    """The statement with `offset` in double quotes wherever it is meant as a column."""
    if "offset" not in sql.lower():
        return sql
    found = tokens(sql)
    out: list[str] = []
    before = ""
    for index, (kind, text) in enumerate(found):
        if kind == "word" and text.lower() == "offset" and _is_column(before, found, index):
            text = f'"{text}"'
        out.append(text)
        if kind != "space":
            before = text
    return "".join(out)


def _is_column(before: str, found: list[tuple[str, str]], index: int) -> bool:
    if before == ".":
        return False  # a.offset is taken as it is
    kind, following = next(((k, t) for k, t in found[index + 1 :] if k != "space"), (None, ""))
    if before.lower() in _EXPECTS_EXPRESSION or (before and before in ",(+-*/%=<>|~^"):
        return True
    return not (kind in ("number", "parameter") or following in ("(", "+", "-"))


def without_parameters(sql: str) -> str:
    """The statement with NULL for every parameter: what only wants to know its tables cannot do with them."""
    return "".join("NULL" if kind == "parameter" else text for kind, text in tokens(sql))


def tokens(sql: str) -> list[tuple[str, str]]:
    """(kind, text) of everything in the statement: space, text (in quotes of any kind), parameter, word, number, other."""
    return [(_kind(match), match.group()) for match in _TOKEN.finditer(sql)]


def _kind(match: re.Match[str]) -> str:
    return "text" if match.lastgroup in ("tag", None) else str(match.lastgroup)
