"""Questions to the history's file. Run in its reader thread, over a cursor."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.history.model import HistoryLimits, LastValue, Series, SeriesAnswer
from console.history.thinning import QUARTER_MS
from console.metrics.catalog import METRICS

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

BUCKETS_MAX = 2_000
SERIES_MAX = 1_000

RATE_WIDTH_MS_MIN = 15_000
"""Rates over less time than a few passes of the sampler would jump up and down."""


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """Which lines of a chart: the series of `metric` with these `labels`, from `from_ms` (exclusive) to `to_ms`.

    `by`: series that agree in these labels are summed up to one (None: each by itself). `per_second`: how fast it goes
    up instead of where it is; going down counts as standing still (a counter began anew, a log was truncated). Buckets
    are then at least 15 s wide. The last bucket may end after `to_ms`.
    """

    metric: str
    from_ms: int
    to_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: int = 300
    by: tuple[str, ...] | None = None
    per_second: bool = False
    series_max: int = 100


def check_question(metric: str, labels: Mapping[str, str]) -> None:
    """Raises OperatorError, in words, for a metric or a label that there is not."""
    if metric not in METRICS:
        raise OperatorError.words(f"there is no metric {metric!r}", "/metrics and GET /api/history/metrics name them.")
    if not METRICS[metric].is_kept:
        raise OperatorError.words(f"the past of {metric} is not kept", "It follows from others, or from the clock.")
    unknown = [name for name in labels if name not in METRICS[metric].labels]
    if unknown:
        known = ", ".join(METRICS[metric].labels) or "none"
        raise OperatorError.words(f"{metric} has no label {unknown[0]!r}", f"Labels: {known}.")


def _matching(
    connection: DuckDBPyConnection, metric: str, labels: Mapping[str, str]
) -> list[tuple[int, dict[str, str]]]:
    """Ids and labels of the series, in the order of their labels."""
    sql = "select id, labels from series where metric = $metric"
    values: dict[str, Any] = {"metric": metric}
    for name, column in (("topic", "topic"), ("consumergroup", "group_id")):
        if name in labels:
            sql += f" and {column} = ${name}"
            values[name] = labels[name]
    found = [(series, json.loads(text)) for series, text in connection.execute(sql, values).fetchall()]
    wanted = labels.items()
    kept = [(series, each) for series, each in found if wanted <= each.items()]
    kept.sort(key=lambda item: [(len(text), text) if text.isdecimal() else (0, text) for text in item[1].values()])
    return kept


def read_series(connection: DuckDBPyConnection, question: SeriesQuestion, limits: HistoryLimits) -> SeriesAnswer:
    """The lines that `question` asks for. Raises OperatorError for names that do not exist, or times in disorder."""
    check_question(question.metric, {**question.labels, **dict.fromkeys(question.by or (), "")})
    if not 1 <= question.buckets <= BUCKETS_MAX or question.to_ms <= question.from_ms:
        raise OperatorError.words(
            f"cannot cut {question.from_ms}..{question.to_ms} into {question.buckets} parts",
            f"The end comes after the beginning, and there are 1 to {BUCKETS_MAX} parts.",
        )
    found = _matching(connection, question.metric, question.labels)
    lines: dict[tuple[str, ...], list[int]] = {}
    for series, labels in found:
        names = tuple(labels) if question.by is None else question.by
        lines.setdefault(tuple(labels[name] for name in names), []).append(series)
    names = METRICS[question.metric].labels if question.by is None else question.by
    kept = dict(list(lines.items())[: min(question.series_max, SERIES_MAX)])
    width = -(-(question.to_ms - question.from_ms) // question.buckets)
    from_ms = question.from_ms
    if question.per_second:
        width = max(width, RATE_WIDTH_MS_MIN)
        # One bucket more in front, to have something to be compared with.
        from_ms -= width
    times = list(range(from_ms + width, question.to_ms + width, width))
    ids = [each for series in kept.values() for each in series]
    points = _points(connection, ids, from_ms, times[-1], width, limits)
    answer = []
    for values, members in kept.items():
        parts = [_line(points.get(series, []), times, width) for series in members]
        if question.per_second:
            rates = [_rates(value, width)[1:] for value, _, _ in parts]
            parts = [(rate, rate, rate) for rate in rates]
        value, low, high = parts[0] if len(parts) == 1 else tuple(_sum(each) for each in zip(*parts, strict=True))
        shown = times[1:] if question.per_second else times
        answer.append(Series(question.metric, dict(zip(names, values, strict=True)), shown, value, low, high))
    return SeriesAnswer(tuple(answer), len(lines) - len(kept))


_Point = tuple[int, int, float, float | None, float | None, int]
"""Bucket, time, value, low, high, and how long (ms) the value holds when nothing newer is there."""


def _points(
    connection: DuckDBPyConnection, ids: list[int], from_ms: int, to_ms: int, width: int, limits: HistoryLimits
) -> dict[int, list[_Point]]:
    """The last value of each bucket with the extremes, by series; bucket -1 is the value before `from_ms`."""
    fine, thinned = 2 * limits.refresh_ms, 2 * max(limits.refresh_ms, QUARTER_MS)
    rows = connection.execute(
        "select series, case when at_ms <= $2 then -1 else (at_ms - $2 - 1) // $4 end as bucket, "
        "max(at_ms), arg_max(value, at_ms), min(coalesce(low, if(isnan(value), null, value))), "
        "max(coalesce(high, if(isnan(value), null, value))), max(case when low is null then $5 else $6 end) "
        "from points where series in (select unnest($1::integer[])) and at_ms > $2 - $6 and at_ms <= $3 "
        "group by series, bucket order by series, bucket",
        [ids, from_ms, to_ms, width, fine, thinned],
    ).fetchall()
    found: dict[int, list[_Point]] = {}
    for series, *point in rows:
        found.setdefault(series, []).append(tuple(point))
    return found


_Column = list[float | None]


def _line(points: list[_Point], times: list[int], width: int) -> tuple[_Column, _Column, _Column]:
    """Values, lows and highs at `times`, each value carried on until the next."""
    values: _Column = []
    lows: _Column = []
    highs: _Column = []
    last: _Point | None = None
    index = 0
    if points and points[0][0] < 0:
        last, index = points[0], 1
    for bucket, at_ms in enumerate(times):
        own = index < len(points) and points[index][0] == bucket
        if own:
            last = points[index]
            index += 1
        value = last[2] if last is not None and at_ms - last[1] <= max(last[5], width) else None
        if value is not None and math.isnan(value):
            value = None
        values.append(value)
        lows.append(last[3] if own and last is not None else value)
        highs.append(last[4] if own and last is not None else value)
    return values, lows, highs


def _rates(values: _Column, width: int) -> _Column:
    """Per second, from bucket to bucket; the first bucket has none."""
    rates: _Column = [None]
    for before, after in pairwise(values):
        rates.append(None if before is None or after is None else max(0.0, after - before) * 1000 / width)
    return rates


def _sum(columns: tuple[_Column, ...]) -> _Column:
    """Bucket by bucket over those that are known; None where none is."""
    summed: _Column = []
    for values in zip(*columns, strict=True):
        known = [value for value in values if value is not None]
        summed.append(sum(known) if known else None)
    return summed


def last_values(connection: DuckDBPyConnection, metric: str, labels: Mapping[str, str]) -> list[LastValue]:
    """The latest value of each series."""
    check_question(metric, labels)
    found = _matching(connection, metric, labels)
    rows = connection.execute(
        "select series, max(at_ms), arg_max(value, at_ms) from points "
        "where series in (select unnest($1::integer[])) group by series",
        [[series for series, _ in found]],
    ).fetchall()
    values = {series: (at_ms, value) for series, at_ms, value in rows}
    return [
        LastValue(metric, each, *values[series])
        for series, each in found
        if series in values and not math.isnan(values[series][1])
    ]


def read_table(connection: DuckDBPyConnection, since_ms: int | None, rows_max: int) -> pa.Table:
    """Points joined with what they are of, the latest first."""
    found = connection.sql(
        'select at_ms as time, metric, topic, "partition", group_id, node_id, labels, value, '
        "coalesce(low, value) as low, coalesce(high, value) as high from points join series on series.id = points.series "
        "where at_ms >= $1 and not isnan(value) order by at_ms desc, metric, series limit $2",
        params=[since_ms or 0, rows_max],
    )
    return found.to_arrow_table()
