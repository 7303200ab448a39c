"""From produce to consume at a fixed rate: percentiles, each record sent alone (linger 0) with acks=all."""

import threading
import time

from benching import Stoker, Table, apache_kafka, heading
from confluent_kafka import Consumer, Producer, TopicPartition

RATE = 500
SECONDS = 6
WARM_UP_SECONDS = 2
SIZE = 100


def latencies_ms(bootstrap, topic):
    """Of every record after the warm-up, ascending."""
    count = RATE * (SECONDS + WARM_UP_SECONDS)
    measured = []
    reading = threading.Event()

    def consume():
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "latency", "fetch.wait.max.ms": 500})
        consumer.assign([TopicPartition(topic, 0, 0)])
        reading.set()
        deadline = time.monotonic() + 60
        while len(measured) < count and time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                measured.append(1e3 * (time.perf_counter() - float(message.value())))
        consumer.close()

    thread = threading.Thread(target=consume)
    thread.start()
    reading.wait()
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    start = time.perf_counter()
    for number in range(count):
        due = start + number / RATE
        while (wait := due - time.perf_counter()) > 0:
            producer.poll(min(wait, 0.001))
        producer.produce(topic, str(time.perf_counter()).ljust(SIZE))
        producer.poll(0)
    producer.flush(30)
    thread.join()
    assert len(measured) == count, f"{len(measured)} of {count} records came"
    return sorted(measured[RATE * WARM_UP_SECONDS :])


def main():
    heading(f"End-to-end latency at {RATE} records/s of {SIZE} B, acks=all")
    table = Table("", "replication", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "server CPU %")

    def measure(name, cluster, replication):
        for run in ("warm-up", "measured"):  # a JVM needs it
            topic = f"{run}-{replication}"
            cluster.create_topic(topic, replication_factor=replication)
            if run == "warm-up":
                latencies_ms(cluster.bootstrap, topic)
        cpu, start = cluster.cpu_seconds(), time.monotonic()
        got = latencies_ms(cluster.bootstrap, topic)
        cpu = 100 * (cluster.cpu_seconds() - cpu) / (time.monotonic() - start)
        table.row(name, str(replication), *(got[int(len(got) * share)] for share in (0.5, 0.9, 0.99, 0.999)), cpu)

    with Stoker(3) as cluster:
        measure("3 nodes, one process", cluster, 1)
        measure("3 nodes, one process", cluster, 3)
    with Stoker(3, processes=True) as cluster:
        measure("3 nodes, three processes", cluster, 3)
    with apache_kafka() as kafka:
        if kafka is not None:
            measure("Apache Kafka, 1 node", kafka, 1)


if __name__ == "__main__":
    main()
