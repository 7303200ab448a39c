"""What changed between two metadata images (Kafka: MetadataDelta and its parts)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.metadata.image import (
    BrokerRegistration,
    ConfigKey,
    ControllerRegistrationImage,
    MetadataImage,
    PartitionImage,
    TopicImage,
)
from engine.types import TopicPartition


@dataclass(slots=True)
class TopicDelta:
    """One topic that was created or in which partitions changed."""

    before: TopicImage | None
    """None when the topic is new."""
    after: TopicImage
    partitions: dict[int, PartitionImage]
    """The partitions that are new or changed, as they are now."""

    @property
    def name(self) -> str:
        return self.after.name

    @property
    def id(self) -> bytes:
        return self.after.id

    @property
    def is_new(self) -> bool:
        return self.before is None

    def partition_before(self, partition: int) -> PartitionImage | None:
        """The partition as it was; None when it is new."""
        return None if self.before is None else self.before.partitions.get(partition)


@dataclass(slots=True)
class MetadataDelta:
    """The difference from `before` to `after`. Everything is in the order in which it changed."""

    before: MetadataImage
    after: MetadataImage
    is_snapshot: bool = False
    """The new image came from a snapshot: what was not mentioned is gone, and `before` may be far behind."""
    topics: dict[bytes, TopicDelta] = field(default_factory=dict)
    """Topic id -> created or changed topics. A topic created and removed in one step appears nowhere."""
    removed_topics: dict[bytes, TopicImage] = field(default_factory=dict)
    """Topic id -> the topic as it was. A topic re-created under its name has another id: it is in both."""
    brokers: dict[int, BrokerRegistration | None] = field(default_factory=dict)
    """Broker id -> its registration now, None when it was unregistered."""
    controllers: dict[int, ControllerRegistrationImage | None] = field(default_factory=dict)
    configs: dict[ConfigKey, dict[str, str | None]] = field(default_factory=dict)
    """Resource -> key -> new value, None when it was removed. Includes keys set to the value they had (KAFKA-14136),
    and the configs of removed topics."""
    features: dict[str, int] = field(default_factory=dict)
    """Feature -> new level, 0 when it is off now."""
    producer_ids_changed: bool = False
    client_quotas_changed: bool = False
    scram_changed: bool = False
    acls_changed: bool = False
    delegation_tokens_changed: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing changed but the offset."""
        return not (
            self.topics
            or self.removed_topics
            or self.brokers
            or self.controllers
            or self.configs
            or self.features
            or self.producer_ids_changed
            or self.client_quotas_changed
            or self.scram_changed
            or self.acls_changed
            or self.delegation_tokens_changed
        )

    def changed_partitions(self) -> Iterator[tuple[TopicPartition, bytes, PartitionImage | None, PartitionImage]]:
        """(partition, topic id, before, after) of every new or changed partition."""
        for topic_id, topic in self.topics.items():
            for index, partition in topic.partitions.items():
                yield TopicPartition(topic.name, index), topic_id, topic.partition_before(index), partition

    def removed_partitions(self) -> Iterator[tuple[TopicPartition, bytes, PartitionImage]]:
        """(partition, topic id, as it was) of every partition of a removed topic."""
        for topic_id, topic in self.removed_topics.items():
            for index, partition in topic.partitions.items():
                yield TopicPartition(topic.name, index), topic_id, partition
