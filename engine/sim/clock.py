"""Wall clocks of the laboratory: virtual time, seen through each node's own error."""

from typing import Protocol

EPOCH_MS = 1_750_000_000_000
"""When every world begins, in wall time: a round moment in June 2025."""


class TimeSource(Protocol):
    """What a wall clock reads: the loop."""

    def read_ns(self) -> int: ...


class SimClock:
    """One node's wall clock: the world's time, off by `offset_ms` and drifting by `drift_ppm` (parts per million)."""

    def __init__(self, source: TimeSource, *, offset_ms: int = 0, drift_ppm: int = 0) -> None:
        self._source = source
        self.offset_ms = offset_ms
        self.drift_ppm = drift_ppm
        self._drifted_ns = 0
        self._drifts_from_ns = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as this node believes."""
        now_ns = self._source.read_ns()
        return EPOCH_MS + self.offset_ms + (now_ns + self._drift_ns(now_ns)) // 1_000_000

    def _drift_ns(self, now_ns: int) -> int:
        return self._drifted_ns + (now_ns - self._drifts_from_ns) * self.drift_ppm // 1_000_000

    def jump(self, by_ms: int) -> None:
        """Step the clock forward, or back when negative."""
        self.offset_ms += by_ms

    def drift(self, ppm: int) -> None:
        """From now on run that much too fast (or too slow, when negative). What it is off by already stays."""
        now_ns = self._source.read_ns()
        self._drifted_ns, self._drifts_from_ns = self._drift_ns(now_ns), now_ns
        self.drift_ppm = ppm

    def set_right(self) -> None:
        """The world's time again."""
        self.offset_ms = 0
        self.drift_ppm = 0
        self._drifted_ns = 0
