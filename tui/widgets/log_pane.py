"""A live log on the screen: follows its end or stays where one reads, wraps, marks what matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.bindings import bindings_of
from tui.widgets.cells import cells, cut, harmless, in_lines
from tui.widgets.log_lines import LogLines, Part, Parts, Tops, wrapped, wrapped_height
from tui.widgets.roles import role_style

ROLES = ("name", "good", "warning", "bad", "faint", "message")
INDENT = 2
"""So far from the edge a wrapped line goes on: where a record begins is seen."""


class LogPane(ScrollView, can_focus=True):
    """Shows `LogLines`. Only what is in sight is decoded and painted; wrapping measures all that is kept."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("log")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--cursor", "log--match", *(f"log--{role}" for role in ROLES),
    }  # fmt: skip
    DEFAULT_CSS = """
    LogPane {
        height: 1fr; background: $background; color: $foreground; scrollbar-size: 0 1;
        & > .log--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        & > .log--match { background: $warning; color: $background; text-style: bold; }
        & > .log--name { color: $text-secondary; }
        & > .log--good { color: $text-success; }
        & > .log--warning { color: $text-warning; }
        & > .log--bad { color: $text-error; text-style: bold; }
        & > .log--faint { color: $text-disabled; }
        & > .log--message { color: $text-muted; }
    }
    """

    class Opened(Message):
        """Enter, or a second click, on a line."""

        def __init__(self, entry: Any) -> None:
            super().__init__()
            self.entry = entry

    class Changed(Message):
        """It follows, or no longer; wraps, or no longer."""

    def __init__(self, lines: LogLines, prefix: Parts, text_role: Any, *, id: str | None = None) -> None:
        """`prefix(entry)` stands before the text, `text_role(entry)` is the text's role."""
        super().__init__(id=id)
        self.lines = lines
        self.follows = True
        self.wraps = False
        self.cursor = 0
        self.message: tuple[str, ...] = ()
        self.paints = 0
        """How often it was painted with other lines: for measuring."""
        self._prefix = prefix
        self._text_role = text_role
        self._tops: Tops | None = None
        self._heights: list[int] = []
        self._spans: dict[str, Any] = {}

    # what others do with it

    def add(self, entries: Sequence[Any]) -> None:
        """More lines; painted by `show`."""
        gone = self.lines.add(entries)
        if self.wraps:
            kept = len(self.lines.shown) - (len(self._heights) - gone)
            del self._heights[:gone]
            width = self._room
            self._heights += [self._height(each, width) for each in self.lines.shown[len(self.lines.shown) - kept :]]
        if gone and not self.follows:
            self.cursor = max(0, self.cursor - gone)
            lost = gone if self._tops is None else self._tops.top(min(gone, len(self._heights)))
            self.scroll_to(y=max(0, self.scroll_offset.y - lost), animate=False, immediate=True, force=True)

    def show(self) -> None:
        """Brings the screen up to date."""
        self.paints += 1
        self.lines.painted()
        self._tops = Tops(self._heights) if self.wraps else None
        height = self._tops.height if self._tops is not None else len(self.lines.shown)
        size = Size(self.scrollable_content_region.width, height)
        if size != self.virtual_size:
            self.virtual_size = size
        if self.follows:
            self.cursor = max(0, len(self.lines.shown) - 1)
            self.scroll_to(
                y=max(0, height - self.scrollable_content_region.height), animate=False, immediate=True, force=True
            )
        self.refresh()

    def rearrange(self) -> None:
        """After the filter, the width or wrapping are others."""
        width = self._room
        self._heights = [self._height(each, width) for each in self.lines.shown] if self.wraps else []
        self.cursor = max(0, min(self.cursor, len(self.lines.shown) - 1))
        self.show()
        self._show_cursor()

    def say(self, *lines: str) -> None:
        """What stands there while there are no lines."""
        lines = tuple(map(harmless, lines))
        if lines != self.message:
            self.message = lines
            self.refresh()

    @property
    def entry(self) -> Any:
        """The line under the cursor; None when there is none."""
        return self.lines.shown[self.cursor] if self.cursor < len(self.lines.shown) else None

    # the picture

    @property
    def _room(self) -> int:
        return max(8, self.scrollable_content_region.width - 1)

    def _whole(self, entry: Any) -> list[Part]:
        return [*self._prefix(entry), (entry.text, self._text_role(entry))]

    def _height(self, entry: Any, width: int) -> int:
        taken = sum(cells(text) for text, _ in self._whole(entry))
        if entry.text.isascii():
            return wrapped_height(taken, width, INDENT)
        return len(wrapped("".join(text for text, _ in self._whole(entry)), width, INDENT))

    def on_resize(self) -> None:
        self.rearrange()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        shown = self.lines.shown
        if not shown:
            lines = [line for text in self.message for line in in_lines(text, width - 2)]
            text = lines[y] if y < len(lines) else ""
            return Strip([Segment(" " + cut(text, width - 1), base + role_style(self, "log--message"))]).crop_extend(0, width, base)  # fmt: skip
        at, piece = self.scroll_offset.y + y, 0
        if self._tops is not None:
            if at >= self._tops.height:
                return Strip.blank(width, base)
            at, piece = self._tops.at(at)
        if at >= len(shown):
            return Strip.blank(width, base)
        chosen = at == self.cursor and not self.follows
        style = self.get_component_rich_style("log--cursor") if chosen else base
        strip = Strip(self._segments(shown[at], style, plain=chosen))
        room = self._room
        if self.wraps:
            text = "".join(segment.text for segment in strip)
            pieces = wrapped(text, room, INDENT)
            begin = sum(cells(each) for each in pieces[:piece])
            own = cells(pieces[piece]) if piece < len(pieces) else 0
            strip = strip.crop(begin, begin + own)
            if piece:
                strip = Strip([Segment(" " * INDENT, style), *strip])
        elif strip.cell_length > room:
            strip = Strip([*strip.crop(0, room - 1), Segment("…", style)])
        return Strip([Segment(" ", style), *strip]).crop_extend(0, width, style)

    def _segments(self, entry: Any, style: Style, *, plain: bool) -> list[Segment]:
        """Its texts in their colours; `plain`: all in one, as under the cursor."""
        *prefix, (text, role) = self._whole(entry)

        def coloured(role: str) -> Style:
            return style if plain or not role else style + role_style(self, f"log--{role}")

        found = [Segment(part, coloured(each)) for part, each in prefix]
        own = coloured(role)
        at = 0
        marked = style + self.get_component_rich_style("log--match", partial=True)
        for begin, end in self._marks(text[:4_000]):
            found += [Segment(text[at:begin], own), Segment(text[begin:end], marked)]
            at = end
        found.append(Segment(text[at:], own))
        return [segment for segment in found if segment.text]

    def _marks(self, text: str) -> list[tuple[int, int]]:
        """Where the filter's expression is in a text."""
        wanted = self.lines.filter_text.removeprefix("/")
        if not wanted or wanted.startswith(("!", "-f")):
            return []
        if wanted not in self._spans:
            import re2

            options = re2.Options()
            options.log_errors = False
            try:
                self._spans = {wanted: re2.compile(("" if wanted != wanted.lower() else "(?i)") + wanted, options)}
            except re2.error:
                self._spans = {wanted: None}
        expression = self._spans[wanted]
        if expression is None:
            return []
        return [match.span() for match in expression.finditer(text) if match.end() > match.start()][:50]

    # the cursor

    def _show_cursor(self) -> None:
        if self.follows:
            return
        top = self.cursor if self._tops is None else self._tops.top(min(self.cursor, len(self._heights)))
        height = 1 if self._tops is None or self.cursor >= len(self._heights) else self._heights[self.cursor]
        page = self.scrollable_content_region.height
        y = self.scroll_offset.y
        if top < y:
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
        elif top + height > y + page:
            self.scroll_to(y=max(0, min(top, top + height - page)), animate=False, immediate=True, force=True)
        self.refresh()

    def move(self, at: int) -> None:
        """The cursor onto that line: it no longer follows."""
        if not self.lines.shown:
            return
        was = self.follows
        self.follows = False
        self.cursor = max(0, min(at, len(self.lines.shown) - 1))
        self._show_cursor()
        if was:
            self.post_message(self.Changed())

    def set_follows(self, follows: bool) -> None:
        if follows != self.follows:
            self.follows = follows
            self.show()
            self.post_message(self.Changed())

    def action_log_up(self) -> None:
        self.move(self.cursor - 1)

    def action_log_down(self) -> None:
        self.move(self.cursor + 1)

    def action_log_page_up(self) -> None:
        self.move(self.cursor - max(1, self.scrollable_content_region.height - 1))

    def action_log_page_down(self) -> None:
        self.move(self.cursor + max(1, self.scrollable_content_region.height - 1))

    def action_log_first(self) -> None:
        self.move(0)

    def action_log_last(self) -> None:
        self.set_follows(True)

    def action_log_open(self) -> None:
        if self.entry is not None:
            self.post_message(self.Opened(self.entry))

    def set_wraps(self, wraps: bool) -> None:
        self.wraps = wraps
        self.rearrange()
        self.post_message(self.Changed())

    def move_to_match(self, step: int) -> bool:
        """The cursor onto the next line that the filter's expression is in; false when there is none."""
        found = self.lines.find(self.cursor, step)
        if found is not None:
            self.move(found)
        return found is not None

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(self.cursor - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(self.cursor + 3)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None or not self.lines.shown:
            return
        at = self.scroll_offset.y + place.y
        if self._tops is not None:
            if at >= self._tops.height:
                return
            at, _ = self._tops.at(at)
        if at < len(self.lines.shown):
            again = at == self.cursor and not self.follows
            self.move(at)
            if again and event.chain >= 2:
                self.action_log_open()
