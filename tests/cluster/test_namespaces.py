"""A leader's cable is pulled out under load and plugged in again: nothing acknowledged is lost, and it acknowledged nothing.

Other than a process that is killed, a node that is cut off goes on believing that it leads until it hears otherwise.
"""

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.cluster.conftest import FAST_FAILURES, Metadata
from tests.cluster.load import Load, judge, read_all
from tests.cluster.namespaces import NamespacedNodes, Network, inside
from tests.cluster.waiting import until

PARTITIONS = 3
TOPIC = "cut-off"
pytestmark = [pytest.mark.namespaces, pytest.mark.timeout(150)]


@pytest.fixture
def network():
    with Network(3) as network:
        yield network


def test_a_leader_that_is_cut_off_acknowledges_nothing_and_nothing_acknowledged_is_lost(network, tmp_path):
    with NamespacedNodes(network, tmp_path, FAST_FAILURES) as nodes:
        inside(network.hub, lambda: _cut_and_heal(network, nodes.bootstrap))


def _cut_and_heal(network, bootstrap):
    metadata = Metadata(AdminClient({"bootstrap.servers": bootstrap, "log_level": 2, "socket.timeout.ms": 3_000}))
    new = NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=3, config={"min.insync.replicas": "2"})
    metadata.admin.create_topics([new])[TOPIC].result(20)
    metadata.until_whole(TOPIC)
    timeouts = {"socket.timeout.ms": 3_000, "request.timeout.ms": 3_000}
    with Load(bootstrap, TOPIC, partitions=PARTITIONS, **timeouts) as load:
        load.until_progress()
        victim = metadata.leader(TOPIC)
        network.cut(victim)
        verdicts = inside(network.namespace(victim), lambda: _produce_alone(network.address(victim)))
        assert verdicts == ["refused"] * len(verdicts), "the leader acknowledged acks=all on its own"
        until(lambda: metadata.leader(TOPIC) != victim, 30, "another node leads")
        load.until_progress(40)
        network.heal(victim)
        metadata.until_whole(TOPIC, timeout_s=40)
        load.until_progress()
    assert not load.refused
    records = judge(load, bootstrap)
    assert read_all(bootstrap, TOPIC, PARTITIONS) == records


def _produce_alone(address):
    """What becomes of acks=all records sent to the cut-off leader by a client at its side of the cut."""
    verdicts = []
    producer = Producer(
        {
            "bootstrap.servers": f"{address}:9092",
            "acks": "all",
            "message.timeout.ms": 4_000,
            "socket.timeout.ms": 2_000,
            "log_level": 2,
        }
    )
    for number in range(5):
        producer.produce(
            TOPIC,
            b"alone-%d" % number,
            partition=0,
            on_delivery=lambda error, _: verdicts.append("refused" if error else "acknowledged"),
        )
    deadline = time.monotonic() + 15
    while len(verdicts) < 5:
        assert time.monotonic() < deadline, "neither acknowledged nor refused"
        producer.poll(0.2)
    return verdicts
