"""The laboratory: the same engine, real wire bytes, in virtual time.

What lives here: the simulated twins of the seams (event loop, network, disk, clock, randomness), the faults they can be
asked for, the world that puts a cluster on them, and the judges of what happened. What may not live here: anything the
engine needs in production, and any copy of the engine's own decisions (a judge that repeats a bug cannot see it).

Determinism is the contract: a run is a function of its seed. Nothing here reads a clock, draws from the global random
generator, iterates over a set where the order can leak out, or depends on an address in memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.sim.scripted import World

__all__ = ["World"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: whoever wants the loop or a clock alone does not get the whole engine.
    if name == "World":
        from engine.sim.scripted import World

        return World
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
