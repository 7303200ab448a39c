"""A member of a group that reads and commits by itself, and remembers both."""

import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.cluster.waiting import until

OFFSETS_PARTITIONS = 50


def committed(bootstrap, group, topic, partitions):
    """Partition -> committed offset of the group, as its coordinator has it."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 2})
    try:
        asked = [TopicPartition(topic, index) for index in range(partitions)]
        return {each.partition: each.offset for each in consumer.committed(asked, timeout=20)}
    finally:
        consumer.close()


class GroupReader:
    """`with GroupReader(bootstrap, "group", "topic") as reader:` reads until the block ends, committing what it has read."""

    def __init__(self, bootstrap, group, topic):
        self.group, self.topic = group, topic
        self.read = []
        """(partition, offset, value) in the order read."""
        self.commits = []
        """(when, {partition: offset}) of commits the coordinator has acknowledged."""
        self._assigned = threading.Event()
        self._stop = threading.Event()
        self._consumer = Consumer(  # used by its thread only: confluent-kafka's calls wait for each other
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 1_000,
                "log_level": 2,
            }
        )
        self._thread = threading.Thread(target=self._run, name="group-reader", daemon=True)

    def __enter__(self):
        self._consumer.subscribe([self.topic], on_assign=lambda *_: self._assigned.set())
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the reader hangs"
        self._consumer.close()

    def _run(self):
        uncommitted = {}
        while not self._stop.is_set():
            for message in self._consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    self.read.append((message.partition(), message.offset(), message.value()))
                    uncommitted[message.partition()] = message.offset() + 1
            if uncommitted:
                offsets = [TopicPartition(self.topic, index, offset) for index, offset in uncommitted.items()]
                try:
                    answers = self._consumer.commit(offsets=offsets, asynchronous=False)
                except KafkaException:
                    continue  # the coordinator is away, or the group is rebalancing: with the next batch
                done = {each.partition: each.offset for each in answers if each.error is None}
                self.commits.append((time.monotonic(), done))
                uncommitted = {index: offset for index, offset in uncommitted.items() if done.get(index) != offset}

    def coordinator_partition(self):
        """The partition of __consumer_offsets that has the group (Kafka: GroupCoordinatorService.partitionFor)."""
        value = 0
        for character in self.group:
            value = (31 * value + ord(character)) & 0xFFFFFFFF
        return (value & 0x7FFFFFFF) % OFFSETS_PARTITIONS

    def until_assigned(self, timeout_s=30):
        until(self._assigned.is_set, timeout_s, "the group assigns partitions")

    def until_read(self, count, timeout_s=30):
        until(lambda: len(self.read) >= count, timeout_s, lambda: f"{count} records read, not {len(self.read)}")

    def until_committed_after(self, moment, timeout_s=40):
        until(lambda: self.commits and self.commits[-1][0] > moment, timeout_s, "the group commits again")

    def until_read_to(self, ends, timeout_s=40):
        """Wait until everything below `ends` (partition -> exclusive offset) is read and committed."""

        def committed():
            latest = {}
            for _, offsets in list(self.commits):
                latest.update(offsets)
            return latest

        until(lambda: committed() == ends, timeout_s, lambda: f"committed {committed()}, the ends are {ends}")

    def judge(self, records):
        """Everything in `records` was read, as it is, and commits never went back."""
        assert {(index, *row) for index, rows in records.items() for row in rows} == set(self.read)
        latest = {}
        for _, offsets in self.commits:
            for index, offset in offsets.items():
                assert offset >= latest.get(index, 0), f"partition {index} was committed to {offset} after {latest}"
                latest[index] = offset
