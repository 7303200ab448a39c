"""The seams: every source of nondeterminism enters the engine through this package, and nowhere else.

What may live here: the *interfaces* of clock, disk and randomness, and their real implementations. The loop and the
network have no interface of their own: they are asyncio's event loop, its `create_server`, `create_connection`,
`call_later` and `time()`. `engine.sim` has the other implementation of each. What may not live here: any knowledge of
Kafka.
"""

from engine.runtime.clock import Clock, SystemClock
from engine.runtime.disk import Disk, DiskLock, File, StorageError
from engine.runtime.randomness import Randomness, SystemRandomness
from engine.runtime.runtime import Runtime

__all__ = [
    "Clock",
    "Disk",
    "DiskLock",
    "File",
    "Randomness",
    "Runtime",
    "StorageError",
    "SystemClock",
    "SystemRandomness",
]
