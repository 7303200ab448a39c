"""The past of figures for pages: asked once per pass of the sampler, however many pages show it, and never waited for
long. What is not there yet comes with the next live update."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from console.errors import OperatorError
from console.history.model import SeriesAnswer
from console.history.queries import SeriesQuestion
from console.open_cluster import OpenCluster

PATIENCE_S = 0.12
KEPT_MAX = 500
"""Answers kept for one cluster; all go when there are more."""

WINDOWS = {"15m": 15 * 60_000, "1h": 3_600_000, "6h": 6 * 3_600_000, "24h": 24 * 3_600_000, "7d": 7 * 86_400_000}
"""Times that pages offer, as `?window=` has them."""
WINDOW_DEFAULT = "15m"
BUCKETS = 120


@dataclass(slots=True)
class _Entry:
    passes: int = -1
    answer: SeriesAnswer | None = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Past:
    """Answers by cluster and question, of one console."""

    _entries: WeakKeyDictionary[OpenCluster, dict[tuple[object, ...], _Entry]] = field(
        default_factory=WeakKeyDictionary
    )

    async def series(
        self, cluster: OpenCluster, questions: Mapping[str, SeriesQuestion], patience_s: float = PATIENCE_S
    ) -> dict[str, SeriesAnswer | None]:
        """The newest answers there are, by the names of the questions; None where there is none (yet, or at all).

        The questions' times only say how long the window is: it ends with the newest pass.
        """
        entries = self._entries.setdefault(cluster, {})
        if len(entries) > KEPT_MAX:
            entries.clear()
        passes = cluster.sampler.passes
        wanted: dict[str, _Entry] = {}
        running: list[asyncio.Task[None]] = []
        for name, question in questions.items():
            entry = entries.setdefault(_key(question), _Entry())
            wanted[name] = entry
            if entry.passes != passes and entry.task is None:
                entry.task = asyncio.get_running_loop().create_task(_ask(cluster, question, entry, passes))
            if entry.task is not None:
                running.append(entry.task)
        if running:
            await asyncio.wait(running, timeout=patience_s)
        return {name: entry.answer for name, entry in wanted.items()}


async def _ask(cluster: OpenCluster, question: SeriesQuestion, entry: _Entry, passes: int) -> None:
    try:
        entry.answer = await cluster.series(question)
    except OperatorError:
        # No history: there is none to show, and the page has said why.
        entry.answer = None
    finally:
        entry.passes = passes
        entry.task = None


def _key(question: SeriesQuestion) -> tuple[object, ...]:
    return (
        question.metric,
        question.to_ms - question.from_ms,
        tuple(sorted(question.labels.items())),
        question.buckets,
        question.by,
        question.per_second,
        question.series_max,
    )


def window_of(word: str) -> tuple[str, int]:
    """The window that `?window=` names, and how long it is in ms; the usual one for any other word."""
    name = word if word in WINDOWS else WINDOW_DEFAULT
    return name, WINDOWS[name]


def question(
    metric: str,
    at_ms: int,
    window_ms: int,
    *,
    labels: Mapping[str, str] | None = None,
    by: tuple[str, ...] | None = (),
    per_second: bool = False,
    buckets: int = BUCKETS,
) -> SeriesQuestion:
    """A question for a chart of the `window_ms` before `at_ms`; by default all series are summed up to one."""
    return SeriesQuestion(
        metric, at_ms - window_ms, at_ms, labels=labels or {}, buckets=buckets, by=by, per_second=per_second
    )
