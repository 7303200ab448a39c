"""Follows the metadata log and hands every new image to those who act on it (Kafka: MetadataLoader)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from engine.errors import InvariantViolation
from engine.metadata.apply import ImageBuilder
from engine.metadata.delta import MetadataDelta
from engine.metadata.difference import image_difference
from engine.metadata.image import MetadataImage
from engine.metadata.listener import CommittedBatch, SnapshotSource
from engine.metadata.snapshot_schedule import SnapshotSchedule
from engine.protocol.messages import AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord
from engine.types import LeaderAndEpoch


class MetadataPublisher(Protocol):
    """Acts on what changed. Called in the order in which publishers were added; must not block."""

    def on_image(self, delta: MetadataDelta, image: MetadataImage) -> None: ...


class MetadataLoader:
    """A `RaftListener` that keeps `image`, the newest committed one, and publishes each step.

    Nothing is published until the image has reached the high watermark for the first time, so that a node that starts
    does not act on the past; `high_watermark()` gives it, None while unknown. Without `high_watermark` publishing
    starts at once. A publisher that comes later first gets the whole image as one delta; it may ask not to be told before
    the image has reached an offset.

    The records of a metadata transaction (KIP-868) become visible together, at its end; the image's offset stays before
    the transaction until then. `snapshots` decides when to write one.
    """

    def __init__(
        self,
        cluster_id: str,
        high_watermark: Callable[[], int | None] | None = None,
        snapshots: SnapshotSchedule | None = None,
    ) -> None:
        self.image = MetadataImage(cluster_id=cluster_id)
        self.leader = LeaderAndEpoch(-1, -1)
        self.loaded_offset = -1
        """Last offset read, an open transaction included."""
        self.loaded_epoch = -1
        self._high_watermark = high_watermark
        self._snapshots = snapshots
        self._publishers: list[MetadataPublisher] = []
        self._waiting: list[tuple[MetadataPublisher, int]] = []
        self._transaction: list[tuple[Any, int]] | None = None
        self._published = high_watermark is None

    def add_publisher(self, publisher: MetadataPublisher, *, from_offset: int = -1) -> None:
        """Publish to it from now on, beginning with everything known once the image holds the record at `from_offset`."""
        self._waiting.append((publisher, from_offset))
        self._introduce()

    def remove_publisher(self, publisher: MetadataPublisher) -> None:
        self._waiting = [each for each in self._waiting if each[0] is not publisher]
        if publisher in self._publishers:
            self._publishers.remove(publisher)

    @property
    def transaction_is_open(self) -> bool:
        """A metadata transaction has begun and neither ended nor been aborted."""
        return self._transaction is not None

    @property
    def is_caught_up(self) -> bool:
        """The image has reached the high watermark once."""
        return self._published

    # RaftListener

    def on_committed(self, batches: Sequence[CommittedBatch]) -> None:
        if not batches:
            return
        builder = ImageBuilder(self.image)
        offset, epoch = self.image.offset, self.image.epoch
        for batch in batches:
            if batch.last_offset <= self.loaded_offset:
                continue  # a restart of the listener may repeat what a snapshot held
            for index, record in enumerate(batch.records):
                self._replay(builder, record, batch.base_offset + index)
            self.loaded_offset, self.loaded_epoch = batch.last_offset, batch.epoch
            if self._transaction is None:
                offset, epoch = batch.last_offset, batch.epoch
        if offset == self.image.offset:
            return
        self.image, delta = builder.finish(offset, epoch)
        self._publish(delta)
        if self._snapshots is not None:
            size_bytes = sum(batch.size_bytes for batch in batches)
            self._snapshots.committed(self.image, size_bytes, batches[-1].append_timestamp_ms)

    def on_snapshot(self, snapshot: SnapshotSource) -> None:
        end_offset, epoch = snapshot.snapshot_id
        if self._transaction is not None:
            self._transaction = None  # a snapshot is never taken within a transaction
        builder = ImageBuilder(MetadataImage(cluster_id=self.image.cluster_id), is_snapshot=True)
        for record in snapshot.records():
            # Registrations are "at" the snapshot: whoever has loaded it has read them.
            self._replay(builder, record, end_offset - 1)
        image, _ = builder.finish(end_offset - 1, epoch)
        delta = image_difference(self.image, image)
        self.image = image
        self.loaded_offset, self.loaded_epoch = end_offset - 1, epoch
        if self._snapshots is not None:
            self._snapshots.loaded()
        self._publish(delta)

    def on_leader_change(self, leader: LeaderAndEpoch) -> None:
        self.leader = leader

    def _replay(self, builder: ImageBuilder, record: Any, offset: int) -> None:
        transaction = self._transaction
        if isinstance(record, BeginTransactionRecord):
            if transaction is not None:
                raise InvariantViolation(f"offset {offset}: a transaction begins within another")
            self._transaction = []
        elif isinstance(record, EndTransactionRecord):
            if transaction is None:
                raise InvariantViolation(f"offset {offset}: a transaction ends that did not begin")
            for held, held_offset in transaction:
                builder.apply(held, held_offset)
            self._transaction = None
        elif isinstance(record, AbortTransactionRecord):
            if transaction is None:
                raise InvariantViolation(f"offset {offset}: a transaction is aborted that did not begin")
            self._transaction = None
        elif transaction is not None:
            transaction.append((record, offset))
        else:
            builder.apply(record, offset)

    def _publish(self, delta: MetadataDelta) -> None:
        if self._published:
            for publisher in tuple(self._publishers):
                publisher.on_image(delta, self.image)
        if self._waiting:
            self._introduce()

    def _introduce(self) -> None:
        """Give the publishers that have seen nothing yet the whole image, once there is one to act on."""
        if not self._published:
            high_watermark = self._high_watermark() if self._high_watermark is not None else 0
            if high_watermark is None or self.loaded_offset + 1 < high_watermark:
                return
            self._published = True
        ready = [publisher for publisher, from_offset in self._waiting if from_offset <= self.image.offset]
        if not ready:
            return
        self._waiting = [each for each in self._waiting if each[1] > self.image.offset]
        nothing = MetadataImage(cluster_id=self.image.cluster_id)
        delta = replace(image_difference(nothing, self.image), is_snapshot=True)
        for publisher in ready:
            self._publishers.append(publisher)
            if self.image.offset >= 0:
                publisher.on_image(delta, self.image)
