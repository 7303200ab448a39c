"""Unmodified aiokafka, a producer and a consumer, in virtual time against a stub broker."""

import os
import subprocess
import sys
import time

from tests.sim.aiokafka_run import run


def test_everything_produced_is_consumed_in_order_and_hours_cost_seconds():
    started = time.monotonic()
    _, seen, virtual_seconds = run(1)
    assert sum(map(len, seen.values())) == 600
    for records in seen.values():
        offsets = [offset for offset, _ in records]
        values = [value for _, value in records]
        assert offsets == list(range(len(records)))
        assert values == sorted(values)
    assert virtual_seconds > 10
    assert time.monotonic() - started < virtual_seconds


def test_the_machines_clock_is_back_after_the_run():
    import aiokafka.client

    run(1, records=3)
    assert aiokafka.client.time is time
    assert not hasattr(aiokafka.client, "list")


def test_the_same_seed_gives_the_same_trace_in_every_process():
    script = os.path.join(os.path.dirname(__file__), "aiokafka_run.py")
    outputs = [
        subprocess.run(
            [sys.executable, script, seed],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(path for path in sys.path if path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, hash_seed in (("1", "0"), ("1", "1"), ("1", "77"), ("2", "0"))
    ]
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0] != outputs[3]
