"""Rows of an SQL result as they came, in Arrow: a sequence that makes a row when it is looked at, and its table's model,
which filters and sorts 500,000 rows without making any. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

from console.sql.values import plain
from tui.widgets.cells import harmless
from tui.widgets.result_order import ResultOrder
from tui.widgets.table_filter import matcher
from tui.widgets.table_model import Column, Sort, TableModel

if TYPE_CHECKING:
    from console.sql.results import Page, ResultColumn

CELL_CHARACTERS_MAX = 2_000
BESIDE_ROWS = 20_000
"""More are filtered and sorted beside the keys."""
NUMBERS = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
     "FLOAT", "DOUBLE"]
)  # fmt: skip


def is_number(kind: str) -> bool:
    return kind in NUMBERS or kind.startswith("DECIMAL")


def value_text(value: Any, characters_max: int | None = CELL_CHARACTERS_MAX) -> str:
    """A value of a result for people."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        # Longer ones are cut before they are made readable.
        value = value if characters_max is None else value[:characters_max]
    found = plain(value)
    if isinstance(found, (dict, list)):
        import msgspec

        found = msgspec.json.encode(found).decode()
    text = str(found)
    return text if characters_max is None or len(text) <= characters_max else text[: characters_max - 1] + "…"


class ResultRow:
    """One row; its cells are made when they are asked for."""

    __slots__ = ("_at", "_batch", "number")

    def __init__(self, batch: Any, at: int, number: int) -> None:
        self._batch = batch
        self._at = at
        self.number = number
        """From 0, in the order that they came."""

    def cell(self, column: int) -> Any:
        value = self._batch.column(column)[self._at].as_py()
        return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


class ArrowRows(Sequence[ResultRow]):
    """All pages that came so far."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self.columns = tuple(columns)
        self.pages: list[Page] = []
        self._tops = [0]
        self._strings: dict[tuple[int, int], Any] = {}

    def add(self, page: Page) -> None:
        if page.batch.num_rows:
            self.pages.append(page)
            self._tops.append(self._tops[-1] + page.batch.num_rows)

    def __len__(self) -> int:
        return self._tops[-1]

    @overload
    def __getitem__(self, at: int) -> ResultRow: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[ResultRow]: ...
    def __getitem__(self, at: int | slice) -> ResultRow | Sequence[ResultRow]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        page = bisect_right(self._tops, at) - 1
        return ResultRow(self.pages[page].batch, at - self._tops[page], at)

    def column(self, index: int) -> Any:
        """One column of all rows, as Arrow has it."""
        import pyarrow as pa

        return pa.chunked_array([page.batch.column(index) for page in self.pages])

    def strings(self, index: int, page: int) -> Any:
        """One column of one page as text, for filters; kept for the next."""
        import pyarrow as pa
        import pyarrow.compute as pc

        known = self._strings.get((index, page))
        if known is not None:
            return known
        column = self.pages[page].batch.column(index)
        try:
            found = pc.cast(column, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            found = pa.array([value_text(value) for value in column.to_pylist()], pa.string())
        found = pc.fill_null(found, "NULL")
        self._strings[index, page] = found
        return found


class ResultModel(TableModel[ResultRow]):
    """The table of a result."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        super().__init__([_column(at, each) for at, each in enumerate(columns)], lambda row: row.number)
        self._types = [each.type for each in columns]
        self.arrange_beside: Callable[[], None] | None = None
        """Begins to arrange many rows beside the keys: `take` of what `to_arrange` makes ends it."""
        self._taken: tuple[str, Sort | None] = ("", None)

    def set_rows(self, rows: Sequence[ResultRow]) -> None:
        # More of the same rows come, none ever goes: marks stay.
        self.rows = rows
        self.arrange()

    def chosen(self, at: int) -> list[ResultRow]:
        if self.marked:
            return [self.row(at) for at, number in enumerate(self.order) if number in self.marked]
        return super().chosen(at)

    def find(self, key: Hashable, near: int = 0) -> int | None:
        order = self.order
        if isinstance(order, range):
            return key if isinstance(key, int) and key < len(order) else None
        try:
            return order.index(int(str(key)))
        except (ValueError, OverflowError):
            return None

    def set_filter(self, text: str) -> None:
        matcher(text)  # tells what is wrong with it
        self.filter_text = text if text.removeprefix("/").strip() else ""
        self.arrange()

    def arrange(self) -> None:
        rows = self.rows
        if not isinstance(rows, ArrowRows) or not len(rows) or (self.sort is None and not self.filter_text):
            self.take(range(len(rows)))
        elif self.arrange_beside is not None and len(rows) > BESIDE_ROWS:
            # What is shown stays until then.
            self.arrange_beside()
        else:
            order = self.to_arrange().make()
            assert order is not None
            self.take(order)

    def to_arrange(self) -> ResultOrder:
        """What is still to be made for the filter and the order that are wanted."""
        assert isinstance(self.rows, ArrowRows)
        sort = self.sort
        index = 0
        if sort is not None:
            index = next(at for at, column in enumerate(self.columns) if column.name == sort.column)
        return ResultOrder(self.rows, self.filter_text, sort, index)

    def take(self, order: Sequence[int]) -> None:
        """Shows them so."""
        self.order = order
        self._taken = (self.filter_text, self.sort)

    def give_up(self) -> None:
        """Back to the filter and the order of what is shown."""
        self.filter_text, self.sort = self._taken


def _column(at: int, column: ResultColumn) -> Column[ResultRow]:
    right = is_number(column.type)
    return Column(
        f"{at}", harmless(column.name), lambda row: row.cell(at), value_text,
        style=lambda row: "faint" if row.cell(at) is None else "", right=right,
        flexible=not right and not column.type.startswith(("TIMESTAMP", "DATE", "TIME", "BOOL")), width_max=200,
    )  # fmt: skip
