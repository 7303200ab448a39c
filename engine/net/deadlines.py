"""Time that runs out, and how long to wait before trying again. On the running loop's clock, so virtual time works."""

from __future__ import annotations

import asyncio
import random

import msgspec


class Deadline:
    """A moment `timeout_ms` from now on the running loop's clock."""

    __slots__ = ("_at", "_loop")

    def __init__(self, timeout_ms: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time() + timeout_ms / 1000

    @property
    def remaining_ms(self) -> int:
        """Whole milliseconds left, rounded up; 0 when it has passed."""
        return max(0, -int((self._loop.time() - self._at) * 1000 // 1))

    @property
    def passed(self) -> bool:
        return self._loop.time() >= self._at


class Backoff(msgspec.Struct, frozen=True):
    """Waiting times between tries: exponential with jitter of 20 % (Kafka: ExponentialBackoff, KIP-580).

    Defaults are those of Kafka's clients: retry.backoff.ms 100, retry.backoff.max.ms 1000.
    """

    first_ms: int = 100
    max_ms: int = 1000

    def wait_ms(self, tries: int, randomness: random.Random) -> float:
        """How long to wait after the try number `tries` (from 1) failed."""
        exponent = min(max(tries - 1, 0), 30)
        return float(min(self.first_ms * 2**exponent, self.max_ms) * randomness.uniform(0.8, 1.2))

    async def wait(self, tries: int, randomness: random.Random, deadline: Deadline) -> bool:
        """Sleep that long, but not beyond `deadline`; false when there is no time left for another try."""
        wait_ms = self.wait_ms(tries, randomness)
        if deadline.passed or wait_ms >= deadline.remaining_ms:
            return False
        await asyncio.sleep(wait_ms / 1000)
        return True
