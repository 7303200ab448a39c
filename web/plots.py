"""Charts with axes, as the server draws them (small ones without: `web.charts`): paths in a box of 600 x 160, ticks, and the values for the crosshair. Pure.

The SVG is stretched to the room there is, so nothing in it is text: names of axes are HTML around it (macros/plot.html).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600.0, 160.0

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `path` for its stroke, `area` for what is below it."""

    name: str
    path: str
    area: str
    last: str
    """The newest value that is known, as text."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that is ready to be shown. `ticks` are (share of the height from above, text)."""

    title: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    from_ms: int
    to_ms: int
    data: str
    """JSON for chart.js."""

    @property
    def summary(self) -> str:
        """What a screen reader says of it."""
        return f"{self.title}: " + ", ".join(
            f"{line.name} {line.last}" if len(self.lines) > 1 else f"{line.last} at last" for line in self.lines
        )


def draw(
    title: str,
    times_ms: Sequence[int],
    lines: Sequence[tuple[str, Values]],
    text: Callable[[float | None], str],
    *,
    whole: bool = False,
    binary: bool = False,
    seconds: bool = False,
) -> Chart | None:
    """The chart of lines over the same times; None where nothing is known. It begins where something is known first.

    `text` writes a value; `whole`: ticks are whole numbers; `binary`: round in units of 1024; `seconds`: round as times are.
    """
    known = [index for _, values in lines for index, value in enumerate(values) if value is not None]
    if not known:
        return None
    first = max(0, min(known) - 1) if min(known) < len(times_ms) - 2 else max(0, len(times_ms) - 3)
    times = list(times_ms[first:])
    kept = [(name, list(values[first:])) for name, values in lines]
    most = max((value for _, values in kept for value in values if value is not None), default=0.0)
    top = nice_seconds(most) if seconds else nice_top(most, whole, binary)
    drawn = []
    for name, values in kept:
        path, area = _paths(values, top)
        last = next((value for value in reversed(values) if value is not None), None)
        drawn.append(Line(name, path, area, text(last)))
    data = {
        "times": times,
        "series": [{"name": name, "texts": [text(value) for value in values]} for name, values in kept],
    }
    # Half of one record would be written as none, half of five as two.
    shares = (0.0, 1.0) if whole and top % 2 else (0.0, 0.5, 1.0)
    ticks = tuple((share, text(top * (1 - share))) for share in shares)
    return Chart(title, tuple(drawn), ticks, times[0], times[-1], json.dumps(data, separators=(",", ":")))


_SECONDS = (
    *(60 * each for each in (1, 2, 4, 6, 10, 20, 30, 40)),
    *(3_600 * each for each in (1, 2, 4, 6, 8, 12, 18)),
    *(86_400 * each for each in (1, 2, 4, 6, 10)),
)


def nice_seconds(value: float) -> float:
    """A round time that is not less, in seconds: of minutes, hours and days those that have a round half."""
    if value <= 40:
        return nice_top(value)
    return next((float(each) for each in _SECONDS if each >= value), 86_400 * nice_top(value / 86_400))


def nice_top(value: float, whole: bool = False, binary: bool = False) -> float:
    """A round number that is not less: 1, 2, 4, 6, 8 or 10 times a power of ten. 1 for nothing."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    if binary and value >= 1024:
        unit = 1024.0 ** int(math.log(value, 1024))
        return nice_top(value / unit) * unit
    power = 10.0 ** math.floor(math.log10(value))
    top = next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999_999)
    return max(top, 1.0) if whole else top


def _paths(values: Values, top: float) -> tuple[str, str]:
    """Stroke and area; where nothing is known there is a gap."""
    runs: list[list[tuple[float, float]]] = []
    run: list[tuple[float, float]] = []
    step = WIDTH / max(1, len(values) - 1)
    for index, value in enumerate([*values, None]):
        if value is not None:
            run.append((index * step, HEIGHT - min(value, top) / top * (HEIGHT - 4) - 2))
        elif run:
            if len(run) == 1:
                # A lone point is seen as a short line.
                x, y = run[0]
                run = [(max(0.0, x - 2), y), (min(WIDTH, x + 2), y)]
            runs.append(run)
            run = []
    path = " ".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) for points in runs)
    area = " ".join(
        f"M{points[0][0]:.1f} {HEIGHT:.0f}L"
        + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        + f"L{points[-1][0]:.1f} {HEIGHT:.0f}Z"
        for points in runs
    )
    return path, area
