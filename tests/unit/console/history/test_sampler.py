"""The sampler against real nodes: embedded ones, and in virtual time while brokers die."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import OperatorError
from console.history.queries import SeriesQuestion
from console.history.sampler import Sampler, history_file
from console.history.snapshot import take_snapshot
from console.history.store import History
from engine.net.cluster_client import ClusterClient
from engine.sim.world import Shape, World
from engine.types import TopicPartition
from tests.unit.console.embedded import commit, make_topic, produce

ROOT = Path(__file__).parents[4]


class Beat:
    """A clock that goes on five seconds with each look."""

    def __init__(self, at_ms=1_000_000):
        self.at_ms = at_ms

    def now_ms(self):
        self.at_ms += 5_000
        return self.at_ms


def test_one_pass_sees_topics_offsets_sizes_groups_and_the_quorum(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic, 2)
        await produce(client, topic, 7)
        await commit(client, group, {(topic, 0): 3, (topic, 1): 0})
        return await take_snapshot(client, 5)

    snapshot = room.run(story)

    partition = TopicPartition(topic, 0)
    assert snapshot.missing == ()
    assert sorted(snapshot.brokers) == [1, 2, 3]
    assert snapshot.offsets[partition] == (0, 7)
    assert sorted(snapshot.sizes[partition]) == sorted(snapshot.partitions[partition].replicas)
    assert snapshot.lag(snapshot.groups[group], partition) == 4
    assert snapshot.groups[group].committed[TopicPartition(topic, 1)] == 0
    assert snapshot.quorum.leader in (1, 2, 3)
    assert {each.node_id for each in snapshot.log_dirs} == {1, 2, 3}


def test_passes_are_kept_and_can_be_asked_for(room, tmp_path):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic)
        await commit(client, group, {(topic, 0): 0})
        sampler = Sampler(
            client, history_path=lambda _: tmp_path / "h.duckdb", clock=Beat(), pids=lambda: {1: os.getpid()}
        )
        for _ in range(4):
            await produce(client, topic, 10)
            await sampler.sample()
        question = SeriesQuestion(
            "kafka_consumergroup_lag", 1_000_000, 1_020_000, {"consumergroup": group, "topic": topic}, buckets=4
        )
        lag = await sampler.history.series(question)
        memory = await sampler.history.last("stoker_process_resident_memory_bytes")
        text = sampler.metrics_text()
        await sampler.stop()
        return lag, memory, text, sampler.history_error

    lag, memory, text, error = room.run(story)

    assert lag.series[0].values == [10, 20, 30, 40]
    assert memory[0].value > 1_000_000
    assert f'kafka_consumergroup_lag{{consumergroup="{group}",topic="{topic}",partition="0"}} 40' in text
    assert error is None


def test_it_runs_by_itself_and_stops(room, tmp_path):
    async def story(client):
        async with Sampler(client, interval_ms=20, history_path=lambda _: tmp_path / "h.duckdb") as sampler:
            for _ in range(3):
                await asyncio.wait_for(sampler.next_pass(), 20)
            passes, latest = sampler.passes, sampler.latest
        history = await History.open(tmp_path / "h.duckdb")
        brokers = await history.last("kafka_brokers")
        await history.close()
        return passes, latest, brokers, sampler.failure

    passes, latest, brokers, failure = room.run(story)

    assert passes >= 3
    assert latest is not None
    assert brokers[0].value == 3
    assert failure is None


def test_without_a_history_of_its_own_it_samples_all_the_same_and_says_why(room, tmp_path):
    path = tmp_path / "h.duckdb"

    async def story(client):
        other = await History.open(path)
        sampler = Sampler(client, history_path=lambda _: path)
        snapshot = await sampler.sample()
        await sampler.stop()
        await other.close()
        return snapshot, sampler.history_error

    snapshot, error = room.run(story)

    assert sorted(snapshot.brokers) == [1, 2, 3]
    assert "is in use" in error.title


def test_when_nobody_answers_the_latest_stays_and_the_failure_is_told(room):
    async def story(client):
        sampler = Sampler(client, interval_ms=10, history_path=lambda _: None)
        await sampler.sample()
        before = sampler.latest
        sampler._client = ClusterClient([("127.0.0.1", 1)], connect_timeout_ms=500, retry_timeout_ms=100)
        with pytest.raises(OperatorError):
            await sampler.sample()
        sampler.start()
        await asyncio.wait_for(sampler.next_pass(), 20)
        await sampler.stop()
        return sampler.latest is before, sampler.failure

    same, failure = room.run(story)

    assert same
    assert "no cluster at 127.0.0.1:1" in failure.title


def test_the_file_is_named_after_the_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert history_file("a-B_1/../x").name == "a-B_1____x.duckdb"
    assert history_file(None).parent.name == "history"


def in_virtual_time(story, seed=5):
    world = World(seed, shape=Shape(nodes=3, partitions=3))

    async def run():
        await world.start()
        await world.create_topic("orders", 3)
        return await world.client_process.spawn(story(world))

    try:
        return world.loop.run_until_complete(run())
    finally:
        world.close()


class LoopClock:
    def now_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)


def test_a_pass_with_a_dead_broker_is_partial_names_what_is_missing_and_ends_soon():
    async def story(world):
        client = ClusterClient(
            world.bootstrap,
            request_timeout_ms=3_000,
            connect_timeout_ms=3_000,
            retry_timeout_ms=2_000,
            randomness=world.randomness.stream("console"),
        )
        async with client:
            sampler = Sampler(client, clock=LoopClock(), history_path=lambda _: None, threads=False)
            await sampler.sample()
            world.nodes[3].kill()
            began = asyncio.get_running_loop().time()
            snapshot = await sampler.sample()
            took = asyncio.get_running_loop().time() - began
            return snapshot, took, sampler.metrics_text()

    snapshot, took, text = in_virtual_time(story)

    assert took < 10
    assert any("broker 3" in str(each) for each in snapshot.missing)
    assert len(snapshot.partitions) >= 3
    led_elsewhere = [key for key, each in snapshot.partitions.items() if each.leader_id in (1, 2)]
    assert led_elsewhere
    assert all(key in snapshot.offsets for key in led_elsewhere)
    assert f"stoker_snapshot_missing_parts {len(snapshot.missing)}" in text


def test_the_same_seed_gives_the_same_passes():
    async def story(world):
        client = ClusterClient(world.bootstrap, randomness=world.randomness.stream("console"))
        async with (
            client,
            Sampler(client, interval_ms=1000, clock=LoopClock(), history_path=lambda _: None, threads=False) as sampler,
        ):
            texts = []
            for _ in range(3):
                await sampler.next_pass()
                texts.append(sampler.metrics_text())
            return texts

    assert in_virtual_time(story) == in_virtual_time(story)


def test_importing_it_loads_no_heavy_library():
    script = (
        "import sys, console.history.sampler, console.history.tables, console.lag.measure, console.metrics.exposition\n"
        "print(sorted({'duckdb', 'pyarrow', 'psutil'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert result.stdout == "[]\n", result.stderr
