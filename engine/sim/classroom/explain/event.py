"""A line of the timeline."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A line of the timeline before it has a number and a time."""

    kind: str
    text: str
    why: str = ""
    kip: str = ""
    is_bad: bool = False
    subject: str = ""


def listed(numbers: Sequence[int]) -> str:
    """Numbers as a line has them."""
    return ", ".join(str(number) for number in numbers) or "none"
