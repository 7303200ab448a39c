"""What clients see of partitions, from the metadata image (Kafka: KRaftMetadataCache). No state, no decisions."""

from __future__ import annotations

from engine.metadata.image import BrokerRegistration, MetadataImage, PartitionImage, TopicImage
from engine.metadata.topic_names import is_internal
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeTopicPartitionsResponse, MetadataResponse
from engine.types import Endpoint

_NO_LEADER_ID = -1


class TopicView:
    """The partitions of one image as seen through one listener.

    `filter_unavailable` (Metadata v0 only): replicas that cannot be reached are left out and reported as an error.
    `name_missing_listener` (Metadata v6 and up): LISTENER_NOT_FOUND instead of LEADER_NOT_AVAILABLE when the leader is
    there but has no such listener.
    """

    def __init__(
        self,
        image: MetadataImage,
        listener: str,
        *,
        filter_unavailable: bool = False,
        name_missing_listener: bool = True,
    ) -> None:
        self._brokers = image.brokers
        self._with_listener = {b.id: b for b in image.brokers.values() if b.endpoint(listener) is not None}
        # Replicas here are online if their directory is; the others are offline whatever it is.
        self._reachable = {b.id: b for b in self._with_listener.values() if not b.fenced}
        self._filter_unavailable = filter_unavailable
        self._name_missing_listener = name_missing_listener

    def topic(self, topic: TopicImage) -> MetadataResponse.MetadataResponseTopic:
        """The topic with all its partitions, without authorized operations."""
        return MetadataResponse.MetadataResponseTopic(
            name=topic.name,
            topic_id=topic.id,
            is_internal=is_internal(topic.name),
            partitions=[self.partition(index, partition) for index, partition in topic.partitions.items()],
        )

    def partition(self, index: int, partition: PartitionImage) -> MetadataResponse.MetadataResponsePartition:
        """One partition as Metadata shows it."""
        replicas, isr = list(partition.replicas), list(partition.isr)
        if self._filter_unavailable:
            replicas = [replica for replica in replicas if replica in self._reachable]
            isr = [replica for replica in isr if replica in self._reachable]
        leader = partition.leader
        code = 0
        if leader not in self._with_listener:
            if leader in self._brokers and self._name_missing_listener:
                code = int(ErrorCode.LISTENER_NOT_FOUND)
            else:
                code = int(ErrorCode.LEADER_NOT_AVAILABLE)
            leader = _NO_LEADER_ID
        elif len(replicas) < len(partition.replicas) or len(isr) < len(partition.isr):
            code = int(ErrorCode.REPLICA_NOT_AVAILABLE)
        return MetadataResponse.MetadataResponsePartition(
            error_code=code,
            partition_index=index,
            leader_id=leader,
            leader_epoch=partition.leader_epoch,
            replica_nodes=replicas,
            isr_nodes=isr,
            offline_replicas=self.offline_replicas(partition),
        )

    def described_partition(
        self, index: int, partition: PartitionImage
    ) -> DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition:
        """One partition as DescribeTopicPartitions shows it: with eligible leader replicas, without errors (KIP-966)."""
        return DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition(
            partition_index=index,
            leader_id=partition.leader if partition.leader in self._with_listener else _NO_LEADER_ID,
            leader_epoch=partition.leader_epoch,
            replica_nodes=list(partition.replicas),
            isr_nodes=list(partition.isr),
            eligible_leader_replicas=list(partition.elr),
            last_known_elr=list(partition.last_known_elr),
            offline_replicas=self.offline_replicas(partition),
        )

    def offline_replicas(self, partition: PartitionImage) -> list[int]:
        """Replicas whose broker is gone, fenced, without this listener, or whose directory failed."""
        reachable = self._reachable
        offline = []
        for replica, directory in zip(partition.replicas, partition.directories, strict=True):
            broker = reachable.get(replica)
            if broker is None or not broker.has_online_directory(directory):
                offline.append(replica)
        return offline


def alive_brokers(image: MetadataImage, listener: str) -> list[tuple[BrokerRegistration, Endpoint]]:
    """Unfenced brokers that have `listener`, with where to reach it, by id."""
    return [
        (broker, endpoint)
        for broker in image.brokers.values()
        if not broker.fenced and (endpoint := broker.endpoint(listener)) is not None
    ]


def controller_for_clients(image: MetadataImage, node_id: int) -> int:
    """The broker that clients are told is the controller, -1 when none is alive.

    Every broker forwards what controllers decide, so any live one will do (KIP-590). Kafka draws one at random; we name
    this broker itself, which costs clients no new connection, or else the first.
    """
    own = image.brokers.get(node_id)
    if own is not None and not own.fenced:
        return node_id
    return next((broker.id for broker in image.brokers.values() if not broker.fenced), -1)
