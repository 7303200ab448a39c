"""Tables: columns, rows, and what the address says of them: filter, order, and which rows are on the screen. Pure.

The filter is a list of words that must all hold:

    word        a text column contains it            !word        none does
    name:word   that column contains it              name=value   is it
    name>5      is more (also <, >=, <=)             "two words"  with blanks
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from console.output.text import plural, safe
from web.csv_cells import unformulated

Row = Mapping[str, object]

WINDOW_ROWS = 100
"""Rows that a page renders; `table.js` asks for others as one scrolls, links do without it."""
WINDOW_ROWS_MAX = 1_000

NUMERIC_KINDS = frozenset({"number", "bytes", "rate", "byte_rate", "duration", "milliseconds", "time", "percent"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` is how a value is shown and ordered: text, mono (a name), number, bytes, rate (per second),
    byte_rate (the same in bytes), duration (whole ms), milliseconds (with fractions), time (ms since 1970), percent
    (0..1), flag, list."""

    name: str
    """The key in rows, JSON, CSV and the address: Kafka's name in snake_case."""
    title: str
    kind: str = "text"
    help: str = ""
    """What it means, in the heading's tooltip."""
    narrow: bool = True
    """Whether it is there on a narrow screen, too."""
    on_page: bool = True
    """Whether the page shows it; JSON and CSV always do."""
    optional: bool = False
    """Whether the page leaves it out when no row has anything in it (nothing, no, or 0). JSON and CSV always have it."""

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC_KINDS


