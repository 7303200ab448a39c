"""Requests with one record each, pipelined: what a request costs. The spike reached 35,000/s in one process."""

from benching import Load, Stoker, Table, apache_kafka, heading, load_program, ratio

COUNT = 40_000
SIZE = 100
PARTITIONS = 6


def run(program, table, name, cluster, cases, base):
    rates = {}
    for acks, replication in cases:
        topic = f"t-{acks}-{replication}"
        cluster.create_topic(topic, partitions=PARTITIONS, replication_factor=replication)
        settings = {"acks": acks, "max.in.flight": 1000}
        Load(program, cluster, "single", topic, COUNT // 10, SIZE, **settings)
        done = Load(program, cluster, "single", topic, COUNT, SIZE, **settings)
        rates[acks] = done.rate
        theirs = base.get(acks) if replication == 1 else None
        table.row(name, acks, str(replication), done.rate, done.server_us, done.client_us, ratio(done.rate, theirs))
    return rates


def main():
    heading("Requests of one record, pipelined")
    program = load_program()
    if program is None:
        return
    base = {}
    with apache_kafka() as kafka:
        table = Table("", "acks", "replication", "requests/s", "server µs", "client µs", ": Apache Kafka")
        if kafka is not None:
            base = run(program, table, "Apache Kafka, 1 node", kafka, [("1", 1), ("all", 1)], {})
    cases = [("1", 1), ("all", 1), ("1", 3), ("all", 3)]
    with Stoker(3) as cluster:
        run(program, table, "3 nodes, one process", cluster, cases, base)
    with Stoker(3, processes=True) as cluster:
        run(program, table, "3 nodes, three processes", cluster, cases, base)


if __name__ == "__main__":
    main()
