"""ISR changes as they are seen from one snapshot to the next (Kafka: IsrShrinksPerSec, IsrExpandsPerSec)."""

from console.history.isr_changes import IsrChanges
from engine.net.cluster_view import PartitionView
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

ORDERS = TopicPartition("orders", 0)
PAYMENTS = TopicPartition("payments", 0)


def view(isr, replicas=(1, 2, 3)):
    return PartitionView(0, isr[0] if isr else -1, 0, replicas, isr, (), ErrorCode.NONE)


def seen(*looks):
    changes = IsrChanges()
    for look in looks:
        changes.observe(look)
    return changes.shrinks, changes.expands


def test_a_replica_that_falls_out_and_comes_back_is_a_shrink_and_an_expand():
    full, less = {ORDERS: view((1, 2, 3))}, {ORDERS: view((1, 2))}
    assert seen(full, full) == (0, 0)
    assert seen(full, less) == (1, 0)
    assert seen(full, less, full) == (1, 1)


def test_each_partition_counts_and_one_that_changed_both_ways_counts_as_both():
    before = {ORDERS: view((1, 2)), PAYMENTS: view((1, 2))}
    after = {ORDERS: view((1, 3)), PAYMENTS: view((1,))}
    assert seen(before, after) == (2, 1)


def test_another_order_is_no_change():
    assert seen({ORDERS: view((1, 2, 3))}, {ORDERS: view((3, 1, 2))}) == (0, 0)


def test_topics_that_come_and_go_are_no_change():
    assert seen({}, {ORDERS: view((1, 2, 3))}, {}, {ORDERS: view((1,))}) == (0, 0)


def test_a_reassignment_is_no_change_but_what_follows_it_is():
    moved = {ORDERS: view((4, 5), (4, 5))}
    assert seen({ORDERS: view((1, 2, 3))}, moved, {ORDERS: view((4,), (4, 5))}) == (1, 0)
