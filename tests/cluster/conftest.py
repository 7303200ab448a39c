"""Clusters that are killed, cut and restarted in real time, judged by librdkafka."""

import asyncio
import contextlib

import pytest
from confluent_kafka.admin import AdminClient

from engine.cluster import Cluster
from tests.cluster.waiting import until

FAST_FAILURES = {"broker.heartbeat.interval.ms": "200", "broker.session.timeout.ms": "1500"}
"""So that a dead broker is noticed, and a restarted one taken back, within seconds."""


class Metadata:
    """What a client is told of a cluster, and waiting until it is told something better."""

    def __init__(self, admin):
        self.admin = admin

    def partitions(self, topic):
        """Partition -> its metadata (leader, isrs), as some broker sees it."""
        return self.admin.list_topics(topic, timeout=20).topics[topic].partitions

    def leader(self, topic, partition=0):
        """The node that leads the partition, once there is one."""
        return until(
            lambda: max(self.partitions(topic)[partition].leader, 0), 20, f"somebody leads {topic}-{partition}"
        )

    def until_whole(self, topic, size=3, timeout_s=30):
        """Wait until every partition has all its replicas in sync."""
        until(
            lambda: all(len(each.isrs) == size and each.leader >= 0 for each in self.partitions(topic).values()),
            timeout_s,
            lambda: (
                f"{topic} is whole: {[(each.id, each.leader, each.isrs) for each in self.partitions(topic).values()]}"
            ),
        )


class Operator(Metadata):
    """A running cluster with what its tests ask of it, all from the test's own thread."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.bootstrap = cluster.bootstrap_servers
        super().__init__(AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2}))

    def create_topic(self, name, partitions, **configs):
        configs = {key.replace("_", "."): value for key, value in configs.items()}
        self.cluster.call(self.cluster.create_topic(name, partitions=partitions, configs=configs))
        return name

    def kill(self, *node_ids):
        for node_id in node_ids:
            self.cluster.call_soon(self.cluster.kill_node, node_id)

    def stop(self, node_id):
        self.cluster.call(self.cluster.stop_node(node_id))

    def start(self, *node_ids):
        """Start them side by side: alone, one of three has no quorum."""

        async def start():
            await asyncio.gather(*(self.cluster.start_node(node_id) for node_id in node_ids))

        self.cluster.call(start())


@contextlib.contextmanager
def running(**options):
    properties = {**FAST_FAILURES, **options.pop("properties", {})}
    with Cluster.running(nodes=options.pop("nodes", 3), properties=properties, **options) as cluster:
        yield Operator(cluster)


@pytest.fixture(params=["processes", "one-process"])
def operator(request):
    """Three nodes: each a process, killed by SIGKILL, and all in this process."""
    with running(processes=request.param == "processes") as operator:
        yield operator
