"""Lines drawn in braille: two by four dots a cell. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float | None]
"""Where on the axis, and the value; None: not known, a gap."""

# Dots of a cell by column and row (Unicode: Braille Patterns).
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Cell:
    """One character, and which line it belongs to (-1: none)."""

    text: str
    line: int


def buckets(points: Sequence[Point], begin: float, end: float, count: int) -> list[float | None]:
    """`points` in `count` equal parts of begin..end: the greatest value in each; None where there is none.

    A part without a point between two that have one takes the value before it, so that lines do not break up when there
    are fewer points than dots; a point without a value ends that.
    """
    found: list[float | None] = [None] * count
    width = (end - begin) / count
    if width <= 0:
        return found
    last: tuple[int, float] | None = None
    for at, value in points:
        if not begin <= at <= end:
            continue
        index = min(count - 1, int((at - begin) / width))
        if value is None:
            last = None
            continue
        if last is not None:
            for between in range(last[0] + 1, index):
                found[between] = last[1]
        known = found[index]
        found[index] = value if known is None else max(known, value)
        last = (index, value)
    return found


def draw(lines: Sequence[Sequence[float | None]], columns: int, rows: int, high: float) -> list[list[Cell]]:
    """Rows of cells, the top one first. Each line has `2 * columns` values from 0 to `high`; the first that passes a cell
    has its colour."""
    dots = [[0] * columns for _ in range(rows)]
    owners = [[-1] * columns for _ in range(rows)]
    levels = rows * 4
    for number, line in enumerate(lines):
        before: int | None = None
        for x, value in enumerate(line[: 2 * columns]):
            if value is None:
                before = None
                continue
            share = 0.0 if high <= 0 else min(1.0, max(0.0, value / high))
            level = round(share * (levels - 1))
            # A jump is drawn as what lies between, else a steep line would be a cloud of dots.
            low, top = (level, level) if before is None else (min(before, level), max(before, level))
            if before is not None and top > low:
                low, top = (low + 1, top) if level > before else (low, top - 1)
            for y in range(low, top + 1):
                row = rows - 1 - y // 4
                dots[row][x // 2] |= _DOTS[x % 2][3 - y % 4]
                if owners[row][x // 2] < 0:
                    owners[row][x // 2] = number
            before = level
    return [
        [Cell(chr(0x2800 + each) if each else " ", owner) for each, owner in zip(row, owned, strict=True)]
        for row, owned in zip(dots, owners, strict=True)
    ]


def sparkline(values: Sequence[float | None], columns: int, high: float | None = None) -> str:
    """The newest `columns` values as bars of eighths."""
    shown = list(values[-columns:])
    known = [value for value in shown if value is not None]
    top = high if high is not None else max(known, default=0.0)
    text = ""
    for value in shown:
        if value is None:
            text += " "
        elif top <= 0:
            text += _BLOCKS[1]
        else:
            text += _BLOCKS[1 + round(min(1.0, max(0.0, value / top)) * 7)]
    return text.rjust(columns)


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 5 x 10^n that is not below: where an axis ends."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value * 0.999_999)
