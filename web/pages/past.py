"""Charts with axes out of the history: one figure over the time that `?window=` asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from console.history.model import Series, SeriesAnswer
from web.ask import Ask
from web.history import Past, question, window_of
from web.plots import Chart, draw

BUCKETS = 240
PATIENCE_S = 0.4
"""A page rather comes without its charts: live updates bring them."""


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
    binary: bool = False
    """In units of 1024."""
    seconds: bool = False
    """A time, in seconds."""
    lines_max: int = 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart, or why there is none."""

    title: str
    chart: Chart | None
    note: str


async def drawn(ask: Ask, *figures: Figure) -> list[Drawn]:
    """The charts of the figures, side by side. Never fails: `note` says why there is none."""
    latest = ask.cluster.latest
    if latest is None:
        return [Drawn(each.title, None, "The cluster has not answered yet.") for each in figures]
    _, window_ms = window_of(ask.get("window"))
    past: Past = ask.request.app.state.past
    questions = {
        each.title: question(
            each.metric,
            latest.at_ms,
            window_ms,
            labels=each.labels,
            by=each.by,
            per_second=each.per_second,
            buckets=BUCKETS,
        )
        for each in figures
    }
    answers = await past.series(ask.cluster, questions, PATIENCE_S)
    error_now = ask.cluster.sampler.history_error
    why = (
        "Not there yet: it comes with the next update."
        if error_now is None
        else f"{error_now.title}. {error_now.detail}".strip()
    )
    return [_drawn(each, answers[each.title], why) for each in figures]


def largest(series: Sequence[Series], most: int) -> Sequence[Series]:
    """The `most` of them that are the largest over all of the time, in their order."""
    if len(series) <= most:
        return series
    sums = [sum(value for value in each.values if value is not None) for each in series]
    kept = sorted(sorted(range(len(series)), key=lambda index: -sums[index])[:most])
    return [series[index] for index in kept]


def _drawn(figure: Figure, answer: SeriesAnswer | None, why: str) -> Drawn:
    if answer is None or not answer.series:
        return Drawn(figure.title, None, why if answer is None else "Nothing was seen of it yet.")
    names = figure.by
    lines: Sequence[tuple[str, Sequence[float | None]]] = [
        (" ".join(each.labels[name] for name in names) or figure.title, each.values)
        for each in largest(answer.series, figure.lines_max)
    ]
    chart = draw(
        figure.title,
        answer.series[0].times_ms,
        lines,
        figure.text,
        whole=figure.whole,
        binary=figure.binary,
        seconds=figure.seconds,
    )
    return Drawn(figure.title, chart, "" if chart else "Nothing was seen of it in this time.")
