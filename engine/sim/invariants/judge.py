"""What judges share: a violation is told once per kind and subject."""

from __future__ import annotations

from collections.abc import Callable

from engine.sim.history import Violation

Report = Callable[[Violation], None]


class Judge:
    """Tells what it sees to `report`, the first time only."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported: set[tuple[str, object]] = set()

    def complain(self, kind: str, subject: object, detail: str) -> None:
        """Report `kind` unless it was reported for this subject before."""
        if (kind, subject) not in self._reported:
            self._reported.add((kind, subject))
            self._report(Violation(kind, detail))
