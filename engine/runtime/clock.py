"""Wall time, per node. Monotonic time is the event loop's `loop.time()`; this is only for what people and records see."""

import time
from typing import Protocol


class Clock(Protocol):
    """A node's wall clock. In the laboratory it may be offset, drift and jump; nothing may assume it is monotonic."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
