"""Metrics as text, for Prometheus to read: exposition format 0.0.4.

# HELP name text            backslash and newline escaped
# TYPE name gauge
name{label="value"} 1       backslash, newline and double quote escaped
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from console.metrics.families import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


PIECE_LINES = 5_000


def render(families: Iterable[Family]) -> str:
    """The text. Values keep every digit: an offset beyond 2^53 stays what it is."""
    return "".join(render_pieces(families))


def render_pieces(families: Iterable[Family]) -> Iterator[str]:
    """The same in pieces of some thousand lines: ten thousand groups make tens of megabytes."""
    lines: list[str] = []
    for family in families:
        name = family.metric.name
        lines.append(f"# HELP {name} {_escape_help(family.metric.help)}\n")
        lines.append(f"# TYPE {name} {family.metric.kind.value}\n")
        names = family.metric.labels
        for labels, value in family.rows:
            if names:
                pairs = ",".join([f'{label}="{_escape(text)}"' for label, text in zip(names, labels, strict=True)])
                lines.append(f"{name}{{{pairs}}} {_number(value)}\n")
            else:
                lines.append(f"{name} {_number(value)}\n")
            if len(lines) >= PIECE_LINES:
                yield "".join(lines)
                lines.clear()
    yield "".join(lines)


def _escape(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    # Half of a surrogate pair (from bytes that are no UTF-8) could not be sent.
    text = text.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
