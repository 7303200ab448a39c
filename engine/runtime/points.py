"""Named places in the engine where an experimenter may hold the code or have it take its rare path.

In production there is no experimenter and a point costs a look at a module attribute; the laboratory sets one
(`engine.sim.points`). Names are stable under edits: "room.what_happens". A point must be legal wherever it is: whatever
it delays or refuses may also happen on a slow or failing machine (FoundationDB: BUGGIFY).
"""

from __future__ import annotations

from typing import Protocol


class Experimenter(Protocol):
    """Who decides what happens at the points."""

    def is_rare(self, name: str) -> bool:
        """Whether the rare path is taken at this point, this time."""
        ...

    async def passing(self, name: str) -> None:
        """Code comes by that point; it goes on when this returns."""
        ...


experimenter: Experimenter | None = None


def rare(name: str) -> bool:
    """Whether to take the rare path here; never in production."""
    return experimenter is not None and experimenter.is_rare(name)


async def passing(name: str) -> None:
    """A place where code may be held; in production it goes on at once."""
    if experimenter is not None:
        await experimenter.passing(name)
