"""What is wrong with a request that does not fit its type, in words that name the field, and what would be right."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from web.api.errors import ApiError, bad_request

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
"""Of a place: a field, or [...] for what is in a list or map."""


def refused(error: msgspec.ValidationError, kind: Any, prefix: str = "") -> ApiError:
    """`error` came from reading a `kind`; `prefix` is what its places are in."""
    found = _AT.match(str(error))
    assert found is not None
    what, place = found["what"], (found["where"] or "").removeprefix("$").lstrip(".")
    where = ".".join(each for each in (prefix, place) if each).replace(".[", "[")
    if unknown := _UNKNOWN.fullmatch(what):
        hint = f"Known: {', '.join(names)}." if (names := _names(kind, place)) else ""
        return bad_request(f"unknown field {shown(unknown[1])}" + (f" in {where}" if where else ""), hint)
    if missing := _MISSING.fullmatch(what):
        return bad_request(f"{missing[1]} is missing" + (f" in {where}" if where else ""))
    what = what.replace("`", "")
    hint = f"One of {', '.join(names)}." if "enum value" in what and (names := _names(kind, place)) else ""
    return bad_request(f"{where}: {what}" if where else what, hint)


def shown(text: str) -> str:
    """Quoted, and not too long."""
    return repr(text if len(text) <= 100 else text[:100] + "…")


def bare(info: Any) -> Any:
    """The type without None and annotations: what is given is not null."""
    while True:
        if isinstance(info, msgspec.inspect.Metadata):
            info = info.type
        elif isinstance(info, msgspec.inspect.UnionType):
            info = next(each for each in info.types if not isinstance(each, msgspec.inspect.NoneType))
        else:
            return info


def _names(kind: Any, place: str) -> list[str]:
    """The values there are at that place, or the fields of the object there."""
    info = bare(msgspec.inspect.type_info(kind))
    for step in _STEP.findall(place):
        match info:
            case msgspec.inspect.StructType():
                info = next((each.type for each in info.fields if each.encode_name == step), None)
            case msgspec.inspect.ListType() | msgspec.inspect.VarTupleType():
                info = info.item_type
            case msgspec.inspect.DictType():
                info = info.value_type
            case _:
                return []
        info = bare(info)
    match info:
        case msgspec.inspect.LiteralType():
            return [str(each) for each in info.values]
        case msgspec.inspect.StructType():
            return [each.encode_name for each in info.fields]
    return []
