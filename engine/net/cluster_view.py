"""What a client knows of a cluster, as one immutable value: brokers, controller, topics, partitions and their leaders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import MetadataResponse
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition


class BrokerView(msgspec.Struct, frozen=True):
    """A broker that is alive, at the address it advertises on the listener we came in by."""

    node_id: int
    host: str
    port: int
    rack: str | None = None

    @property
    def address(self) -> str:
        return address_text(self.host, self.port)


class PartitionView(msgspec.Struct, frozen=True):
    """One partition as the metadata has it. `leader_id` is -1 while it has none; `leader_epoch` -1 when not told."""

    partition: int
    leader_id: int
    leader_epoch: int
    replicas: tuple[int, ...]
    """Assigned replicas, the preferred leader first."""
    isr: tuple[int, ...]
    offline_replicas: tuple[int, ...]
    error_code: ErrorCode


class TopicView(msgspec.Struct, frozen=True):
    """One topic as the metadata has it; `error_code` says why there may be no partitions. `topic_id` is the zero uuid
    with brokers before Kafka 2.8 (KIP-516)."""

    name: str
    topic_id: bytes
    is_internal: bool
    error_code: ErrorCode
    partitions: tuple[PartitionView, ...]
    """By partition number."""

    def partition(self, partition: int) -> PartitionView | None:
        """The partition of that number, None when it is not known."""
        if 0 <= partition < len(self.partitions) and self.partitions[partition].partition == partition:
            return self.partitions[partition]
        return next((each for each in self.partitions if each.partition == partition), None)


class ClusterView(msgspec.Struct, frozen=True):
    """The cluster at one moment, as one broker saw it."""

    cluster_id: str | None
    controller_id: int
    """-1 when unknown. With KRaft: a random live broker, which forwards to the active controller (KIP-590)."""
    brokers: dict[int, BrokerView] = msgspec.field(default_factory=dict)
    """Live brokers by id, ascending."""
    topics: dict[str, TopicView] = msgspec.field(default_factory=dict)
    """By name, ascending; only those asked for so far."""
    all_topics: bool = False
    """Whether `topics` holds every topic there is."""

    def leader(self, topic: str, partition: int) -> int:
        """Node id of the leader; -1 when the partition has none or is not known."""
        found = self.partition(topic, partition)
        return -1 if found is None else found.leader_id

    def partition(self, topic: str, partition: int) -> PartitionView | None:
        """The partition, None when it is not known."""
        view = self.topics.get(topic)
        return None if view is None else view.partition(partition)

    def topic_partitions(self, topics: Iterable[str] | None = None) -> Iterator[TopicPartition]:
        """Every partition of `topics` (of all known ones when None) in order."""
        for name in self.topics if topics is None else topics:
            view = self.topics.get(name)
            for partition in view.partitions if view is not None else ():
                yield TopicPartition(name, partition.partition)

    def merged(self, newer: ClusterView, asked: Collection[str] | None) -> ClusterView:
        """This view with what `newer`, the answer to a question about `asked` (None: all topics), tells anew."""
        fresh = {name: self._newest(topic) for name, topic in newer.topics.items()}
        if asked is None:
            return msgspec.structs.replace(newer, topics=fresh, all_topics=True)
        topics = {name: topic for name, topic in self.topics.items() if name not in asked} | fresh
        return msgspec.structs.replace(newer, topics=dict(sorted(topics.items())), all_topics=self.all_topics)

    def _newest(self, topic: TopicView) -> TopicView:
        """The topic with each partition as the later leader epoch has it: brokers lag behind one another (KIP-320)."""
        known = self.topics.get(topic.name)
        if known is None or known.topic_id != topic.topic_id or len(known.partitions) > len(topic.partitions):
            return topic
        if all(
            old.leader_epoch <= new.leader_epoch for old, new in zip(known.partitions, topic.partitions, strict=False)
        ):
            return topic
        kept = tuple(
            old if old.leader_epoch > new.leader_epoch else new
            for old, new in zip(known.partitions, topic.partitions, strict=False)
        )
        return msgspec.structs.replace(topic, partitions=kept + topic.partitions[len(kept) :])


def view_of(response: MetadataResponse) -> ClusterView:
    """The view that a Metadata answer gives."""
    brokers = {
        broker.node_id: BrokerView(broker.node_id, broker.host, broker.port, broker.rack)
        for broker in sorted(response.brokers, key=lambda broker: broker.node_id)
    }
    topics = {}
    for topic in sorted(response.topics, key=lambda topic: topic.name or ""):
        partitions = tuple(
            PartitionView(
                partition.partition_index,
                partition.leader_id,
                partition.leader_epoch,
                tuple(partition.replica_nodes),
                tuple(partition.isr_nodes),
                tuple(partition.offline_replicas),
                ErrorCode.of(partition.error_code),
            )
            for partition in sorted(topic.partitions, key=lambda partition: partition.partition_index)
        )
        name = topic.name or ""
        topics[name] = TopicView(
            name, bytes(topic.topic_id or ZERO_UUID), topic.is_internal, ErrorCode.of(topic.error_code), partitions
        )
    return ClusterView(response.cluster_id, response.controller_id, brokers, topics)


def address_text(host: str, port: int) -> str:
    """ "host:port", an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
