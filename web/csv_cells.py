"""Cells of CSV files that a browser downloads: no spreadsheet takes them for formulas."""

from __future__ import annotations

import re
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def unformulated(value: Any) -> Any:
    """A text that begins like a formula gets an apostrophe before it (OWASP: CSV injection); numbers, also as text, and
    everything else stay what they are."""
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"
