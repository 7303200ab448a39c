"""Lists that are cut at a bound, and say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from console.services.partial import Missing
from web.api.limits import LISTED_MAX

Each = TypeVar("Each")

Limit = Annotated[int, msgspec.Meta(ge=1, le=LISTED_MAX, description="So many at most, in order.")]


class Listed(msgspec.Struct, kw_only=True):
    """Of a list: how much of it there is."""

    left_out: int = 0
    """Beyond `limit`."""
    limit_max: int = LISTED_MAX
    missing: list[Missing]
    """Parts that nobody answered."""


def listed(found: Sequence[Each], limit: int, missing: Iterable[Missing]) -> tuple[list[Each], dict[str, Any]]:
    """The first of them, and the fields of `Listed`."""
    return list(found[:limit]), {"left_out": max(0, len(found) - limit), "missing": list(missing)}
