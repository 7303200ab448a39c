"""Registration, heartbeats, fencing, controlled shutdown (Kafka: ClusterControlManagerTest, BrokerHeartbeatManagerTest)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.brokers import broker_heartbeat, check_broker_epoch
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import BrokerHeartbeatRequest


def refusal(call: Any, *arguments: Any, **options: Any) -> ErrorCode:
    with pytest.raises(KafkaError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_a_new_broker_is_fenced_and_its_epoch_is_an_offset(make_cluster: Any) -> None:
    cluster = make_cluster()
    epoch = cluster.register(1)
    assert cluster.image.brokers[1].fenced
    assert epoch == cluster.image.offset
    assert cluster.image.brokers[1].endpoint("PLAINTEXT") == ("PLAINTEXT", "broker-1", 9092)


def test_a_broker_of_another_cluster_is_refused(make_cluster: Any) -> None:
    assert refusal(make_cluster().register, 1, cluster_id="other") == ErrorCode.INCONSISTENT_CLUSTER_ID


def test_a_second_process_with_the_id_of_a_live_broker_is_refused(cluster: Any) -> None:
    assert refusal(cluster.register, 1, incarnation=2) == ErrorCode.DUPLICATE_BROKER_REGISTRATION


def test_the_id_of_a_dead_broker_is_free_once_its_session_ran_out(cluster: Any) -> None:
    before = cluster.image.brokers[1].epoch
    cluster.now_ms += 9_001
    assert cluster.register(1, incarnation=2) > before
    assert cluster.image.brokers[1].fenced


def test_the_same_process_keeps_epoch_and_state_when_it_registers_again(cluster: Any) -> None:
    """Kafka: ClusterControlManager.registerBroker, "Amending registration"."""
    before = cluster.image.brokers[1]
    assert cluster.register(1) == before.epoch
    assert not cluster.image.brokers[1].fenced


@pytest.mark.parametrize(
    "directories",
    [[], [bytes(15) + b"\x05"], [b"d" * 16, b"d" * 16], [bytes([200, 2] * 8)]],
    ids=["none", "reserved", "twice the same", "another broker's"],
)
def test_log_directories_must_be_real_distinct_and_its_own(cluster: Any, directories: list[bytes]) -> None:
    """KIP-858."""
    assert refusal(cluster.register, 4, directories=directories) == ErrorCode.INVALID_REGISTRATION


def test_a_broker_must_support_every_finalized_feature(cluster: Any) -> None:
    code = refusal(cluster.register, 4, features={"metadata.version": (7, 29)})
    assert code == ErrorCode.UNSUPPORTED_VERSION
    assert refusal(cluster.register, 4, features={}) == ErrorCode.INVALID_REGISTRATION


def test_a_broker_is_unfenced_only_when_it_has_read_its_registration(make_cluster: Any) -> None:
    """Kafka: BrokerHeartbeatManager.calculateNextBrokerState."""
    cluster = make_cluster()
    epoch = cluster.register(1)
    behind = cluster.heartbeat(1, offset=epoch - 1)
    assert behind.is_fenced
    assert not behind.is_caught_up
    there = cluster.heartbeat(1, offset=epoch)
    assert not there.is_fenced
    assert there.is_caught_up
    assert not cluster.image.brokers[1].fenced


def test_a_heartbeat_of_an_earlier_life_is_refused(cluster: Any) -> None:
    stale = cluster.image.brokers[1].epoch
    cluster.now_ms += 9_001
    cluster.register(1, incarnation=2)
    assert refusal(check_broker_epoch, cluster.image, 1, stale) == ErrorCode.STALE_BROKER_EPOCH


def test_a_silent_broker_is_fenced_when_its_session_runs_out(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1, 2, 3]])
    cluster.pass_time(9_000)
    assert not cluster.image.brokers[1].fenced
    cluster.heartbeat(2)
    cluster.heartbeat(3)
    cluster.pass_time(1)
    assert cluster.image.brokers[1].fenced
    assert cluster.partition("orders").isr == (2, 3)
    assert cluster.partition("orders").leader == 2


def test_a_fenced_broker_leads_again_what_nobody_else_could(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1]])
    cluster.fence(1)
    assert cluster.partition("orders").leader == -1
    assert cluster.partition("orders").isr == (1,), "the last one stays in the ISR"
    cluster.unfence(1)
    assert cluster.partition("orders").leader == 1


def test_controlled_shutdown_waits_until_everyone_knows_that_leaderships_moved(cluster: Any) -> None:
    """Kafka: BrokerHeartbeatManager, controlledShutdownOffset against lowestActiveOffset."""
    cluster.create("orders", assignments=[[1, 2, 3]])
    first = cluster.heartbeat(1, want_shut_down=True)
    assert not first.should_shut_down
    assert cluster.image.brokers[1].in_controlled_shutdown
    assert cluster.partition("orders").leader == 2
    assert cluster.partition("orders").isr == (2, 3)
    behind = cluster.image.offset - 1
    cluster.heartbeat(2, offset=behind)
    cluster.heartbeat(3)
    assert not cluster.heartbeat(1, want_shut_down=True).should_shut_down
    cluster.heartbeat(2)
    assert cluster.heartbeat(1, want_shut_down=True).should_shut_down
    assert cluster.image.brokers[1].fenced


def test_a_broker_that_leads_nothing_may_stop_at_once(cluster: Any) -> None:
    assert cluster.heartbeat(1, want_shut_down=True).should_shut_down


def test_the_last_leader_gives_up_its_partition_to_nobody_and_waits(make_cluster: Any) -> None:
    cluster = make_cluster()
    cluster.start(1)
    cluster.create("orders", assignments=[[1]])
    assert not cluster.heartbeat(1, want_shut_down=True).should_shut_down
    assert cluster.partition("orders").leader == -1
    assert cluster.heartbeat(1, want_shut_down=True).should_shut_down


def test_a_restarted_broker_leaves_the_isr_until_it_has_caught_up(cluster: Any) -> None:
    """Kafka: ReplicationControlManager.handleBrokerShutdown, KIP-966."""
    cluster.create("orders", assignments=[[1, 2, 3]])
    cluster.now_ms += 9_001
    for other in (2, 3):
        cluster.heartbeat(other)
    cluster.register(1, incarnation=2)
    assert cluster.partition("orders").isr == (2, 3)
    assert cluster.partition("orders").leader == 2


def test_replicas_in_a_failed_directory_leave_the_isr(make_cluster: Any) -> None:
    """KIP-858; Kafka: handleDirectoriesOffline."""
    cluster = make_cluster()
    cluster.start(2)
    good, bad = b"g" * 16, b"b" * 16
    cluster.register(1, directories=[bad, good])
    cluster.heartbeat(1)
    cluster.register(3, directories=[b"c" * 16])
    cluster.heartbeat(3)
    cluster.create("orders", assignments=[[3, 2]])
    response = cluster.heartbeat(3, offline_directories=[b"c" * 16])
    assert not response.is_fenced
    assert cluster.partition("orders").isr == (2,)
    assert cluster.partition("orders").leader == 2
    cluster.heartbeat(1, offline_directories=[bad])
    assert cluster.image.brokers[1].log_dirs == (good,)


def test_an_unregistered_broker_is_forgotten_everywhere_but_in_assignments(cluster: Any) -> None:
    cluster.create("orders", assignments=[[1, 2, 3]])
    cluster.unregister(1)
    assert 1 not in cluster.image.brokers
    partition = cluster.partition("orders")
    assert partition.replicas == (1, 2, 3)
    assert partition.isr == (2, 3)
    assert partition.leader == 2
    assert refusal(cluster.unregister, 1) == ErrorCode.BROKER_ID_NOT_REGISTERED


def test_a_new_controller_gives_every_live_broker_a_whole_session(cluster: Any) -> None:
    cluster.now_ms += 60_000
    cluster.heartbeats.activate(cluster.image.brokers, cluster.now_ms)
    cluster.pass_time(9_000)
    assert not cluster.image.brokers[1].fenced
    cluster.pass_time(1)
    assert [b.fenced for b in cluster.image.brokers.values()] == [True, True, True]


def test_cordoned_directories_are_written_down_once_and_keep_new_replicas_away(cluster: Any) -> None:
    """KIP-1066; Kafka: handleDirectoriesCordoned."""
    directory = cluster.image.brokers[1].log_dirs[0]

    def heartbeat() -> None:
        request = BrokerHeartbeatRequest(
            broker_id=1,
            broker_epoch=cluster.image.brokers[1].epoch,
            current_metadata_offset=cluster.image.offset,
            cordoned_log_dirs=[directory],
        )
        cluster.decide(broker_heartbeat(cluster.image, cluster.settings, cluster.heartbeats, request))

    heartbeat()
    assert cluster.image.brokers[1].cordoned_log_dirs == (directory,)
    before = len(cluster.log)
    heartbeat()
    assert len(cluster.log) == before
    cluster.create("orders", 10, 2)
    assert {r for p in cluster.image.topic("orders").partitions.values() for r in p.replicas} == {2, 3}
