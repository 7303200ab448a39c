"""A result as a picture: lines over its first column where that is a time or a number, else a bar for each row."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cells import cells, cut, fitted, harmless
from tui.widgets.raster import Point, buckets, draw, nice_ceiling
from tui.widgets.result_rows import ArrowRows, is_number, value_text
from tui.widgets.roles import role_style

ROWS_MAX = 5_000
LINES_MAX = 5
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class ResultPicture:
    """What is drawn. `note` says why there is nothing."""

    note: str = ""
    across: str = ""
    """The name of the first column."""
    lines: tuple[tuple[str, tuple[Point, ...]], ...] = ()
    begin: tuple[float, str] = (0.0, "")
    end: tuple[float, str] = (0.0, "")
    bars: tuple[tuple[str, float], ...] = ()
    left_out: int = 0


def picture_of(rows: ArrowRows | None) -> ResultPicture:
    """The picture of a result. Its first column is what it is over; the other columns that are numbers are drawn."""
    if rows is None or not len(rows):
        return ResultPicture("There is no result to draw.")
    kinds = [column.type for column in rows.columns]
    drawn = [at for at in range(1, len(kinds)) if is_number(kinds[at])][:LINES_MAX]
    if not drawn:
        return ResultPicture("A chart needs a first column to go over, and a second one of numbers.")
    shown = [rows[at] for at in range(min(len(rows), ROWS_MAX))]
    left_out = len(rows) - len(shown)
    over = kinds[0]
    if is_number(over) or over.startswith(("TIMESTAMP", "DATE")):
        points: list[tuple[float, Any]] = []
        for row in shown:
            value = row.cell(0)
            place = _place(value)
            if place is not None:
                points.append((place, row))
        points.sort(key=lambda each: each[0])
        if points:
            lines = tuple(
                (rows.columns[at].name, tuple((place, _number(row.cell(at))) for place, row in points)) for at in drawn
            )
            first, last = points[0], points[-1]
            return ResultPicture(
                "", rows.columns[0].name, lines, (first[0], value_text(first[1].cell(0))),
                (last[0], value_text(last[1].cell(0))), (), left_out,
            )  # fmt: skip
    bars = tuple((value_text(row.cell(0), 200), _number(row.cell(drawn[0])) or 0.0) for row in shown)
    return ResultPicture("", rows.columns[drawn[0]].name, bars=bars, left_out=left_out)


def _place(value: Any) -> float | None:
    if isinstance(value, datetime.datetime):
        return value.timestamp() if value.tzinfo else value.replace(tzinfo=datetime.UTC).timestamp()
    if isinstance(value, datetime.date):
        return float(value.toordinal() * 86_400)
    return _number(value)


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


class ResultChart(Widget):
    """Shows a `ResultPicture`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title", "chart--axis", *(f"chart--line{number}" for number in range(LINES_MAX)),
    }  # fmt: skip
    DEFAULT_CSS = """
    ResultChart {
        height: 1fr; background: $background;
        & > .chart--title { color: $text-primary; text-style: bold; }
        & > .chart--axis { color: $text-muted; }
        & > .chart--line0 { color: $primary; }
        & > .chart--line1 { color: $secondary; }
        & > .chart--line2 { color: $success; }
        & > .chart--line3 { color: $accent; }
        & > .chart--line4 { color: $error; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.picture = ResultPicture("There is no result to draw.")
        self._strips: list[Strip] = []

    def set_picture(self, picture: ResultPicture) -> None:
        if picture != self.picture:
            self.picture = picture
            self._strips = []
            self.refresh()

    def on_resize(self) -> None:
        self._strips = []

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if not self._strips:
            self._strips = self._draw(self.size.width, self.size.height)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _segment(self, text: str, name: str) -> Segment:
        return Segment(text, self.rich_style + role_style(self, f"chart--{name}"))

    def _draw(self, width: int, height: int) -> list[Strip]:
        picture = self.picture
        if picture.note:
            found = [Strip([self._segment(" " + picture.note, "axis")])]
        elif picture.lines:
            found = self._lines(picture, width, height)
        else:
            found = self._bars(picture, width, height)
        return [strip.crop_extend(0, width, self.rich_style) for strip in found[:height]]

    def _lines(self, picture: ResultPicture, width: int, height: int) -> list[Strip]:
        rows = max(1, height - 2)
        known = [value for _, points in picture.lines for _, value in points if value is not None]
        high, low = nice_ceiling(max(known, default=0.0)), min(known, default=0.0)
        # Lines of a raster begin at 0: with negative values they are moved up.
        base = -nice_ceiling(-low) if low < 0 else 0.0
        labels = [cut(f"{high:,.10g}", 12), cut(f"{base:,.10g}", 12)]
        left = max(map(len, labels)) + 1
        columns = max(1, width - left - 1)
        begin, end = picture.begin[0], picture.end[0]
        if end <= begin:
            end = begin + 1
        values = [
            [None if value is None else value - base for value in buckets(points, begin, end, 2 * columns)]
            for _, points in picture.lines
        ]
        title = [self._segment(" ", "title")]
        for number, (name, _) in enumerate(picture.lines):
            title.append(self._segment(f"━ {cut(harmless(name), 24)}  ", f"line{number}"))
        found = [Strip(title)]
        for y, line in enumerate(draw(values, columns, rows, high - base)):
            label = labels[0] if y == 0 else labels[1] if y == rows - 1 else ""
            segments = [self._segment(fitted(label, left - 1, right=True) + ("┤" if label else "│"), "axis")]
            segments += [self._segment(cell.text, f"line{max(0, cell.line)}") for cell in line]
            found.append(Strip(segments))
        right = cut(picture.end[1], columns)
        axis = fitted(" " * left + cut(picture.begin[1], columns), max(0, width - cells(right) - 1)) + right
        found.append(Strip([self._segment(axis, "axis")]))
        return found

    def _bars(self, picture: ResultPicture, width: int, height: int) -> list[Strip]:
        bars = picture.bars[: max(1, height - 1)]
        more = len(picture.bars) - len(bars) + picture.left_out
        names = min(max((cells(harmless(name)) for name, _ in bars), default=1), width // 3)
        numbers = [f"{value:,.10g}" for _, value in bars]
        room = max(1, width - names - max(map(len, numbers), default=1) - 5)
        high = max((value for _, value in bars), default=0.0)
        title = f" {cut(harmless(picture.across), 40)}" + (
            f"  (the first {len(bars):,}; {more:,} more)" if more else ""
        )
        found = [Strip([self._segment(title, "title")])]
        for (name, value), number in zip(bars, numbers, strict=True):
            eighths = 0 if high <= 0 else round(max(0.0, value) / high * room * 8)
            full, rest = divmod(eighths, 8)
            bar = "█" * full + (_EIGHTHS[rest] if rest else "")
            found.append(
                Strip(
                    [
                        self._segment(f" {fitted(harmless(name), names)} ", "axis"),
                        self._segment(bar, "line0"),
                        self._segment(f" {number}", "title"),
                    ]
                )
            )
        return found
