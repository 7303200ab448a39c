"""The automatic choice of a format, by what the bytes look like; it says why, because it can be wrong."""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Callable
from typing import Any

from console.decoding.formats import FORMATS
from console.decoding.json_values import json_with_notes
from console.decoding.model import DecodeFailure, Part

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What plain text does not have; ANSI colours begin with one of them too."""

# Below these, eight or four bytes look like a count, a time in µs or an id rather than like anything else.
_INT64_LIKELY = 2**56
_INT32_LIKELY = 2**24

Guess = tuple[str, Any, str]
"""The name of the format, the value, and the reason."""


def is_plain_text(text: str) -> bool:
    """Whether UTF-8 that says `text` is taken for text, or for JSON, by the automatic choice: there is nothing in it
    that plain text does not have."""
    return text.isprintable() or _CONTROL.search(text) is None


def guess(data: bytes, part: Part) -> Guess | None:
    """What `data`, which is not empty, seems to be; None when it looks like nothing known."""
    text: str | None = None
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode()
    if text is not None and is_plain_text(text):
        return _text(data, text)
    binary = _NUMBERS.get(len(data))
    if binary is not None and (found := binary(data)) is not None:
        return found
    if (found := _structure(data)) is not None:
        return found
    if len(data) == 16 and data[8] & 0xC0 == 0x80 and 1 <= data[6] >> 4 <= 8:
        return "uuid", FORMATS["uuid"][0](data), f"16 bytes with the marks of a UUID of version {data[6] >> 4}"
    if text is not None:
        return "utf-8", text, "valid UTF-8, with control characters"
    if len(data) == 16 and part is Part.KEY:
        return "uuid", FORMATS["uuid"][0](data), "a key of 16 bytes"
    return None


def _text(data: bytes, text: str) -> Guess:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start and start in '{["':
        try:
            value, notes = json_with_notes(data)
            return "json", value, "; ".join(["valid JSON", *notes])
        except DecodeFailure as error:
            return "utf-8", text, f"valid UTF-8, begins like JSON but is {error}"
    return "utf-8", text, "valid UTF-8"


def _two(data: bytes) -> Guess | None:
    return "int16", struct.unpack(">h", data)[0], "2 bytes that are no text"


def _four(data: bytes) -> Guess | None:
    number = struct.unpack(">i", data)[0]
    if abs(number) < _INT32_LIKELY:
        return "int32", number, "4 bytes, a small integer"
    real = struct.unpack(">f", data)[0]
    if 1e-6 < abs(real) < 1e9:
        return "float", real, "4 bytes, plausible as a float"
    return "int32", number, "4 bytes that are no text and no plausible float"


def _eight(data: bytes) -> Guess | None:
    number = struct.unpack(">q", data)[0]
    if abs(number) < _INT64_LIKELY:
        return "int64", number, "8 bytes, plausible as an integer"
    real = struct.unpack(">d", data)[0]
    if 1e-9 < abs(real) < 1e18:
        return "double", real, "8 bytes, plausible as a double"
    return None


_NUMBERS: dict[int, Callable[[bytes], Guess | None]] = {2: _two, 4: _four, 8: _eight}


def _structure(data: bytes) -> Guess | None:
    """A map or list that takes all the bytes, in MessagePack or CBOR."""
    first = data[0]
    names: tuple[str, ...] = ()
    if data.startswith(b"\xd9\xd9\xf7"):
        names = ("cbor",)
    elif 0x80 <= first <= 0x9F:
        names = ("msgpack", "cbor")
    elif 0xA0 <= first <= 0xBF:
        names = ("cbor",)
    elif 0xDC <= first <= 0xDF:
        names = ("msgpack",)
    for name in names:
        try:
            value = FORMATS[name][0](data)
        except DecodeFailure:
            continue
        if isinstance(value, dict | list) and value:
            return name, value, f"a whole {'map' if isinstance(value, dict) else 'list'} in {name}"
    return None
