"""Three real nodes in virtual time: kills, restarts, power cuts and partitions under load.

A few seeds for every run of the tests; `./dev seeds` is the suite.
"""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from engine.sim.nemesis import Level
from engine.sim.run import hash_in_fresh_process, main, parse_seeds, run_seed
from engine.sim.workloads import TOPIC
from engine.sim.world import Shape, World


@pytest.mark.seeds(8)
def test_nothing_acknowledged_is_lost_in_a_storm(seed):
    result = run_seed(seed, "stormy")
    assert not result.violations, f"{result.violations[:3]}\nreplay: {result.replay}"
    assert result.sends >= result.acknowledged > 0
    assert result.polled >= result.acknowledged


@pytest.mark.parametrize("seed", [1, 2])
def test_a_calm_world_and_a_radioactive_one_hold_as_well(seed):
    for level in ("calm", "radioactive"):
        result = run_seed(seed, level)
        assert not result.violations, f"{result.violations[:3]}\nreplay: {result.replay}"


def test_the_same_seed_gives_the_same_trace_in_every_process():
    def run(seed, hash_seed):
        command = [sys.executable, "-m", "engine.sim.run", "--seeds", str(seed), "--json", "-", "--quiet"]
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        output = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
        return json.loads(output)

    results = [run(4, hash_seed) for hash_seed in ("0", "1", "77")]
    assert results[0] == results[1] == results[2]
    assert run(6, "0")["trace_hash"] != results[0]["trace_hash"]


@pytest.mark.parametrize("seed", [4, 6])
def test_aiokafka_in_a_storm_loses_nothing_and_repeats_in_every_process(seed):
    result = run_seed(seed, "stormy", aiokafka=True)
    assert not result.violations, f"{result.violations[:3]}\nreplay: {result.replay}"
    assert hash_in_fresh_process(result, "77") == hash_in_fresh_process(result, "0")


def test_a_world_can_be_played_by_hand():
    """A script of one's own: kill the leader, see another take over, nothing lost."""
    world = World(1, level=Level.CALM, shape=Shape(partitions=1))

    async def script():
        await world.start()
        await world.create_topic(TOPIC, 1)
        await asyncio.sleep(1)
        leader, epoch = world.leader(0)
        leader.kill()
        await asyncio.sleep(10)
        successor, later_epoch = world.leader(0)
        assert successor is not leader
        assert later_epoch > epoch
        leader.start()
        assert await world.settle()

    world.loop.run_until_complete(script())
    world.close()
    assert not world.violations


def test_an_idle_cluster_costs_little():
    world = World(1, level=Level.CALM, shape=Shape(partitions=1))

    async def idle():
        await world.start()
        before = world.loop.callbacks
        await asyncio.sleep(60)
        return world.loop.callbacks - before

    callbacks = world.loop.run_until_complete(idle())
    world.close()
    assert callbacks < 60 * 300


def test_seeds_are_given_as_numbers_ranges_and_lists():
    assert parse_seeds("7") == [7]
    assert parse_seeds("1..3") == [1, 2, 3]
    assert parse_seeds("9,1..2") == [9, 1, 2]
    with pytest.raises(ValueError, match="comes before"):
        parse_seeds("3..1")


def test_the_command_prints_a_summary_and_writes_json(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert main(["--seeds", "4", "--level", "calm", "--json", str(path)]) == 0
    assert "1 seeds, 0 with violations" in capsys.readouterr().out
    result = json.loads(path.read_text())
    assert result["seed"] == 4
    assert len(result["trace_hash"]) == 64
    assert result["violations"] == []
    assert result["virtual_seconds"] > 1


def test_a_violation_fails_the_command_and_prints_the_line_that_replays_it(capsys, monkeypatch):
    from engine.sim import final_state

    original = final_state.judge_logs

    def with_a_bug(nodes, complain):
        logs = original(nodes, complain)
        log = max(logs.values(), key=len)
        del log[max(log)]
        return logs

    monkeypatch.setattr(final_state, "judge_logs", with_a_bug)
    assert main(["--seeds", "4", "--level", "calm"]) == 1
    printed = capsys.readouterr().out
    assert "lost-write" in printed
    assert "replay: python -m engine.sim.run --seeds 4 --level calm" in printed
