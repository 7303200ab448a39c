"""Time-outs of waiting requests, in virtual time."""

import random

from engine.broker.delayed import Coalesced, TimeoutWheel
from engine.sim.loop import SimLoop


def run(scenario):
    loop = SimLoop(random.Random(1))
    try:
        return loop.run_until_complete(scenario(loop))
    finally:
        loop.close()


def test_a_timeout_comes_at_its_deadline_or_up_to_a_tick_later():
    async def scenario(loop):
        wheel = TimeoutWheel(tick_ms=10)
        fired = loop.create_future()
        start = loop.time()
        wheel.after(500, lambda: fired.set_result(loop.time() - start))
        elapsed = await fired
        assert 0.500 <= elapsed <= 0.5111
        assert wheel.waiting == 0

    run(scenario)


def test_a_cancelled_timeout_costs_nothing_and_never_comes():
    async def scenario(loop):
        import asyncio

        wheel = TimeoutWheel(tick_ms=10)
        fired = []
        tickets = [wheel.after(100, lambda: fired.append(1)) for _ in range(1000)]
        kept = wheel.after(100, lambda: fired.append("kept"))
        for ticket in tickets:
            ticket.cancel()
        assert wheel.waiting == 1
        await asyncio.sleep(1)
        assert fired == ["kept"]
        kept.cancel()

    run(scenario)


def test_what_a_timeout_cancels_in_its_own_tick_does_not_come():
    async def scenario(loop):
        import asyncio

        wheel = TimeoutWheel(tick_ms=10)
        fired = []
        tickets = []
        tickets.append(wheel.after(50, lambda: (fired.append("first"), tickets[1].cancel())))
        tickets.append(wheel.after(50, lambda: fired.append("second")))
        await asyncio.sleep(1)
        assert fired == ["first"]

    run(scenario)


def test_requests_of_one_turn_run_once():
    async def scenario(loop):
        import asyncio

        runs = []
        coalesced = Coalesced(lambda: runs.append(1))
        for _ in range(5):
            coalesced.request()
        assert runs == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert runs == [1]
        coalesced.request()
        await asyncio.sleep(0.01)
        assert runs == [1, 1]

    run(scenario)
