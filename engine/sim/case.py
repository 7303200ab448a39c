"""One run, as a value: everything that decides what happens in it. It can be written down, shrunk, and run again.

    Case(seed=7).run()
    Case.from_json(text).run()

Equal cases give equal traces. A case without a plan or a shape takes both from its seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.runtime import safeguards
from engine.sim.nemesis import Level, PlannedFault
from engine.sim.scenarios import SWARM, faults_of
from engine.sim.trace import Trace, first_divergence
from engine.sim.world import RunResult, Shape, World


@dataclass(frozen=True, slots=True)
class Case:
    """See the module's docstring."""

    seed: int
    level: str = Level.STORMY.value
    scenario: str = SWARM
    """One of `scenarios.names()`."""
    without: str | None = None
    """A safeguard that is taken away (`engine.runtime.safeguards`)."""
    aiokafka: bool = False
    plan: tuple[PlannedFault, ...] | None = None
    """The faults, instead of those the seed would draw."""
    shape: Shape | None = None
    """The cluster and the load, instead of what the seed would draw."""

    def world(self, trace: Trace | None = None) -> World:
        """The world of this case, before anything has happened. The safeguard is the caller's to take away."""
        world = World(
            self.seed,
            level=self.level,
            shape=self.shape,
            trace=trace,
            plan=self.plan,
            faults=faults_of(self.scenario),
        )
        if self.aiokafka:
            world.shape = replace(world.shape, aiokafka=True)
        world.scenario = self.scenario
        return world

    def run(self, trace: Trace | None = None) -> RunResult:
        """Play it to its end."""
        with nullcontext() if self.without is None else safeguards.without(self.without):
            return self.world(trace).run()

    def pinned(self) -> Case:
        """The same case with the plan and the shape that its seed draws written out."""
        world = self.world()
        world.close()
        return replace(self, plan=world.nemesis.plan, shape=world.shape)

    def timeline(self) -> tuple[RunResult, list[str]]:
        """The result and every event of the run, each with its virtual time in nanoseconds."""
        trace = Trace(keep=None)
        result = self.run(trace)
        return result, trace.recent()

    def divergence(self) -> tuple[int, str | None, str | None] | None:
        """Run it twice: where the two runs part (number of the event, and both lines); None when they are equal."""
        return first_divergence(self.timeline()[1], self.timeline()[1])

    @property
    def words(self) -> str:
        """The options that say the same on a command line. Plans and shapes cannot be said there."""
        said = [f"--level {self.level}"]
        if self.scenario != SWARM:
            said.append(f"--scenario {self.scenario}")
        if self.without:
            said.append(f"--without {self.without}")
        if self.aiokafka:
            said.append("--aiokafka")
        return " ".join(said)

    def to_json(self) -> str:
        """As text; `from_json` reads it."""
        return json.dumps(_without_defaults(asdict(self)), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Case:
        """Raises ValueError, KeyError or TypeError for what is no case."""
        found: dict[str, Any] = json.loads(text)
        if found.get("plan") is not None:
            found["plan"] = tuple(
                PlannedFault(**each) if isinstance(each, dict) else PlannedFault(*each) for each in found["plan"]
            )
        if found.get("shape") is not None:
            shape = dict(found["shape"])
            shape["groups"] = tuple(shape.get("groups", ()))
            found["shape"] = Shape(**shape)
        return Case(**found)


def _without_defaults(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if each is not None and each is not False}


def violates(kind: str | None = None) -> Callable[[RunResult], bool]:
    """A test of results: some violation, or one of that kind."""

    def test(result: RunResult) -> bool:
        return any(kind is None or kind_of(violation) == kind for violation in result.violations)

    return test


def kind_of(violation: str) -> str:
    """The stable name in front of a violation's text."""
    return violation.partition(":")[0]
