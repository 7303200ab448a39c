"""The lines at the top and the bottom: where one is, how the cluster is, and which keys help here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cells import cells, cut, harmless
from tui.widgets.roles import role_style

Part = tuple[str, str]
"""Text, and a role: one of the component classes without their prefix."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: parts from the left, and parts that stay at the right edge. What is too much goes from the left ones."""

    left: tuple[Part, ...]
    right: tuple[Part, ...] = ()


class Bar(Widget):
    """Lines of parts. Painted again only when one of them is another."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "bar--text", "bar--strong", "bar--faint", "bar--good", "bar--warning", "bar--bad", "bar--key",
    }  # fmt: skip
    DEFAULT_CSS = """
    Bar {
        height: auto; width: 100%; background: $panel; color: $foreground;
        & > .bar--strong { color: $text-primary; text-style: bold; }
        & > .bar--faint { color: $text-muted; }
        & > .bar--good { color: $text-success; }
        & > .bar--warning { color: $text-warning; text-style: bold; }
        & > .bar--bad { color: $text-error; text-style: bold; }
        & > .bar--key { color: $text-accent; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = (Line(()),)

    def set_lines(self, *lines: Line) -> None:
        if lines != self._lines:
            taller = len(lines) != len(self._lines)
            self._lines = lines
            self.refresh(layout=taller)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[y]
        right = self._segments(line.right, max(0, width - 1), base)
        taken = sum(cells(segment.text) for segment in right)
        left = self._segments(line.left, max(0, width - taken - (1 if taken else 0)), base)
        strip = Strip(left).extend_cell_length(width - taken, base)
        return Strip([*strip, *right]).crop_extend(0, width, base)

    def _segments(self, parts: tuple[Part, ...], room: int, base: Style) -> list[Segment]:
        found = []
        for text, role in parts:
            if room <= 0:
                break
            text = cut(harmless(text), room)
            room -= cells(text)
            style = base + role_style(self, f"bar--{role}") if role else base
            found.append(Segment(text, style))
        return found

    def part_at(self, x: int, y: int) -> Part | None:
        """The part of the left side under a place, for the mouse."""
        if y >= len(self._lines):
            return None
        edge = 0
        for part in self._lines[y].left:
            edge += cells(part[0])
            if x < edge:
                return part
        return None


class KeyBar(Bar):
    """The footer: keys with what they do. A click on one is the key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[tuple[str, str, str], ...] = ()

    def set_keys(self, keys: tuple[tuple[str, str, str], ...]) -> None:
        """Each: how it is written, what it does, and its name for the program."""
        self._keys = keys
        parts: list[Part] = []
        for shown, label, _ in keys:
            parts += [(f" {shown} ", "key"), (f"{label} ", "faint")]
        self.set_lines(Line(tuple(parts)))

    async def on_click(self, event: events.Click) -> None:
        edge = 0
        for shown, label, key in self._keys:
            edge += cells(shown) + cells(label) + 3
            if event.x < edge:
                self.app.simulate_key(key)
                return
