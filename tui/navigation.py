"""Where the operator is, was, and can go back to. Pure."""

from __future__ import annotations

from tui.aliases import Place

HISTORY_MAX = 50

Trail = tuple[Place, ...]
"""From the view that was jumped to down to the one that is shown: the breadcrumbs."""


class Navigation:
    """The trail that is shown, and those that were."""

    def __init__(self, start: Place) -> None:
        self.history: list[Trail] = [(start,)]
        self._at = 0
        self._before: Trail | None = None

    @property
    def trail(self) -> Trail:
        return self.history[self._at]

    @property
    def place(self) -> Place:
        """What is shown."""
        return self.trail[-1]

    def jump(self, place: Place) -> None:
        """To a view by its name: a new trail begins."""
        self._go((place,))

    def enter(self, place: Place) -> None:
        """Into something that the view shows. Where the trail has it already, back to it."""
        trail = self.trail
        if place in trail:
            trail = trail[: trail.index(place)]
        self._go((*trail, place))

    def back(self) -> bool:
        """Out of the view; false at the first of the trail."""
        if len(self.trail) == 1:
            return False
        self._go(self.trail[:-1])
        return True

    def last(self) -> bool:
        """To the view that was shown before this one; false when there was none."""
        if self._before is None:
            return False
        self._go(self._before)
        return True

    def earlier(self) -> bool:
        return self._move(self._at - 1)

    def later(self) -> bool:
        return self._move(self._at + 1)

    def _move(self, to: int) -> bool:
        if not 0 <= to < len(self.history):
            return False
        self._before = self.trail
        self._at = to
        return True

    def _go(self, trail: Trail) -> None:
        if trail == self.trail:
            return
        self._before = self.trail
        del self.history[self._at + 1 :]
        self.history.append(trail)
        del self.history[:-HISTORY_MAX]
        self._at = len(self.history) - 1
