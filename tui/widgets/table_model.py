"""Rows, columns, order, filter and marks of a table: everything but its picture. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tui.widgets.cells import cells, cut_inside, fitted, harmless
from tui.widgets.table_filter import Matcher, matcher

Row = TypeVar("Row")

MEASURED_ROWS = 400
"""So many rows, spread over the table, decide how wide columns are; wider ones widen them when they come into sight."""


def plain(value: Any) -> str:
    """A value as it is; "-" for None."""
    return "-" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column. `style` names a role: "good", "warning", "bad", "faint", "name", "" for none."""

    name: str
    """For [tui.columns]."""
    title: str
    value: Callable[[Row], Any]
    text: Callable[[Any], str] = plain
    style: Callable[[Row], str] | None = None
    right: bool = False
    """Numbers: at the right edge, and the greatest first when sorted by."""
    letter: str = ""
    """Shift and this letter sorts by it."""
    wide: bool = False
    """Only in wide mode."""
    flexible: bool = False
    """Takes the room that is left, and gives way when there is none."""
    width_min: int = 0
    width_max: int = 48
    tail: Callable[[str], int] | None = None
    """How many characters at the end of a text stay when it is cut; None: none of them."""


@dataclass(frozen=True, slots=True)
class Sort:
    """By which column, and whether from its end."""

    column: str
    descending: bool


class TableModel(Generic[Row]):
    """What a table shows. `key(row)` tells rows apart through refreshes; `fault(row)` whether one is not as it should be.

    `rows` may be any sequence, also one that makes its rows when asked: nothing here walks all of them unless there is a
    filter or an order.
    """

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        fault: Callable[[Row], bool] | None = None,
        sort: Sort | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.key = key
        self.fault = fault
        self.sort = sort
        self.rows: Sequence[Row] = ()
        self.order: Sequence[int] = range(0)
        """Indices of `rows` as they are shown."""
        self.marked: dict[Hashable, None] = {}
        self.filter_text = ""
        self.faults_only = False
        self._matches: Matcher | None = None

    # what is there

    def set_rows(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.arrange()
        if self.marked:
            there = {self.key(row) for row in rows}
            self.marked = {key: None for key in self.marked if key in there}

    def __len__(self) -> int:
        return len(self.order)

    def row(self, at: int) -> Row:
        """The row shown at that place."""
        return self.rows[self.order[at]]

    def find(self, key: Hashable, near: int = 0) -> int | None:
        """Where the row of that key is shown; looks around `near` first."""
        size = len(self.order)
        for at in (near, near + 1, near - 1):
            if 0 <= at < size and self.key(self.row(at)) == key:
                return at
        return next((at for at in range(size) if self.key(self.row(at)) == key), None)

    # order and filter

    def set_filter(self, text: str) -> None:
        """Raises OperatorError for a bad expression, and leaves the old one."""
        self._matches = matcher(text)
        self.filter_text = text if self._matches is not None else ""
        self.arrange()

    def sort_by(self, column: Column[Row]) -> None:
        """By that column; again: the other way round."""
        if self.sort is not None and self.sort.column == column.name:
            self.sort = Sort(column.name, not self.sort.descending)
        else:
            self.sort = Sort(column.name, column.right)
        self.arrange()

    def arrange(self) -> None:
        """Brings rows into order anew."""
        rows = self.rows
        order: Sequence[int] = range(len(rows))
        if self.faults_only and self.fault is not None:
            fault = self.fault
            order = [at for at in order if fault(rows[at])]
        if self._matches is not None:
            matches = self._matches
            order = [at for at in order if matches(self.row_text(rows[at]))]
        column = self.column(self.sort.column) if self.sort is not None else None
        if column is not None and self.sort is not None:
            value = column.value
            known = [(value(rows[at]), at) for at in order]
            unknown = [at for found, at in known if found is None]
            # Ties keep the order of the rows, whichever way round.
            there = [(found, at) for found, at in known if found is not None]
            there.sort(key=lambda each: each[0], reverse=self.sort.descending)
            order = [at for _, at in there] + unknown
        self.order = order

    def column(self, name: str) -> Column[Row] | None:
        return next((column for column in self.columns if column.name == name), None)

    def row_text(self, row: Row) -> str:
        """All its cells, for the filter."""
        return " ".join(column.text(column.value(row)) for column in self.columns)

    # marks

    def toggle_mark(self, at: int) -> None:
        key = self.key(self.row(at))
        if key in self.marked:
            del self.marked[key]
        else:
            self.marked[key] = None

    def mark_range(self, to: int) -> None:
        """From the row marked last to that one."""
        last = next(reversed(self.marked), None)
        begin = to if last is None else self.find(last, to)
        if begin is None:
            begin = to
        step = 1 if to >= begin else -1
        for at in range(begin, to + step, step):
            self.marked[self.key(self.row(at))] = None

    def chosen(self, at: int) -> list[Row]:
        """The marked rows in the order they are shown, else the one at `at`."""
        if self.marked:
            return [row for row in map(self.row, range(len(self.order))) if self.key(row) in self.marked]
        return [self.row(at)] if 0 <= at < len(self.order) else []

    # widths

    def shown_columns(self, wide: bool, names: Sequence[str] = ()) -> list[Column[Row]]:
        """Those of `names` (from the settings), else all, the wide ones only in wide mode."""
        if names and not wide:
            found = [column for name in names if (column := self.column(name)) is not None]
            if found:
                return found
        return [column for column in self.columns if wide or not column.wide]

    def natural_width(self, column: Column[Row]) -> int:
        """How wide it would like to be, by a sample of its rows."""
        size = len(self.order)
        step = max(1, size // MEASURED_ROWS)
        widest = cells(column.title)
        for at in range(0, size, step):
            widest = max(widest, cells(self.cell_text(column, self.row(at))))
        return min(max(widest, column.width_min), column.width_max)

    def cell_text(self, column: Column[Row], row: Row) -> str:
        return harmless(column.text(column.value(row)))

    def cell_fitted(self, column: Column[Row], row: Row, width: int) -> str:
        """The cell, exactly so wide."""
        text = self.cell_text(column, row)
        if column.tail is not None:
            text = cut_inside(text, width, tail=column.tail(text))
        return fitted(text, width, right=column.right)


GAP_MIN, GAP_MAX = 2, 5
NARROW, COMFORTABLE = 8, 24


def layout_widths(naturals: Sequence[int], flexible: Sequence[bool], room: int) -> tuple[list[int], int]:
    """Widths for columns in `room` cells, and the gap between them.

    Where there is room, gaps grow, but not so far that the eye loses the row; where there is none, flexible columns give
    way, down to 8 cells. When that is not enough, one scrolls sideways anyway: then they stay wide enough to be read.
    """
    widths = list(naturals)
    gaps = max(1, len(widths) - 1)
    spare = room - sum(widths) - GAP_MIN * (len(widths) - 1)
    if spare >= 0:
        return widths, min(GAP_MAX, GAP_MIN + spare // gaps)
    bending = [at for at, bends in enumerate(flexible) if bends]
    can_give = sum(max(0, widths[at] - NARROW) for at in bending)
    floor = NARROW if can_give >= -spare else COMFORTABLE
    for at in sorted(bending, key=lambda each: -widths[each]):
        give = min(-spare, max(0, widths[at] - floor))
        widths[at] -= give
        spare += give
    return widths, GAP_MIN
