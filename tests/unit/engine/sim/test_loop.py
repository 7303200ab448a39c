"""The event loop in virtual time."""

import asyncio
import random
import subprocess
import sys

import pytest

from engine.sim.loop import (
    START_NS,
    DeadlockError,
    LivelockError,
    SimLoop,
    UnhandledError,
    seconds_to_ns,
)
from engine.sim.network import SimNetwork
from engine.sim.process import current_process
from engine.sim.randomness import SimRandomness


def test_an_hour_of_sleep_takes_no_time():
    """Or this test would end by its timeout."""
    loop = SimLoop()
    loop.run_until_complete(asyncio.sleep(3600))
    assert loop.now_ns >= START_NS + 3600 * 10**9


def test_each_reading_of_the_clock_moves_it_on():
    loop = SimLoop()
    before = loop.now_ns
    assert loop.time() < loop.time()
    assert loop.now_ns == before + 2


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"), [(0.0, 0), (-1.0, 0), (1e-18, 1), (1e-9, 1), (1.5e-9, 2), (2.0, 2 * 10**9)]
)
def test_a_delay_is_rounded_up_to_a_whole_nanosecond(seconds, nanoseconds):
    assert seconds_to_ns(seconds) == nanoseconds


def test_waiting_for_what_is_left_of_a_deadline_comes_to_an_end():
    """The live-lock a float clock had: a remainder of 1e-18 s that no timer could take time forward by."""
    loop = SimLoop(livelock_callbacks=1000)

    async def linger():
        deadline = loop.time() + 0.005
        while (rest := deadline - loop.time()) > 0:
            await asyncio.sleep(rest)

    loop.run_until_complete(linger())


def test_call_soon_is_first_in_first_out():
    loop = SimLoop()
    seen = []
    for index in range(20):
        loop.call_soon(seen.append, index)
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == list(range(20))


def order_of_equal_timers(seed):
    loop = SimLoop(random.Random(seed))
    seen = []
    for index in range(10):
        loop.call_at(START_NS / 1e9 + 5, seen.append, index)
    loop.run_until_complete(asyncio.sleep(10))
    return seen


def test_timers_of_one_instant_run_in_the_order_of_the_seed():
    assert order_of_equal_timers(1) == order_of_equal_timers(1)
    assert sorted(order_of_equal_timers(1)) == list(range(10))
    assert len({tuple(order_of_equal_timers(seed)) for seed in range(10)}) > 5


def test_a_cancelled_timer_does_not_run_and_leaves_the_queue():
    loop = SimLoop()
    seen = []
    timers = [loop.call_later(10, seen.append, index) for index in range(1000)]
    for timer in timers[1:]:
        timer.cancel()
    assert len(loop._timers) < 300
    loop.run_until_complete(asyncio.sleep(20))
    assert seen == [0]


def test_nothing_left_to_happen_is_a_deadlock_that_names_who_waits():
    loop = SimLoop()

    async def waits_for_ever():
        await loop.create_future()

    with pytest.raises(DeadlockError, match="waits_for_ever"):
        loop.run_until_complete(waits_for_ever())
    loop.close()


def test_spinning_at_one_instant_is_a_livelock():
    loop = SimLoop(livelock_callbacks=1000)

    async def spins():
        while True:
            await asyncio.sleep(0)

    with pytest.raises(LivelockError):
        loop.run_until_complete(spins())
    loop.close()


def test_an_exception_in_a_callback_fails_the_run():
    loop = SimLoop()
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(UnhandledError, match="ZeroDivisionError"):
        loop.run_until_complete(asyncio.sleep(1))


def test_an_exception_in_a_task_that_nobody_awaits_fails_the_run():
    loop = SimLoop()

    async def fails():
        raise ValueError("lost")

    async def starts_it():
        task = asyncio.create_task(fails())
        await asyncio.sleep(1)
        del task

    def run():
        loop.run_until_complete(starts_it())
        loop.raise_unretrieved()

    with pytest.raises(UnhandledError, match="lost"):
        run()


