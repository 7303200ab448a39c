"""Load on a cluster, and the judge of what it must not lose.

`Load` is an idempotent librdkafka producer with acks=all in a thread: it writes numbered values to every partition at a
steady rate and remembers what was acknowledged where. `judge` then reads the topic whole and compares.
"""

import threading
import time
from collections import defaultdict

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.cluster.waiting import until


class Load:
    """`with Load(bootstrap, "t", partitions=4) as load:` produces until the block ends, then flushes."""

    def __init__(self, bootstrap, topic, *, partitions, per_second=400, **config):
        self.topic = topic
        self.partitions = partitions
        self.acknowledged = []
        """(partition, offset, value), in the order of the acknowledgements."""
        self.acknowledged_at = [0.0] * partitions
        """When the last acknowledgement of each partition came, on the monotonic clock."""
        self.refused = []
        """(partition, value, error) of what the producer gave up on."""
        self.errors = []
        """Fatal errors of the client; other errors are what retries are for."""
        self.sent = 0
        self._interval_s = 1 / per_second
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "message.timeout.ms": 120_000,
                "request.timeout.ms": 10_000,
                "retry.backoff.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 1_000,
                "error_cb": self._on_error,
                "log_level": 2,
                **config,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(10)
        left = self._producer.flush(0 if kind else 60)
        assert kind or not left, f"{left} records neither acknowledged nor refused; {self}"

    def __str__(self):
        ages = ", ".join(f"{time.monotonic() - at:.1f}" if at else "never" for at in self.acknowledged_at)
        return (
            f"{self.sent} sent, {len(self.acknowledged)} acknowledged (last per partition {ages} s ago), "
            f"{len(self.refused)} refused, fatal: {self.errors}"
        )

    def _run(self):
        next_at = time.monotonic()
        while not self._stop.is_set():
            number = self.sent
            partition = number % self.partitions
            value = b"%d" % number
            try:
                self._producer.produce(
                    self.topic, value, partition=partition, on_delivery=lambda error, m: self._on_delivery(error, m)
                )
                self.sent += 1
            except BufferError:
                pass  # nothing has been acknowledged for a while
            next_at += self._interval_s
            self._producer.poll(max(0.0, next_at - time.monotonic()))

    def _on_delivery(self, error, message):
        partition = message.partition()
        if error is None:
            self.acknowledged.append((partition, message.offset(), message.value()))
            self.acknowledged_at[partition] = time.monotonic()
        else:
            self.refused.append((partition, message.value(), error))

    def _on_error(self, error):
        if error.fatal():
            self.errors.append(error)

    def until_progress(self, timeout_s=30):
        """Wait until a record sent from now on (or shortly before) is acknowledged in every partition."""
        since = time.monotonic()
        until(lambda: min(self.acknowledged_at) > since, timeout_s, lambda: f"every partition takes records: {self}")


def read_all(bootstrap, topic, partitions, timeout_s=30):
    """partition -> list of (offset, value) of all records below its high watermark, by a consumer in no group."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reads-everything",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 2,
        }
    )
    try:
        ends = {
            index: consumer.get_watermark_offsets(TopicPartition(topic, index), timeout=timeout_s)
            for index in range(partitions)
        }
        consumer.assign([TopicPartition(topic, index, low) for index, (low, _) in ends.items()])
        records = defaultdict(list)
        missing = {index for index, (low, high) in ends.items() if high > low}
        deadline = time.monotonic() + timeout_s
        while missing:
            assert time.monotonic() < deadline, f"partitions {sorted(missing)} cannot be read to their ends {ends}"
            for message in consumer.consume(1_000, timeout=0.5):
                error = message.error()
                assert error is None or error.code() == KafkaError._TRANSPORT, error
                if error is None:
                    records[message.partition()].append((message.offset(), message.value()))
                    if message.offset() + 1 >= ends[message.partition()][1]:
                        missing.discard(message.partition())
        return dict(records)
    finally:
        consumer.close()


def judge(load, bootstrap):
    """Every acknowledged record is where it was said to be, none is there twice, and order is kept in each partition.

    Records that were not acknowledged may be there or not. Returns what was read, as `read_all`.
    """
    assert not load.errors, load.errors
    records = read_all(bootstrap, load.topic, load.partitions)
    there = {(partition, offset): value for partition, rows in records.items() for offset, value in rows}
    lost = [row for row in load.acknowledged if there.get(row[:2]) != row[2]]
    assert not lost, f"{len(lost)} acknowledged records are lost or elsewhere, such as {lost[:3]}; {load}"
    for partition, rows in sorted(records.items()):
        numbers = [int(value) for _, value in rows if value.isdigit()]  # the rest is of other producers
        assert len(set(numbers)) == len(numbers), f"partition {partition} has records twice"
        assert numbers == sorted(numbers), f"partition {partition} is out of order"
        assert all(number % load.partitions == partition for number in numbers)
    assert load.acknowledged, "nothing was acknowledged: this proves nothing"
    return records
