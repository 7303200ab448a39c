"""Numbers and fields as views write and read them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from console.lag.lag_time import LagTime, LagTimeSource
from console.output.text import duration


class Behind(NamedTuple):
    """Lag in time, to be sorted by. `at_least`: it began before this session could see it."""

    ms: int
    at_least: bool


def furthest(times: Iterable[LagTime | None]) -> Behind | None:
    """The greatest of them; None where nothing is known."""
    known = [Behind(each.ms, each.source is LagTimeSource.AT_LEAST) for each in times if each is not None]
    # Of what has only just been seen nothing is known yet.
    return max((each for each in known if each.ms or not each.at_least), default=None)


def behind_text(behind: Behind | None) -> str:
    """ "12 s", "≥4m 10s", "-"."""
    if behind is None:
        return "-"
    return ("≥" if behind.at_least else "") + duration(behind.ms)


def rate(per_second: float | None) -> str:
    """ "0", "0.25", "12.5", "1,204"; "-" for None."""
    if per_second is None:
        return "-"
    if per_second == 0:
        return "0"
    if per_second < 1:
        return f"{per_second:.2f}"
    if per_second < 100:
        return f"{per_second:.1f}"
    return f"{per_second:,.0f}"


def percent(share: float | None) -> str:
    """0.254 as "25%"; "-" for None."""
    return "-" if share is None else f"{share * 100:.0f}%"


def number_tail(partition: str) -> int:
    """How much of "orders-12" is its number with the hyphen."""
    return len(partition) - max(0, partition.rfind("-"))


def whole_number(low: int, high: int, *, empty: int | None = None) -> Callable[[str], int]:
    """Parses a field; `empty` stands for an empty one, where that is allowed."""

    def parse(text: str) -> int:
        if not text and empty is not None:
            return empty
        plain = text.replace(",", "").replace("_", "")
        if not plain.isascii() or not plain.isdecimal() or not low <= int(plain) <= high:
            raise ValueError(f"a whole number from {low:,} to {high:,}")
        return int(plain)

    return parse


def pairs(text: str) -> dict[str, str]:
    """ "a=b c=d" as a dictionary; values with spaces stand in quotes, as in a shell. Raises ValueError."""
    import shlex

    found = {}
    for word in shlex.split(text):
        name, separator, value = word.partition("=")
        if not name or not separator:
            raise ValueError(f"{word!r} should be NAME=VALUE")
        found[name] = value
    return found
