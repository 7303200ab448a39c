"""Bodies that are many JSON objects, one after the other, cut into these while they come in ("concatenated JSON")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from web.api.errors import ApiError, bad_request

_OPENS_OR_CLOSES = re.compile(rb'["{}]')
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_NO_SPACE = re.compile(rb"[^ \t\r\n\x1e]")
"""RFC 7464 puts a record separator before each text."""


class JsonTexts:
    """Where one object ends and the next begins; what is in them is not looked at. Each byte is looked at once, however
    small the pieces are that come in. Holds at most one text of `bytes_max`, and a piece."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._data = bytearray()
        self._at = 0
        """Before here all was looked at."""
        self._depth = 0
        self._in_string = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The texts that end in this piece. Raises ApiError for what is no object, and for one that is too large."""
        self._data += piece
        while (end := self._end_of_text()) >= 0:
            if end > self._bytes_max:
                break
            text = bytes(memoryview(self._data)[:end])
            del self._data[:end]
            self._at = 0
            yield text
        if len(self._data) > self._bytes_max:
            raise ApiError(413, f"one JSON text has more than {self._bytes_max:,} bytes")

    def finish(self) -> None:
        """Nothing comes any more. Raises ApiError when the last text is not whole."""
        if self._data:
            raise bad_request("the body is not JSON: the last text is not whole")

    def _end_of_text(self) -> int:
        """Exclusive; -1 when it is not there yet."""
        data = self._data
        if not self._depth and not self._begin():
            return -1
        while True:
            if self._in_string:
                rest = _REST_OF_STRING.match(data, self._at)
                assert rest is not None
                self._at = rest.end()
                if self._at >= len(data) or data[self._at] != ord('"'):
                    return -1  # also before a backslash whose other half is still to come
                self._at += 1
                self._in_string = False
            found = _OPENS_OR_CLOSES.search(data, self._at)
            if found is None:
                self._at = len(data)
                return -1
            self._at = found.end()
            match found[0]:
                case b'"':
                    self._in_string = True
                case b"{":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if not self._depth:
                        return self._at

    def _begin(self) -> bool:
        """Whether the next object begins."""
        begin = _NO_SPACE.search(self._data)
        del self._data[: len(self._data) if begin is None else begin.start()]
        if begin is None:
            return False
        if self._data[0] != ord("{"):
            raise bad_request("the body is not JSON objects, one after the other")
        self._depth, self._at = 1, 1
        return True
