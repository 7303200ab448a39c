"""The lines of a classroom's timeline, numbered; the oldest go when there are too many."""

from __future__ import annotations

from engine.sim.classroom.explain import Event
from engine.sim.classroom.view import EventView

EVENTS_MAX = 20_000


class Timeline:
    """Of one classroom; and what there was of elections and truncations in all."""

    def __init__(self) -> None:
        self._events: list[EventView] = []
        self._dropped = 0
        self.elections = 0
        self.quorum_elections = 0
        self.truncations = 0

    @property
    def count(self) -> int:
        """How many lines there were ever."""
        return self._dropped + len(self._events)

    @property
    def place(self) -> int:
        """Where the next line would stand; for `add`."""
        return len(self._events)

    def add(self, event: Event, at_ms: float, place: int | None = None) -> EventView:
        """A new line; at `place`, before what came since: what was done comes before what it led to in the same
        instant."""
        if place is None or place >= len(self._events):
            view = _line(event, self.count, at_ms)
            self._events.append(view)
        else:
            view = _line(event, self._dropped + place, at_ms)
            later = self._events[place:]
            self._events[place:] = [view, *(_renumbered(each, each.number + 1) for each in later)]
        if len(self._events) > EVENTS_MAX:
            drop = EVENTS_MAX // 4
            del self._events[:drop]
            self._dropped += drop
        self.elections += event.kind == "election"
        self.quorum_elections += event.kind == "quorum" and "leads the quorum" in event.text
        self.truncations += event.kind == "truncation"
        return view

    def lines(self, first: int = 0, last: int | None = None) -> tuple[EventView, ...]:
        """The lines with numbers from `first` up to `last` (exclusive), as far as they are kept."""
        start = max(0, first - self._dropped)
        end = len(self._events) if last is None else max(0, last - self._dropped)
        return tuple(self._events[start:end])


def _line(event: Event, number: int, at_ms: float) -> EventView:
    return EventView(number, round(at_ms, 3), event.kind, event.text, event.why, event.kip, event.is_bad, event.subject)


def _renumbered(line: EventView, number: int) -> EventView:
    return EventView(number, line.at_ms, line.kind, line.text, line.why, line.kip, line.is_bad, line.subject)
