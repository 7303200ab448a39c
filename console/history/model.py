"""What the history is made of: limits, changes to write, and answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

ENDED = math.nan
"""Written when a series has no value any more (Prometheus: staleness marker), so that the last one is not carried on."""

Key = tuple[str, tuple[str, ...]]
"""A series: the metric's name and the values of its labels, in the catalogue's order."""


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much is kept, how finely, for how long."""

    bytes_max: int = 256 * 1024 * 1024
    """Of the file. The oldest goes first."""
    series_max: int = 500_000
    """Series beyond are not kept (`History.dropped`)."""
    refresh_ms: int = 300_000
    """A value is written when it changed, and again when it was written so long ago: a gap longer than twice of this means
    that nobody looked."""
    fine_ms: int = 2 * 3_600_000
    """Older than this: one value a minute, with the lowest and the highest."""
    coarse_ms: int = 2 * 86_400_000
    """Older than this: one value a quarter of an hour."""
    age_ms_max: int = 30 * 86_400_000
    """Older than this: nothing."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: `times_ms` are where buckets end, `values` what was true then (None: not known), `lows` and
    `highs` the extremes within each bucket."""

    metric: str
    labels: dict[str, str]
    times_ms: list[int]
    values: list[float | None]
    lows: list[float | None]
    highs: list[float | None]


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """Lines for a chart, ordered by labels. `left_out` counts series beyond the most that were asked for."""

    series: tuple[Series, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class LastValue:
    """What a series was when it was written last."""

    metric: str
    labels: dict[str, str]
    at_ms: int
    value: float


class ChangeFilter:
    """Which of the values of a snapshot are to be written: those that changed, and those not written for long.
    Pure."""

    def __init__(self, limits: HistoryLimits, known: dict[Key, int]) -> None:
        """`known` are ids of series that exist."""
        self.dropped = 0
        self._limits = limits
        self._ids = dict(known)
        self._next_id = max(known.values(), default=0) + 1
        self._written: dict[int, tuple[float, int]] = {}
        self._live: set[int] = set()
        """Series that had a value in the last pass."""

    def plan(self, at_ms: int, rows: list[tuple[Key, float]]) -> Plan:
        """What to write for `rows`, all values at `at_ms`. Nothing is taken for written before `written(plan)`."""
        new: list[tuple[int, Key]] = []
        ids: list[int] = []
        values: list[float] = []
        fresh: dict[Key, int] = {}
        dropped = 0
        stale_before = at_ms - self._limits.refresh_ms
        room = self._limits.series_max - len(self._ids)
        seen: set[int] = set()
        get_id, get_written = self._ids.get, self._written.get
        for key, value in rows:
            series = get_id(key)
            if series is None:
                series = fresh.get(key)
                if series is None:
                    if len(fresh) >= room:
                        dropped += 1
                        continue
                    series = fresh[key] = self._next_id + len(fresh)
                    new.append((series, key))
                seen.add(series)
            else:
                seen.add(series)
                last = get_written(series)
                # Written at the same time or later: the clock went back; what is written stays in order.
                if last is not None and (last[1] >= at_ms or (last[0] == value and last[1] > stale_before)):
                    continue
            ids.append(series)
            values.append(value)
        ended = sorted(self._live - seen)
        ids += ended
        values += [ENDED] * len(ended)
        return Plan(at_ms, new, ids, values, seen, dropped)

    def written(self, plan: Plan) -> None:
        """The plan is in the file."""
        self.dropped = plan.dropped
        self._live = plan.seen
        for series, key in plan.new:
            self._ids[key] = series
        self._next_id += len(plan.new)
        at_ms = plan.at_ms
        for series, value in zip(plan.ids, plan.values, strict=True):
            self._written[series] = (value, at_ms)

    def forget(self, gone: list[int]) -> None:
        """Those series are no longer in the file."""
        lost = set(gone)
        self._ids = {key: series for key, series in self._ids.items() if series not in lost}
        for series in gone:
            self._written.pop(series, None)

    def is_live(self, series: int, since_ms: int) -> bool:
        """Whether it was written since."""
        last = self._written.get(series)
        return last is not None and last[1] >= since_ms


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass writes."""

    at_ms: int
    new: list[tuple[int, Key]]
    ids: list[int]
    values: list[float]
    seen: set[int]
    dropped: int
