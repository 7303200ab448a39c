"""Your own asyncio code against a cluster in pure virtual time: hours in seconds, and every run the same.

    from aiokafka import AIOKafkaProducer
    from engine.sim import World

    async def main(world: World) -> int:
        async with AIOKafkaProducer(bootstrap_servers=world.bootstrap_servers) as producer:
            await producer.send_and_wait("orders", b"hello")
            world.leader(0, "orders")[0].kill()
            await producer.send_and_wait("orders", b"still there")
        return world.virtual_ms

    print(World(seed=7).play(main))

Any client works that is written for asyncio and takes time from the loop. aiokafka asks the machine's clock too; while
it plays here it is given the world's (`engine.sim.aiokafka_time`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from engine.sim import world as worlds
from engine.sim.loop import START_NS
from engine.sim.world import _quiet

T = TypeVar("T")


class World(worlds.World):
    """A world for scripts; `engine.sim.world.World` with `play`."""

    @property
    def bootstrap_servers(self) -> str:
        """For a client that runs in this world."""
        return ",".join(f"{host}:{port}" for host, port in self.bootstrap)

    @property
    def virtual_ms(self) -> int:
        """How long the world has existed."""
        return (self.loop.now_ns - START_NS) // 1_000_000

    def play(self, main: Callable[[World], Coroutine[None, None, T]]) -> T:
        """Start the cluster, run `main(world)` on the clients' machine, and end the world. Returns what it returns.

        Raises what it raises, and SimulationError when nothing can ever happen again or a node fails.
        """
        is_there = importlib.util.find_spec("aiokafka") is not None
        with _quiet():
            try:
                with self._as_aiokafkas_loop() if is_there else nullcontext():
                    return self.loop.run_until_complete(self._start_and(main))
            finally:
                self.close()

    def _as_aiokafkas_loop(self) -> AbstractContextManager[None]:
        from engine.sim.aiokafka_time import aiokafka_in

        return aiokafka_in(self.loop, self.randomness.stream("aiokafka"))

    async def _start_and(self, main: Callable[[World], Coroutine[None, None, T]]) -> T:
        await self.start()
        return await self.client_process.spawn(main(self), name="main")
