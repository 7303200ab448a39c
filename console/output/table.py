"""Tables for a terminal: headings, alignment, and columns that give way when there is not enough room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from console.output.style import Style, paint
from console.output.text import fit, safe, width

_GAP = 2


class Column(msgspec.Struct, frozen=True):
    """One column: the key of the row it shows and how.

    `flexible` columns are cut first when the table is wider than the terminal. `style` may colour a cell by its value.
    """

    key: str
    heading: str
    show: Callable[[Any], str] | None = None
    right: bool = False
    flexible: bool = False
    style: Callable[[Any], Style | None] | None = None

    def text(self, row: Mapping[str, Any]) -> str:
        value = row[self.key]
        if self.show is not None:
            return safe(self.show(value))
        if value is None:
            return "-"
        if value is True or value is False:
            return "yes" if value else "no"
        return safe(str(value)) or "-"


def table_lines(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, width_max: int | None, colours: bool
) -> list[str]:
    """The lines of a table, headings first. `width_max` None: as wide as it needs."""
    cells = [[column.text(row) for column in columns] for row in rows]
    widths = [
        max(width(column.heading), max((width(line[index]) for line in cells), default=0))
        for index, column in enumerate(columns)
    ]
    if width_max is not None:
        _shrink(columns, widths, width_max)
    lines = [_line(columns, widths, [column.heading for column in columns], [Style.HEADING] * len(columns), colours)]
    for row, texts in zip(rows, cells, strict=True):
        styles = [column.style(row[column.key]) if column.style else None for column in columns]
        lines.append(_line(columns, widths, texts, styles, colours))
    return lines


def _shrink(columns: Sequence[Column], widths: list[int], width_max: int) -> None:
    over = sum(widths) + _GAP * (len(widths) - 1) - width_max
    flexible = [index for index, column in enumerate(columns) if column.flexible]
    least = {index: max(8, width(columns[index].heading)) for index in flexible}
    while over > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= least[widest]:
            return
        # Down to the next widest in one go, so that a value of a megabyte takes no million steps.
        others = max((widths[index] for index in flexible if index != widest), default=0)
        target = max(least[widest], widths[widest] - over, min(others, widths[widest] - 1))
        over -= widths[widest] - target
        widths[widest] = target


def _line(
    columns: Sequence[Column],
    widths: Sequence[int],
    texts: Sequence[str],
    styles: Sequence[Style | None],
    colours: bool,
) -> str:
    parts = []
    last = len(columns) - 1
    for index, column in enumerate(columns):
        text = fit(texts[index], widths[index])
        padding = " " * (widths[index] - width(text))
        style = styles[index]
        shown = paint(text, style) if colours and style is not None else text
        if column.right:
            parts.append(padding + shown)
        else:
            parts.append(shown if index == last else shown + padding)
    return (" " * _GAP).join(parts).rstrip()


def facts(pairs: Sequence[tuple[str, str]], *, colours: bool) -> list[str]:
    """Lines of "name  value", names aligned."""
    longest = max((width(name) for name, _ in pairs), default=0)
    return [
        f"{paint(name, Style.HEADING) if colours else name}{' ' * (longest - width(name))}  {safe(value)}".rstrip()
        for name, value in pairs
    ]
