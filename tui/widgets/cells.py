"""Text in cells of a terminal: harmless, and exactly as wide as it was given room. Pure."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

from console.output.text import safe

# Terminals disagree about the width of what these select (emoji or text); shown as they are, columns would shift.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_STACKED = re.compile("([\u0300-\u036f\u0483-\u0489\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{2})[\u0300-\u036f\u0483-\u0489\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")  # fmt: skip


def harmless(text: str) -> str:
    """`text` for one line of a screen: control characters, direction marks and selectors written out, and no more than
    two accents on a letter."""
    if text.isascii() and text.isprintable():
        return text
    text = safe(text)
    if text.isascii():
        return text
    return _STACKED.sub(r"\1", _SELECTORS.sub(lambda match: f"\\x{ord(match[0]):x}", text))


def cells(text: str) -> int:
    """Columns that it takes, as the renderer counts them."""
    return len(text) if text.isascii() else cell_len(text)


def fitted(text: str, columns: int, *, right: bool = False) -> str:
    """Exactly `columns` wide: padded, or cut with "…"."""
    if columns <= 0:
        return ""
    taken = cells(text)
    if taken > columns:
        return cut(text, columns)
    space = " " * (columns - taken)
    return space + text if right else text + space


def cut(text: str, columns: int) -> str:
    """No wider than `columns`, with "…" for what was cut; then exactly as wide."""
    if columns <= 0:
        return ""
    if cells(text) <= columns:
        return text
    if text.isascii():
        return text[: columns - 1] + "…"
    return set_cell_size(text, columns - 1) + "…"


def cut_inside(text: str, columns: int, *, tail: int) -> str:
    """No wider than `columns`; what is cut is cut before its last `tail` characters, for these tell it from others: the number
    of a partition."""
    end = text[-tail:] if tail else ""
    room = columns - cells(end)
    if cells(text) <= columns or room < 2:
        return cut(text, columns)
    return cut(text[: len(text) - tail], room) + end


def in_lines(text: str, columns: int) -> list[str]:
    """`text` in lines of at most `columns`, broken between words where that can be."""
    lines: list[str] = []
    while cells(text) > columns > 0:
        head = text[:columns]
        while cells(head) > columns:
            head = head[:-1]
        # A space right behind the line is a good place too.
        at = (head + text[len(head) : len(head) + 1]).rfind(" ")
        lines.append(text[:at] if at > 0 else head)
        text = text[at + 1 :] if at > 0 else text[len(head) :]
    return [*lines, text]


def masked(text: str) -> str:
    """`text` with "·" for each character that no screen may get as it is: for editors, where places must stay."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(letter if letter.isprintable() or letter == "\t" else "·" for letter in text)
    return _SELECTORS.sub("·", shown)
