"""Makes a failing case small: few faults, few operations; and writes it as a test.

First the plan is cut down by halves, then one fault at a time (Zeller's ddmin, by complements); then the load: without
groups, careless producers, duplicates of either, with fewer partitions, nodes and sends, and a shorter storm. A change is kept
when the run still violates the same kind of thing. Each try is a run of the world, so their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.sim.case import Case, kind_of
from engine.sim.nemesis import PlannedFault
from engine.sim.world import RunResult, Shape

Run = Callable[[Case], RunResult]


@dataclass(slots=True)
class Shrunk:
    """What came of shrinking."""

    case: Case
    result: RunResult
    kind: str
    """The violation that was kept."""
    tries: int


def shrink(case: Case, *, tries_max: int = 60, run: Run = Case.run) -> Shrunk | None:
    """The smallest case found that violates the same; None when the case violates nothing."""
    shrinker = _Shrinker(case.pinned(), tries_max, run)
    return shrinker.shrink()


class _Shrinker:
    def __init__(self, case: Case, tries_max: int, run: Run) -> None:
        self._case = case
        self._tries_max = tries_max
        self._run = run
        self.tries = 0
        self._kind = ""
        self._result: RunResult | None = None

    def shrink(self) -> Shrunk | None:
        first = self._run(self._case)
        if not first.violations:
            return None
        self._kind, self._result = kind_of(first.violations[0]), first
        self._shrink_plan()
        self._shrink_shape()
        self._shrink_plan()  # a smaller load may need fewer faults
        return Shrunk(self._case, self._result, self._kind, self.tries)

    def _try(self, case: Case) -> bool:
        """Whether the case still violates the same; then it is the case from now on."""
        if self.tries >= self._tries_max:
            return False
        self.tries += 1
        result = self._run(case)
        if any(kind_of(violation) == self._kind for violation in result.violations):
            self._case, self._result = case, result
            return True
        return False

    def _shrink_plan(self) -> None:
        pieces = 2
        while True:
            plan = self._case.plan or ()
            if not plan:
                return
            pieces = min(pieces, len(plan))
            for kept in _complements(plan, pieces):
                if self._try(replace(self._case, plan=kept)):
                    pieces = max(pieces - 1, 2)
                    break
            else:
                if pieces >= len(plan) or self.tries >= self._tries_max:
                    return
                pieces = min(pieces * 2, len(plan))

    def _shrink_shape(self) -> None:
        for smaller in _SMALLER:
            shape = self._case.shape
            assert shape is not None
            tried = smaller(shape, self._case.plan or ())
            if tried is not None and tried != shape:
                self._try(replace(self._case, shape=tried))


def _complements(plan: Sequence[PlannedFault], pieces: int) -> Iterator[tuple[PlannedFault, ...]]:
    """The plan without its first piece, without its second, and so on."""
    size = len(plan)
    for piece in range(pieces):
        start, stop = size * piece // pieces, size * (piece + 1) // pieces
        if stop > start:
            yield (*plan[:start], *plan[stop:])


def _shorter(shape: Shape, plan: Sequence[PlannedFault]) -> Shape:
    last_s = max((planned.at_s for planned in plan), default=0.0)
    return replace(shape, storm_s=min(shape.storm_s, round(last_s + 5.0, 1)))


Smaller = Callable[[Shape, Sequence[PlannedFault]], Shape | None]

_SMALLER: tuple[Smaller, ...] = (
    lambda shape, _plan: replace(shape, groups=(), members=0, plain_producers=0),
    lambda shape, _plan: replace(shape, groups=()),
    lambda shape, _plan: replace(shape, groups=shape.groups[:1], members=min(shape.members, 2)),
    lambda shape, _plan: replace(shape, plain_producers=0),
    lambda shape, _plan: replace(shape, producers=1),
    lambda shape, _plan: replace(shape, partitions=1),
    lambda shape, _plan: replace(shape, nodes=3) if shape.nodes > 3 else None,
    lambda shape, _plan: replace(shape, sends_per_second=5.0) if shape.sends_per_second > 5 else None,
    lambda shape, _plan: replace(shape, sends_per_second=1.0) if shape.sends_per_second > 1 else None,
    _shorter,
    lambda shape, _plan: replace(shape, properties={}) if shape.properties else None,
)


TEMPLATE = '''"""Found by the laboratory: seed {seed}, {level}{without}. {faults} faults, {sends} records.

{violation}
"""

from engine.sim.case import Case

CASE = """{case}"""


def test_seed_{name}():
    result = Case.from_json(CASE).run()
    assert not result.violations, result.violations[:3]
'''


def as_test(shrunk: Shrunk) -> str:
    """A pytest file that runs the case; it fails until what it shows is mended."""
    case, result = shrunk.case, shrunk.result
    violation = next(each for each in result.violations if kind_of(each) == shrunk.kind)
    first_line = violation.splitlines()[0].replace("\\", "/").replace('"""', "'''")[:300]
    return TEMPLATE.format(
        seed=case.seed,
        level=case.level,
        without=f", without {case.without}" if case.without else "",
        faults=len(case.plan or ()),
        sends=result.sends,
        violation=first_line,
        case=case.to_json().replace("\\", "\\\\"),
        name=f"{case.seed}_{shrunk.kind.replace('-', '_')}",
    )
