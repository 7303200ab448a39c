"""Answers as JSON. Whole numbers beyond 2^53, which JavaScript would round, are strings in `/api`; in `/v3` they are
numbers, as Confluent's clients expect."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

EXACT_MAX = 2**53 - 1
"""Number.MAX_SAFE_INTEGER"""

_DIGITS = bytes(ord("0") if chr(each).isdigit() and each < 128 else each for each in range(256))
_LONG = b"0" * 16
View = TypeVar("View", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder(enc_hook=str)


def to_json(value: Any, *, exact: bool = True) -> bytes:
    """`value` as JSON; with `exact`, integers that a double cannot hold are strings."""
    try:
        data = _encoder.encode(value)
    except UnicodeEncodeError:
        # Half of a surrogate pair, from bytes that are no UTF-8.
        value = _clean(msgspec.to_builtins(value, str_keys=True, enc_hook=str))
        data = _encoder.encode(value)
    # Sixteen digits in a row, wherever they stand; an expression takes fifty times as long to look for them.
    if exact and _LONG in data.translate(_DIGITS):
        data = _encoder.encode(exact_integers(msgspec.to_builtins(value, str_keys=True, enc_hook=str)))
    return data


def exact_integers(value: Any) -> Any:
    """Plain values with large integers as strings."""
    match value:
        case bool():
            return value
        case int():
            return value if -EXACT_MAX <= value <= EXACT_MAX else str(value)
        case dict():
            return {key: exact_integers(each) for key, each in value.items()}
        case list() | tuple():
            return [exact_integers(each) for each in value]
    return value


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_clean(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
    return value


def view_of(kind: type[View], source: object, /, **own: Any) -> View:
    """A `kind` with the fields of `source` that are called the same, and those that are its `own`."""
    return kind(**{name: getattr(source, name) for name in kind.__struct_fields__ if name not in own}, **own)


def json_response(value: Any, status: int = 200, *, exact: bool = True) -> Response:
    """A whole answer."""
    return Response(to_json(value, exact=exact), status, media_type="application/json", headers=NEVER_KEPT)


NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Answers are of this moment, and hold what producers wrote: nobody keeps or guesses at them."""
