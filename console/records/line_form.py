"""A line of text as a record: how keys, nulls and the rest are said in it."""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import OperatorError
from console.records.producing import NewRecord


@dataclass(frozen=True, slots=True)
class LineForm:
    """What every line has in common. Without anything, a line is a value."""

    key: bytes | None = None
    """The same key for every line."""
    key_separator: bytes | None = None
    """What comes before it in a line is the key."""
    null: bytes | None = None
    """A value, or a key in the line, of these bytes is null."""
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None

    def record(self, line: bytes) -> NewRecord:
        """The record of a line without its end. Raises OperatorError when the separator is missing."""
        key: bytes | None = self.key
        value: bytes | None = line
        if self.key_separator is not None:
            key, separator, value = line.partition(self.key_separator)
            if not separator:
                text = self.key_separator.decode(errors="replace")
                raise OperatorError(f"no key separator {text!r} in it", hint="Without a separator, lines have no key.")
            if key == self.null:
                key = None
        if value == self.null:
            value = None
        return NewRecord(key, value, list(self.headers), self.partition)
