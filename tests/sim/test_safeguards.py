"""Safeguards against bugs of Kafka's past, taken away: the judges must notice.

Some are noticed by storms within a few seeds. For the others there is a script that walks into the bug on purpose, and
shows with the safeguard in place that nothing happens.
"""

import asyncio

import pytest

from engine.runtime import safeguards
from engine.sim import final_state
from engine.sim.checker import check
from engine.sim.clients import SimProducer
from engine.sim.hunt import hunt
from engine.sim.nemesis import Level
from engine.sim.nodes import CLIENT_PORT, NodeState
from engine.sim.world import TOPIC, Shape, World


@pytest.mark.timeout(600)  # many worlds; and one cut off in its middle would disturb the worlds of later tests
@pytest.mark.parametrize(
    ("name", "scenario", "seeds"),
    [
        ("truncate_by_epoch", "swarm", range(1, 40)),
        ("fetch_epoch_fencing", "swarm", range(1, 10)),
        ("high_watermark_respects_min_isr", "starve_leader", range(1, 60)),
        ("sequence_deduplication", "duplicate_requests", range(1, 10)),
        ("recovery_after_unclean_shutdown", "power", range(1, 40)),
    ],
)
def test_storms_notice_a_safeguard_that_is_gone(name, scenario, seeds):
    catch = hunt(name, seeds, scenario)
    assert catch.seed is not None, f"{len(seeds)} seeds without {name} and no violation"


class Script:
    """One partition, one producer, three nodes by role."""

    def __init__(self):
        self.world = World(
            1,
            level=Level.CALM,
            shape=Shape(
                partitions=1,
                properties={
                    "replica.lag.time.max.ms": "1500",
                    "replica.high.watermark.checkpoint.interval.ms": "3600000",
                    "broker.session.timeout.ms": "2000",
                },
            ),
        )

    async def begin(self):
        world = self.world
        await world.start()
        await world.create_topic(TOPIC, 1)
        self.producer = SimProducer(
            "p", world.bootstrap, TOPIC, world.randomness.stream("p"), world.history, world.violations.append
        )
        await world.client_process.spawn(self.producer.start())
        world.producers.append(self.producer)
        await asyncio.sleep(1)
        leader, _ = world.leader(0)
        others = [node for node in world.nodes.values() if node is not leader]
        return leader, *others

    async def send(self, count):
        for _ in range(count):
            self.world.client_process.run(self.producer.send)
            await asyncio.sleep(0.02)
        await self.until(lambda: self.producer.unanswered == 0)

    async def until(self, condition, seconds=30.0, step=0.01):
        """Whether it came true in time."""
        for _ in range(int(seconds / step)):
            if condition():
                return True
            await asyncio.sleep(step)
        return condition()

    def partition(self, node):
        return next(p for place, p in final_state.hosted(node).items() if place.topic == TOPIC)

    def cut(self, one, other, cut=True):
        self.world.network.cut_port(one.host, other.host, CLIENT_PORT, cut)

    async def judge(self):
        world = self.world
        for node in world.nodes.values():
            if node.state is NodeState.DOWN:
                node.start()
        if await world.settle():
            logs = final_state.judge_logs(world.nodes.values(), world.complain)
            world.violations.extend(check(world.history, logs))
        return [violation.kind for violation in world.violations]

    def play(self, story):
        try:
            return self.world.loop.run_until_complete(story)
        finally:
            self.world.close()


async def join_before_the_epoch_starts(script):
    """KAFKA-7128. A leader that was restarted knows an old high watermark; a follower that holds no more than that is
    let into the ISR, though records beyond it were acknowledged; the leader dies; the follower leads."""
    leader, in_sync, behind = await script.begin()
    await script.send(10)
    script.cut(leader, behind)
    script.cut(in_sync, behind)
    await script.send(10)  # acknowledged once `behind` is out of the ISR: held by leader and in_sync only
    assert behind.node_id not in script.partition(leader).leader.state.isr
    leader.kill()
    in_sync.kill()
    await asyncio.sleep(0.5)
    script.cut(leader, in_sync)  # so that in_sync does not come back to the ISR
    leader.start()
    in_sync.start()
    assert await script.until(lambda: script.world.leader(0) is not None and script.world.leader(0)[0] is leader)
    link = script.world.network.link(leader.host, behind.host)
    script.cut(leader, behind, cut=False)

    def asked():
        remote = script.partition(leader).leader.remotes[behind.node_id]
        return remote.log_end_offset == 10

    assert await script.until(asked, step=0.00001, seconds=5)
    link.set_port_cut(CLIENT_PORT, True)  # it has asked, and will not be answered
    joined = await script.until(lambda: behind.node_id in script.partition(leader).leader.state.isr, seconds=0.3)
    leader.kill()
    await script.until(lambda: script.world.leader(0) is not None, seconds=8)
    script.world.network.heal_all()
    return joined, await script.judge()


def test_a_follower_joins_the_isr_only_with_everything_up_to_the_leaders_epoch():
    script = Script()
    assert script.play(join_before_the_epoch_starts(script)) == (False, [])


def test_a_follower_that_joins_before_that_loses_acknowledged_records():
    script = Script()
    with safeguards.without("isr_join_at_leader_epoch_start"):
        joined, kinds = script.play(join_before_the_epoch_starts(script))
    assert joined
    assert "lost-write" in kinds