def test_the_result_and_the_exception_of_a_coroutine_come_back():
    loop = SimLoop()

    async def fails():
        raise KeyError("mine")

    assert loop.run_until_complete(asyncio.sleep(1, "done")) == "done"
    with pytest.raises(KeyError, match="mine"):
        loop.run_until_complete(fails())


def test_the_executor_runs_in_place_after_a_virtual_delay():
    loop = SimLoop()

    async def main():
        before = loop.now_ns
        assert await asyncio.to_thread(lambda: 42) == 42
        assert loop.now_ns > before
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)

    loop.run_until_complete(main())


def test_asyncio_timeouts_run_in_virtual_time():
    loop = SimLoop()

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await loop.create_future()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_future(), 30)

    loop.run_until_complete(main())
    assert loop.now_ns - START_NS >= 60 * 10**9


def test_asyncio_runner_works_on_it():
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        assert runner.run(asyncio.sleep(5, "ok")) == "ok"


SET_ORDER = """
import asyncio, random
from engine.sim.loop import SimLoop
junk = [object() for _ in range(random.SystemRandom().randrange(5000))]
loop = SimLoop()
async def work(index):
    await asyncio.sleep(1)
    return index
async def main():
    tasks = {asyncio.create_task(work(index)) for index in range(50)}
    futures = {loop.create_future() for _ in range(50)}
    for index, future in enumerate(futures):
        future.set_result(index)
    done, _ = await asyncio.wait(tasks)
    print([task.result() for task in done], [task.get_name() for task in asyncio.all_tasks()])
loop.run_until_complete(main())
"""


def test_a_set_of_tasks_is_iterated_in_the_same_order_in_every_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SET_ORDER],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(path for path in sys.path if path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(outputs) == 1


# ---- processes


def world():
    loop = SimLoop()
    network = SimNetwork(loop, SimRandomness(1, "network"))
    return loop, network, network.new_process("node-1", network.add_host("node-1"))


def test_what_a_process_starts_belongs_to_it():
    loop, _, process = world()
    seen = []

    async def grandchild():
        seen.append(current_process())

    async def child():
        await asyncio.create_task(grandchild())
        loop.call_later(1, lambda: seen.append(current_process()))

    loop.run_until_complete(process.spawn(child()))
    loop.run_until_complete(asyncio.sleep(2))
    assert seen == [process, process]
    assert current_process() is None


def test_a_killed_process_never_runs_again():
    loop, _, process = world()
    seen = []

    async def ticks():
        try:
            while True:
                await asyncio.sleep(1)
                seen.append(loop.now_ns)
        finally:
            loop.call_soon(seen.append, "a word from the grave")

    task = process.spawn(ticks())
    loop.run_until_complete(asyncio.sleep(3.5))
    process.kill()
    loop.run_until_complete(asyncio.sleep(10))
    assert len(seen) == 3
    assert not task.done()
    process.spawn(ticks())
    loop.run_until_complete(asyncio.sleep(10))
    assert len(seen) == 3


def test_a_paused_process_catches_up_when_it_resumes():
    loop, _, process = world()
    seen = []

    async def ticks():
        for index in range(5):
            await asyncio.sleep(1)
            seen.append(index)

    process.spawn(ticks())
    loop.run_until_complete(asyncio.sleep(2.5))
    process.pause()
    loop.run_until_complete(asyncio.sleep(100))
    assert seen == [0, 1]
    process.resume()
    loop.run_until_complete(asyncio.sleep(0.1))
    assert seen == [0, 1, 2]
    loop.run_until_complete(asyncio.sleep(5))
    assert seen == [0, 1, 2, 3, 4]


def test_an_exception_from_a_killed_process_does_not_fail_the_run():
    loop, _, process = world()

    async def fails_when_closed():
        try:
            await asyncio.sleep(100)
        finally:
            raise RuntimeError("from the grave")

    process.spawn(fails_when_closed())
    loop.run_until_complete(asyncio.sleep(1))
    process.kill()
    loop.run_until_complete(asyncio.sleep(200))
    loop.raise_unretrieved()
