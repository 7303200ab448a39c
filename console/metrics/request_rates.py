"""How busy brokers are with which requests: rates and times over the last minute, out of counters that only go up. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.net.request_figures import TIME_BOUNDS_S, RequestFigure

WINDOW_MS = 60_000

Figures = Mapping[int, Sequence[RequestFigure]]
"""By node id."""


@dataclass(frozen=True, slots=True)
class RequestRate:
    """One kind of request on one broker: how many since it began, and what the last minute was like.

    Times are None where there was none, or nothing is timed. `p50_ms` and `p99_ms` are read off classes of times.
    """

    request: str
    count: int
    per_second: float | None
    request_bytes_per_second: float | None
    response_bytes_per_second: float | None
    mean_ms: float | None
    p50_ms: float | None
    p99_ms: float | None


class RequestTracker:
    """Fed by `observe` with what brokers tell, asked by `rates`. No clock: time is what was observed last."""

    def __init__(self, window_ms: int = WINDOW_MS) -> None:
        self._window_ms = window_ms
        self._seen: deque[tuple[int, dict[int, dict[str, RequestFigure]]]] = deque()

    def observe(self, now_ms: int, figures: Figures) -> None:
        """What was told at `now_ms`."""
        self._seen.append((now_ms, {node: {each.request: each for each in told} for node, told in figures.items()}))
        # One from before the window's beginning stays, to be compared with.
        while len(self._seen) > 2 and self._seen[1][0] <= now_ms - self._window_ms:
            self._seen.popleft()

    def rates(self, node_id: int) -> list[RequestRate]:
        """The kinds of requests that broker answered, by name; none when it tells nothing."""
        if not self._seen:
            return []
        now_ms, last = self._seen[-1]
        newest = last.get(node_id, {})
        comparable = [
            (at_ms, before)
            for at_ms, told in self._seen
            if (before := told.get(node_id)) is not None and _older(before, newest)
        ]
        if not comparable:
            return []
        at_ms, before = comparable[0]
        seconds = (now_ms - at_ms) / 1000
        return [_rate(newest[name], before.get(name), seconds) for name in sorted(newest)]


def _older(before: Mapping[str, RequestFigure], now: Mapping[str, RequestFigure]) -> bool:
    """Whether one can have become the other. A broker that began anew counts from 0: there is nothing to compare with."""
    return all(name in now and each.count <= now[name].count for name, each in before.items())


def _rate(now: RequestFigure, before: RequestFigure | None, seconds: float) -> RequestRate:
    if seconds <= 0:
        return RequestRate(now.request, now.count, None, None, None, None, None, None)
    known = before or RequestFigure(now.request, 0, 0, 0, 0.0, (0,) * len(now.times))
    count = now.count - known.count
    took = now.seconds - known.seconds
    times = [a - b for a, b in zip(now.times, known.times, strict=True)]
    is_timed = count > 0 and took > 0
    return RequestRate(
        now.request,
        now.count,
        count / seconds,
        (now.request_bytes - known.request_bytes) / seconds,
        (now.response_bytes - known.response_bytes) / seconds,
        1000 * took / count if is_timed else None,
        quantile_ms(times, 0.5) if is_timed else None,
        quantile_ms(times, 0.99) if is_timed else None,
    )


def quantile_ms(times: Sequence[int], share: float) -> float | None:
    """The time that `share` of the requests did not exceed, as if those of a class were spread over it evenly; None for
    none. What took longer than the last bound is told as the last bound."""
    total = sum(times)
    if not total:
        return None
    wanted = share * total
    below = 0
    lower = 0.0
    for count, upper in zip(times, TIME_BOUNDS_S, strict=False):
        if count and below + count >= wanted:
            return 1000 * (lower + (upper - lower) * (wanted - below) / count)
        below += count
        lower = upper
    return 1000 * TIME_BOUNDS_S[-1]
