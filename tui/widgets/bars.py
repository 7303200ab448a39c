"""The lines at the top and the bottom: where one is, how the cluster is, and which keys help here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
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

    def parts_of(self, y: int) -> int:
        """How many parts the left side of that line has."""
        return len(self._lines[y].left) if y < len(self._lines) else 0

    def part_at(self, x: int, y: int) -> int | None:
        """Which part of the left side is under a place, for the mouse."""
        if y >= len(self._lines):
            return None
        edge = 0
        for at, (text, _) in enumerate(self._lines[y].left):
            edge += cells(text)
            if x < edge:
                return at
        return None


class TopBar(Bar):
    """The header: tells which of its parts was clicked."""

    class Clicked(Message):
        """The part of that number on that line, from the left."""

        def __init__(self, line: int, part: int) -> None:
            super().__init__()
            self.line = line
            self.part = part

    def on_click(self, event: events.Click) -> None:
        part = self.part_at(event.x, event.y)
        if part is not None:
            self.post_message(self.Clicked(event.y, part))


@dataclass(frozen=True, slots=True)
class FooterKey:
    """How a key is written, what it does, and its name for the program."""

    shown: str
    label: str
    name: str


class KeyBar(Bar):
    """The footer: keys with what they do. A click on one is the key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wanted: tuple[FooterKey, ...] = ()
        self._keys: tuple[FooterKey, ...] = ()
        """Those there is room for."""
        self._last: FooterKey | None = None

    def set_keys(self, keys: Sequence[FooterKey], last: FooterKey | None = None) -> None:
        """`keys` from the left, as many as there is room for; `last` stays at the right edge."""
        self._wanted, self._last = tuple(keys), last
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        end = self._parts([self._last]) if self._last is not None else []
        room = self.size.width - sum(cells(text) for text, _ in end) - 1
        shown = []
        for key in self._wanted:
            room -= cells(key.shown) + cells(key.label) + 3
            if room < 0:
                break
            shown.append(key)
        self._keys = tuple(shown)
        self.set_lines(Line(tuple(self._parts(shown)), tuple(end)))

    @staticmethod
    def _parts(keys: Sequence[FooterKey]) -> list[Part]:
        return [part for key in keys for part in ((f" {key.shown} ", "key"), (f"{key.label} ", "faint"))]

    async def on_click(self, event: events.Click) -> None:
        edge = 0
        for key in self._keys:
            edge += cells(key.shown) + cells(key.label) + 3
            if event.x < edge:
                self.app.simulate_key(key.name)
                return
        if (
            self._last is not None
            and event.x >= self.size.width - cells(self._last.shown) - cells(self._last.label) - 3
        ):
            self.app.simulate_key(self._last.name)
