"""Values of any decoder as what JSON can hold: nothing is rounded, and what JSON has no word for says what it is."""

from __future__ import annotations

import base64
import datetime
import decimal
import uuid
from collections.abc import Mapping
from typing import Any

from console.decoding.model import DEPTH_MAX, DecodeFailure


def plain(value: Any, depth: int = 0) -> Any:
    """`value` in dicts with str keys, lists, str, int, finite float, bool and None.

    Bytes become {"base64": …}, times ISO 8601, decimals and UUIDs their text, NaN and the infinities their names.
    Raises DecodeFailure for what is nested deeper than `DEPTH_MAX`.
    """
    if value is None or value is True or value is False or type(value) is int:
        return value
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, float):
        return value if value - value == 0 else not_finite(value)
    if depth >= DEPTH_MAX:
        raise too_deep()
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, int):
        return int(value)
    raise DecodeFailure(f"a {type(value).__name__} cannot be shown")


def _object(value: Mapping[Any, Any], depth: int) -> Any:
    if not any(isinstance(key, tuple) for key in value):
        named = {key_text(key): plain(each, depth + 1) for key, each in value.items()}
        if len(named) == len(value):
            return named
    # Lists as keys, or keys that only their types tell apart, such as 1 and "1": pairs.
    return [[plain(key, depth + 1), plain(each, depth + 1)] for key, each in value.items()]


def key_text(key: Any) -> str:
    """The key of an object for a key of any type."""
    if isinstance(key, str):
        return whole_text(key)
    if isinstance(key, bytes):
        return base64.b64encode(key).decode("ascii")
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def whole_text(text: str) -> str:
    """`text`, with lone surrogates, which no UTF-8 can hold, written out as \\ud800."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def not_finite(value: float) -> str:
    """The name of NaN or an infinity."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def too_deep() -> DecodeFailure:
    return DecodeFailure(f"nested deeper than {DEPTH_MAX}")
