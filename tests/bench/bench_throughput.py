"""Records a second through librdkafka, produced and consumed: 100 B and 1 KiB, acks 1 and all, replication 1 and 3.

The client shares the machine with the cluster: beside the rate stands what a record costs the cluster, in µs of CPU, which
depends less on who else is busy. Topics have six partitions.
"""

from benching import Load, Stoker, Table, apache_kafka, heading, load_program, ratio

SIZES = {100: 600_000, 1024: 100_000}
PARTITIONS = 6
CASES = [("1", 1), ("all", 1), ("1", 3), ("all", 3)]


def run(program, table, name, cluster, cases, base):
    """All sizes and `cases` against one cluster. `base`: (size, acks) -> (produce, consume) rates of Apache Kafka."""
    rates = {}
    for size, count in SIZES.items():
        for acks, replication in cases:
            topic = f"t-{size}-{acks}-{replication}"
            cluster.create_topic(topic, partitions=PARTITIONS, replication_factor=replication)
            Load(program, cluster, "produce", topic, count // 10, size, acks=acks)
            produced = Load(program, cluster, "produce", topic, count, size, acks=acks)
            consumed = Load(program, cluster, "consume", topic, count)
            rates[size, acks] = produced.rate, consumed.rate
            theirs = base.get((size, acks), (None, None)) if replication == 1 else (None, None)
            table.row(
                name, f"{size} B", acks, str(replication), produced.rate, produced.rate * size / 1e6, produced.server_us,
                ratio(produced.rate, theirs[0]), consumed.rate, consumed.rate * size / 1e6, consumed.server_us,
                ratio(consumed.rate, theirs[1]),
            )  # fmt: skip
    return rates


def main():
    heading("Throughput")
    program = load_program()
    if program is None:
        return
    table = None
    base = {}
    with apache_kafka() as kafka:
        table = Table(
            "", "size", "acks", "replication", "produced/s", "MB/s", "server µs", ": Apache Kafka", "consumed/s", "MB/s",
            "server µs", ": Apache Kafka",
        )  # fmt: skip
        if kafka is not None:
            base = run(program, table, "Apache Kafka, 1 node", kafka, CASES[:2], {})
    properties = {"log.retention.ms": "-1"}
    with Stoker(3, **properties) as cluster:
        run(program, table, "3 nodes, one process", cluster, CASES, base)
    with Stoker(3, processes=True, **properties) as cluster:
        run(program, table, "3 nodes, three processes", cluster, CASES, base)


if __name__ == "__main__":
    main()
