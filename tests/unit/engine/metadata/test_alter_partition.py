"""Leaders change their ISR (KIP-497, KIP-841, KIP-903; Kafka: ReplicationControlManagerTest.testAlterPartition*)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.alter_partition import alter_partition
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AlterPartitionRequest, PartitionChangeRecord


@pytest.fixture
def orders(cluster: Any) -> Any:
    cluster.create("orders", assignments=[[1, 2, 3]])
    return cluster


def test_a_leader_shrinks_and_expands_its_isr(orders: Any) -> None:
    answer = orders.alter_isr("orders", [1, 2])
    assert answer.error_code == ErrorCode.NONE
    assert (answer.leader_id, answer.leader_epoch, answer.partition_epoch, answer.isr) == (1, 0, 1, [1, 2])
    assert orders.partition("orders").isr == (1, 2)
    assert orders.alter_isr("orders", [1, 2, 3]).isr == [1, 2, 3]


def test_the_same_isr_again_changes_nothing(orders: Any) -> None:
    answer = orders.alter_isr("orders", [1, 2, 3])
    assert (answer.error_code, answer.partition_epoch) == (ErrorCode.NONE, 0)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"leader_epoch": 1}, ErrorCode.NOT_CONTROLLER),
        ({"partition_epoch": 5}, ErrorCode.NOT_CONTROLLER),
        ({"leader_epoch": -1}, ErrorCode.FENCED_LEADER_EPOCH),
        ({"leader": 2}, ErrorCode.INVALID_REQUEST),
        ({"partition_epoch": -1}, ErrorCode.INVALID_UPDATE_VERSION),
        ({"isr": [2, 3]}, ErrorCode.INVALID_REQUEST),
        ({"isr": [1, 1]}, ErrorCode.INVALID_REQUEST),
        ({"isr": [1, 9]}, ErrorCode.INVALID_REQUEST),
        ({"recovery_state": 1}, ErrorCode.INVALID_REQUEST),
        ({"broker_epochs": {2: 10_000}}, ErrorCode.INELIGIBLE_REPLICA),
    ],
    ids=[
        "a leader epoch we have not seen",
        "a partition epoch we have not seen",
        "an old leader epoch",
        "not the leader",
        "an old partition epoch",
        "without the leader",
        "a member twice",
        "no replica",
        "back into recovery",
        "another life of a member",
    ],
)
def test_requests_that_are_refused(orders: Any, options: dict[str, Any], code: ErrorCode) -> None:
    isr = options.pop("isr", [1, 2])
    assert orders.alter_isr("orders", isr, **options).error_code == code
    assert orders.partition("orders").isr == (1, 2, 3)


def test_a_fenced_or_stopping_broker_cannot_join(orders: Any) -> None:
    """KIP-841."""
    orders.alter_isr("orders", [1, 2])
    orders.create("elsewhere", assignments=[[3]])
    orders.heartbeat(3, want_shut_down=True)
    assert orders.image.brokers[3].in_controlled_shutdown
    assert orders.alter_isr("orders", [1, 2, 3]).error_code == ErrorCode.INELIGIBLE_REPLICA
    orders.fence(3)
    assert orders.alter_isr("orders", [1, 2, 3]).error_code == ErrorCode.INELIGIBLE_REPLICA


def test_version_2_has_no_epochs_to_check(orders: Any) -> None:
    assert orders.alter_isr("orders", [1, 2], version=2).isr == [1, 2]


def test_an_epoch_of_minus_one_is_not_checked(orders: Any) -> None:
    assert orders.alter_isr("orders", [1, 2], broker_epochs={2: -1}).error_code == ErrorCode.NONE


def test_an_earlier_life_of_the_leader_is_refused_altogether(orders: Any) -> None:
    request = AlterPartitionRequest(broker_id=1, broker_epoch=0)
    with pytest.raises(KafkaError) as caught:
        alter_partition(orders.image, orders.settings, request, 3)
    assert caught.value.code == ErrorCode.STALE_BROKER_EPOCH


def test_unknown_topics_and_partitions(orders: Any) -> None:
    data = AlterPartitionRequest.PartitionData(partition_index=7)
    request = AlterPartitionRequest(
        broker_id=1,
        broker_epoch=orders.image.brokers[1].epoch,
        topics=[
            AlterPartitionRequest.TopicData(topic_id=b"?" * 16, partitions=[data]),
            AlterPartitionRequest.TopicData(topic_id=orders.image.topic_ids["orders"], partitions=[data]),
        ],
    )
    response = alter_partition(orders.image, orders.settings, request, 3).response
    codes = [topic.partitions[0].error_code for topic in response.topics]
    assert codes == [ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


def test_a_recovering_leader_stays_alone_until_it_has_recovered(orders: Any) -> None:
    orders.apply(
        [
            PartitionChangeRecord(
                topic_id=orders.image.topic_ids["orders"], partition_id=0, isr=[1], leader_recovery_state=1
            )
        ]
    )
    assert orders.alter_isr("orders", [1, 2], recovery_state=1).error_code == ErrorCode.INVALID_REQUEST
    answer = orders.alter_isr("orders", [1], recovery_state=0)
    assert (answer.error_code, answer.leader_recovery_state) == (ErrorCode.NONE, 0)
    assert orders.alter_isr("orders", [1, 2]).error_code == ErrorCode.NONE


def test_an_isr_that_completes_a_reassignment_may_take_the_leader_away(orders: Any) -> None:
    """The change is made and the old leader is told NEW_LEADER_ELECTED (Kafka: alterPartition)."""
    topic_id = orders.image.topic_ids["orders"]
    orders.alter_isr("orders", [1, 2])
    orders.apply([PartitionChangeRecord(topic_id=topic_id, partition_id=0, removing_replicas=[1])])
    answer = orders.alter_isr("orders", [1, 2, 3])
    assert answer.error_code == ErrorCode.NEW_LEADER_ELECTED
    partition = orders.partition("orders")
    assert (partition.leader, partition.replicas, partition.isr) == (2, (2, 3), (2, 3))
