"""Named points of the engine: held by hand, fired by the seed, nothing without an experimenter."""

import asyncio
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.runtime import points
from engine.sim.loop import SimLoop
from engine.sim.points import POINTS, Points

NAME = "isr.before_proposal"


def test_without_an_experimenter_code_goes_on_at_once():
    loop = SimLoop()
    before = loop.now_ns
    loop.run_until_complete(points.passing(NAME))
    assert loop.now_ns - before < 1_000
    assert not points.rare(NAME)


def test_a_held_point_holds_until_it_is_released():
    loop = SimLoop()
    world_points = Points(random.Random(1), lambda line: None, active=False)
    passed = []

    async def code():
        await points.passing(NAME)
        passed.append(loop.now_ns)

    async def story():
        world_points.hold(NAME)
        task = asyncio.ensure_future(code())
        await asyncio.sleep(5)
        assert passed == []
        assert world_points.waiting == {NAME: 1}
        world_points.release(NAME)
        await task
        assert world_points.waiting == {NAME: 0}
        await code()  # nobody waits there any more

    with world_points.in_charge():
        loop.run_until_complete(story())
    assert len(passed) == 2
    assert points.experimenter is None


def test_what_fires_is_drawn_from_the_seed():
    def fired(seed):
        lines = []
        drawn = Points(random.Random(seed), lines.append)
        for _ in range(40):
            for name in POINTS:
                drawn.is_rare(name)
        return drawn.on, lines

    assert fired(3) == fired(3)
    runs = [fired(seed) for seed in range(20)]
    assert any(on for on, _ in runs)
    assert any(not on for on, _ in runs)
    assert all(bool(on) == bool(lines) for on, lines in runs)


def test_code_of_another_loop_goes_on_as_in_production():
    """A real cluster in a thread beside a world came by the world's points: its heartbeats drew from the seed."""
    loop, fired = SimLoop(), []
    world_points = Points(random.Random(1), fired.append, loop=loop)
    world_points.on = list(POINTS)
    world_points.hold(NAME)

    async def elsewhere():
        await points.passing(NAME)
        return any(points.rare(name) for name in POINTS for _ in range(50))

    async def here():
        with ThreadPoolExecutor() as pool:
            rare = pool.submit(asyncio.run, elsewhere()).result(timeout=30)
        return rare, any(points.rare(name) for name in POINTS for _ in range(50))

    with world_points.in_charge():
        assert loop.run_until_complete(here()) == (False, True)
    assert all("held" not in line for line in fired)
    assert sum(world_points.passed.values()) < 2 * len(POINTS) * 50


def test_stopping_lets_everyone_go_on_and_nothing_fires_any_more():
    drawn = Points(random.Random(1), lambda line: None)
    drawn.on = list(POINTS)
    drawn.hold(NAME)
    drawn.stop()
    assert not any(drawn.is_rare(name) for name in POINTS for _ in range(20))
    SimLoop().run_until_complete(drawn.passing(NAME))


def test_an_unknown_point_cannot_be_held():
    with pytest.raises(KeyError):
        Points(random.Random(1), lambda line: None).hold("no such point")


def test_every_point_in_the_engine_is_in_the_table_and_the_other_way_round():
    engine = Path(points.__file__).parents[1]
    found = set()
    for path in sorted(engine.rglob("*.py")):
        if "sim" not in path.relative_to(engine).parts:
            found |= set(re.findall(r'points\.(?:passing|rare)\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    assert found == set(POINTS)
