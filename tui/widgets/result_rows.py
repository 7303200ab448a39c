"""Rows of an SQL result as they came, in Arrow: a sequence that makes a row when it is looked at, and its table's model,
which filters and sorts 500,000 rows without making any. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

from console.sql.values import plain
from tui.widgets.table_filter import matcher
from tui.widgets.table_model import Column, TableModel

if TYPE_CHECKING:
    from console.sql.results import Page, ResultColumn

CELL_CHARACTERS_MAX = 2_000
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
        self._strings: dict[int, tuple[int, Any]] = {}

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

    def strings(self, index: int) -> Any:
        """The same as text, for filters."""
        import pyarrow as pa
        import pyarrow.compute as pc

        known = self._strings.get(index)
        if known is not None and known[0] == len(self):
            return known[1]
        column = self.column(index)
        try:
            found = pc.cast(column, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            found = pa.chunked_array([pa.array([value_text(value) for value in column.to_pylist()], pa.string())])
        found = pc.fill_null(found, "NULL")
        self._strings[index] = (len(self), found)
        return found


class ResultModel(TableModel[ResultRow]):
    """The table of a result."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        super().__init__([_column(at, each) for at, each in enumerate(columns)], lambda row: row.number)
        self._types = [each.type for each in columns]

    def find(self, key: Hashable, near: int = 0) -> int | None:
        order = self.order
        if isinstance(order, range):
            return key if isinstance(key, int) and key < len(order) else None
        try:
            return order.index(int(str(key)))
        except ValueError:
            return None

    def set_filter(self, text: str) -> None:
        matcher(text)  # tells what is wrong with it
        self.filter_text = text if text.removeprefix("/").strip() else ""
        self.arrange()

    def arrange(self) -> None:
        rows = self.rows
        if not isinstance(rows, ArrowRows) or not len(rows):
            self.order = range(len(rows))
            return
        kept = self._kept(rows)
        sort = self.sort
        if sort is None:
            self.order = range(len(rows)) if kept is None else kept
            return
        index = next(at for at, column in enumerate(self.columns) if column.name == sort.column)
        order = _sorted(rows, index, descending=sort.descending)
        if kept is None:
            self.order = order
        else:
            wanted = set(kept)
            self.order = [at for at in order if at in wanted]

    def _kept(self, rows: ArrowRows) -> list[int] | None:
        """Numbers of the rows that the filter lets through; None: all of them."""
        text = self.filter_text.removeprefix("/")
        if not text:
            return None
        import pyarrow.compute as pc

        if text.startswith("-f"):
            fits = matcher(text)
            assert fits is not None
            texts = zip(*(rows.strings(at).to_pylist() for at in range(len(self.columns))), strict=True)
            return [at for at, cells in enumerate(texts) if fits(" ".join(cells))]
        inverse = text.startswith("!")
        pattern = text[1:] if inverse else text
        if not pattern:
            return None
        mask: Any = None
        for at in range(len(self.columns)):
            found = pc.match_substring_regex(rows.strings(at), pattern, ignore_case=pattern == pattern.lower())
            mask = found if mask is None else pc.or_(mask, found)
        if inverse:
            mask = pc.invert(mask)
        kept: list[int] = pc.indices_nonzero(mask).to_pylist()
        return kept


def _sorted(rows: ArrowRows, index: int, *, descending: bool) -> list[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    order = "descending" if descending else "ascending"
    try:
        found = pc.sort_indices(rows.column(index), sort_keys=[("", order, "at_end")])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError):
        found = pc.sort_indices(rows.strings(index), sort_keys=[("", order, "at_end")])
    numbers: list[int] = found.to_pylist()
    return numbers


def _column(at: int, column: ResultColumn) -> Column[ResultRow]:
    right = is_number(column.type)
    return Column(
        f"{at}", column.name, lambda row: row.cell(at), value_text,
        style=lambda row: "faint" if row.cell(at) is None else "", right=right,
        flexible=not right and not column.type.startswith(("TIMESTAMP", "DATE", "TIME", "BOOL")), width_max=200,
    )  # fmt: skip
