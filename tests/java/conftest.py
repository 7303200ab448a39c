"""A cluster of three nodes, and Kafka's own tools and client against it."""

import uuid

import pytest

from engine.cluster import Cluster
from tests.java.harness import Jvm, Outcome

TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-e2e-latency": "org.apache.kafka.tools.EndToEndLatency",
    "scenario": "Scenarios",
}
RACK_PROPERTIES = {
    "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    "offsets.topic.num.partitions": "4",
}


@pytest.fixture(scope="session")
def jvm(tmp_path_factory):
    running = Jvm(tmp_path_factory.mktemp("java") / "stderr.log")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def cluster():
    racks = {node_id: {"broker.rack": f"rack-{node_id}"} for node_id in (1, 2, 3)}
    with Cluster.running(nodes=3, properties=RACK_PROPERTIES, node_properties=racks) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap(cluster):
    return cluster.bootstrap_servers


@pytest.fixture
def tool(jvm, bootstrap):
    """Runs one of Kafka's commands: `tool("kafka-topics", "--list")`; adds the bootstrap servers."""

    def call(name, *arguments, stdin="", code=0) -> Outcome:
        words = [*map(str, arguments)]
        at = 1 if name == "kafka-cluster" else 0  # after the subcommand
        words[at:at] = ["--bootstrap-server", bootstrap]
        return jvm.run(TOOLS[name], *words, stdin=stdin, code=code)

    return call


@pytest.fixture
def scenario(tool):
    """Runs a method of `Scenarios.java`, which says what went wrong, if anything did; returns what it printed."""

    def call(name, *arguments):
        return tool("scenario", name, *arguments).lines

    return call


@pytest.fixture
def topic(tool):
    """Makes a topic: `topic(partitions=3)` returns its name."""

    def make(partitions=1, replication_factor=3, **configs):
        name = f"t-{uuid.uuid4().hex[:8]}"
        words = [word for key, value in configs.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
        tool("kafka-topics", "--create", "--topic", name, "--partitions", partitions,
             "--replication-factor", replication_factor, *words)  # fmt: skip
        return name

    return make


@pytest.fixture
def group_id():
    return f"g-{uuid.uuid4().hex[:8]}"
