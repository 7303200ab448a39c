"""The panel of invariants: each holds until the judges have seen it violated, at an event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.sim.classroom.explain import Event
from engine.sim.classroom.pinpoint import Exact
from engine.sim.classroom.view import InvariantView
from engine.sim.history import Violation
from engine.sim.invariants.table import INVARIANTS

_DETAIL_CHARACTERS_MAX = 1_000


class Panel:
    """Of one classroom. `views` is the same object until something changes."""

    def __init__(self) -> None:
        self._invariants = {each.name: InvariantView(each.name, each.text, each.source, True) for each in INVARIANTS}
        self._seen = 0
        self.views = tuple(self._invariants.values())

    def look(self, violations: Sequence[Violation], at_ms: float, callback: int) -> Iterator[Event]:
        """Take in what the judges have seen so far; gives a line for each invariant that was not violated before."""
        fresh = violations[self._seen :]
        self._seen = len(violations)
        for violation in fresh:
            known = self._invariants.get(violation.kind)
            if known is not None and not known.holds:
                continue
            text = known.text if known is not None else "Clients are told nothing that must not be."
            detail = violation.detail[:_DETAIL_CHARACTERS_MAX]
            self._invariants[violation.kind] = InvariantView(
                violation.kind,
                text,
                known.source if known is not None else "",
                False,
                round(at_ms, 3),
                callback,
                detail,
            )
            said = known.text if known is not None else violation.kind
            yield Event("violation", f"VIOLATED: {violation.kind}. {said}", detail, is_bad=True)
        if fresh:
            self.views = tuple(self._invariants.values())

    def violated(self, name: str) -> InvariantView | None:
        """The invariant of that name, when it is violated."""
        known = self._invariants.get(name)
        return None if known is None or known.holds else known

    def name_event(self, name: str, exact: Exact) -> InvariantView:
        """The very event that broke it was found."""
        found = self._invariants[name] = msgspec.structs.replace(
            self._invariants[name],
            at_ms=round(exact.at_ns / 1e6, 3),
            callback=exact.callback,
            detail=exact.detail,
            cause=exact.cause,
        )
        self.views = tuple(self._invariants.values())
        return found
