"""Who leads when brokers come and go (Kafka: ReplicationControlManagerTest; KIP-460, KIP-966)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.elections import elect_leaders
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ElectLeadersRequest, PartitionChangeRecord


def test_leadership_goes_back_to_the_preferred_replica_when_asked(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1, 2, 3]])
    cluster.fence(1)
    cluster.unfence(1)
    assert cluster.elect("orders")[0].partition_result[0].error_code == ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
    cluster.alter_isr("orders", [2, 3, 1])
    assert cluster.elect("orders")[0].partition_result[0].error_code == ErrorCode.NONE
    assert cluster.partition("orders").leader == 1
    assert cluster.elect("orders")[0].partition_result[0].error_code == ErrorCode.ELECTION_NOT_NEEDED


def test_electing_for_all_leaves_out_what_needs_none(cluster: Any) -> None:
    cluster.create("a", assignments=[[1, 2], [2, 1]])
    cluster.fence(1)
    cluster.unfence(1)
    cluster.alter_isr("a", [2, 1])
    results = cluster.elect(None)
    assert [(r.topic, [p.partition_id for p in r.partition_result]) for r in results] == [("a", [0])]


def test_the_balancer_does_the_same_by_itself(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1, 2, 3]])
    cluster.fence(1)
    cluster.unfence(1)
    cluster.balance()
    assert cluster.partition("orders").leader == 2, "1 is not in sync"
    cluster.alter_isr("orders", [2, 3, 1])
    cluster.balance()
    assert cluster.partition("orders").leader == 1


@pytest.mark.parametrize(("topic", "index"), [("nothing", 0), ("orders", 9)])
def test_unknown_partitions_have_no_elections(cluster: Any, topic: str, index: int) -> None:
    cluster.create("orders", assignments=[[1]])
    result = cluster.elect(topic, index)[0].partition_result[0]
    assert result.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_an_unknown_kind_of_election_is_refused(cluster: Any) -> None:
    with pytest.raises(KafkaError) as caught:
        elect_leaders(cluster.image, cluster.settings, ElectLeadersRequest(election_type=7))
    assert caught.value.code == ErrorCode.INVALID_REQUEST


def test_an_unclean_election_happens_only_when_asked_for_or_allowed(cluster: Any) -> None:
    for topic in ("asked", "allowed", "neither"):
        cluster.create(topic, assignments=[[1, 2]])
        cluster.alter_isr(topic, [1])
    cluster.alter_configs(2, "allowed", unclean_leader_election_enable="true")
    cluster.fence(1)
    assert cluster.partition("allowed").leader == 2
    assert cluster.partition("allowed").leader_recovery_state == 1
    assert cluster.partition("asked").leader == -1
    assert cluster.elect("asked", unclean=True)[0].partition_result[0].error_code == ErrorCode.NONE
    assert cluster.partition("asked").isr == (2,)
    assert cluster.partition("neither").leader == -1
    assert cluster.elect("asked", unclean=True)[0].partition_result[0].error_code == ErrorCode.ELECTION_NOT_NEEDED


def test_allowing_unclean_elections_later_helps_what_is_already_leaderless(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1, 2]])
    cluster.alter_isr("orders", [1])
    cluster.fence(1)
    cluster.elect_unclean_where_allowed()
    assert cluster.partition("orders").leader == -1
    cluster.alter_configs(4, "", unclean_leader_election_enable="true")
    cluster.elect_unclean_where_allowed()
    assert cluster.partition("orders").leader == 2


@pytest.fixture
def elr_cluster(make_cluster: Any) -> Any:
    cluster = make_cluster(elr=True, min_insync_replicas="2")
    cluster.start(1, 2, 3)
    cluster.create("orders", assignments=[[1, 2, 3]])
    return cluster


def test_whoever_was_in_sync_when_the_minimum_was_lost_may_lead_later(elr_cluster: Any) -> None:
    """KIP-966: the high watermark stands still below min.insync.replicas, so that they miss nothing committed."""
    cluster = elr_cluster
    cluster.fence(1)
    assert cluster.partition("orders").isr == (2, 3)
    assert cluster.partition("orders").elr == ()
    cluster.fence(2)
    assert (cluster.partition("orders").isr, cluster.partition("orders").elr) == ((3,), (2,))
    cluster.fence(3)
    after = cluster.partition("orders")
    assert (after.leader, after.isr, after.elr, after.last_known_elr) == (-1, (), (2, 3), (3,))
    cluster.unfence(1)
    assert cluster.partition("orders").leader == -1, "1 left while the others went on without it"
    cluster.unfence(2)
    after = cluster.partition("orders")
    assert (after.leader, after.isr, after.elr, after.leader_recovery_state) == (2, (2,), (3,), 0)


def test_a_clean_restart_keeps_eligibility_and_a_crash_ends_it(elr_cluster: Any) -> None:
    cluster = elr_cluster
    cluster.fence(1, 2, 3)
    assert cluster.partition("orders").elr == (2, 3)
    cluster.now_ms += 60_000
    cluster.register(2, incarnation=2, previous_epoch=cluster.image.brokers[2].epoch)
    assert cluster.partition("orders").elr == (2, 3)
    cluster.register(3, incarnation=2, previous_epoch=-1)
    assert cluster.partition("orders").elr == (2,)


def test_when_all_crash_the_last_leader_is_waited_for(elr_cluster: Any) -> None:
    cluster = elr_cluster
    cluster.fence(1, 2, 3)
    cluster.now_ms += 60_000
    for broker in (1, 2, 3):
        cluster.register(broker, incarnation=2)
    assert (cluster.partition("orders").elr, cluster.partition("orders").last_known_elr) == ((), (3,))
    cluster.unfence(1)
    assert cluster.partition("orders").leader == -1
    cluster.unfence(3)
    assert cluster.partition("orders").leader == 3


def test_registrations_before_version_3_cannot_prove_a_clean_shutdown(elr_cluster: Any) -> None:
    cluster = elr_cluster
    cluster.fence(1, 2, 3)
    cluster.now_ms += 60_000
    cluster.register(2, incarnation=2, previous_epoch=cluster.image.brokers[2].epoch, version=2)
    assert cluster.partition("orders").elr == (3,)


def test_an_unregistered_broker_is_not_eligible(elr_cluster: Any) -> None:
    cluster = elr_cluster
    cluster.fence(1, 2)
    assert cluster.partition("orders").elr == (2,)
    cluster.unregister(2)
    assert cluster.partition("orders").elr == ()


def test_the_minimum_is_never_more_than_the_replication_factor(make_cluster: Any) -> None:
    """Kafka: getTopicEffectiveMinIsr."""
    cluster = make_cluster(elr=True, min_insync_replicas="2")
    cluster.start(1)
    cluster.create("single", assignments=[[1]])
    cluster.fence(1)
    assert cluster.partition("single").elr == (1,)
    cluster.unfence(1)
    assert cluster.partition("single").leader == 1
    assert cluster.partition("single").elr == ()


def test_a_replica_whose_directory_failed_is_not_elected(make_cluster: Any) -> None:
    """KIP-858; Kafka: LeaderAcceptor."""
    cluster = make_cluster(unclean_leader_election_enable="true")
    cluster.start(1, 3)
    good, bad = b"g" * 16, b"b" * 16
    cluster.register(2, directories=[good, bad])
    cluster.heartbeat(2)
    cluster.create("orders", assignments=[[1, 2, 3]])
    topic_id = cluster.image.topic_ids["orders"]
    directories = [cluster.partition("orders").directories[0], bad, cluster.partition("orders").directories[2]]
    cluster.apply([PartitionChangeRecord(topic_id=topic_id, partition_id=0, directories=directories)])
    cluster.heartbeat(2, offline_directories=[bad])
    assert cluster.partition("orders").isr == (1, 3)
    cluster.alter_isr("orders", [1])
    cluster.fence(1)
    assert cluster.partition("orders").leader == 3, "2 is alive, but not its replica"
