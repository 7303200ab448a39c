"""Faults of wall clocks. Monotonic time is the world's: only what people call the time goes wrong."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from engine.sim.faults.catalogue import fault

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis


@fault("clock")
async def clock_offset(storm: Nemesis, draw: random.Random) -> None:
    """A node's clock is wrong for a while, and right again."""
    node = draw.choice(storm.nodes)
    # Not back by an hour: brokers refuse records from more than that ahead (message.timestamp.after.max.ms).
    by_ms = draw.choice((-600_000, -5_000, -300, 300, 5_000, 3_600_000))
    seconds = draw.uniform(1.0, 8.0)
    storm.note("clock_offset", f"{node.name} {by_ms} {seconds:.3f}")
    node.clock.jump(by_ms)
    await asyncio.sleep(seconds)
    node.clock.jump(-by_ms)


@fault("clock")
async def clock_jump(storm: Nemesis, draw: random.Random) -> None:
    """A node's clock jumps forward or back, and stays there."""
    node = draw.choice(storm.nodes)
    by_ms = draw.choice((-60_000, -1_000, 1_000, 60_000, 3_600_000))
    storm.note("clock_jump", f"{node.name} {by_ms}")
    node.clock.jump(by_ms)


@fault("clock")
async def clock_drift(storm: Nemesis, draw: random.Random) -> None:
    """A node's clock runs too fast or too slow."""
    node = draw.choice(storm.nodes)
    ppm = draw.choice((-500_000, -10_000, 200, 10_000, 500_000))
    seconds = draw.uniform(1.0, 8.0)
    storm.note("clock_drift", f"{node.name} {ppm} {seconds:.3f}")
    node.clock.drift(ppm)
    await asyncio.sleep(seconds)
    node.clock.drift(0)


@fault("clock")
async def clock_strobe(storm: Nemesis, draw: random.Random) -> None:
    """A node's clock flips between two times, many times over (Jepsen)."""
    node = draw.choice(storm.nodes)
    by_ms = draw.choice((50, 1_000, 60_000))
    rounds = draw.randint(5, 40)
    storm.note("clock_strobe", f"{node.name} {by_ms} {rounds}")
    for _ in range(rounds):
        node.clock.jump(by_ms)
        await asyncio.sleep(draw.uniform(0.01, 0.15))
        node.clock.jump(-by_ms)
        await asyncio.sleep(draw.uniform(0.01, 0.15))
