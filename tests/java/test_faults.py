"""The Java client while nodes come and go."""

import threading
import time

import pytest

from engine.cluster import Cluster
from tests.java.conftest import TOOLS

pytestmark = pytest.mark.java


@pytest.fixture
def victims():
    """A cluster that may be broken."""
    with Cluster.running(nodes=3) as running:
        yield running


def test_an_idempotent_producer_loses_repeats_and_reorders_nothing_while_leaders_are_killed(victims, jvm):
    victims.call(victims.create_topic("fire", partitions=1))
    stop = threading.Event()
    killed = []

    def kill_and_restart():
        while not stop.wait(1.5):
            image = next(iter(victims.nodes.values())).broker.metadata.image
            leader = image.topic("fire").partitions[0].leader
            if leader in victims.nodes:
                victims.call_soon(victims.kill_node, leader)
                killed.append(leader)
                time.sleep(1)
                victims.call(victims.start_node(leader))

    thread = threading.Thread(target=kill_and_restart)
    thread.start()
    try:
        done = jvm.run(
            TOOLS["scenario"], "--bootstrap-server", victims.bootstrap_servers, "produceUnderFire", "fire", "12"
        )
    finally:
        stop.set()
        thread.join()
    assert int(done.out) > 1000
    assert len(killed) >= 2
