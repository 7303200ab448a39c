"""A change as somebody asks for it: its `kind` and the fields of that kind, nothing else. Both the API and the pages take
their changes from here, so that no field slips in that nobody showed (mass assignment)."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from console.changes.kinds import KINDS, Change
from console.changes.stored import from_stored
from console.errors import OperatorError
from web.api.errors import bad_request


def asked_change(data: dict[str, Any], where: str = "change") -> Change:
    """`where` is what messages call it. Raises ApiError for what is no change, and for fields that nobody knows."""
    kind = KINDS.get(str(data.get("kind", "")))
    if kind is None:
        raise bad_request(f"{where}.kind: no such kind", f"One of {', '.join(KINDS)}.")
    _refuse_unknown({name: value for name, value in data.items() if name != "kind"}, kind, where)
    try:
        change = from_stored(data)
    except OperatorError as error:
        raise bad_request(f"{where} cannot be read: {error.detail}") from error
    except (RecursionError, OverflowError) as error:
        raise bad_request(f"{where} cannot be read") from error
    _refuse_large(data, where)
    return change


def _refuse_unknown(data: Any, kind: Any, where: str) -> None:
    """Unlike what is read back from the log, what is asked for may have no fields of another version."""
    if isinstance(data, list | tuple):
        for each in data:
            _refuse_unknown(each, kind, where)
    if not isinstance(data, dict):
        return
    known = {each.name: each for each in dataclasses.fields(kind)}
    for name, value in data.items():
        if name not in known:
            raise bad_request(f"unknown field {str(name)[:100]!r} in {where}", f"Known: {', '.join(known)}.")
        inner = _INNER.get((kind.__name__, name))
        if inner is not None:
            _refuse_unknown(value, inner, f"{where}.{name}")


def _inner_kinds() -> dict[tuple[str, str], Any]:
    """Fields of changes that are, or hold, data classes themselves."""
    found: dict[tuple[str, str], Any] = {}
    for kind in KINDS.values():
        for each in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
            info = each.type
            if isinstance(info, msgspec.inspect.VarTupleType):
                info = info.item_type
            if isinstance(info, msgspec.inspect.DataclassType):
                found[kind.__name__, each.name] = info.cls
    return found


_INNER = _inner_kinds()


def _refuse_large(data: Any, where: str) -> None:
    """Numbers that no field of Kafka's can hold. Raises ApiError."""
    match data:
        case bool():
            return
        case int() if not -(2**63) <= data < 2**63:
            raise bad_request(f"{where}: {data} is out of bounds")
        case dict():
            for name, value in data.items():
                _refuse_large(value, f"{where}.{name}")
        case list():
            for value in data:
                _refuse_large(value, where)
