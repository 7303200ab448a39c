"""A chart of lines over time, in braille."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from console.output.text import duration
from tui.widgets.cells import cut, fitted, harmless
from tui.widgets.raster import Cell, Point, buckets, draw, nice_ceiling
from tui.widgets.roles import role_style

LINES_MAX = 6


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line: its name (of a single one: not shown) and its points by time (ms)."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a chart shows from `begin_ms` to `end_ms`. `note` stands there while there are no points."""

    title: str
    lines: tuple[ChartLine, ...] = ()
    begin_ms: int = 0
    end_ms: int = 0
    note: str = ""
    text: Callable[[float], str] = field(default=lambda value: f"{value:,.0f}", compare=False)


LABEL_MAX = 9


def axis_label(value: float, text: str) -> str:
    """`text` where there is room for it beside the axis, else the value in thousands, millions, ...: "20M"."""
    if len(text) <= LABEL_MAX:
        return text
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return cut(text, LABEL_MAX)


class Chart(Widget):
    """Title, lines, and both axes; painted again only when its picture is another."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title", "chart--axis", "chart--now", *(f"chart--line{number}" for number in range(LINES_MAX)),
    }  # fmt: skip
    DEFAULT_CSS = """
    Chart {
        height: 8; background: $background;
        & > .chart--title { color: $text-primary; text-style: bold; }
        & > .chart--axis { color: $text-muted; }
        & > .chart--now { color: $foreground; text-style: bold; }
        & > .chart--line0 { color: $primary; }
        & > .chart--line1 { color: $secondary; }
        & > .chart--line2 { color: $success; }
        & > .chart--line3 { color: $accent; }
        & > .chart--line4 { color: $error; }
        & > .chart--line5 { color: $text-muted; }
    }
    """

    def __init__(self, data: ChartData, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.data = data
        self._lines: list[Strip] = []

    def set_data(self, data: ChartData) -> None:
        self.data = data
        self._draw_again()

    def on_resize(self) -> None:
        self._draw_again()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._lines = []
        self.refresh()

    def _draw_again(self) -> None:
        lines = self._picture()
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        if not self._lines:
            self._lines = self._picture()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _picture(self) -> list[Strip]:
        width, height = self.size.width, self.size.height
        if width < 12 or height < 3 or not self.is_attached:
            return []
        data, base = self.data, self.rich_style
        rows = height - 2
        shown = data.lines[:LINES_MAX]
        known = [value for line in shown for _, value in line.points if value is not None]
        high = nice_ceiling(max(known, default=0.0))
        labels = [axis_label(high, data.text(high)), axis_label(0.0, data.text(0.0))]
        left = max(map(len, labels)) + 1
        columns = width - left - 1
        lines = [buckets(line.points, data.begin_ms, data.end_ms, 2 * columns) for line in shown]
        picture = [self._title(shown, width, base)]
        for y, cells in enumerate(draw(lines, columns, rows, high)):
            label = labels[0] if y == 0 else labels[1] if y == rows - 1 else ""
            axis = fitted(label, left - 1, right=True) + ("┤" if label else "│")
            segments = [Segment(axis, base + self._style("axis"))]
            segments += self._row(cells, base)
            strip = Strip(segments)
            if not known and y == rows // 2:
                note = cut(data.note or "nothing yet", columns)
                strip = Strip([segments[0], Segment(f" {note}", base + self._style("axis"))])
            picture.append(strip.crop_extend(0, width, base))
        span = max(0, data.end_ms - data.begin_ms)
        begin = f"-{duration(span)}" if span else ""
        axis = fitted(" " * left + begin, width - 4) + "now "
        picture.append(Strip([Segment(axis, base + self._style("axis"))]).crop_extend(0, width, base))
        return picture

    def _style(self, name: str) -> Style:
        return role_style(self, f"chart--{name}")

    def _row(self, cells: list[Cell], base: Style) -> list[Segment]:
        segments: list[Segment] = []
        text, owner = "", -1
        for cell in cells:
            if cell.line != owner and cell.text != " " and text:
                segments.append(Segment(text, base + self._style(f"line{owner}") if owner >= 0 else base))
                text = ""
            if cell.text != " ":
                owner = cell.line
            text += cell.text
        segments.append(Segment(text, base + self._style(f"line{owner}") if owner >= 0 else base))
        return segments

    def _title(self, shown: Sequence[ChartLine], width: int, base: Style) -> Strip:
        segments = [Segment(" " + harmless(self.data.title), base + self._style("title"))]
        for number, line in enumerate(shown):
            last = next((value for _, value in reversed(line.points) if value is not None), None)
            style = base + self._style(f"line{number}")
            if len(shown) > 1:
                segments.append(Segment(f"  ━ {cut(harmless(line.name), 24)}", style))
            if last is not None:
                segments.append(Segment(f"  {self.data.text(last)}", base + self._style("now")))
        return Strip(segments).crop_extend(0, width, base)
