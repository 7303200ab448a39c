"""The views of a world that are kept, so that any moment can be gone back to at once."""

from __future__ import annotations

from bisect import bisect_right

from engine.sim.classroom.view import WorldView

VIEWS_MAX = 12_000
"""Twenty virtual minutes at 100 ms; of older ones every other one goes."""


class Recording:
    """Of one classroom, in the order of their moments."""

    def __init__(self) -> None:
        self._views: list[WorldView] = []
        self._moments: list[float] = []

    @property
    def moments(self) -> tuple[float, ...]:
        """Of which a view is kept, in ms."""
        return tuple(self._moments)

    def keep(self, view: WorldView) -> None:
        """The newest one."""
        self._views.append(view)
        self._moments.append(view.now_ms)
        if len(self._views) > VIEWS_MAX:
            half = VIEWS_MAX // 2
            del self._views[0:half:2]
            del self._moments[0:half:2]

    def insert(self, view: WorldView, at_ms: float) -> None:
        """One of a past moment that was not kept before."""
        index = bisect_right(self._moments, at_ms)
        self._views.insert(index, view)
        self._moments.insert(index, at_ms)

    def at(self, at_ms: float) -> WorldView | None:
        """The newest view of that moment or before, else the first; None when none is kept."""
        if not self._views:
            return None
        return self._views[max(0, bisect_right(self._moments, at_ms) - 1)]
