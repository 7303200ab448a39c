"""From nothing to the first acknowledged record; what an idle cluster costs. Aims: three nodes in 0.5 s and 100 MB."""

import time

from benching import Stoker, Table, apache_kafka, first_record, heading, ratio

IDLE_SECONDS = 8
RUNS = 3


def measure(name, start):
    """Starts `RUNS` times, keeps the best of each step; looks at the last one while it idles."""
    steps = []
    for run in range(RUNS):
        with start() as cluster:
            times = cluster.times
            cluster.create_topic("first", partitions=1, replication_factor=-1)
            first = first_record(cluster.bootstrap, "first")
            steps.append(
                (times["imported"] - times["started"], times["ready"] - times["imported"], first - times["imported"],
                 first - cluster.spawned)
            )  # fmt: skip
            if run == RUNS - 1:
                time.sleep(2)
                before = cluster.cpu_seconds()
                time.sleep(IDLE_SECONDS)
                cpu = 100 * (cluster.cpu_seconds() - before) / IDLE_SECONDS
                memory = cluster.memory_mb()
    best = [min(values) for values in zip(*steps, strict=True)]
    return (name, *best, memory, cpu)


def main():
    heading("Start, idle memory, idle CPU")
    table = Table(
        "", "imports s", "Cluster.start() s", "start to first acknowledged record s", "the same from exec s",
        "idle memory MB", "idle CPU %",
    )  # fmt: skip
    rows = [
        measure("1 node", lambda: Stoker(1)),
        measure("3 nodes, one process", lambda: Stoker(3)),
        measure("3 nodes, three processes", lambda: Stoker(3, processes=True)),
    ]
    for row in rows:
        table.row(*row)
    spawned = time.monotonic()
    with apache_kafka() as kafka:
        if kafka is None:
            return
        kafka.create_topic("first")
        first = first_record(kafka.bootstrap, "first") - spawned
        time.sleep(4)
        before = kafka.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        cpu, memory = 100 * (kafka.cpu_seconds() - before) / IDLE_SECONDS, kafka.memory_mb()
        table.row("Apache Kafka, 1 node (with its format)", None, None, None, first, memory, cpu)
        table.row(
            "1 node : Apache Kafka", None, None, None, ratio(rows[0][4], first), ratio(rows[0][5], memory),
            ratio(rows[0][6], cpu),
        )  # fmt: skip


if __name__ == "__main__":
    main()
