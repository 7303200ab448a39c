"""Long texts and bytes as lines that are made when they come into sight: 20 MB are shown as quickly as 20 bytes. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import overload

from tui.widgets.cells import harmless
from tui.widgets.document import DocumentLine
from tui.widgets.log_lines import wrapped

LINE_CHARACTERS_MAX = 2_000
"""Longer lines go on in the next."""
HEX_BYTES = 16


class LazyLines(Sequence[DocumentLine]):
    """Lines that are made one at a time."""

    def __len__(self) -> int:
        raise NotImplementedError

    def line(self, at: int) -> DocumentLine:
        raise NotImplementedError

    @overload
    def __getitem__(self, at: int) -> DocumentLine: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[DocumentLine]: ...
    def __getitem__(self, at: int | slice) -> DocumentLine | Sequence[DocumentLine]:
        if isinstance(at, slice):
            return [self.line(each) for each in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.line(at)

    def __iter__(self) -> Iterator[DocumentLine]:
        return (self.line(at) for at in range(len(self)))


class HexLines(LazyLines):
    """Bytes as hexadecimal and as ASCII, 16 a line."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._digits = max(4, len(f"{len(data):x}"))

    def __len__(self) -> int:
        return -(-len(self._data) // HEX_BYTES)

    def line(self, at: int) -> DocumentLine:
        begin = at * HEX_BYTES
        row = self._data[begin : begin + HEX_BYTES]
        first, second = row[:8].hex(" "), row[8:].hex(" ")
        text = "".join(chr(each) if 32 <= each < 127 else "·" for each in row)
        return ((f"  {begin:0{self._digits}x}  ", "faint"), (f"{first:<23}  {second:<23}  ", ""), (text, "label"))


_TOKEN = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b|-?\d[\d.eE+-]*)')  # fmt: skip
_ROLES = {"name": "label", "text": "good", "word": "warning"}


class TextLines(LazyLines):
    """Lines of a text, JSON ones with colours."""

    def __init__(self, lines: Sequence[str], *, json: bool = False) -> None:
        self.lines = lines
        self._json = json

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, at: int) -> DocumentLine:
        text = harmless(self.lines[at])
        if not self._json:
            return (("  ", ""), (text, ""))
        parts: list[tuple[str, str]] = [("  ", "")]
        end = 0
        for match in _TOKEN.finditer(text):
            parts += [(text[end : match.start()], ""), (match.group(), _ROLES[str(match.lastgroup)])]
            end = match.end()
        parts.append((text[end:], ""))
        return tuple(part for part in parts if part[0])


class Chapters(LazyLines):
    """Several of them below each other."""

    def __init__(self, chapters: Sequence[Sequence[DocumentLine]]) -> None:
        self._chapters = chapters
        self._tops = [0, *accumulate(map(len, chapters))]

    def __len__(self) -> int:
        return self._tops[-1]

    def line(self, at: int) -> DocumentLine:
        chapter = bisect_right(self._tops, at) - 1
        return self._chapters[chapter][at - self._tops[chapter]]


def lines_of(text: str, columns: int | None = None) -> list[str]:
    """The lines of a text, none longer than LINE_CHARACTERS_MAX; wrapped where `columns` are given."""
    found: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        if columns is not None:
            # Wrapped as it is shown: what is written out takes more room.
            found += wrapped(harmless(line), columns)
        elif len(line) <= LINE_CHARACTERS_MAX:
            found.append(line)
        else:
            found += [line[at : at + LINE_CHARACTERS_MAX] for at in range(0, len(line), LINE_CHARACTERS_MAX)]
    return found
