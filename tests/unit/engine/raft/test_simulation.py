"""Kafka's own raft invariants under faults, seed by seed (Kafka: RaftEventSimulationTest).

After every step: one leader per epoch; epochs and high watermarks never go back; what is called committed is on the disks
of a majority and is the same everywhere; nothing is truncated below a high watermark. At the end, healed: progress.
"""

import random

import pytest

from engine.errors import InvariantViolation
from engine.raft.elections import Elections
from engine.raft.replication import Replication
from engine.raft.types import ReplicaKey
from engine.types import OffsetAndEpoch
from tests.unit.engine.raft.simulation import Settings, World

SEEDS = 350
"""In CI; more by hand: raise it."""


def run_with_faults(seed: int, *, faults_until_ms: float = 6_000, persist_before_send: bool = True) -> World:
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
        world.run_until(world.now + chance.uniform(50, 1_000))
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
    run_seeds(range(first_seed, first_seed + 50))


def run_seeds(seeds: range) -> None:
    for seed in seeds:
        try:
            run_with_faults(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def grant_to_any_log(self: Elections, asking: ReplicaKey, theirs: OffsetAndEpoch, pre_vote: bool) -> bool:
    return _can_grant(self, asking, OffsetAndEpoch(1 << 40, 1 << 30), pre_vote)


def count_unflushed(self: Replication, records: bytes, epoch: int, now_ms: float) -> int:
    end_offset = _append(self, records, epoch, now_ms)
    self._log_flushed(end_offset, self._log_generation, now_ms)
    return end_offset


_can_grant = Elections._can_grant
_append = Replication._append


@pytest.mark.parametrize(
    ("layer", "name", "broken"),
    [
        (Replication, "_may_fetch", property(lambda self: self._freezing is None)),
        (Elections, "_can_grant", grant_to_any_log),
        (Replication, "_append", count_unflushed),
    ],
    ids=["followers vouch for what is not on disk", "votes do not compare logs", "leaders count what is not on disk"],
)
def test_a_missing_safeguard_is_noticed(
    layer: type, name: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of the test: without each of these, some seed must fail."""
    monkeypatch.setattr(layer, name, broken)
    with pytest.raises((AssertionError, InvariantViolation)):
        run_seeds(range(40))


def trace(seed: int) -> list[tuple[int, int, str, str]]:
    world = run_with_faults(seed)
    return [
        (world.steps, node.log.end_offset, repr(node.replica.state), repr(node.log.batches))
        for node in world.nodes.values()
    ]


def test_a_seed_repeats() -> None:
    """The core draws from the random source it is given, and from nothing else."""
    assert trace(11) == trace(11)


@pytest.mark.parametrize("voters", [3, 5])
def test_a_fresh_quorum_has_a_leader_within_a_fifth_of_a_second(voters: int) -> None:
    """Nobody waits for an election timeout that protects no leader."""
    for seed in range(30):
        world = World(seed, voters)
        world.start_all()
        assert world.run_until(200, lambda world=world: world.leader() is not None), f"seed {seed}"


def test_a_dead_leader_is_replaced_within_half_a_second() -> None:
    """Its connections are refused, so the rest of the fetch timeout is not waited for."""
    for seed in range(30):
        world = World(seed, 3)
        world.start_all()
        assert world.run_until(5_000, world.agreed)
        dead = world.leader()
        dead.crash()
        until = world.now + 500
        assert world.run_until(until, lambda world=world: world.leader() is not None), f"seed {seed}"


def test_a_leader_that_is_cut_off_is_replaced_and_gives_way_after_the_heal() -> None:
    """Kafka: RaftEventSimulationTest.canElectNewLeaderAfterOldLeaderPartitionedAway."""
    world = World(5, 5)
    world.start_all()
    assert world.run_until(5_000, world.agreed)
    old = world.leader()
    world.partition({old.id})
    assert world.run_until(world.now + 10_000, lambda: world.leader() is not old and world.leader() is not None)
    world.propose()
    world.run_until(world.now + 4_000)
    assert not old.replica.is_leader, "check-quorum"
    world.heal()
    assert world.run_until(world.now + 10_000, world.agreed)
    world.check_logs_agree()


def test_a_minority_makes_no_progress_and_a_majority_does() -> None:
    """Kafka: canMakeProgressIfMajorityIsReachable."""
    world = World(6, 5)
    world.start_all()
    assert world.run_until(5_000, world.agreed)
    world.partition({1, 2})
    assert world.run_until(world.now + 15_000, lambda: world.leader() is not None and world.leader().id > 2)
    world.run_until(world.now + 3_000)
    before = world.committed_end
    for node_id in (1, 2):
        assert not world.nodes[node_id].replica.is_leader
    world.propose()
    assert world.run_until(world.now + 5_000, lambda: world.committed_end > before)


def test_a_replica_that_is_cut_off_does_not_disturb_when_it_comes_back() -> None:
    """KIP-996: without pre-vote its epoch would have run away, and unseat the leader."""
    world = World(7, 3)
    world.start_all()
    assert world.run_until(5_000, world.agreed)
    leader, epoch = world.leader(), world.leader().replica.epoch
    away = next(node for node in world.nodes.values() if node is not leader)
    world.partition({away.id})
    world.run_until(world.now + 30_000)
    world.heal()
    world.run_until(world.now + 5_000)
    assert world.leader() is leader
    assert leader.replica.epoch == epoch
    assert world.agreed()
