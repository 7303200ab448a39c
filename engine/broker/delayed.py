"""Time-outs for waiting requests, at next to no cost while they wait.

Thousands of requests wait at any moment and nearly all are answered before their time, so a timer each would be mostly
churn. Deadlines are rounded up to a tick and share one loop timer per tick; leaving early is one dictionary deletion
(Kafka: TimingWheel, with one level, since a dictionary has no size to run out of).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol


class Timed(Protocol):
    """What a bucket of the wheel has: told once when its time is up."""

    @property
    def callback(self) -> Callable[[], None]: ...


Bucket = dict[Timed, None]
"""Everything that times out at the same tick. Whoever is answered in time removes itself."""


class TimeoutTicket:
    """One entry of the wheel; `cancel` it when the wait is over."""

    __slots__ = ("_bucket", "callback")

    def __init__(self, bucket: Bucket, callback: Callable[[], None]) -> None:
        self._bucket = bucket
        self.callback = callback
        bucket[self] = None

    def cancel(self) -> None:
        self._bucket.pop(self, None)


class TimeoutWheel:
    """Calls back at or up to one tick after a deadline."""

    def __init__(self, tick_ms: int = 10) -> None:
        self._tick_s = tick_ms / 1000
        self._buckets: dict[int, Bucket] = {}
        self._loop = asyncio.get_running_loop()
        self._handles: dict[int, asyncio.TimerHandle] = {}

    def after(self, delay_ms: int, callback: Callable[[], None]) -> TimeoutTicket:
        """Call `callback` once, `delay_ms` from now (rounded up to a tick)."""
        return TimeoutTicket(self.bucket_after(delay_ms), callback)

    def bucket_after(self, delay_ms: int) -> Bucket:
        """Where to enter what times out `delay_ms` from now (rounded up to a tick); for use at once."""
        number = int((self._loop.time() + delay_ms / 1000) / self._tick_s) + 1
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = {}
            self._handles[number] = self._loop.call_at(number * self._tick_s, self._fire, number)
        return bucket

    def _fire(self, number: int) -> None:
        self._handles.pop(number, None)
        bucket = self._buckets.pop(number, None)
        while bucket:
            ticket = next(iter(bucket))
            del bucket[ticket]
            ticket.callback()

    def stop(self) -> None:
        """Forget everything that waits."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        self._buckets.clear()

    @property
    def waiting(self) -> int:
        """How many entries wait."""
        return sum(len(bucket) for bucket in self._buckets.values())


class Coalesced:
    """Runs a function once, soon, however often it is asked for within one loop iteration."""

    __slots__ = ("_function", "_loop", "_scheduled")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._scheduled = False

    def request(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        self._function()
