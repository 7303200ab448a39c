"""Lag in time: how long ago the next record that a group has to read was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from console.lag.rates import Point


class LagTimeSource(Enum):
    """How a lag in time was found."""

    LEVEL = "level"
    """Nothing is waiting."""
    RECORD = "record"
    """The timestamp of the first record that was not committed."""
    INTERPOLATED = "interpolated"
    """Between two samples of the end offset: when the log's end passed the committed offset."""
    AT_LEAST = "at least"
    """The offset was passed before the first sample: it is at least so long ago."""


@dataclass(frozen=True, slots=True)
class LagTime:
    """ms behind, and how that is known."""

    ms: int
    source: LagTimeSource


def lag_time_from_record(lag: int, timestamp_ms: int | None, now_ms: int) -> LagTime | None:
    """By the timestamp of the first record that was not committed (None: it could not be read, and nothing is known).

    A timestamp ahead of `now_ms` (the producer's clock) counts as now.
    """
    if lag <= 0:
        return LagTime(0, LagTimeSource.LEVEL)
    return None if timestamp_ms is None else LagTime(max(0, now_ms - timestamp_ms), LagTimeSource.RECORD)


def lag_time_from_ends(committed: int, ends: Sequence[Point], now_ms: int) -> LagTime | None:
    """By when the end offset passed `committed`; `ends` are samples of it in order of time, None when there are none.

    This is the time at which records arrived, not the one their producer wrote on them.
    """
    if not ends:
        return None
    if ends[-1].offset <= committed:
        return LagTime(0, LagTimeSource.LEVEL)
    if ends[0].offset > committed:
        return LagTime(max(0, now_ms - ends[0].timestamp_ms), LagTimeSource.AT_LEAST)
    # The last sample at which the record was not there yet; offsets only fall when a log is truncated or recreated.
    index = bisect_right(ends, committed, key=lambda point: point.offset) - 1
    before, after = ends[index], ends[index + 1]
    # The record at `committed` is the first of those that came between the two.
    share = (committed + 1 - before.offset) / (after.offset - before.offset)
    arrived = before.timestamp_ms + share * (after.timestamp_ms - before.timestamp_ms)
    return LagTime(max(0, now_ms - round(arrived)), LagTimeSource.INTERPOLATED)
