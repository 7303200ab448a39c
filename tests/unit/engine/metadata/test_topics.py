"""Topics come, grow and go (Kafka: ReplicationControlManagerTest, ControllerApisTest, TopicTest)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.apply import apply_records
from engine.metadata.decision import RECORDS_PER_OPERATION_MAX
from engine.metadata.image import MetadataImage
from engine.metadata.topic_deletion import delete_topics
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import CreateTopicsRequest, DeleteTopicsRequest
from engine.protocol.uuids import ZERO_UUID


def test_a_topic_gets_an_id_partitions_and_everyone_in_sync(cluster: Any) -> None:
    result = cluster.create("orders", 2, 3)
    assert result.error_code == ErrorCode.NONE
    assert (result.num_partitions, result.replication_factor) == (2, 3)
    topic = cluster.image.topic("orders")
    assert topic.id == result.topic_id != ZERO_UUID
    for partition in topic.partitions.values():
        assert sorted(partition.replicas) == [1, 2, 3]
        assert partition.isr == partition.replicas
        assert partition.leader == partition.replicas[0]
        assert partition.directories == tuple(bytes([200, replica] * 8) for replica in partition.replicas)
        assert (partition.leader_epoch, partition.partition_epoch) == (0, 0)


def test_defaults_stand_in_for_minus_one(cluster: Any) -> None:
    """KIP-464."""
    result = cluster.create("orders")
    assert (result.num_partitions, result.replication_factor) == (1, 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "the empty string is not allowed"),
        (".", "'.' is not allowed"),
        ("..", "'..' is not allowed"),
        ("a" * 250, "is longer than the max allowed length 249"),
        ("bestellungen für ü", "other than ASCII alphanumerics"),
        ("a/b", "other than ASCII alphanumerics"),
    ],
)
def test_names_that_are_not_allowed(cluster: Any, name: str, reason: str) -> None:
    """Kafka: Topic.validate."""
    result = cluster.create(name, 1, 1)
    assert result.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert reason in result.error_message
    assert result.error_message.startswith("Topic name is invalid: ")


def test_the_longest_name_is_allowed(cluster: Any) -> None:
    assert cluster.create("a" * 249, 1, 1).error_code == ErrorCode.NONE


def test_names_that_metrics_cannot_tell_apart_collide(cluster: Any) -> None:
    """KAFKA-13743."""
    cluster.create("a.b_c", 1, 1)
    result = cluster.create("a_b.c", 1, 1)
    assert result.error_code == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert result.error_message == "Topic 'a_b.c' collides with existing topic: a.b_c"
    assert cluster.create("abc", 1, 1).error_code == ErrorCode.NONE


def test_what_exists_is_not_created_again(cluster: Any) -> None:
    cluster.create("orders", 1, 1)
    again = cluster.create("orders", 1, 1)
    assert again.error_code == ErrorCode.TOPIC_ALREADY_EXISTS
    assert again.error_message == "Topic 'orders' already exists."


def test_a_name_given_twice_is_not_created_at_all(cluster: Any, make_topic: Any) -> None:
    request = CreateTopicsRequest(topics=[make_topic("a", 1, 1), make_topic("b", 1, 1), make_topic("a", 1, 1)])
    results = {result.name: result for result in cluster.create_many(request).topics}
    assert results["a"].error_code == ErrorCode.INVALID_REQUEST
    assert results["a"].error_message == "Duplicate topic name."
    assert results["b"].error_code == ErrorCode.NONE
    assert list(cluster.image.topic_ids) == ["b"]


def test_the_log_of_the_quorum_is_no_topic(cluster: Any) -> None:
    assert cluster.create("__cluster_metadata", 1, 1).error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("partitions", "factor", "code"),
    [
        (0, 1, ErrorCode.INVALID_PARTITIONS),
        (-2, 1, ErrorCode.INVALID_PARTITIONS),
        (1, 0, ErrorCode.INVALID_REPLICATION_FACTOR),
        (1, -2, ErrorCode.INVALID_REPLICATION_FACTOR),
        (1, 4, ErrorCode.INVALID_REPLICATION_FACTOR),
    ],
)
def test_numbers_that_make_no_sense(cluster: Any, partitions: int, factor: int, code: ErrorCode) -> None:
    assert cluster.create("orders", partitions, factor).error_code == code


def test_with_every_broker_fenced_nothing_can_be_created(cluster: Any) -> None:
    cluster.fence(1, 2, 3)
    result = cluster.create("orders", 1, 1)
    assert result.error_code == ErrorCode.INVALID_REPLICATION_FACTOR
    assert result.error_message == ("Unable to replicate the partition 1 time(s): All brokers are currently fenced.")


def test_a_fenced_broker_may_hold_a_replica_but_is_not_in_sync(cluster: Any) -> None:
    cluster.fence(2)
    cluster.create("orders", 1, 3)
    partition = cluster.partition("orders")
    assert sorted(partition.replicas) == [1, 2, 3]
    assert sorted(partition.isr) == [1, 3]
    assert partition.replicas[0] != 2


def test_a_manual_assignment_is_taken_as_it_is(cluster: Any) -> None:
    result = cluster.create("orders", assignments=[[3, 1], [2, 3]])
    assert (result.num_partitions, result.replication_factor) == (2, 2)
    assert cluster.partition("orders", 0).replicas == (3, 1)
    assert cluster.partition("orders", 1).leader == 2


def test_of_a_manual_assignment_the_first_that_is_alive_leads(cluster: Any) -> None:
    cluster.fence(3)
    cluster.create("orders", assignments=[[3, 1, 2]])
    partition = cluster.partition("orders")
    assert (partition.replicas, partition.isr, partition.leader) == ((3, 1, 2), (1, 2), 1)
    nobody = cluster.create("nobody", assignments=[[3]])
    assert nobody.error_code == ErrorCode.INVALID_REPLICA_ASSIGNMENT


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"assignments": [[1, 2]], "partitions": 1}, ErrorCode.INVALID_REQUEST),
        ({"assignments": [[1, 2]], "replication_factor": 2}, ErrorCode.INVALID_REQUEST),
        ({"assignments": [[1, 1]]}, ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ({"assignments": [[1, 9]]}, ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ({"assignments": [[]]}, ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ({"assignments": [[1], [1, 2]]}, ErrorCode.INVALID_REPLICA_ASSIGNMENT),
    ],
    ids=["with a count", "with a factor", "broker twice", "unknown broker", "nobody", "uneven"],
)
def test_manual_assignments_that_make_no_sense(cluster: Any, options: dict[str, Any], code: ErrorCode) -> None:
    assert cluster.create("orders", **options).error_code == code


def test_partitions_of_a_manual_assignment_count_from_zero_without_gaps(cluster: Any, make_topic: Any) -> None:
    topic = make_topic("orders", assignments=[[1], [2]])
    topic.assignments[1].partition_index = 2
    gap = cluster.create_many(CreateTopicsRequest(topics=[topic])).topics[0]
    assert gap.error_message == "partitions should be a consecutive 0-based integer sequence"
    topic.assignments[1].partition_index = 0
    twice = cluster.create_many(CreateTopicsRequest(topics=[topic])).topics[0]
    assert twice.error_code == gap.error_code == ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_configs_are_checked_written_before_partitions_and_shown(cluster: Any) -> None:
    bad = cluster.create("bad", 1, 1, configs={"retention.ms": "soon"})
    assert bad.error_code == ErrorCode.INVALID_CONFIG
    null = cluster.create("null", 1, 1, configs={"retention.ms": None})
    assert null.error_message == "Null value not supported for topic configs: retention.ms"
    good = cluster.create("good", 1, 1, configs={"retention.ms": "60000"})
    assert cluster.image.config(2, "good") == {"retention.ms": "60000"}
    shown = {config.name: config for config in good.configs}
    assert (shown["retention.ms"].value, shown["retention.ms"].config_source) == ("60000", 1)
    assert shown["cleanup.policy"].value == "delete"
    kinds = [type(record).__name__ for record in cluster.log[-3:]]
    assert kinds == ["TopicRecord", "ConfigRecord", "PartitionRecord"]


def test_validate_only_answers_and_writes_nothing(cluster: Any) -> None:
    before = len(cluster.log)
    assert cluster.create("orders", 2, 3, validate_only=True).error_code == ErrorCode.NONE
    assert len(cluster.log) == before


def test_one_request_creates_at_most_ten_thousand_partitions(cluster: Any, make_topic: Any) -> None:
    """Kafka: ReplicationControlManager.validateTotalNumberOfPartitions."""
    with pytest.raises(KafkaError) as caught:
        cluster.create("huge", RECORDS_PER_OPERATION_MAX + 1, 1)
    assert caught.value.code == ErrorCode.POLICY_VIOLATION


def test_a_topic_grows_by_partitions_of_its_own_replication_factor(cluster: Any) -> None:
    cluster.create("orders", 1, 2)
    assert cluster.create_partitions("orders", 4).error_code == ErrorCode.NONE
    topic = cluster.image.topic("orders")
    assert list(topic.partitions) == [0, 1, 2, 3]
    assert {len(partition.replicas) for partition in topic.partitions.values()} == {2}


@pytest.mark.parametrize(
    ("name", "count", "assignments", "code"),
    [
        ("nothing", 3, None, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("orders", 2, None, ErrorCode.INVALID_PARTITIONS),
        ("orders", 1, None, ErrorCode.INVALID_PARTITIONS),
        ("orders", 4, [[1, 2]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("orders", 3, [[1]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("orders", 20_000, None, ErrorCode.POLICY_VIOLATION),
    ],
)
def test_growth_that_makes_no_sense(
    cluster: Any, name: str, count: int, assignments: list[list[int]] | None, code: ErrorCode
) -> None:
    cluster.create("orders", 2, 2)
    assert cluster.create_partitions(name, count, assignments).error_code == code
    assert len(cluster.image.topic("orders").partitions) == 2


def test_topics_are_deleted_by_name_and_by_id(cluster: Any) -> None:
    cluster.create("a", 1, 1)
    b = cluster.create("b", 1, 1).topic_id
    cluster.create("c", 1, 1)
    request = DeleteTopicsRequest(
        topics=[
            DeleteTopicsRequest.DeleteTopicState(name="a"),
            DeleteTopicsRequest.DeleteTopicState(name=None, topic_id=b),
            DeleteTopicsRequest.DeleteTopicState(name="none"),
            DeleteTopicsRequest.DeleteTopicState(name=None, topic_id=b"x" * 16),
            DeleteTopicsRequest.DeleteTopicState(name=None),
            DeleteTopicsRequest.DeleteTopicState(name="c", topic_id=b),
        ]
    )
    responses = cluster.decide(delete_topics(cluster.image, cluster.settings, request, 6)).responses
    codes = {(r.name, r.topic_id): r.error_code for r in responses}
    assert codes.pop(("a", responses[-1].topic_id if responses[-1].name == "a" else responses[-2].topic_id)) == 0
    assert codes[("b", b)] == ErrorCode.NONE
    assert codes[("none", ZERO_UUID)] == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert codes[(None, b"x" * 16)] == ErrorCode.UNKNOWN_TOPIC_ID
    assert codes[(None, ZERO_UUID)] == ErrorCode.INVALID_REQUEST
    assert codes[("c", b)] == ErrorCode.INVALID_REQUEST
    assert list(cluster.image.topic_ids) == ["c"]


def test_a_topic_named_twice_is_not_deleted(cluster: Any) -> None:
    topic_id = cluster.create("a", 1, 1).topic_id
    assert [r.error_code for r in cluster.delete("a", "a")] == [ErrorCode.INVALID_REQUEST]
    both = DeleteTopicsRequest(
        topics=[
            DeleteTopicsRequest.DeleteTopicState(name=None, topic_id=topic_id),
            DeleteTopicsRequest.DeleteTopicState(name="a"),
        ]
    )
    responses = cluster.decide(delete_topics(cluster.image, cluster.settings, both, 6)).responses
    assert [r.error_code for r in responses] == [ErrorCode.INVALID_REQUEST]
    assert "a" in cluster.image.topic_ids


def test_what_happened_is_what_a_replay_of_the_log_says(make_cluster: Any) -> None:
    """Whatever is asked for in whatever order: the records alone lead to the same image, and the same seed to the same
    records (lessons of Redpanda #31483: live state and replay must not differ)."""

    def run(seed: int) -> Any:
        cluster = make_cluster(elr=True, seed=seed)
        cluster.start(1, 2, 3, 4, racks={1: "a", 2: "b", 3: "a", 4: "b"})
        source = cluster.random
        for step in range(60):
            names = list(cluster.image.topic_ids)
            choice = source.randrange(9)
            if choice < 3 or not names:
                cluster.create(f"topic-{step}", source.randrange(1, 5), source.randrange(1, 4))
            elif choice == 3:
                cluster.delete(source.choice(names))
            elif choice == 4:
                cluster.create_partitions(source.choice(names), source.randrange(1, 8))
            elif choice == 5:
                broker = source.randrange(1, 5)
                if not cluster.image.brokers[broker].fenced:
                    cluster.fence(broker)
            elif choice == 6:
                cluster.unfence(source.randrange(1, 5))
            elif choice == 7:
                cluster.balance()
            else:
                name = source.choice(names)
                partition = cluster.partition(name)
                if partition.leader >= 0:
                    cluster.alter_isr(name, [partition.leader])
        return cluster

    first, second = run(11), run(11)
    replayed, _ = apply_records(
        MetadataImage(cluster_id=first.image.cluster_id), first.log, first.image.offset, first.image.epoch
    )
    assert replayed == first.image
    assert first.log == second.log


_SCENARIO = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("harness", sys.argv[1])
harness = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harness)
cluster = harness.Cluster(elr=True, seed=5)
cluster.start(1, 2, 3, 4, 5, racks={1: "a", 2: "b", 3: "c", 4: "a", 5: "b"})
for step in range(20):
    cluster.create(f"topic-{step}", 7, 3, configs={"retention.ms": "1", "segment.bytes": "1048576"})
    cluster.fence(1 + step % 5)
    cluster.unfence(1 + step % 5)
cluster.balance()
digest = hashlib.sha256()
for record in cluster.log:
    digest.update(record.encode(type(record).MAX_VERSION))
print(digest.hexdigest())
"""


def test_the_same_seed_writes_the_same_bytes_whatever_the_hash_seed() -> None:
    harness = str(pathlib.Path(__file__).with_name("conftest.py"))

    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", _SCENARIO, harness],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    assert run("1") == run("2") != ""
