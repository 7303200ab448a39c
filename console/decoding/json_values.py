"""JSON as it was written: integers of any size, duplicate keys, NaN, all told rather than changed in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from console.decoding.model import DEPTH_MAX, DecodeFailure
from console.decoding.plain import plain, too_deep

_fast: Callable[[bytes], Any] = msgspec.json.Decoder().decode
_DIGITS_MAX = 4_000
"""Of an integer: Python refuses to convert more (its limit is 4,300), and so it stays text."""


def json_value(data: bytes) -> Any:
    """The value of the JSON text `data`; of duplicate keys the last counts. Raises DecodeFailure."""
    try:
        value = _fast(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return json_with_notes(data)[0]
    # A level takes two brackets at least: only with many of them is it worth a look.
    if len(data) > 2 * DEPTH_MAX and data.count(b"{") + data.count(b"[") > DEPTH_MAX:
        _check_depth(value)
    return value


def json_with_notes(data: bytes) -> tuple[Any, list[str]]:
    """The value of the JSON text `data`, and what readers of JSON may disagree about. Raises DecodeFailure."""
    duplicates: dict[str, None] = {}
    odd: dict[str, None] = {}

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    duplicates[name] = None
                seen.add(name)
        return result

    def integer(text: str) -> int | str:
        if len(text) <= _DIGITS_MAX:
            return int(text)
        odd["an integer of thousands of digits, kept as text"] = None
        return text

    def real(text: str) -> float | str:
        number = float(text)
        if number - number == 0:
            return number
        odd["a number beyond float64, kept as text"] = None
        return text

    def constant(name: str) -> str:
        odd[f"{name}, which JSON does not have, kept as text"] = None
        return name

    try:
        text = data.decode()
        if text.startswith("\ufeff"):
            odd["a byte order mark"] = None
            text = text[1:]
        value = json.loads(
            text, object_pairs_hook=object_of, parse_int=integer, parse_float=real, parse_constant=constant
        )
    except UnicodeDecodeError as error:
        raise DecodeFailure(f"not JSON: no UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        raise DecodeFailure(f"not JSON: {error}") from error
    value = plain(value)
    notes = list(odd)
    if duplicates:
        names = ", ".join(list(duplicates)[:3]) + (", …" if len(duplicates) > 3 else "")
        notes.insert(0, f"duplicate keys ({names}), the last counts")
    return value, notes


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        below: list[Any] = []
        for each in level:
            if type(each) is dict:
                below.extend(each.values())
            elif type(each) is list:
                below.extend(each)
        if not below:
            return
        level = [each for each in below if type(each) is dict or type(each) is list]
    if level:
        raise too_deep()
