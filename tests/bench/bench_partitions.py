"""Ten thousand partitions: how long they take to be created and led, what they weigh, what they cost while idle."""

import tempfile
import time

import psutil
from benching import Stoker, Table, apache_kafka, first_record, heading, ratio
from confluent_kafka import KafkaException

TOPICS = 10
PARTITIONS = 10_000
IDLE_SECONDS = 8
LATER_SECONDS = 60
"""By then the new partitions' files are on the disk: they are synced little by little, for nobody waits for that."""


def measure(cluster, replication):
    before = cluster.memory_mb()
    start = time.monotonic()
    for number in range(TOPICS):
        cluster.create_topic(f"t{number}", partitions=PARTITIONS // TOPICS, replication_factor=replication)
    first_record(cluster.bootstrap, f"t{TOPICS - 1}")
    seconds = time.monotonic() - start
    memory = cluster.memory_mb() - before
    time.sleep(3)
    soon = cpu_percent(cluster)
    time.sleep(LATER_SECONDS)
    return seconds, memory, soon, cpu_percent(cluster)


def cpu_percent(cluster):
    before = cluster.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return 100 * (cluster.cpu_seconds() - before) / IDLE_SECONDS


def main():
    heading(f"{PARTITIONS:,} partitions in {TOPICS} topics")
    table = Table(
        "", "replication", "seconds until the last is written to", "memory MB on top", "CPU % soon after",
        "CPU % a minute later", "clean stop s",
    )  # fmt: skip
    # A directory of ours: removing that many files is not part of a clean stop.
    with tempfile.TemporaryDirectory() as directory, Stoker(3, data_dir=directory) as cluster:
        ours = measure(cluster, 1)
        table.row("3 nodes, one process", "1", *ours, cluster.stop())
    with apache_kafka() as kafka:
        if kafka is not None:
            try:
                theirs = measure(kafka, 1)
            except (AssertionError, KafkaException, TimeoutError, psutil.NoSuchProcess) as error:
                print(f"\n(Apache Kafka did not get there on this machine: {error})")
                return
            table.row("Apache Kafka, 1 node", "1", *theirs, None)
            table.row("3 nodes, one process : Apache Kafka", "", *map(ratio, ours, theirs), None)


if __name__ == "__main__":
    main()