@dataclass(frozen=True, slots=True)
class TableState:
    """What the address says: `?q=`, `?sort=name` or `-name`, `?from=`, `?count=`."""

    filter: str = ""
    sort: str = ""
    descending: bool = False
    start: int = 0
    count: int | None = None

    @property
    def sort_word(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with the columns they have. `id` is the element's; `key` the column that tells rows apart."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    key: str
    id: str = "rows"
    href: Callable[[Row], str] | None = None
    """Where Enter on a row leads."""
    sort: str = ""
    """The order when the address asks for none: a column, `-column`; "" as the rows come."""
    noun: str = "row"
    nouns: str = ""
    """Of several; "" for the noun with an s."""
    empty: str = ""
    """What to say when there are none at all."""
    is_known: bool = True
    """Whether anybody answered; when not, nothing is said about how many there are."""
    state: TableState = field(default_factory=TableState)
    total: int | None = None
    """Rows before filtering; None until `arranged`."""
    matching: int = 0
    problem: str = ""
    """What is wrong with the filter's words."""
    shown: Sequence[Column] = ()
    """The columns of the page, once it is `arranged`."""

    def counted(self, number: int) -> str:
        """ "1 topic", "2,000 topics"."""
        return plural(number, self.noun, self.nouns or None)

    def column(self, name: str) -> Column | None:
        return next((each for each in self.columns if each.name == name), None)

    def arranged(self, state: TableState) -> Table:
        """Filtered, ordered, and cut to the window that `state` asks for (None: all rows)."""
        rows: Sequence[Row] = self.rows
        total = len(rows)
        # Of all rows, not of those that match: a heading must not come and go while one filters or scrolls.
        shown = [each for each in self.columns if each.on_page and (not each.optional or _has_any(rows, each.name))]
        own = self.sort.lstrip("-")
        if self.column(state.sort) is None:
            state = replace(state, sort=own, descending=self.sort.startswith("-"))
        problem = ""
        if state.filter.strip():
            try:
                keep = parse_filter(state.filter, self.columns)
            except ValueError as error:
                problem = str(error)
            else:
                rows = [row for row in rows if keep(row)]
        if own and state.sort != own and (column := self.column(own)) is not None:
            # What is equal keeps the table's own order.
            rows = ordered(rows, column, self.sort.startswith("-"))
        if (column := self.column(state.sort)) is not None:
            rows = ordered(rows, column, state.descending)
        matching = len(rows)
        if state.count is not None:
            rows = rows[state.start : state.start + state.count]
        return replace(self, rows=rows, state=state, total=total, matching=matching, problem=problem, shown=shown)


_NOTHING: tuple[object, ...] = (None, "", [], (), False)
"""0 is equal to False."""


def _has_any(rows: Iterable[Row], name: str) -> bool:
    return any(row.get(name) not in _NOTHING for row in rows)


def ordered(rows: Iterable[Row], column: Column, descending: bool) -> list[Row]:
    """By that column; what is not known comes last either way. Equal ones stay in their order."""
    name = column.name
    known = [row for row in rows if row.get(name) is not None]
    unknown = [row for row in rows if row.get(name) is None]
    if column.is_numeric or column.kind == "flag":
        known.sort(key=lambda row: row[name], reverse=descending)  # type: ignore[arg-type,return-value]
    else:
        known.sort(key=lambda row: _natural(str(row[name])), reverse=descending)
    return known + unknown


_DIGITS = re.compile(r"(\d+)")


@lru_cache(50_000)
def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """So that "orders-10" comes after "orders-9"."""
    return tuple(
        (0, int(piece), piece) if piece.isdecimal() and piece.isascii() else (1, 0, piece.casefold())
        for piece in _DIGITS.split(text[:500])
        if piece
    )


_TERM = re.compile(r'(!?)(?:([A-Za-z_]+)(:|>=|<=|=|>|<))?("[^"]*"|\S+)')


def parse_filter(text: str, columns: Sequence[Column]) -> Callable[[Row], bool]:
    """The test that `text` stands for. Raises ValueError saying which word is off."""
    by_name = {column.name: column for column in columns}
    texts = [column.name for column in columns if not column.is_numeric]
    tests: list[Callable[[Row], bool]] = []
    for match in _TERM.finditer(text[:1_000]):
        inverse, name, operator, word = match.groups()
        if name is not None and name not in by_name:
            if operator == ":" or operator == "=":
                # A name may well have a colon; only comparisons need a column.
                name, word = None, match[0][len(inverse) :]
            else:
                raise ValueError(f"there is no column {name!r}; columns: {', '.join(by_name)}")
        word = word.strip('"')
        test = _contains(texts, word) if name is None else _test(by_name[name], operator, word)
        tests.append((lambda row, test=test: not test(row)) if inverse else test)  # type: ignore[misc]
    return lambda row: all(test(row) for test in tests)


def _contains(names: Sequence[str], word: str) -> Callable[[Row], bool]:
    wanted = word.casefold()
    return lambda row: any(wanted in _text(row.get(name)) for name in names)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)).casefold()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).casefold()


_UNITS = {
    "k": 1_000,
    "m": 1_000_000,
    "g": 1_000_000_000,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}


def _number(word: str) -> float:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)", word)
    if match is None or (match[2] and match[2].lower() not in _UNITS):
        raise ValueError(f"{word!r} is no number (units: k, M, G, KiB, MiB, GiB, TiB)")
    return float(match[1]) * _UNITS.get(match[2].lower(), 1)


def _test(column: Column, operator: str, word: str) -> Callable[[Row], bool]:
    name = column.name
    if operator == ":":
        return _contains([name], word)
    if operator == "=" and not column.is_numeric:
        wanted = word.casefold()
        return lambda row: _text(row.get(name)) == wanted
    bound = _number(word)
    compare: Callable[[float], bool] = {
        "=": lambda value: value == bound,
        ">": lambda value: value > bound,
        "<": lambda value: value < bound,
        ">=": lambda value: value >= bound,
        "<=": lambda value: value <= bound,
    }[operator]

    def test(row: Row) -> bool:
        value = row.get(name)
        return isinstance(value, int | float) and compare(value)

    return test


def csv_cell(value: object) -> object:
    """A value for a CSV file: numbers stay numbers, and text is no formula."""
    if value is None or isinstance(value, int | float):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return unformulated(safe(text))
