"""Changes as JSON values and back, for the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.changes.kinds import KINDS, Change, kind_name
from console.errors import OperatorError


def to_stored(change: Change) -> dict[str, Any]:
    """The change as plain values, with its kind."""
    import msgspec

    return {"kind": kind_name(change), **msgspec.to_builtins(change)}


def from_stored(data: Mapping[str, Any]) -> Change:
    """The change that was written down. Raises OperatorError when it is none that we know."""
    import msgspec

    values = dict(data)
    kind = KINDS.get(values.pop("kind", ""))
    if kind is None:
        raise OperatorError("this change is of a kind that this version does not know")
    try:
        return msgspec.convert(values, type=kind)
    except msgspec.ValidationError as error:
        raise OperatorError("this change cannot be read", str(error)) from error
