"""Lines of charts: out of the history where there is one, else out of what this session has seen."""

from __future__ import annotations

from collections.abc import Mapping

from console.errors import OperatorError
from console.history.queries import SeriesQuestion
from tui.past import Points
from tui.source import Source

WINDOWS_MS = (15 * 60_000, 60 * 60_000, 6 * 3_600_000, 24 * 3_600_000, 7 * 86_400_000, 5 * 60_000)
"""In the order in which `t` goes through them."""
BUCKETS = 240


SPAN_MS_MIN = 60_000


def begin_of(points: Points, window_ms: int, end_ms: int) -> int:
    """Where a chart begins: at the window's begin, or where something is known first, so that a young session does not
    sit at the right edge."""
    first = next((at for at, value in points if value is not None), end_ms)
    return max(end_ms - window_ms, min(int(first), end_ms - SPAN_MS_MIN))


async def line(
    source: Source,
    metric: str,
    window_ms: int,
    end_ms: int,
    session: Points,
    *,
    per_second: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Points:
    """The sum of a metric's series over the window before `end_ms`; `session` where the history has nothing."""
    question = SeriesQuestion(
        metric, end_ms - window_ms, end_ms, labels or {}, buckets=BUCKETS, by=(), per_second=per_second
    )
    try:
        answer = await source.series(question)
    except OperatorError:
        return session
    if not answer.series:
        return session
    (found,) = answer.series
    points: Points = [
        (float(at), value) for at, value in zip(found.times_ms, found.values, strict=True) if at <= end_ms
    ]
    # The history may lag behind by a pass, or have begun with this session.
    known = [at for at, value in points if value is not None]
    if len(known) < sum(at > end_ms - window_ms for at, _ in session):
        # A history as young as the session knows no more, and its rates are over longer times.
        return session
    last = known[-1] if known else 0.0
    return [*[each for each in points if each[0] <= last], *[each for each in session if each[0] > last]]
