"""Apache Kafka 4.3 itself: one process, broker and controller in one, on free ports of the loopback."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.java.classpath import kafka_classpath, run_java

QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
START_SECONDS_MAX = 60
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listeners}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
num.partitions=1
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=3
share.coordinator.state.topic.min.isr=1
"""


@contextlib.contextmanager
def apache_kafka(
    jvm_options: Sequence[str] = QUICK_START,
    *,
    listeners: Mapping[str, int] | None = None,
    properties: str = "",
    format_options: Sequence[str] = (),
) -> Iterator[str]:
    """Runs it for the length of the block; gives the bootstrap server. Skips where there is no JVM or no Maven Central.

    `listeners`: more of them beside PLAINTEXT, security protocol to port; `properties`: more of the server's.
    """
    classpath = kafka_classpath()
    directory = tempfile.mkdtemp(prefix="apache-kafka-")
    port, controller_port = free_port(), free_port()
    more = "".join(f",{name}://127.0.0.1:{number}" for name, number in (listeners or {}).items())
    path = Path(directory) / "server.properties"
    text = PROPERTIES.format(port=port, controller_port=controller_port, directory=directory, listeners=more)
    path.write_text(text + properties)
    process = None
    try:
        run_java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(path), *format_options)
        command = ["java", *jvm_options]
        command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classpath, "kafka.Kafka", str(path)]
        with open(f"{directory}/kafka.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        _wait_until_listening(process, port, Path(directory) / "kafka.log")
        yield f"127.0.0.1:{port}"
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Apache Kafka ended:\n{log.read_text(errors='replace')[-3000:]}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise AssertionError(f"Apache Kafka did not listen within {START_SECONDS_MAX} s:\n{log.read_text()[-3000:]}")
