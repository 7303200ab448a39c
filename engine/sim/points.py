"""The experimenter of a world: which of the engine's named points hold code, or take the rare path.

As FoundationDB's BUGGIFY: each point is switched on for a run with some probability, and fires with some probability each
time it is passed; both are drawn from the seed. A point can also be held by hand until it is released, for scripts and
lessons:

    world.points.hold("isr.before_proposal")
    ...
    world.points.release("isr.before_proposal")
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.runtime import points

ON_PROBABILITY = 0.25
FIRE_PROBABILITY = 0.25
DELAY_MEAN_S = 0.2
DELAY_S_MAX = 5.0

POINTS: dict[str, str] = {
    "raft.before_vote_is_written": "a voter has decided and not written it down yet",
    "raft.before_flush": "records of the metadata log are written and not synced yet",
    "isr.before_proposal": "a leader has decided on a new ISR and not told the controller yet",
    "broker.before_heartbeat": "a broker is about to tell the controller that it lives",
    "broker.heartbeat_lost": "rare path: a heartbeat is left out",
    "fetcher.before_truncation": "a follower knows where to cut its log and has not cut it yet",
    "groups.before_load": "a coordinator was elected and has not read its log yet",
    "log.before_recovery_checkpoint": "a log is synced and its recovery point not written down yet",
}


class Points:
    """See the module's docstring. `record` is told what fires.

    `loop` is the world's: code that another loop runs goes on as in production. Points are the process's, and a real
    cluster in a thread beside the world comes by them too; it drew from the world's seed once, and lost heartbeats.
    """

    def __init__(
        self,
        source: random.Random,
        record: Callable[[str], None],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        active: bool = True,
    ) -> None:
        self._source = source
        self._record = record
        self._loop = loop
        self.on = [name for name in POINTS if source.random() < ON_PROBABILITY] if active else []
        """The points that fire by themselves in this run."""
        self.passed: dict[str, int] = {}
        """How often each point was passed."""
        self.waiting: dict[str, int] = {}
        """How many wait at each point that is held."""
        self._gates: dict[str, asyncio.Event] = {}

    def stop(self) -> None:
        """Nothing fires by itself any more, and whatever is held goes on."""
        self.on = []
        for name in list(self._gates):
            self.release(name)

    def hold(self, name: str) -> None:
        """Whoever comes by that point waits there until `release`. KeyError for an unknown point."""
        POINTS[name]
        self._gates.setdefault(name, asyncio.Event())

    def release(self, name: str) -> None:
        """Let everyone go on who waits at that point, and nobody wait there any more."""
        gate = self._gates.pop(name, None)
        if gate is not None:
            gate.set()

    def _fires(self, name: str) -> bool:
        self.passed[name] = self.passed.get(name, 0) + 1
        return name in self.on and self._source.random() < FIRE_PROBABILITY

    def _concerns_us(self) -> bool:
        return self._loop is None or asyncio._get_running_loop() is self._loop

    def is_rare(self, name: str) -> bool:
        """Whether the rare path is taken now."""
        if self._concerns_us() and self._fires(name):
            self._record(f"point {name}")
            return True
        return False

    async def passing(self, name: str) -> None:
        """Wait while the point is held, or for as long as the seed says."""
        if not self._concerns_us():
            return
        gate = self._gates.get(name)
        if gate is not None:
            self._record(f"point {name} held")
            self.waiting[name] = self.waiting.get(name, 0) + 1
            try:
                await gate.wait()
            finally:
                self.waiting[name] -= 1
        if self._fires(name):
            delay_s = min(self._source.expovariate(1 / DELAY_MEAN_S), DELAY_S_MAX)
            self._record(f"point {name} {delay_s:.3f}")
            await asyncio.sleep(delay_s)

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """The engine's points ask this one inside of the block."""
        before = points.experimenter
        points.experimenter = self
        try:
            yield
        finally:
            points.experimenter = before
