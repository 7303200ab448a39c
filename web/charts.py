"""Lines for charts, drawn by the server as SVG: paths, and what the crosshair shows. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.history.model import Series

WIDTH = 300
HEIGHT = 44


@dataclass(frozen=True, slots=True)
class Spark:
    """A small chart. `line` and `area` are SVG paths in a box of `WIDTH` x `HEIGHT`; `data` is what `chart.js` reads;
    `latest` the newest value, `highest` the largest, `from_ms` where it begins."""

    line: str
    area: str
    data: str
    label: str
    latest: float | None
    highest: float | None
    from_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        return not self.line


def spark(
    series: Series | None, show: Callable[[float], str], name: str, *, scale: float = 1.0, height: int = HEIGHT
) -> Spark:
    """The chart of one series, its values times `scale`. The axis begins at 0 and ends at the largest value; the chart
    begins where something is known first."""
    values = [] if series is None else [None if each is None else each * scale for each in series.values]
    first = next((index for index, value in enumerate(values) if value is not None), 0)
    values = values[first:]
    known = [each for each in values if each is not None]
    if series is None or not known:
        return Spark("", "", "", f"{name}: no history yet", None, None)
    top = max(max(known), 0.0)
    line, area = paths(values, top, WIDTH, height)
    texts = ["-" if each is None else show(each) for each in values]
    times = series.times_ms[first:]
    data = {"times": times, "series": [{"name": name, "texts": texts}]}
    latest = next((each for each in reversed(values) if each is not None), None)
    shown = "-" if latest is None else show(latest)
    label = f"{name}: now {shown}, lowest {show(min(known))}, highest {show(max(known))}"
    return Spark(line, area, json.dumps(data, separators=(",", ":")), label, latest, max(known), times[0])


def paths(values: Sequence[float | None], top: float, width: float, height: float) -> tuple[str, str]:
    """The line through the values, and the area below it; None makes a gap."""
    step = width / max(1, len(values) - 1)
    usable = height - 2
    line: list[str] = []
    area: list[str] = []
    run: list[tuple[float, float]] = []

    def end() -> None:
        if not run:
            return
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
        if len(run) == 1:
            # One point alone is seen as a short stroke.
            points += f" {run[0][0] + 1:.1f},{run[0][1]:.1f}"
        line.append(f"M{points}")
        area.append(f"M{run[0][0]:.1f},{height} L{points} L{run[-1][0]:.1f},{height}Z")
        run.clear()

    for index, value in enumerate(values):
        if value is None:
            end()
        else:
            run.append((index * step, height - 1 - (usable * value / top if top > 0 else 0)))
    end()
    return "".join(line), "".join(area)
