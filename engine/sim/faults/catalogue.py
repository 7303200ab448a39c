"""The table of fault kinds, filled by the modules beside it in a fixed order."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis

Play = Callable[["Nemesis", random.Random], Coroutine[Any, Any, None]]

GROUPS = ("network", "process", "clock", "disk", "cluster", "clients")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault."""

    name: str
    group: str
    """One of GROUPS."""
    play: Play
    summary: str
    """One line for people."""
    needs: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the world's shape without which it does nothing: a world that is asked for this kind has them."""


KINDS: dict[str, FaultKind] = {}
"""Every kind by name, in the order of the modules and of their text."""


def fault(group: str, **needs: Any) -> Callable[[Play], Play]:
    """Put a coroutine into the table under its own name; the first line of its docstring is its summary.

    `needs` are fields of the world's shape, see `FaultKind`.
    """
    assert group in GROUPS

    def register(play: Play) -> Play:
        name = play.__name__
        assert name not in KINDS, f"two faults are called {name}"
        summary = (inspect.getdoc(play) or "").partition("\n")[0]
        assert summary, f"{name} has no docstring"
        KINDS[name] = FaultKind(name, group, play, summary, needs)
        return play

    return register


def needs_of(names: Sequence[str]) -> dict[str, Any]:
    """The fields of a world's shape that these kinds need to do anything. KeyError for unknown ones."""
    needs: dict[str, Any] = {}
    for name in names:
        needs.update(KINDS[name].needs)
    return needs
