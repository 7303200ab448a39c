"""Connect your own client: the classroom's cluster on real sockets, its virtual time tied to the wall clock.

    paced = await PacedCluster.start(Situation(...))
    ... kcat -b {paced.bootstrap_servers} -L ...
    paced.room.do(Kill(node=1))
    await paced.stop()

`rate` is virtual seconds per second. While it is paused nothing answers, and clients' own timeouts go on: `warning` says
so. How bytes come in and go out is `outside`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from engine.sim.classroom.outside import Outside, Ports
from engine.sim.classroom.situation import Situation
from engine.sim.classroom.world import Classroom

logger = logging.getLogger(__name__)

SLICE_S = 0.005
SLICE_MAX_S = 0.25
"""A machine that was asleep does not make the world catch up."""
_PAUSED = "The cluster stands still: nothing is answered, while clients' own timeouts run on."


class PacedCluster:
    """See the module's docstring. Made by `start`; belongs to the loop it was started on."""

    def __init__(self, outside: Outside, rate: float) -> None:
        self.room = outside.room
        self._outside = outside
        self._rate = rate
        self._paused = False
        self._failure: BaseException | None = None
        self._pumping = asyncio.get_running_loop().create_task(self._pump(), name="paced cluster")

    @classmethod
    async def start(cls, situation: Situation | None = None, *, rate: float = 1.0) -> PacedCluster:
        """Boot the cluster of `situation` and listen on free ports. ValueError for a rate outside 0.01..20."""
        _check(rate)
        situation = situation if situation is not None else Situation()
        ports = Ports(situation.shape.nodes)
        try:
            room = Classroom(situation, node_properties=ports.properties)
        except BaseException:
            ports.close()
            raise
        return cls(await Outside.open(room, ports), rate)

    @property
    def bootstrap_servers(self) -> str:
        """For bootstrap.servers of a client."""
        return self._outside.bootstrap_servers

    @property
    def rate(self) -> float:
        """Virtual seconds per second; 0.01 to 20."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        _check(rate)
        self._rate = rate

    @property
    def warning(self) -> str:
        """What whoever has a client connected must know; "" for nothing."""
        if self._failure is not None:
            return f"The cluster has stopped: {self._failure!r}"
        if self.room.broken:
            return f"The cluster stands still for good: {self.room.broken}"
        if self._paused:
            return f"{_PAUSED} {self.connections} connections are open."
        if self._rate < 1:
            return "The cluster is slower than the clock: clients' own timeouts are short for it."
        return ""

    @property
    def connections(self) -> int:
        """How many connections from outside are open."""
        return self._outside.connections

    def pause(self) -> None:
        """Stop the world. Connections stay open."""
        if not self._paused:
            self._paused = True
            logger.warning("%s", self.warning)

    def resume(self) -> None:
        """Go on; the time in between does not exist for the world."""
        self._paused = False

    async def stop(self) -> None:
        """Close the ports, the connections and the world."""
        self._pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pumping
        self._outside.close()
        self.room.close()
        await asyncio.sleep(0)

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        try:
            while True:
                await asyncio.sleep(SLICE_S)
                now = loop.time()
                elapsed = min(now - last, SLICE_MAX_S)
                last = now
                if not self._paused and not self.room.broken:
                    self.room.advance(elapsed * 1000 * self._rate)
        except Exception as error:
            self._failure = error
            logger.exception("the paced cluster stopped")


def _check(rate: float) -> None:
    if not 0.01 <= rate <= 20:
        raise ValueError(f"the rate is {rate}; it must be between 0.01 and 20")
