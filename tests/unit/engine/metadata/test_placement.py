"""Where replicas go (Kafka: StripedReplicaPlacerTest)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.placement import place_replicas


def test_leaders_and_replicas_are_spread_evenly(make_cluster: Any) -> None:
    cluster = make_cluster()
    cluster.start(1, 2, 3, 4, 5)
    placed = place_replicas(cluster.image, 100, 3, random.Random(1))
    leaders = Counter(replicas[0] for replicas in placed)
    replicas = Counter(replica for partition in placed for replica in partition)
    assert set(leaders.values()) == {20}
    assert set(replicas.values()) == {60}
    assert all(len(set(partition)) == 3 for partition in placed)


def test_every_partition_touches_as_many_racks_as_it_can(make_cluster: Any) -> None:
    cluster = make_cluster()
    racks = {broker: "abc"[broker % 3] for broker in range(1, 10)}
    cluster.start(*racks, racks=racks)
    for partition in place_replicas(cluster.image, 200, 3, random.Random(5)):
        assert {racks[replica] for replica in partition} == {"a", "b", "c"}


def test_fenced_brokers_come_last_and_never_lead(make_cluster: Any) -> None:
    cluster = make_cluster()
    cluster.start(1, 2, 3)
    cluster.fence(3)
    for partition in place_replicas(cluster.image, 20, 2, random.Random(2)):
        assert 3 not in partition
    for partition in place_replicas(cluster.image, 20, 3, random.Random(2)):
        assert partition[0] != 3
        assert sorted(partition) == [1, 2, 3]


def test_one_live_broker_among_fenced_ones_leads_everything(make_cluster: Any) -> None:
    """Kafka: the iteration epoch is not reset with a single unfenced broker, or it would loop for ever."""
    cluster = make_cluster()
    cluster.start(1, 2, 3)
    cluster.fence(2, 3)
    placed = place_replicas(cluster.image, 10, 2, random.Random(2))
    assert {partition[0] for partition in placed} == {1}


def test_brokers_that_are_stopping_get_nothing(make_cluster: Any) -> None:
    cluster = make_cluster()
    cluster.start(1, 2)
    cluster.create("orders", assignments=[[1, 2]])
    cluster.heartbeat(1, want_shut_down=True)
    assert place_replicas(cluster.image, 3, 1, random.Random(1)) == [[2], [2], [2]]


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        (0, "Invalid replication factor 0: the replication factor must be positive."),
        (4, "The target replication factor of 4 cannot be reached because only 3 broker(s) are registered."),
    ],
)
def test_too_many_or_too_few(cluster: Any, factor: int, reason: str) -> None:
    with pytest.raises(KafkaError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        place_replicas(cluster.image, 1, factor, random.Random(1))


def test_the_same_seed_places_the_same(make_cluster: Any) -> None:
    cluster = make_cluster()
    cluster.start(*range(1, 8), racks={broker: f"rack-{broker % 3}" for broker in range(1, 8)})
    first = place_replicas(cluster.image, 50, 3, random.Random(9))
    assert first == place_replicas(cluster.image, 50, 3, random.Random(9))
    assert first != place_replicas(cluster.image, 50, 3, random.Random(10))
