"""Charts out of the history: one figure over the time that `?span=` asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.errors import OperatorError
from console.history.queries import SeriesQuestion
from web.ask import Ask
from web.plots import Chart, draw

SPANS_MS = {
    "15m": 15 * 60_000,
    "1h": 3_600_000,
    "6h": 6 * 3_600_000,
    "24h": 24 * 3_600_000,
    "7d": 7 * 86_400_000,
}
SPAN = "1h"
BUCKETS = 240


@dataclass(frozen=True, slots=True)
class Figure:
    """What a chart shows: the sum over all series of `metric` with these labels, or a line for each value of `by`."""

    title: str
    metric: str
    text: Callable[[float | None], str]
    labels: Mapping[str, str] | None = None
    per_second: bool = False
    by: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart, or why there is none."""

    title: str
    chart: Chart | None
    note: str


def span_of(ask: Ask) -> str:
    """The name of the time that is shown."""
    span = ask.get("span", SPAN)
    return span if span in SPANS_MS else SPAN


async def drawn(ask: Ask, figure: Figure, *, series_max: int = 4) -> Drawn:
    """The figure's chart. Never fails: `note` says why there is none."""
    to_ms = time.time_ns() // 1_000_000
    question = SeriesQuestion(
        figure.metric,
        to_ms - SPANS_MS[span_of(ask)],
        to_ms,
        dict(figure.labels or {}),
        buckets=BUCKETS,
        by=figure.by,
        per_second=figure.per_second,
        series_max=series_max,
    )
    try:
        answer = await ask.cluster.series(question)
    except OperatorError as error:
        return Drawn(figure.title, None, f"{error.title}. {error.detail}".strip())
    if not answer.series:
        return Drawn(figure.title, None, "Nothing was seen of it yet.")
    lines = [(" ".join(each.labels.values()) or figure.title, each.values) for each in answer.series]
    chart = draw(figure.title, answer.series[0].times_ms, lines, figure.text, whole=figure.whole)
    return Drawn(figure.title, chart, "" if chart else "Nothing was seen of it in this time.")
