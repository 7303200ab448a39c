"""The lines of a live log: a bounded number of them, filtered, searched and wrapped. Everything but the picture. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Protocol

from tui.widgets.cells import cells, cut
from tui.widgets.table_filter import Matcher, matcher

LINES_KEPT_MAX = 10_000


class Entry(Protocol):
    """One line; asked for its text only when that is needed."""

    @property
    def text(self) -> str: ...


class LogLines:
    """`entries` are all that are kept, `shown` those that the filter lets through."""

    def __init__(self, kept_max: int = LINES_KEPT_MAX) -> None:
        self.kept_max = kept_max
        self.entries: list[Any] = []
        self.shown: list[Any] = []
        self.filter_text = ""
        self.hides = True
        """Whether what does not match is hidden; else what matches is only marked."""
        self.arrived = 0
        self.overtaken = 0
        """Lines that were let go before the screen was painted with them among those that are kept."""
        self._painted = 0
        """So many of `arrived` were kept at the time of a paint."""
        self._matches: Matcher | None = None

    @property
    def matches(self) -> Matcher | None:
        return self._matches

    def add(self, entries: Sequence[Any]) -> int:
        """More of them; says how many lines of `shown` were let go at the top."""
        first_kept = self.arrived - len(self.entries)
        self.arrived += len(entries)
        self.entries.extend(entries)
        gone = self.entries[: max(0, len(self.entries) - self.kept_max)]
        if gone:
            del self.entries[: len(gone)]
            last_gone = first_kept + len(gone)
            self.overtaken += max(0, last_gone - max(first_kept, self._painted))
        if self._matches is None or not self.hides:
            self.shown = self.entries
            return len(gone)
        matches = self._matches
        self.shown.extend(each for each in entries if matches(each.text))
        # Those that are gone are the first ones, in the same order.
        leaving = 0
        for each in gone:
            if leaving < len(self.shown) and self.shown[leaving] is each:
                leaving += 1
        del self.shown[:leaving]
        return leaving

    def painted(self) -> None:
        """The screen shows, or can be scrolled to, what is kept now."""
        self._painted = self.arrived

    def clear(self) -> None:
        self.entries = []
        self.shown = []

    def set_filter(self, text: str) -> None:
        """Raises OperatorError for a bad expression, and leaves the old one."""
        self._matches = matcher(text)
        self.filter_text = text if self._matches is not None else ""
        self._arrange()

    def toggle_hiding(self) -> None:
        self.hides = not self.hides
        self._arrange()

    def _arrange(self) -> None:
        matches = self._matches
        if matches is None or not self.hides:
            self.shown = self.entries
        else:
            self.shown = [each for each in self.entries if matches(each.text)]

    def find(self, at: int, step: int) -> int | None:
        """The next line from there (exclusive) that matches, round the end."""
        matches, size = self._matches, len(self.shown)
        if matches is None or not size:
            return None
        for distance in range(1, size + 1):
            place = (at + step * distance) % size
            if matches(self.shown[place].text):
                return place
        return None


def wrapped(text: str, columns: int, indent: int = 0) -> list[str]:
    """`text` in pieces: the first as wide as there is room, the others with room for `indent` before them."""
    if columns <= indent or cells(text) <= columns:
        return [text]
    rest = columns - indent
    if text.isascii():
        return [text[:columns], *(text[at : at + rest] for at in range(columns, len(text), rest))]
    pieces = []
    room = columns
    while text:
        piece = text if cells(text) <= room else _head(text, room)
        pieces.append(piece)
        text = text[len(piece) :]
        room = rest
    return pieces


def wrapped_height(taken: int, columns: int, indent: int = 0) -> int:
    """How many pieces that makes of a text that takes so many columns, each letter one."""
    return 1 if columns <= indent else 1 + max(0, -(-(taken - columns) // (columns - indent)))


def _head(text: str, columns: int) -> str:
    low, high = 1, min(len(text), columns)
    while low < high:
        middle = (low + high + 1) // 2
        if cells(text[:middle]) <= columns:
            low = middle
        else:
            high = middle - 1
    return text[:low]


class Tops:
    """Where lines of different heights begin."""

    def __init__(self, heights: Sequence[int]) -> None:
        self._tops = [0, *accumulate(heights)]

    @property
    def height(self) -> int:
        return self._tops[-1]

    def top(self, at: int) -> int:
        return self._tops[at]

    def at(self, y: int) -> tuple[int, int]:
        """Which line that is, and which piece of it."""
        index = bisect_right(self._tops, y) - 1
        return index, y - self._tops[index]


Part = tuple[str, str]
Parts = Callable[[Any], Sequence[Part]]
"""An entry as texts and roles."""

__all__ = ["LINES_KEPT_MAX", "Entry", "LogLines", "Part", "Parts", "Tops", "cut", "wrapped", "wrapped_height"]
