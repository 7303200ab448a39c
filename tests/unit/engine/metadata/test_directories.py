"""Brokers say where their replicas live (KIP-858; Kafka: ReplicationControlManagerTest.testAssignReplicasToDirs)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.directories import ASSIGNMENTS_PER_REQUEST_MAX, assign_replicas_to_dirs
from engine.metadata.image import DIRECTORY_UNASSIGNED
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AssignReplicasToDirsRequest as Request

OLD = bytes([200, 1] * 8)
NEW = bytes([201, 1] * 8)
OTHER = bytes([202, 1] * 8)


@pytest.fixture
def orders(cluster: Any) -> Any:
    cluster.create("orders", assignments=[[1, 2], [2, 1]])
    return cluster


def assign(
    cluster: Any, directory: bytes, *indexes: int, broker: int = 1, topic_id: bytes = b"", epoch: int = -2
) -> Any:
    topic = Request.TopicData(
        topic_id=topic_id or cluster.image.topic("orders").id,
        partitions=[Request.PartitionData(partition_index=index) for index in indexes],
    )
    request = Request(
        broker_id=broker,
        broker_epoch=cluster.image.brokers[broker].epoch if epoch == -2 else epoch,
        directories=[Request.DirectoryData(id=directory, topics=[topic])],
    )
    response = cluster.decide(assign_replicas_to_dirs(cluster.image, cluster.settings, request))
    return [row.error_code for row in response.directories[0].topics[0].partitions]


def come_back_with(cluster: Any, *directories: bytes) -> None:
    cluster.fence(1)
    cluster.now_ms += 60_000  # the session of the earlier life is over
    cluster.register(1, incarnation=2, directories=list(directories))
    cluster.heartbeat(1)


def test_a_replica_on_a_replaced_disk_leads_again_once_it_is_assigned(orders: Any) -> None:
    come_back_with(orders, NEW)
    orders.alter_isr("orders", [2, 1])
    assert orders.elect("orders")[0].partition_result[0].error_code == ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
    assert assign(orders, NEW, 0) == [ErrorCode.NONE]
    assert orders.partition("orders").directory(1) == NEW
    assert orders.partition("orders", 1).directory(1) == OLD, "nobody said anything about it"
    assert orders.elect("orders")[0].partition_result[0].error_code == ErrorCode.NONE
    assert orders.partition("orders").leader == 1


def test_an_assignment_bumps_the_partition_epoch_once_and_leaves_the_leader(orders: Any) -> None:
    come_back_with(orders, NEW)
    before = orders.partition("orders")
    assign(orders, NEW, 0)
    assign(orders, NEW, 0)
    after = orders.partition("orders")
    assert (after.leader, after.leader_epoch, after.partition_epoch) == (
        before.leader,
        before.leader_epoch,
        before.partition_epoch + 1,
    )


def test_a_new_replica_on_a_broker_with_several_directories_waits_for_its_assignment(orders: Any) -> None:
    come_back_with(orders, NEW, OTHER)
    orders.create("clicks", assignments=[[1]])
    assert orders.partition("clicks").directory(1) == DIRECTORY_UNASSIGNED
    assert assign(orders, OTHER, 0, topic_id=orders.image.topic("clicks").id) == [ErrorCode.NONE]
    assert orders.partition("clicks").directory(1) == OTHER


def test_a_replica_that_went_into_an_offline_directory_leaves_its_isr(orders: Any) -> None:
    assert orders.partition("orders").leader == 1
    assert assign(orders, NEW, 0) == [ErrorCode.NONE]
    assert (orders.partition("orders").leader, orders.partition("orders").isr) == (2, (2,))


def test_what_is_not_ours_is_refused_one_by_one(orders: Any) -> None:
    assert assign(orders, OLD, 0, 9) == [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    assert assign(orders, OLD, 0, topic_id=bytes([9] * 16)) == [ErrorCode.UNKNOWN_TOPIC_ID]
    assert assign(orders, OLD, 0, broker=3) == [ErrorCode.NOT_LEADER_OR_FOLLOWER]


def test_an_earlier_life_of_the_broker_is_refused(orders: Any) -> None:
    with pytest.raises(KafkaError) as error:
        assign(orders, OLD, 0, epoch=-1)
    assert error.value.code is ErrorCode.STALE_BROKER_EPOCH


def test_too_many_at_once_are_refused(orders: Any) -> None:
    with pytest.raises(KafkaError) as error:
        assign(orders, OLD, *range(ASSIGNMENTS_PER_REQUEST_MAX + 1))
    assert error.value.code is ErrorCode.INVALID_REQUEST
