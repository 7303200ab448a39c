"""A page of lines to be read: facts, descriptions, one entry in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.bindings import bindings_of
from tui.widgets.cells import cells, fitted, harmless
from tui.widgets.roles import role_style

DocumentLine = tuple[tuple[str, str], ...]
"""Parts: text and role ("heading", "label", "good", "warning", "bad", "faint", "" for none)."""

_WIDTH_STEP = 40

ROLES = ("heading", "label", "good", "warning", "bad", "faint")


def heading(text: str) -> DocumentLine:
    return ((text, "heading"),)


def fact(label: str, value: str, role: str = "", width: int = 22) -> DocumentLine:
    """A name and its value."""
    return ((fitted(f"  {label} ", width), "label"), (value, role))


def columns(rows: Sequence[Sequence[str]], roles: Sequence[str] = ()) -> list[DocumentLine]:
    """Rows of texts below each other."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)] if rows else []
    return [
        tuple(
            (fitted(f"  {text}", width + 2), role)
            for text, width, role in zip(row, widths, roles or [""] * len(row), strict=True)
        )
        for row in rows
    ]


class Document(ScrollView, can_focus=True):
    """Shows lines; scrolls, and keeps its place when they change."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("page")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"document--{role}" for role in ROLES}
    DEFAULT_CSS = """
    Document {
        height: 1fr; background: $background; color: $foreground; scrollbar-size: 0 1;
        & > .document--heading { color: $text-primary; text-style: bold; }
        & > .document--label { color: $text-secondary; }
        & > .document--good { color: $text-success; }
        & > .document--warning { color: $text-warning; }
        & > .document--bad { color: $text-error; text-style: bold; }
        & > .document--faint { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: tuple[DocumentLine, ...] = ()
        self._styles: dict[str, Style] = {}
        """Role -> how it is written; until the theme changes."""

    def set_lines(self, lines: Sequence[DocumentLine]) -> None:
        clean = tuple(tuple((harmless(text), role) for text, role in line) for line in lines)
        if clean == self.lines:
            return
        before, self.lines = self.lines, clean
        widest = max((sum(cells(text) for text, _ in line) for line in clean), default=1) + 1
        room = self.scrollable_content_region
        # In steps, for every other size is another layout of the whole screen.
        size = Size(room.width if widest <= room.width else -(-widest // _WIDTH_STEP) * _WIDTH_STEP, len(clean))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        top = self.scroll_offset.y
        for y in range(min(room.height, len(clean) - top)):
            if clean[top + y] != before[top + y]:
                self.refresh(Region(0, y, room.width, 1))

    @property
    def text(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        base = self.rich_style
        width = self.scrollable_content_region.width
        at = top + y
        if at >= len(self.lines):
            return Strip.blank(width, base)
        segments = [Segment(text, base + self._style(role) if role else base) for text, role in self.lines[at]]
        return Strip([Segment(" ", base), *segments]).crop_extend(left, left + width, base)

    def _style(self, role: str) -> Style:
        known = self._styles.get(role)
        if known is None:
            known = self._styles[role] = role_style(self, f"document--{role}")
        return known

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def action_page_first(self) -> None:
        self.scroll_home(animate=False)

    def action_page_last(self) -> None:
        self.scroll_end(animate=False)

    def action_line_down(self) -> None:
        self.scroll_to(y=self.scroll_offset.y + 1, animate=False)

    def action_line_up(self) -> None:
        self.scroll_to(y=self.scroll_offset.y - 1, animate=False)

    def action_screen_down(self) -> None:
        self.scroll_to(y=self.scroll_offset.y + max(1, self.size.height - 1), animate=False)

    def action_screen_up(self) -> None:
        self.scroll_to(y=self.scroll_offset.y - max(1, self.size.height - 1), animate=False)
