"""Nodes are killed under load, one after the other and all at once: nothing acknowledged is lost, nothing is there twice.

The producer is librdkafka, idempotent, with acks=all; topics have three replicas and min.insync.replicas=2.
"""

import time

import pytest

from tests.cluster.group_reader import GroupReader, committed
from tests.cluster.load import Load, judge

PARTITIONS = 4
pytestmark = pytest.mark.timeout(240)


def test_killing_leaders_and_then_all_nodes_loses_and_doubles_nothing(operator):
    topic = operator.create_topic("killed", PARTITIONS, min_insync_replicas="2")
    with Load(operator.bootstrap, topic, partitions=PARTITIONS) as load:
        load.until_progress()
        for round_number in range(3):
            victim = operator.leader(topic, round_number % PARTITIONS)
            operator.kill(victim)
            load.until_progress()
            operator.start(victim)
            operator.until_whole(topic)
        operator.kill(1, 2, 3)
        operator.start(1, 2, 3)
        load.until_progress(60)
        operator.until_whole(topic)
    assert not load.refused
    judge(load, operator.bootstrap)


def test_a_group_goes_on_where_it_committed_while_its_coordinator_is_killed(operator):
    """At least once: what was committed is not read again, what was not is not skipped."""
    topic = operator.create_topic("grouped", PARTITIONS, min_insync_replicas="2")
    with GroupReader(operator.bootstrap, "readers", topic) as reader:
        with Load(operator.bootstrap, topic, partitions=PARTITIONS) as load:
            load.until_progress()
            reader.until_read(100)
            victim = operator.leader("__consumer_offsets", reader.coordinator_partition())
            operator.kill(victim)
            load.until_progress()
            reader.until_committed_after(time.monotonic())
            operator.start(victim)
            operator.kill(1, 2, 3)
            operator.start(1, 2, 3)
            load.until_progress(60)
        records = judge(load, operator.bootstrap)
        reader.until_read_to({index: rows[-1][0] + 1 for index, rows in records.items()})
    reader.judge(records)
    with GroupReader(operator.bootstrap, "readers", topic) as second:
        second.until_assigned()
    ends = {index: rows[-1][0] + 1 for index, rows in records.items()}
    assert committed(operator.bootstrap, "readers", topic, PARTITIONS) == ends
    assert second.read == []
