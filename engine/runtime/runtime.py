"""The bundle of seams that one node runs on."""

import msgspec

from engine.runtime.clock import Clock
from engine.runtime.disk import Disk
from engine.runtime.randomness import Randomness


class Runtime(msgspec.Struct, frozen=True):
    """Clock, disk and randomness of one node. The loop and the network are those of the running asyncio loop.

    `Runtime.real()` gives the machine's own; `engine.sim` builds simulated ones.
    """

    clock: Clock
    disk: Disk
    randomness: Randomness

    @staticmethod
    def real() -> "Runtime":
        from engine.runtime.clock import SystemClock
        from engine.runtime.randomness import SystemRandomness
        from engine.runtime.system_disk import SystemDisk

        return Runtime(SystemClock(), SystemDisk(), SystemRandomness())
