"""The bundle of seams that one node runs on."""

from collections.abc import Callable

import msgspec

from engine.runtime.clock import Clock
from engine.runtime.disk import Disk
from engine.runtime.randomness import Randomness


def no_stopwatch() -> float:
    """Stands still: nothing is timed."""
    return 0.0


class Runtime(msgspec.Struct, frozen=True):
    """Clock, disk and randomness of one node. The loop and the network are those of the running asyncio loop.

    `Runtime.real()` gives the machine's own; `engine.sim` builds simulated ones.
    """

    clock: Clock
    disk: Disk
    randomness: Randomness
    stopwatch: Callable[[], float] = no_stopwatch
    """Seconds since no matter when, to see how long something took and for nothing else: what a node does must not depend
    on it. (The loop's time is no measure: uvloop reads it once a turn.)"""

    @staticmethod
    def real() -> "Runtime":
        from time import perf_counter

        from engine.runtime.clock import SystemClock
        from engine.runtime.randomness import SystemRandomness
        from engine.runtime.system_disk import SystemDisk

        return Runtime(SystemClock(), SystemDisk(), SystemRandomness(), perf_counter)
