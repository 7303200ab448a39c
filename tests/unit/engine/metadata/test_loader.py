"""Following the log (Kafka: MetadataLoaderTest, MetadataBatchLoaderTest, SnapshotGeneratorTest)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import InvariantViolation
from engine.metadata.delta import MetadataDelta
from engine.metadata.image import MetadataImage
from engine.metadata.listener import CommittedBatch
from engine.metadata.loader import MetadataLoader
from engine.metadata.snapshot import image_records
from engine.metadata.snapshot_schedule import SnapshotSchedule
from engine.protocol.messages import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    EndTransactionRecord,
    PartitionRecord,
    TopicRecord,
)
from engine.types import OffsetAndEpoch


def topic(name: str) -> list[Any]:
    topic_id = name.encode().ljust(16, b"\0")
    partition = PartitionRecord(
        topic_id=topic_id, partition_id=0, replicas=[1], isr=[1], leader=1, directories=[b"d" * 16]
    )
    return [TopicRecord(name=name, topic_id=topic_id), partition]


class Publisher:
    def __init__(self) -> None:
        self.seen: list[tuple[MetadataDelta, MetadataImage]] = []

    def on_image(self, delta: MetadataDelta, image: MetadataImage) -> None:
        self.seen.append((delta, image))

    @property
    def topics(self) -> list[str]:
        return list(self.seen[-1][1].topic_ids)


class Snapshot:
    def __init__(self, end_offset: int, epoch: int, records: list[Any]) -> None:
        self.snapshot_id = OffsetAndEpoch(end_offset, epoch)
        self._records = records

    def records(self) -> Iterator[Any]:
        return iter(self._records)


class Log:
    """Hands batches to a loader, with offsets that follow each other."""

    def __init__(self, loader: MetadataLoader) -> None:
        self.loader = loader
        self.next_offset = 0

    def commit(self, *batches: list[Any], epoch: int = 1) -> None:
        made = []
        for records in batches:
            count = max(1, len(records))  # a control batch has one record of its own
            last = self.next_offset + count - 1
            made.append(CommittedBatch(self.next_offset, last, epoch, 1_000 + last, 100, records))
            self.next_offset = last + 1
        self.loader.on_committed(made)


@pytest.fixture
def loader() -> MetadataLoader:
    return MetadataLoader("cluster")


@pytest.fixture
def publisher(loader: MetadataLoader) -> Publisher:
    publisher = Publisher()
    loader.add_publisher(publisher)
    return publisher


def test_each_commit_is_published_once_with_what_changed(loader: MetadataLoader, publisher: Publisher) -> None:
    log = Log(loader)
    log.commit(topic("a"), topic("b"))
    log.commit(topic("c"))
    assert [image.offset for _, image in publisher.seen] == [3, 5]
    assert [delta.name for delta in publisher.seen[1][0].topics.values()] == ["c"]
    assert publisher.seen[1][0].before is publisher.seen[0][1]


def test_a_control_batch_moves_the_offset(loader: MetadataLoader, publisher: Publisher) -> None:
    Log(loader).commit([], epoch=4)
    assert (loader.image.offset, loader.image.epoch) == (0, 4)
    assert publisher.seen[-1][0].is_empty


def test_nothing_is_published_before_the_high_watermark_is_reached() -> None:
    high_watermark: list[int | None] = [None]
    loader = MetadataLoader("cluster", lambda: high_watermark[0])
    publisher = Publisher()
    loader.add_publisher(publisher)
    log = Log(loader)
    log.commit(topic("a"))
    high_watermark[0] = 6
    log.commit(topic("b"))
    assert publisher.seen == []
    assert not loader.is_caught_up
    log.commit(topic("c"))
    assert publisher.topics == ["a", "b", "c"]
    assert len(publisher.seen[0][0].topics) == 3, "everything is new to it"
    high_watermark[0] = 100
    log.commit(topic("d"))
    assert len(publisher.seen) == 2, "later it may lag again"


def test_a_late_publisher_first_gets_everything(loader: MetadataLoader, publisher: Publisher) -> None:
    log = Log(loader)
    log.commit(topic("a"))
    late = Publisher()
    loader.add_publisher(late)
    assert late.topics == ["a"]
    assert late.seen[0][0].topics.keys() == publisher.seen[0][0].topics.keys()
    loader.remove_publisher(late)
    log.commit(topic("b"))
    assert len(late.seen) == 1


def test_a_publisher_may_wait_for_an_offset(loader: MetadataLoader, publisher: Publisher) -> None:
    """A broker hears of nothing before its own registration (Kafka: BrokerServer waits for initialCatchUpFuture)."""
    log, late = Log(loader), Publisher()
    log.commit(topic("a"))
    loader.add_publisher(late, from_offset=3)
    assert late.seen == []
    log.commit(topic("b"))
    assert late.topics == ["a", "b"]
    assert late.seen[0][0].is_snapshot
    log.commit(topic("c"))
    assert len(late.seen) == 2
    assert len(publisher.seen) == 3


def test_a_transaction_is_seen_at_its_end_or_never(loader: MetadataLoader, publisher: Publisher) -> None:
    """KIP-868."""
    log = Log(loader)
    log.commit(topic("before"), [BeginTransactionRecord(name="many"), *topic("inside")])
    assert publisher.topics == ["before"]
    assert loader.image.offset == 1
    assert loader.loaded_offset == 4
    assert loader.transaction_is_open
    log.commit([*topic("also"), EndTransactionRecord()])
    assert publisher.topics == ["before", "inside", "also"]
    assert loader.image.offset == 7
    log.commit([BeginTransactionRecord(), *topic("never"), AbortTransactionRecord(reason="x"), *topic("after")])
    assert publisher.topics == ["before", "inside", "also", "after"]


@pytest.mark.parametrize(
    "records",
    [
        [EndTransactionRecord()],
        [AbortTransactionRecord()],
        [BeginTransactionRecord(), BeginTransactionRecord()],
    ],
)
def test_transactions_that_make_no_sense_stop_the_node(loader: MetadataLoader, records: list[Any]) -> None:
    with pytest.raises(InvariantViolation):
        Log(loader).commit(records)


def test_a_snapshot_replaces_everything_and_is_published_as_the_difference(
    loader: MetadataLoader, publisher: Publisher
) -> None:
    Log(loader).commit(topic("kept"), topic("gone"))
    other = MetadataLoader("cluster")
    Log(other).commit(topic("kept"), topic("new"))
    loader.on_snapshot(Snapshot(50, 7, list(image_records(other.image))))
    delta, image = publisher.seen[-1]
    assert (image.offset, image.epoch) == (49, 7)
    assert delta.is_snapshot
    assert [topic.name for topic in delta.topics.values()] == ["new"]
    assert [topic.name for topic in delta.removed_topics.values()] == ["gone"]


def test_what_a_snapshot_held_already_is_not_applied_again(loader: MetadataLoader) -> None:
    loader.on_snapshot(Snapshot(2, 1, topic("a")))
    loader.on_committed([CommittedBatch(0, 1, 1, 0, 100, topic("a")), CommittedBatch(2, 3, 1, 0, 100, topic("b"))])
    assert list(loader.image.topic_ids) == ["a", "b"]


class Snapshots:
    """A schedule with a clock to turn and a list of what it wrote."""

    def __init__(self, **options: Any) -> None:
        self.now_ms = 0
        self.written: list[tuple[OffsetAndEpoch, int, int]] = []
        self.schedule = SnapshotSchedule(
            lambda last, records, timestamp: self.written.append((last, len(records), timestamp)),
            lambda: self.now_ms,
            **options,
        )


def test_a_snapshot_is_written_when_the_log_has_grown_enough() -> None:
    """KIP-630."""
    snapshots = Snapshots(bytes_max=300)
    log = Log(MetadataLoader("cluster", snapshots=snapshots.schedule))
    log.commit(topic("a"), topic("b"))
    assert snapshots.written == []
    log.commit(topic("c"))
    assert snapshots.written == [(OffsetAndEpoch(5, 1), 6, 1_005)]
    log.commit(topic("d"))
    assert len(snapshots.written) == 1, "counting starts anew"


def test_a_snapshot_is_written_when_the_last_is_old_and_something_happened() -> None:
    """KIP-876."""
    snapshots = Snapshots(interval_max_ms=1_000)
    log = Log(MetadataLoader("cluster", snapshots=snapshots.schedule))
    log.commit(topic("a"))
    snapshots.now_ms = 1_000
    log.commit(topic("b"))
    assert len(snapshots.written) == 1
    snapshots.now_ms = 1_500
    log.loader.on_snapshot(Snapshot(90, 2, topic("z")))
    snapshots.now_ms = 2_400
    log.next_offset = 90
    log.commit(topic("c"))
    assert len(snapshots.written) == 1, "one was loaded 900 ms ago"


def test_no_snapshot_is_taken_within_a_transaction() -> None:
    snapshots = Snapshots(bytes_max=100)
    log = Log(MetadataLoader("cluster", snapshots=snapshots.schedule))
    log.commit([BeginTransactionRecord(), *topic("a")])
    assert snapshots.written == []
    log.commit([EndTransactionRecord()])
    assert snapshots.written[0][0] == OffsetAndEpoch(3, 1)
