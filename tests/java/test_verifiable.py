"""Kafka's system tests' own clients, each in a JVM of its own so that it can be killed."""

import json
import subprocess
import threading
import time

import pytest

from tests.java.harness import java

pytestmark = pytest.mark.java
SECONDS_MAX = 40


class Verifiable:
    """A verifiable producer or consumer: a process that prints one JSON event a line."""

    def __init__(self, kind, bootstrap, *arguments):
        command = java(
            f"org.apache.kafka.tools.Verifiable{kind}", "--bootstrap-server", bootstrap, *map(str, arguments)
        )
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.events = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.append(json.loads(line))

    def named(self, name):
        return [event for event in list(self.events) if event["name"] == name]

    @property
    def records(self):
        """(partition, offset, value) of every record consumed."""
        return [(event["partition"], event["offset"], event["value"]) for event in self.named("record_data")]

    @property
    def assigned(self):
        """How many partitions it has by now."""
        events = self.named("partitions_assigned")
        return len(events[-1]["partitions"]) if events else 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def start(bootstrap):
    started = []

    def call(kind, *arguments):
        started.append(Verifiable(kind, bootstrap, *arguments))
        return started[-1]

    yield call
    for each in started:
        each.kill()


def until(condition, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS_MAX} s: {what()}"
        time.sleep(0.05)


def test_a_killed_member_leaves_its_partitions_to_the_other_and_nothing_is_lost(start, topic, group_id):
    name = topic(partitions=4)
    words = [
        "--topic",
        name,
        "--group-id",
        group_id,
        "--session-timeout",
        6000,
        "--verbose",
        "--reset-policy",
        "earliest",
    ]
    first, second = start("Consumer", *words), start("Consumer", *words)
    until(lambda: first.assigned == 2 and second.assigned == 2, lambda: (first.events, second.events))
    producer = start("Producer", "--topic", name, "--throughput", 200, "--max-messages", 3000, "--acks", -1)
    until(lambda: len(second.records) > 100, lambda: len(second.records))
    second.kill()
    until(lambda: first.assigned == 4, lambda: first.events[-5:])
    until(lambda: producer.named("tool_data"), lambda: producer.events[-5:])
    sent = {(event["partition"], event["offset"], event["value"]) for event in producer.named("producer_send_success")}
    assert len(sent) == 3000
    assert not producer.named("producer_send_error")
    until(lambda: sent <= {*first.records, *second.records}, lambda: sent - {*first.records, *second.records})
    assert len(first.records) == len(set(first.records)), "one member reads nothing twice"
