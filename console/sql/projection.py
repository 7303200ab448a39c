"""Whether a statement may look at a column of one of the cluster's tables: what is dear to fill is filled only then.

The text is judged, not the query: in doubt the answer is yes, which costs time and is never wrong.
"""

from __future__ import annotations

import re

_LITERALS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_COUNT = re.compile(r"\bcount\s*\(\s*\*\s*\)")
_WHOLE_ROWS = re.compile(
    r"\*|\b(?:natural|summarize|describe|pivot|unpivot|columns|table|show|exclude)\b|\A\s*from\b|\(\s*from\b"
)
_AFTER_A_TABLE = frozenset(
    [
        "where",
        "group",
        "order",
        "having",
        "limit",
        "offset",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "semi",
        "anti",
        "asof",
        "positional",
        "on",
        "using",
        "union",
        "intersect",
        "except",
        "qualify",
        "window",
        "tablesample",
        "sample",
        "select",
        "with",
    ]
)


def may_name(sql: str, table: str, column: str) -> bool:
    """Whether `column` of `table`, which `sql` names, may matter to its result."""
    if column in sql.lower() or re.search(r'"[^"]*\'[^"]*"', sql):
        return True  # (a name with an apostrophe would look like the start of a literal)
    text = _COUNT.sub(" ", _LITERALS.sub(" ", sql.lower().replace('"', "")))
    if _WHOLE_ROWS.search(text):
        return True
    # A table's name or alias that stands alone is the whole row as a STRUCT.
    for match in re.finditer(rf"\b{table}\b(?!\s*\.)(?:\s+as\b)?(?:\s+(\w+))?", text):
        before = text[: match.start()].rstrip().removesuffix("kafka.").rstrip()
        if not before.endswith(("from", "join", ",")):
            return True
        alias = match[1] if match[1] not in _AFTER_A_TABLE else None
        if alias is not None and len(re.findall(rf"\b{alias}\b(?!\s*\.)", text)) > 1:
            return True
    return _is_selected(text, table)


def _is_selected(text: str, table: str) -> bool:
    """Whether the table's name may be an item of a SELECT list: it follows a comma outside of FROM."""
    selected = re.findall(r"\bselect\b(.*?)\bfrom\b", text, re.DOTALL)
    return any(re.search(rf"\b{table}\b(?!\s*\.)", each) for each in selected)
