"""Colours: few, only on a terminal, never with NO_COLOR (no-color.org)."""

from __future__ import annotations

import os
from enum import Enum
from typing import IO, Any


class Style(Enum):
    """What a colour means; the value is the SGR code."""

    HEADING = "1"
    GOOD = "32"
    WARNING = "33"
    BAD = "31"
    FAINT = "2"
    NAME = "36"


def colours_on(stream: IO[Any]) -> bool:
    """Whether `stream` is a terminal that wants colours."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, style: Style) -> str:
    return f"\x1b[{style.value}m{text}\x1b[0m" if text else text


def bad_above_zero(value: Any) -> Style | None:
    """For counts that must be 0."""
    return Style.BAD if value else None
