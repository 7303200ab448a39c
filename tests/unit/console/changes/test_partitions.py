"""Deleting records (KIP-107) and electing leaders (KIP-460)."""

import pytest

from console.audit import AuditLog
from console.changes import Door
from console.changes.kinds import DeleteRecords, ElectLeaders, OffsetTarget, PartitionScope, TargetKind
from console.client_config import parse_bootstrap
from console.errors import OperatorError
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.offsets import start_and_end_offsets
from console.services.partition_changes import ElectionType
from console.services.topic_changes import NewTopic, create_topic
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_view import PartitionView
from engine.net.deadlines import Backoff, Deadline
from engine.protocol.errors import ErrorCode
from engine.runtime import SystemClock
from engine.types import TopicPartition

pytestmark = pytest.mark.anyio


@pytest.fixture
async def records(anyio_backend, client, topic):
    """Ten records in partition 0, at 1000, 2000, ... ms."""
    async with RecordProducer(client, SystemClock()) as producer:
        for number in range(10):
            await producer.send(topic, NewRecord(None, b"v", [], 0, 1000 * (number + 1)))
        await producer.flush()
    return topic


@pytest.mark.parametrize(
    ("before", "start"),
    [
        (OffsetTarget(TargetKind.OFFSET, 4), 4),
        (OffsetTarget(TargetKind.TIMESTAMP, 6500), 6),
        (OffsetTarget(TargetKind.LATEST), 10),
        (OffsetTarget(TargetKind.OFFSET, 99), 10),
    ],
    ids=["offset", "time", "all", "beyond the end"],
)
async def test_records_before_a_place_are_deleted_and_that_is_seen(door, client, records, before, start):
    plan = await door.plan(DeleteRecords(PartitionScope(records), before))
    assert plan.destroys == records
    assert [each.name for each in plan.difference] == [f"{records}-0"]
    assert f"deletes {start} records at most" in plan.loss

    result = await plan.execute()

    assert result.verified
    assert result.undo is None
    partition = TopicPartition(records, 0)
    assert (await start_and_end_offsets(client, [partition])).values[partition] == (start, 10)


async def test_where_nothing_is_so_old_nothing_changes(door, records):
    plan = await door.plan(DeleteRecords(PartitionScope(records), OffsetTarget(TargetKind.OFFSET, 0)))

    assert plan.difference == ()


async def test_a_compacted_topic_keeps_its_records(door, client, name):
    await create_topic(client, NewTopic(name, 1, 1, {"cleanup.policy": "compact"}))
    async with RecordProducer(client, SystemClock()) as producer:
        await producer.send(name, NewRecord(b"k", b"v"))
        await producer.flush()

    plan = await door.plan(DeleteRecords(PartitionScope(name), OffsetTarget(TargetKind.LATEST)))

    with pytest.raises(OperatorError, match="POLICY_VIOLATION"):
        await plan.execute()


async def test_records_are_not_deleted_by_a_shift(door, records):
    with pytest.raises(OperatorError, match="cannot be deleted before"):
        await door.plan(DeleteRecords(PartitionScope(records), OffsetTarget(TargetKind.SHIFT, -1)))


async def test_where_every_preferred_replica_leads_there_is_nothing_to_elect(door, topic):
    plan = await door.plan(ElectLeaders((PartitionScope(topic),)))

    assert plan.difference == ()


async def until(client, topic, wanted):
    """The topic's only partition, once it is as `wanted` says."""
    deadline, tries = Deadline(20_000), 0
    while True:
        tries += 1
        partition = (await client.metadata([topic])).topics[topic].partitions[0]
        if wanted(partition):
            return partition
        assert await client.backoff.wait(tries, client.randomness, deadline), partition


async def test_a_leader_that_was_away_leads_again(tmp_path):
    """KIP-460."""
    properties = {"auto.leader.rebalance.enable": "false"}
    async with Cluster(nodes=3, properties=properties) as cluster:
        bootstrap = parse_bootstrap(cluster.bootstrap_servers)
        async with ClusterClient(bootstrap, backoff=Backoff(20, 100)) as client:
            await create_topic(client, NewTopic("t", assignment=((1, 2),)))
            await cluster.restart_node(1)
            await until(client, "t", lambda each: each.leader_id == 2 and set(each.isr) == {1, 2})
            door = Door(client, face="test", audit=AuditLog(tmp_path))

            plan = await door.plan(ElectLeaders((PartitionScope("t"),)))
            assert [str(each) for each in plan.difference] == ["~ t-0: broker 2 -> broker 1"]
            result = await plan.execute()

            assert result.verified
            assert (await until(client, "t", lambda each: True)).leader_id == 1


async def test_an_unclean_election_brings_a_partition_back_whose_leader_is_gone(tmp_path):
    """KIP-460, and KIP-106 for what it may cost."""
    properties = {"auto.leader.rebalance.enable": "false", "min.insync.replicas": "1"}
    async with Cluster(nodes=5, properties=properties) as cluster:
        bootstrap = parse_bootstrap(cluster.bootstrap_servers)
        async with ClusterClient(bootstrap, backoff=Backoff(20, 100)) as client:
            await create_topic(client, NewTopic("t", assignment=((1, 2),)))
            await cluster.stop_node(2)
            await until(client, "t", lambda each: each.isr == (1,))
            cluster.kill_node(1)
            await cluster.start_node(2)
            await until(client, "t", lambda each: each.leader_id == -1)
            door = Door(client, face="test", audit=AuditLog(tmp_path))

            plan = await door.plan(ElectLeaders((PartitionScope("t"),), ElectionType.UNCLEAN))
            assert (plan.destroys, plan.can_undo) == ("t", False)
            result = await plan.execute()

            assert result.verified
            assert (await until(client, "t", lambda each: True)).leader_id == 2


def view(leader, isr):
    return PartitionView(0, leader, 5, (2, 3), isr, (), ErrorCode.NONE)


async def test_only_partitions_led_by_another_than_the_preferred_are_elected(client):
    from console.changes.partitions import _draft_preferred

    draft = _draft_preferred(
        client,
        ElectLeaders(),
        {
            TopicPartition("away", 0): view(3, (2, 3)),
            TopicPartition("home", 0): view(2, (2, 3)),
            TopicPartition("lost", 0): view(3, (3,)),
        },
    )

    assert [str(each) for each in draft.difference] == ["~ away-0: broker 3 -> broker 2"]
    assert draft.risks == ("lost-0 stays as it is: its preferred leader, broker 2, is not in sync.",)
    assert draft.command == "stoker topics elect-leaders"


async def test_an_unclean_election_is_only_for_partitions_without_leader_and_says_what_may_be_lost(client):
    from console.changes.partitions import _draft_unclean

    change = ElectLeaders((PartitionScope("dark"),), ElectionType.UNCLEAN)
    draft = _draft_unclean(
        client, change, {TopicPartition("dark", 0): view(-1, (3,)), TopicPartition("dark", 1): view(2, (2,))}
    )

    assert [each.name for each in draft.difference] == ["dark-0"]
    assert draft.destroys == "dark"
    assert "may lose records" in draft.loss
    assert draft.command == "stoker topics elect-leaders dark --unclean"
