"""How long a partition cannot be written after its leader is killed: until the first record that another leader acknowledged.

The client asks for metadata often, so that what is measured is the cluster. A leader in a process of its own ends by SIGKILL;
in one process its connections are reset and it is gone. Both are noticed by the broker's session (3 s in an embedded cluster,
`broker.session.timeout.ms`; 9 s in Apache Kafka).
"""

import time

from benching import Stoker, Table, heading
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

RUNS = 4


def leader(bootstrap, topic):
    metadata = AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, timeout=20)
    return metadata.topics[topic].partitions[0].leader


def outage_seconds(cluster, topic):
    """Kill the leader; from then to the first acknowledgement of a record that was produced after it."""
    victim = leader(cluster.bootstrap, topic)
    producer = Producer(
        {
            "bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 0, "message.timeout.ms": 60_000,
            "retry.backoff.ms": 10, "retry.backoff.max.ms": 50, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50,
            "topic.metadata.refresh.fast.interval.ms": 20, "topic.metadata.refresh.interval.ms": 100, "log_level": 0,
        }
    )  # fmt: skip
    acknowledged = []

    def on_delivery(error, message):
        if error is None:
            acknowledged.append((message.latency() or 0, time.monotonic()))

    producer.produce(topic, b"before", on_delivery=on_delivery)
    producer.flush(20)
    killed_at = cluster.do("kill", node_id=victim)["at"]
    acknowledged.clear()
    producer.produce(topic, b"after", on_delivery=on_delivery)
    while not acknowledged:
        producer.poll(0.01)
        assert time.monotonic() - killed_at < 60, "nobody leads"
    outage = acknowledged[0][1] - killed_at
    cluster.do("start", node_id=victim)
    deadline = time.monotonic() + 20
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    while len(admin.list_topics(topic, timeout=20).topics[topic].partitions[0].isrs) < 3:
        assert time.monotonic() < deadline, "the node did not come back into the ISR"
        time.sleep(0.1)
    return outage


def main():
    heading("Outage after an unclean kill of a leader")
    table = Table("", "session timeout s", "best s", "worst s")
    for name, processes in (("3 nodes, one process", False), ("3 nodes, three processes, kill -9", True)):
        for session_ms in (3_000, 1_000):
            heartbeat_ms = session_ms // 6
            properties = {
                "broker.session.timeout.ms": str(session_ms),
                "broker.heartbeat.interval.ms": str(heartbeat_ms),
            }
            with Stoker(3, processes=processes, **properties) as cluster:
                cluster.create_topic("t", replication_factor=3)
                outages = sorted(outage_seconds(cluster, "t") for _ in range(RUNS))
                table.row(name, session_ms / 1000, outages[0], outages[-1])


if __name__ == "__main__":
    main()
