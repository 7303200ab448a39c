"""A member of a classic group against an embedded cluster, and the assignment by range."""

import asyncio

import pytest

from engine.cluster import Cluster
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient
from engine.net.group_member import GroupMember, assign_by_range
from engine.types import TopicPartition


def test_ranges_are_consecutive_and_the_first_members_have_one_more():
    subscriptions = {"b": ["t", "u"], "a": ["t", "u"], "c": ["t", "gone"]}

    assert assign_by_range(subscriptions, {"t": 5, "u": 1}) == {
        "a": {"t": [0, 1], "u": [0]},
        "b": {"t": [2, 3]},
        "c": {"t": [4]},
    }


@pytest.fixture(scope="module")
def servers():
    properties = {"offsets.topic.num.partitions": "1", "group.initial.rebalance.delay.ms": "0"}
    with Cluster.running(nodes=1, properties=properties) as cluster:
        cluster.call(cluster.create_topic("t", partitions=5))
        yield [(host, int(port)) for host, _, port in [cluster.bootstrap_servers.rpartition(":")]]


def run(story):
    asyncio.run(asyncio.wait_for(story(), 60))


def partitions(*numbers):
    return tuple(TopicPartition("t", number) for number in numbers)


def test_two_members_share_the_partitions_and_one_that_leaves_gives_its_own_back(servers):
    async def story():
        async with ClusterClient(servers) as one, ClusterClient(servers) as other:
            first, second = GroupMember(one, "g", ["t"]), GroupMember(other, "g", ["t"])
            assert await first.join() == partitions(0, 1, 2, 3, 4)
            assert await first.heartbeat()

            joining = asyncio.create_task(second.join())
            while await first.heartbeat():
                await asyncio.sleep(0.01)
            mine, theirs = await first.join(), await joining
            assert sorted(mine + theirs) == list(partitions(0, 1, 2, 3, 4))
            assert {len(mine), len(theirs)} == {2, 3}
            assert await first.commit({mine[0]: 0})

            await second.leave()
            assert not await first.heartbeat()
            assert await first.join() == partitions(0, 1, 2, 3, 4)
            await first.leave()

    run(story)


def test_who_is_no_longer_a_member_commits_nothing_and_may_join_anew(servers):
    async def story():
        async with ClusterClient(servers) as client:
            member = GroupMember(client, "h", ["t"])
            await member.join()
            held = member.member_id, member.generation_id
            await member.leave()
            member.member_id, member.generation_id = held

            assert not await member.commit({TopicPartition("t", 0): 0})
            assert (member.member_id, member.generation_id) == ("", -1)
            assert len(await member.join()) == 5
            await member.leave()

    run(story)


def test_what_joining_again_does_not_mend_is_raised(servers):
    async def story():
        async with ClusterClient(servers) as client:
            with pytest.raises(KafkaError, match="INVALID_SESSION_TIMEOUT"):
                await GroupMember(client, "i", ["t"], session_timeout_ms=1).join()

    run(story)
