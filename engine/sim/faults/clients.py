"""Faults of clients: they crash, hang, and say things twice."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from engine.sim.faults.catalogue import fault

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis


@fault("clients")
async def client_crash(storm: Nemesis, draw: random.Random) -> None:
    """A producer or consumer dies without a word; another takes its place."""
    actors = storm.world.workloads.actors
    if not actors:
        return
    actor = draw.choice(actors)
    storm.note("client_crash", actor.name)
    actor.crash()
    await asyncio.sleep(draw.uniform(0.0, 3.0))
    actor.restart()


@fault("clients")
async def client_pause(storm: Nemesis, draw: random.Random) -> None:
    """A producer or consumer hangs for a while, perhaps beyond its session timeout."""
    actors = storm.world.workloads.actors
    if not actors:
        return
    actor = draw.choice(actors)
    process = actor.process
    seconds = draw.choice((0.3, 2.0, 12.0)) * draw.uniform(0.5, 1.0)
    storm.note("client_pause", f"{actor.name} {seconds:.3f}")
    process.pause()
    await asyncio.sleep(seconds)
    process.resume()


@fault("clients")
async def duplicate_requests(storm: Nemesis, draw: random.Random) -> None:
    """Idempotent producers send every batch twice, as after an answer that was lost."""
    seconds = draw.uniform(0.5, 6.0)
    storm.note("duplicate_requests", f"{seconds:.3f}")
    storm.world.duplicate_probability = draw.choice((0.2, 1.0))
    await asyncio.sleep(seconds)
    storm.world.duplicate_probability = 0.0
