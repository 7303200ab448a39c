"""One data directory, now ours and now Apache Kafka's: each goes on where the other stopped."""

import contextlib
import socket
import subprocess
import time

import pytest

from engine.cluster import Cluster
from tests.java.conftest import TOOLS
from tests.java.harness import java

pytestmark = [pytest.mark.java, pytest.mark.timeout(300)]

PROPERTIES = {"offsets.topic.num.partitions": "3", "metadata.log.max.record.bytes.between.snapshots": "3000"}
SECONDS_MAX = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def apache_kafka_on(directory, root):
    """Apache Kafka, started on a directory that was formatted and filled by us."""
    port, controller_port = free_port(), free_port()
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(directory),
        "offsets.topic.replication.factor": "1",
        "group.initial.rebalance.delay.ms": "0",
        **PROPERTIES,
    }
    file, log = root / "kafka.properties", root / "kafka.log"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    with log.open("ab") as output:
        process = subprocess.Popen(java("kafka.Kafka", str(file)), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            assert process.poll() is None, f"Apache Kafka ended:\n{log.read_text()[-4000:]}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            assert time.monotonic() < deadline, f"Apache Kafka does not listen:\n{log.read_text()[-4000:]}"
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        process.terminate()
        process.wait(SECONDS_MAX)
        assert "ERROR" not in log.read_text(), log.read_text()[-4000:]
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def run(jvm):
    """Runs one of Kafka's commands against that address; returns its lines."""

    def call(name, bootstrap, *arguments, stdin=""):
        return jvm.run(TOOLS[name], "--bootstrap-server", bootstrap, *map(str, arguments), stdin=stdin).lines

    return call


def test_apache_kafka_and_we_take_turns_on_one_directory(run, tmp_path):
    """Topics, configs, records of every codec, groups' offsets: all is there, and can be added to, on both sides."""
    console = ["--topic", "t", "--timeout-ms", 20_000, "--from-beginning", "--group", "g"]

    def produce(bootstrap, first, count):
        run("kafka-console-producer", bootstrap, "--topic", "t",
            stdin="".join(f"{number}\n" for number in range(first, first + count)))  # fmt: skip

    def consume(bootstrap, count):
        return [int(line) for line in run("kafka-console-consumer", bootstrap, *console, "--max-messages", count)]

    def end_offset(bootstrap, topic):
        return run("kafka-get-offsets", bootstrap, "--topic", topic)

    with Cluster.running(nodes=1, data_dir=str(tmp_path / "data"), properties=PROPERTIES) as cluster:
        ours = cluster.bootstrap_servers
        directory, cluster_id = cluster.node_directory(1), cluster.cluster_id
        for topic in ("t", "codecs", "order"):
            cluster.call(cluster.create_topic(topic, configs={"retention.ms": "-1"}))
        run("scenario", ours, "everyCodec", "codecs")
        run("scenario", ours, "idempotentOrder", "order")
        produce(ours, 0, 100)
        assert consume(ours, 60) == list(range(60))

    with apache_kafka_on(directory, tmp_path) as theirs:
        assert consume(theirs, 40) == list(range(60, 100))
        assert end_offset(theirs, "codecs") == ["codecs:0:2500"]
        assert "retention.ms=-1" in "".join(run("kafka-topics", theirs, "--describe", "--topic", "order"))
        run("scenario", theirs, "everyCodec", "codecs")
        produce(theirs, 100, 50)
        assert consume(theirs, 20) == list(range(100, 120))
        run("kafka-topics", theirs, "--create", "--topic", "made-by-kafka", "--partitions", 2)
        run("kafka-topics", theirs, "--delete", "--topic", "order")

    with Cluster.running(nodes=1, data_dir=str(tmp_path / "data"), properties=PROPERTIES) as cluster:
        ours = cluster.bootstrap_servers
        assert cluster.cluster_id == cluster_id
        assert consume(ours, 30) == list(range(120, 150))
        assert end_offset(ours, "codecs") == ["codecs:0:5000"]
        names = {name for name in run("kafka-topics", ours, "--list") if not name.startswith("__")}
        assert names == {"t", "codecs", "made-by-kafka"}
        run("scenario", ours, "everyCodec", "made-by-kafka")
        run("scenario", ours, "everyCodec", "codecs")
