"""Kafka's own raft invariants under faults, seed by seed (Kafka: RaftEventSimulationTest).

After every step: one leader per epoch; epochs and high watermarks never go back; what is called committed is on the disks
of a majority and is the same everywhere; nothing is truncated below a high watermark. At the end, healed: progress.
"""

import random

import pytest

from tests.unit.engine.raft.simulation import Settings, World

SEEDS = 400


def run_with_faults(seed: int, *, faults_until_ms: float = 9_000, persist_before_send: bool = True) -> World:
    """One life of one quorum: load and faults, then peace, then everybody must agree."""
    chance = random.Random(seed)
    voters = chance.choice((1, 3, 3, 3, 5))
    settings = Settings(
        loss=chance.choice((0.0, 0.0, 0.02, 0.1)),
        latency_ms=chance.choice(((0.2, 3.0), (1.0, 60.0), (0.2, 400.0))),
        disk_ms=chance.choice(((0.1, 4.0), (0.1, 4.0), (1.0, 150.0))),
        snapshots=chance.random() < 0.5,
        persist_before_send=persist_before_send,
    )
    world = World(seed, voters, chance.choice((0, 1, 2)), settings, fetch_bytes_max=chance.choice((128, 1 << 20)))
    world.start_all()
    world.propose_every(40, faults_until_ms)
    while world.now < faults_until_ms:
        world.run_until(world.now + chance.uniform(50, 1_500))
        fault(world, chance)
    world.heal()
    world.config.loss = 0.0
    world.config.latency_ms = (0.2, 3.0)
    world.config.disk_ms = (0.1, 4.0)
    world.start_all()
    assert world.run_until(world.now + 30_000, lambda: world.leader() is not None), "nobody was elected after the heal"
    world.run_until(world.now + 3_000)
    world.propose()
    assert world.run_until(world.now + 30_000, world.agreed), "no progress after the heal"
    assert world.committed_end == world.leader().log.end_offset
    world.check_logs_agree()
    return world


def fault(world: World, chance: random.Random) -> None:
    live = world.live()
    kind = chance.random()
    if kind < 0.25 and live:
        chance.choice(live).crash()
    elif kind < 0.35 and world.leader() is not None:
        world.leader().crash()
    elif kind < 0.40:
        for node in live:
            node.crash()
    elif kind < 0.65:
        down = [node for node in world.nodes.values() if node.replica is None]
        if down:
            chance.choice(down).start()
    elif kind < 0.80:
        world.partition({node_id for node_id in world.nodes if chance.random() < 0.5})
    elif kind < 0.85 and world.leader() is not None:
        leader = world.leader()
        leader.act(lambda replica: replica.resign(replica.epoch, world.now))
    else:
        world.heal()
        world.start_all()


@pytest.mark.parametrize("first_seed", range(0, SEEDS, 50))
def test_invariants_hold_under_faults_and_the_quorum_recovers(first_seed: int) -> None:
    """Kafka: RaftEventSimulationTest, with every fault at once."""
    for seed in range(first_seed, first_seed + 50):
        try:
            run_with_faults(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
