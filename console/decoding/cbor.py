"""CBOR (RFC 8949) with bounds on everything: no tag runs code, no number is computed, no length is believed.

A tag whose meaning is a plain value (big integers, times as text) becomes that; any other is {"tag": n, "value": …}.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from console.decoding.model import DEPTH_MAX, DecodeFailure
from console.decoding.plain import key_text, not_finite, too_deep

_BREAK = object()
_TEXT_TAGS = frozenset({0, 32, 33, 34, 35, 36, 100, 55799})
"""Whose content speaks for itself: times, URIs, encoded text, and "this is CBOR"."""
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}


def cbor_value(data: bytes) -> Any:
    """The one item that `data` is, as JSON can hold it. Raises DecodeFailure."""
    reader = _Reader(data)
    try:
        value = reader.item(0)
    except IndexError as error:
        raise DecodeFailure("not CBOR: it ends too early") from error
    if reader.position != len(data):
        raise DecodeFailure(f"not CBOR: {len(data) - reader.position} bytes follow the item")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def item(self, depth: int, *, may_break: bool = False) -> Any:
        if depth > DEPTH_MAX:
            raise too_deep()
        first = self._data[self.position]
        self.position += 1
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info, may_break)
        if info == 31:
            if major in (0, 1, 6):
                raise DecodeFailure(f"not CBOR: byte 0x{first:02x} has no meaning")
            return self._indefinite(major, depth)
        argument = self._argument(info)
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return {"base64": base64.b64encode(self._take(argument)).decode("ascii")}
        if major == 3:
            return _text(self._take(argument))
        if major == 6:
            return self._tagged(argument, depth)
        # Every element takes a byte at least.
        if argument > len(self._data) - self.position:
            raise DecodeFailure("not CBOR: it ends too early")
        if major == 4:
            return [self.item(depth + 1) for _ in range(argument)]
        return _object([(self.item(depth + 1), self.item(depth + 1)) for _ in range(argument)])

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise DecodeFailure("not CBOR: a reserved length")
        return int.from_bytes(self._take(1 << (info - 24)))

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise DecodeFailure("not CBOR: it ends too early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _simple(self, info: int, may_break: bool) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info in _FLOATS:
            layout, size = _FLOATS[info]
            number = struct.unpack(layout, self._take(size))[0]
            return number if number - number == 0 else not_finite(number)
        if info == 31:
            if may_break:
                return _BREAK
            raise DecodeFailure("not CBOR: an end where nothing was begun")
        if info == 24:
            code = self._take(1)[0]
            if code >= 32:
                return {"simple": code}
        elif info < 20:
            return {"simple": info}
        raise DecodeFailure("not CBOR: a reserved simple value")

    def _indefinite(self, major: int, depth: int) -> Any:
        if major in (2, 3):
            return self._chunks(major)
        items = []
        while (item := self.item(depth + 1, may_break=True)) is not _BREAK:
            if major == 5:
                items.append((item, self.item(depth + 1)))
            else:
                items.append(item)
        return _object(items) if major == 5 else items

    def _chunks(self, major: int) -> Any:
        chunks = []
        while (first := self._data[self.position]) != 0xFF:
            if first >> 5 != major or first & 31 == 31:
                raise DecodeFailure("not CBOR: a string with something else inside")
            self.position += 1
            chunks.append(self._take(self._argument(first & 31)))
        self.position += 1
        if major == 3:
            return "".join(map(_text, chunks))
        return {"base64": base64.b64encode(b"".join(chunks)).decode("ascii")}

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self.item(depth + 1)
        if tag in (2, 3) and isinstance(value, dict) and value.keys() == {"base64"}:
            raw = base64.b64decode(value["base64"])
            # Beyond that Python does not write integers out.
            if len(raw) <= 1_024:
                number = int.from_bytes(raw)
                return number if tag == 2 else -1 - number
        if tag == 55799 or (tag in _TEXT_TAGS and isinstance(value, str)):
            return value
        return {"tag": tag, "value": value}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeFailure("not CBOR: text that is no UTF-8") from error


def _object(pairs: list[tuple[Any, Any]]) -> Any:
    named = {}
    for key, value in pairs:
        if isinstance(key, dict | list):
            return [[key, value] for key, value in pairs]
        named[key_text(key)] = value
    return named if len(named) == len(pairs) else [[key, value] for key, value in pairs]
