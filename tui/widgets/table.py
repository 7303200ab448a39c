"""The virtual table: paints only the rows in sight, whatever their number, and keeps its place when they change."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Generic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.bindings import bindings_of
from tui.widgets.cells import cut, fitted, harmless, in_lines
from tui.widgets.roles import role_style
from tui.widgets.table_model import GAP_MIN, Column, Row, Sort, TableModel, layout_widths

MARGIN = 1
"""Cells left free at both edges."""
MARK = "•"
"""At the edge of a marked row: seen without colours too."""
ROLES = ("name", "good", "warning", "bad", "faint")


class VirtualTable(ScrollView, Generic[Row], can_focus=True):
    """Shows a `TableModel`. The first line is the heading; `message` stands where rows would be when there are none."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--row",
        "table--head",
        "table--cursor",
        "table--cursor-blurred",
        "table--marked",
        "table--message",
        *(f"table--{role}" for role in ROLES),
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        background: $background;
        scrollbar-size: 0 1;
        & > .table--row { color: $foreground; }
        & > .table--head { color: $text-primary; text-style: bold; }
        & > .table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        & > .table--cursor-blurred { background: $surface-lighten-1; }
        & > .table--marked { color: $text-accent; text-style: bold; }
        & > .table--message { color: $text-muted; }
        & > .table--name { color: $text-secondary; }
        & > .table--good { color: $text-success; }
        & > .table--warning { color: $text-warning; }
        & > .table--bad { color: $text-error; text-style: bold; }
        & > .table--faint { color: $text-disabled; }
    }
    """

    class Opened(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, table: VirtualTable[Any]) -> None:
            super().__init__()
            self.table = table

    class Moved(Message):
        """The cursor is on another row, or rows were marked, filtered, ordered."""

        def __init__(self, table: VirtualTable[Any]) -> None:
            super().__init__()
            self.table = table

    def __init__(self, model: TableModel[Row], *, shown: Sequence[str] = (), id: str | None = None) -> None:
        """`shown`: names of the columns to show, where the settings say so."""
        super().__init__(id=id)
        self.model = model
        self.cursor = 0
        self.wide: bool | None = None
        """Whether columns for wide screens are shown; None: when there is room for them."""
        self.scrolls_columns = True
        """Whether ← and → are the table's own."""
        self.message: tuple[str, ...] = ()
        """Lines; the first is the heading."""
        self.message_is_bad = False
        self._shown_names = tuple(shown)
        self._columns: list[Column[Row]] = []
        self._widths: list[int] = []
        self._gap = 2
        self._painted: dict[int, Strip] = {}
        """Lines as they are on the screen, by line of the widget: what is the same is not painted again."""
        self._cursor_key: Hashable | None = None

    # what others do with it

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Other rows, or other values: cursor, marks and place stay."""
        on_screen = self.cursor - self.scroll_offset.y
        self.model.set_rows(rows)
        # Who scrolled away from the cursor (with the wheel) reads there.
        self._restore(on_screen, follow=0 <= on_screen < self._page)

    def say(self, *lines: str, bad: bool = False) -> None:
        """What stands there while there are no rows."""
        lines = tuple(map(harmless, lines))
        if (lines, bad) != (self.message, self.message_is_bad):
            self.message, self.message_is_bad = lines, bad
            if not len(self.model):
                self._lay_out()

    def rearrange(self) -> None:
        """After the filter or the order were changed: the cursor stays on its row where that is still shown."""
        self._restore(self.cursor - self.scroll_offset.y)
        self.post_message(self.Moved(self))

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.model.row(self.cursor) if self.cursor < len(self.model) else None

    @property
    def chosen(self) -> list[Row]:
        """The marked rows, else the one under the cursor."""
        return self.model.chosen(self.cursor)

    def move_to_key(self, key: Hashable) -> bool:
        """The cursor onto that row; false when it is not shown."""
        at = self.model.find(key)
        if at is None:
            return False
        self._move(at)
        return True

    # keeping its place

    def _restore(self, on_screen: int, *, follow: bool = True) -> None:
        size = len(self.model)
        at = None if self._cursor_key is None else self.model.find(self._cursor_key, self.cursor)
        self.cursor = max(0, min(self.cursor if at is None else at, size - 1))
        self._remember()
        self._lay_out()
        top = max(0, min(self.cursor - on_screen, size - self._page))
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, immediate=True)
        if follow:
            self._show_cursor()

    def _remember(self) -> None:
        self._cursor_key = self.model.key(self.model.row(self.cursor)) if len(self.model) else None

    @property
    def _page(self) -> int:
        """Rows in sight."""
        return max(1, self.scrollable_content_region.height - 1)

    def _lay_out(self) -> None:
        """Widths, height, and what is painted: only lines that became others are painted again."""
        room = self.scrollable_content_region.width - 2 * MARGIN
        self._columns, naturals = self._choose(room)
        self._widths, self._gap = layout_widths(naturals, [column.flexible for column in self._columns], room)
        width = sum(self._widths) + self._gap * (len(self._widths) - 1) + 2 * MARGIN if len(self.model) else 0
        size = Size(max(width, 1), len(self.model) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._repaint()

    def _choose(self, room: int) -> tuple[list[Column[Row]], list[int]]:
        """The columns that are shown, and how wide they would like to be."""
        model = self.model
        shown = model.shown_columns(bool(self.wide), self._shown_names)
        naturals = {column.name: model.natural_width(column) for column in shown}
        if self.wide is None and not self._shown_names:
            # Those for wide screens as far as there is room, in their order.
            taken = sum(naturals.values()) + GAP_MIN * (len(naturals) - 1)
            for column in model.columns:
                if column.wide:
                    width = model.natural_width(column)
                    if taken + GAP_MIN + width > room:
                        break
                    taken += GAP_MIN + width
                    naturals[column.name] = width
            shown = [column for column in model.columns if column.name in naturals]
        return shown, [naturals[column.name] for column in shown]

    def _repaint(self) -> None:
        """Lines that look otherwise than they did."""
        before, self._painted = self._painted, {}
        if not before:
            self.refresh()
            return
        for y in range(self.size.height):
            known = before.get(y)
            line = self._line(y)
            if known is None or known != line:
                self.refresh_lines(y + self.scroll_offset.y, 1)
            self._painted[y] = line

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painted.clear()
        self.refresh()

    def on_resize(self) -> None:
        self._painted.clear()
        self._lay_out()
        self._show_cursor()

    def on_focus(self) -> None:
        self._repaint()

    def on_blur(self) -> None:
        self._repaint()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        self._painted.clear()
        super().watch_scroll_x(old_value, new_value)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._painted.clear()
        super().watch_scroll_y(old_value, new_value)

    # the picture

    def render_line(self, y: int) -> Strip:
        line = self._painted.get(y)
        if line is None:
            line = self._painted[y] = self._line(y)
        return line

    def _line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        left = self.scroll_offset.x
        base = self.get_component_rich_style("table--row")
        if not len(self.model):
            return self._message_line(y, width, base)
        if y == 0:
            line = self._head()
        else:
            at = self.scroll_offset.y + y - 1
            if at >= len(self.model):
                return Strip.blank(width, base)
            line = self._row_line(at, base)
        return line.crop_extend(left, left + width, base)

    def _message_line(self, y: int, width: int, base: Style) -> Strip:
        lines = [(line, at) for at, text in enumerate(self.message) for line in in_lines(text, width - 2)]
        if not 1 <= y <= len(lines):
            return Strip.blank(width, base)
        text, at = lines[y - 1]
        style = base + self._role("message" if at else "bad" if self.message_is_bad else "name")
        return Strip([Segment(fitted(" " + text, width), style)], width)

    def _role(self, role: str) -> Style:
        return role_style(self, f"table--{role}") if role else Style.null()

    def _head(self) -> Strip:
        style = self.get_component_rich_style("table--head")
        segments = [Segment(" " * MARGIN, style)]
        gap = " " * self._gap
        sort = self.model.sort
        for column, width in zip(self._columns, self._widths, strict=True):
            arrow = ""
            if sort is not None and sort.column == column.name:
                arrow = "↓" if sort.descending else "↑"
            title = cut(column.title, width)
            # Behind its title: also where that fills the column, for there is a gap.
            text = fitted(title, width, right=True) + arrow if column.right else title + arrow
            segments.append(Segment(fitted(text, width + len(gap)), style))
        return Strip(segments)

    def _row_line(self, at: int, base: Style) -> Strip:
        row = self.model.row(at)
        model = self.model
        marked = bool(model.marked) and model.key(row) in model.marked
        style = base
        if marked:
            style = style + self._role("marked")
        whole = at == self.cursor
        if whole:
            name = "table--cursor" if self.has_focus else "table--cursor-blurred"
            style = self.get_component_rich_style(name) if self.has_focus else style + self.get_component_rich_style(name, partial=True)  # fmt: skip
            if marked:
                style += Style(underline=True)
        segments = [Segment(fitted(MARK if marked else "", MARGIN), style)]
        gap = " " * self._gap
        for index, (column, width) in enumerate(zip(self._columns, self._widths, strict=True)):
            text = model.cell_fitted(column, row, width)
            role = column.style(row) if column.style is not None else ""
            cell = style
            # Under the cursor everything has its colours, but bad stays to be seen.
            if role and not (whole and self.has_focus) and not marked:
                cell = style + self._role(role)
            elif role == "bad":
                cell = style + Style(bold=True, underline=True)
            if index:
                segments.append(Segment(gap, style))
            segments.append(Segment(text, cell))
        rest = self.scrollable_content_region.width + self.scroll_offset.x
        return Strip(segments).extend_cell_length(rest, style)

    # the cursor

    def _move(self, at: int) -> None:
        at = max(0, min(at, len(self.model) - 1))
        if at != self.cursor:
            self.cursor = at
            self._remember()
            self._repaint()
            self.post_message(self.Moved(self))
        self._show_cursor()

    def _show_cursor(self) -> None:
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + self._page:
            self.scroll_to(y=self.cursor - self._page + 1, animate=False, immediate=True)

    def action_cursor_down(self) -> None:
        self._move(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self._move(self.cursor - 1)

    def action_page_down(self) -> None:
        self._move(self.cursor + self._page)

    def action_page_up(self) -> None:
        self._move(self.cursor - self._page)

    def action_first(self) -> None:
        self._move(0)

    def action_last(self) -> None:
        self._move(len(self.model) - 1)

    def action_scroll_columns(self, by: int) -> None:
        """To the next column's edge that is out of sight."""
        edges = [0]
        for width in self._widths[:-1]:
            edges.append(edges[-1] + width + self._gap)
        left = self.scroll_offset.x
        further = [edge for edge in edges if edge > left] if by > 0 else [edge for edge in edges if edge < left][::-1]
        if further:
            self.scroll_to(x=min(further[0], self.max_scroll_x), animate=False, immediate=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "scroll_columns" or self.scrolls_columns

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self))

    # marks, order, columns

    def action_mark(self) -> None:
        if self.row is not None:
            self.model.toggle_mark(self.cursor)
            self._repaint()
            self.post_message(self.Moved(self))
            self._move(self.cursor + 1)

    def action_mark_to(self) -> None:
        if self.row is not None:
            self.model.mark_range(self.cursor)
            self._repaint()
            self.post_message(self.Moved(self))

    def action_unmark(self) -> None:
        self.model.marked.clear()
        self._repaint()
        self.post_message(self.Moved(self))

    def action_wide(self) -> None:
        self.wide = not any(column.wide for column in self._columns)
        self._painted.clear()
        self._lay_out()

    def action_faults(self) -> None:
        if self.model.fault is not None:
            self.model.faults_only = not self.model.faults_only
            self.model.arrange()
            self.rearrange()

    def action_sort_next(self) -> None:
        names = [column.name for column in self._columns]
        sort = self.model.sort
        at = names.index(sort.column) + 1 if sort is not None and sort.column in names else 0
        self._sort_by(self._columns[at % len(self._columns)])

    def _sort_by(self, column: Column[Row]) -> None:
        self.model.sort_by(column)
        self.rearrange()

    def set_sort(self, sort: Sort | None) -> None:
        self.model.sort = sort
        self.model.arrange()
        self.rearrange()

    def on_key(self, event: events.Key) -> None:
        letter = event.character or ""
        if len(letter) == 1 and letter.isupper():
            column = next((each for each in self.model.columns if each.letter == letter), None)
            if column is not None:
                event.stop()
                self._sort_by(column)

    # the mouse

    def on_click(self, event: events.Click) -> None:
        y = event.get_content_offset(self)
        if y is None or not len(self.model):
            return
        if y.y == 0:
            column = self._column_at(y.x + self.scroll_offset.x)
            if column is not None:
                self._sort_by(column)
            return
        at = self.scroll_offset.y + y.y - 1
        if at >= len(self.model):
            return
        if event.ctrl:
            self._move(at)
            self.model.toggle_mark(at)
            self._repaint()
            self.post_message(self.Moved(self))
            return
        again = at == self.cursor
        self._move(at)
        if again and event.chain >= 2:
            self.post_message(self.Opened(self))

    def _column_at(self, x: int) -> Column[Row] | None:
        edge = MARGIN
        for column, width in zip(self._columns, self._widths, strict=True):
            edge += width + self._gap
            if x < edge:
                return column
        return None

    def text_of(self, row: Row) -> str:
        """The row's first cell: what `c` copies."""
        return cut(self.model.columns[0].text(self.model.columns[0].value(row)), 10_000)
