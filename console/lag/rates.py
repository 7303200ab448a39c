"""How fast a group commits and producers write, and when the lag will be gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

DRAIN_MS_MAX = 10 * 365 * 86_400_000
"""Anything slower is as good as never."""


@dataclass(frozen=True, slots=True)
class Point:
    """An offset at a time."""

    timestamp_ms: int
    offset: int


def rate_per_second(points: Sequence[Point]) -> float | None:
    """Records per second over the points, which are in order of time; None when they span no time.

    Only steps ahead count: a rewind, or a log that was truncated, is not progress of a negative kind.
    """
    if len(points) < 2:
        return None
    span_ms = points[-1].timestamp_ms - points[0].timestamp_ms
    if span_ms <= 0:
        return None
    ahead = sum(max(0, after.offset - before.offset) for before, after in pairwise(points))
    return ahead * 1000 / span_ms


def drain_ms(lag: int, commit_rate: float | None, production_rate: float | None) -> int | None:
    """ms until the lag is gone when both rates (records/s) stay as they are: 0 when there is none.

    None when it never will be, because the group does not gain on the producers, or when a rate is not known.
    """
    if lag <= 0:
        return 0
    if commit_rate is None or production_rate is None or commit_rate <= production_rate:
        return None
    ms = lag * 1000 / (commit_rate - production_rate)
    return round(ms) if ms <= DRAIN_MS_MAX else None
