"""Java .properties text, read and written (java.util.Properties).

    key=value   key:value   key value     blanks around the separator are dropped, blanks after the value are kept
    # comment   ! comment                 only at the start of a line
    a line that ends in an odd number of backslashes goes on in the next, whose leading blanks are dropped
    \\t \\n \\r \\f \\uXXXX, and a backslash before anything else is dropped
A key given twice: the last one counts, as in Java.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from engine.errors import ConfigError

_BLANKS: Final = " \t\f"
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Properties(dict[str, str]):
    """Properties with the place each came from.

    `source` names the file (or other origin) for messages; `lines` has the 1-based line each key began on.
    """

    def __init__(
        self, values: Mapping[str, str] | None = None, source: str = "", lines: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(values or {})
        self.source = source
        self.lines: dict[str, int] = dict(lines or {})

    def place(self, name: str) -> str:
        """ "server.properties line 12", as much of it as is known."""
        line = self.lines.get(name)
        if line is None:
            return self.source
        return f"{self.source} line {line}".strip()


def parse_properties(text: str, source: str = "") -> Properties:
    """The properties in `text`; ConfigError (with its line) for a broken \\u escape."""
    properties = Properties(source=source)
    for number, line in _logical_lines(text):
        key, value = _split(line)
        try:
            name = _unescape(key)
            properties[name] = _unescape(value)
        except ValueError as error:
            raise ConfigError(f"{f'{source} line {number}'.strip()}: {error}") from None
        properties.lines[name] = number
    return properties


def format_properties(values: Mapping[str, str], comment: str | None = None) -> str:
    """`values` in their order as text that Java and `parse_properties` read back the same."""
    lines = [f"#{line}" for line in (comment or "").splitlines()]
    for name, value in values.items():
        lines.append(f"{_escape(name, is_key=True)}={_escape(value, is_key=False)}")
    return "".join(line + "\n" for line in lines)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first natural line, the line with its continuations), without blank and comment lines."""
    pending: str | None = None
    first = 0
    natural = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(natural, start=1):
        line = line.lstrip(_BLANKS)
        if pending is None:
            if not line or line[0] in "#!":
                continue
            first = number
            pending = ""
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            pending += line[:-1]
            continue
        yield first, pending + line
        pending = None
    if pending:
        yield first, pending


def _split(line: str) -> tuple[str, str]:
    """Key and value, both still escaped."""
    end = 0
    while end < len(line) and line[end] not in "=:" + _BLANKS:
        end += 2 if line[end] == "\\" else 1
    start = end
    while start < len(line) and line[start] in _BLANKS:
        start += 1
    if start < len(line) and line[start] in "=:":
        start += 1
        while start < len(line) and line[start] in _BLANKS:
            start += 1
    return line[:end], line[start:]


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    parts: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character != "\\":
            parts.append(character)
            continue
        if position == len(text):
            break
        character = text[position]
        position += 1
        if character == "u":
            digits = text[position : position + 4]
            if len(digits) < 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise ValueError(f"malformed \\u escape: \\u{digits}")
            parts.append(chr(int(digits, 16)))
            position += 4
        else:
            parts.append(_ESCAPES.get(character, character))
    # Java strings are UTF-16: a pair of \u escapes may be one character beyond the basic plane.
    joined = "".join(parts)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escape(text: str, *, is_key: bool) -> str:
    parts: list[str] = []
    for position, character in enumerate(text):
        if character == " " and (is_key or position == 0):
            parts.append("\\ ")
        elif character in "\t\n\r\f":
            parts.append("\\" + "tnrf"["\t\n\r\f".index(character)])
        elif character in "=:#!\\":
            parts.append("\\" + character)
        elif not " " <= character <= "~":
            units = character.encode("utf-16-be", "surrogatepass")
            parts.extend(f"\\u{int.from_bytes(units[i : i + 2], 'big'):04X}" for i in range(0, len(units), 2))
        else:
            parts.append(character)
    return "".join(parts)
