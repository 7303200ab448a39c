"""Partitions: who leads, who follows, how far they are, how much they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import msgspec

from console.errors import OperatorError, operator_errors
from console.services.log_dirs import Sizes, sizes
from console.services.offsets import start_and_end_offsets
from console.services.partial import Missing, missing_partitions
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_view import ClusterView, PartitionView
from engine.net.partition_requests import PartitionAnswers
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition


class PartitionDescription(msgspec.Struct, frozen=True):
    """One partition. What nobody answered is None."""

    topic: str
    partition: int
    leader: int | None
    """None while it has none: it can be neither read nor written."""
    leader_epoch: int | None
    """None with brokers before Kafka 2.1's Metadata v7."""
    replicas: tuple[int, ...]
    """Assigned, the preferred leader first."""
    isr: tuple[int, ...]
    offline_replicas: tuple[int, ...]
    log_start_offset: int | None
    high_watermark: int | None
    """Exclusive: the first offset that consumers may not read yet."""
    size_bytes: int | None
    """Of the leader's replica."""

    @property
    def records_at_most(self) -> int | None:
        """Offsets between start and high watermark: exact unless compacted, transactional or with deleted records."""
        if self.log_start_offset is None or self.high_watermark is None:
            return None
        return self.high_watermark - self.log_start_offset

    @property
    def is_under_replicated(self) -> bool:
        return len(self.isr) < len(self.replicas)

    @property
    def is_unavailable(self) -> bool:
        return self.leader is None


class PartitionListing(msgspec.Struct, frozen=True):
    """Partitions in the order of topic and number, and what is missing."""

    partitions: tuple[PartitionDescription, ...]
    missing: tuple[Missing, ...]


async def list_partitions(
    client: ClusterClient, topics: Collection[str] | None = None, *, with_offsets: bool = True, with_sizes: bool = True
) -> PartitionListing:
    """The partitions of `topics` (None: of all). Raises OperatorError for a topic that does not exist."""
    with operator_errors("partitions"):
        view = await client.metadata(topics)
        for name in topics or ():
            raise_topic_error(view, name)
        return await describe_view(client, view, topics, with_offsets=with_offsets, with_sizes=with_sizes)


def raise_topic_error(view: ClusterView, name: str) -> None:
    """OperatorError when the metadata has no such topic, or an error about it that hides its partitions."""
    topic = view.topics.get(name)
    if topic is None:
        raise OperatorError.refused(f"topic {name}", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic")
    if topic.error_code != ErrorCode.NONE and not topic.partitions:
        words = "there is no such topic" if topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION else None
        raise OperatorError.refused(f"topic {name}", topic.error_code, words)


async def describe_view(
    client: ClusterClient,
    view: ClusterView,
    topics: Collection[str] | None,
    *,
    with_offsets: bool,
    with_sizes: bool,
) -> PartitionListing:
    """The partitions that `view` has, with offsets from their leaders and sizes from all brokers, asked side by side."""
    names = list(view.topics) if topics is None else list(dict.fromkeys(topics))
    partitions = list(view.topic_partitions(names))
    offsets: PartitionAnswers[tuple[int, int]] = PartitionAnswers()
    replica_sizes = Sizes((), {}, ())
    jobs = []
    loop = asyncio.get_running_loop()
    offsets_job = (
        loop.create_task(start_and_end_offsets(client, partitions, patience_ms=2_000)) if with_offsets else None
    )
    # Asking for everything is cheaper than naming most of it.
    wanted = None if topics is None else {name: [p.partition for p in view.topics[name].partitions] for name in names}
    sizes_job = loop.create_task(sizes(client, wanted)) if with_sizes else None
    jobs = [job for job in (offsets_job, sizes_job) if job is not None]
    try:
        if offsets_job is not None:
            offsets = await offsets_job
        if sizes_job is not None:
            replica_sizes = await sizes_job
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
    missing = [*missing_partitions("offsets", offsets.missing), *replica_sizes.missing]
    missing += missing_partitions(
        "offsets", {partition: f"{error.name}: {error.text}" for partition, error in offsets.errors.items()}
    )
    described = tuple(
        _describe(partition, view_of_it, offsets.values.get(partition), replica_sizes)
        for partition in partitions
        if (view_of_it := view.partition(*partition)) is not None
    )
    return PartitionListing(described, tuple(missing))


def _describe(
    partition: TopicPartition, view: PartitionView, ends: tuple[int, int] | None, replica_sizes: Sizes
) -> PartitionDescription:
    return PartitionDescription(
        partition.topic,
        partition.partition,
        view.leader_id if view.leader_id >= 0 else None,
        view.leader_epoch if view.leader_epoch >= 0 else None,
        view.replicas,
        view.isr,
        view.offline_replicas,
        ends[0] if ends else None,
        ends[1] if ends else None,
        replica_sizes.of_replica(partition, view.leader_id),
    )
