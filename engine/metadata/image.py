"""The metadata image: everything the cluster knows of itself at one offset of `__cluster_metadata`.

Images and all that hangs below them are immutable and shared; `engine.metadata.apply` leads from one to the next.
Equality is by content. (Kafka: org.apache.kafka.image.MetadataImage and its parts; org.apache.kafka.metadata.
PartitionRegistration, BrokerRegistration, ControllerRegistration.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from engine.protocol.uuids import ZERO_UUID
from engine.types import Endpoint

if TYPE_CHECKING:
    from engine.protocol.messages import (
        AccessControlEntryRecord,
        ClientQuotaRecord,
        DelegationTokenRecord,
        UserScramCredentialRecord,
    )

NO_LEADER = -1
"""The partition has no leader (Kafka: LeaderConstants.NO_LEADER)."""
NO_LEADER_CHANGE = -2
"""In a PartitionChangeRecord: the leader stays, and so does the leader epoch."""

RECOVERED = 0
"""The leader came from the ISR, or has recovered from an unclean election (Kafka: LeaderRecoveryState)."""
RECOVERING = 1
"""The leader was elected uncleanly and has not told the controller yet that it recovered."""

# Directory ids with a meaning (Kafka: DirectoryId, KIP-858).
DIRECTORY_MIGRATING = ZERO_UUID
DIRECTORY_UNASSIGNED = ZERO_UUID[:-1] + b"\x01"
DIRECTORY_LOST = ZERO_UUID[:-1] + b"\x02"
_RESERVED_BELOW = 100
"""Uuids whose first half is zero and whose second is below this are reserved (Kafka: DirectoryId.reserved)."""

# Resource types of configs (Kafka: ConfigResource.Type).
RESOURCE_TOPIC = 2
RESOURCE_BROKER = 4
RESOURCE_BROKER_LOGGER = 8
RESOURCE_CLIENT_METRICS = 16
RESOURCE_GROUP = 32
CLUSTER_DEFAULT = ""
"""Name of the broker resource that holds for every broker."""

ConfigKey = tuple[int, str]
"""(resource type, resource name)."""


def is_reserved_directory(directory: bytes) -> bool:
    """Whether `directory` can never be the id of a real log directory (Kafka: DirectoryId.reserved)."""
    return directory[:8] == ZERO_UUID[:8] and int.from_bytes(directory[8:], "big") < _RESERVED_BELOW


class PartitionImage(msgspec.Struct, frozen=True):
    """One partition (Kafka: PartitionRegistration). All tuples hold broker ids."""

    replicas: tuple[int, ...]
    """The assignment; the first is the preferred leader."""
    directories: tuple[bytes, ...]
    """Log directory id of each replica, in the order of `replicas` (KIP-858)."""
    isr: tuple[int, ...]
    leader: int
    leader_epoch: int
    """Counts the leaders: one up with every PartitionChangeRecord that names a leader, even the same one."""
    partition_epoch: int
    """Counts every change."""
    leader_recovery_state: int = RECOVERED
    adding_replicas: tuple[int, ...] = ()
    removing_replicas: tuple[int, ...] = ()
    elr: tuple[int, ...] = ()
    """Eligible leader replicas: not in sync, but hold everything below the high watermark (KIP-966)."""
    last_known_elr: tuple[int, ...] = ()
    """The last leader, while there is none to elect (KIP-966, balanced recovery)."""

    @property
    def preferred_leader(self) -> int:
        return self.replicas[0] if self.replicas else NO_LEADER

    def directory(self, broker_id: int) -> bytes:
        """Directory of that replica; DIRECTORY_LOST when the broker is no replica of this partition."""
        for replica, directory in zip(self.replicas, self.directories, strict=True):
            if replica == broker_id:
                return directory
        return DIRECTORY_LOST

    @property
    def is_reassigning(self) -> bool:
        return bool(self.adding_replicas or self.removing_replicas)


class TopicImage(msgspec.Struct, frozen=True):
    """A topic with its partitions, by partition index, in ascending order."""

    name: str
    id: bytes
    partitions: Mapping[int, PartitionImage]


class BrokerRegistration(msgspec.Struct, frozen=True):
    """One registered broker (Kafka: BrokerRegistration)."""

    id: int
    epoch: int
    """Offset at which it registered; fences its earlier lives."""
    incarnation_id: bytes
    """Random, new with every start of the process."""
    endpoints: tuple[Endpoint, ...]
    security_protocols: tuple[int, ...]
    """Of each endpoint: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL."""
    features: tuple[tuple[str, int, int], ...]
    """(name, lowest, highest) level the broker supports, sorted by name."""
    rack: str | None
    fenced: bool
    """A fenced broker leads nothing and is not shown to clients."""
    in_controlled_shutdown: bool
    log_dirs: tuple[bytes, ...] = ()
    """Ids of the log directories that are online, sorted."""
    cordoned_log_dirs: tuple[bytes, ...] | None = None
    """Directories that take no new replicas (KIP-1066); None until the broker has told."""

    @property
    def is_active(self) -> bool:
        """May lead and join an ISR: neither fenced nor shutting down (Kafka: ClusterControlManager.isActive)."""
        return not self.fenced and not self.in_controlled_shutdown

    def endpoint(self, listener: str) -> Endpoint | None:
        """Where `listener` of this broker can be reached, None when it has none of that name."""
        for endpoint in self.endpoints:
            if endpoint.listener == listener:
                return endpoint
        return None

    def has_online_directory(self, directory: bytes) -> bool:
        """Whether a replica in `directory` can be served (Kafka: DirectoryId.isOnline, KAFKA-16162)."""
        if directory in (DIRECTORY_UNASSIGNED, DIRECTORY_MIGRATING):
            return True
        if directory == DIRECTORY_LOST:
            return False
        return not self.log_dirs or directory in self.log_dirs


class ControllerRegistrationImage(msgspec.Struct, frozen=True):
    """One registered controller (Kafka: ControllerRegistration, KIP-919)."""

    id: int
    incarnation_id: bytes
    endpoints: tuple[Endpoint, ...]
    security_protocols: tuple[int, ...]
    features: tuple[tuple[str, int, int], ...]
    zk_migration_ready: bool = False

    def endpoint(self, listener: str) -> Endpoint | None:
        for endpoint in self.endpoints:
            if endpoint.listener == listener:
                return endpoint
        return None


class ProducerIds(msgspec.Struct, frozen=True):
    """Where the next block of producer ids starts, and who took the last one (Kafka: ProducerIdsImage)."""

    next_producer_id: int = 0
    broker_id: int = -1
    broker_epoch: int = -1


QuotaKey = tuple[tuple[tuple[str, str | None], ...], str]
"""(entity parts in the order written, quota name)."""


@dataclass(frozen=True, slots=True)
class MetadataImage:
    """Everything known at `offset`. Mappings keep the order in which things were created; none may be modified."""

    offset: int = -1
    """Offset of the last record applied, -1 for the empty image."""
    epoch: int = -1
    """Leader epoch of that record."""
    cluster_id: str = ""
    brokers: Mapping[int, BrokerRegistration] = field(default_factory=dict)
    """By broker id, ascending."""
    controllers: Mapping[int, ControllerRegistrationImage] = field(default_factory=dict)
    topics_by_id: Mapping[bytes, TopicImage] = field(default_factory=dict)
    topic_ids: Mapping[str, bytes] = field(default_factory=dict)
    """Topic name -> topic id."""
    configs: Mapping[ConfigKey, Mapping[str, str]] = field(default_factory=dict)
    """Only what was set through the protocol; a resource with nothing set has no entry."""
    features: Mapping[str, int] = field(default_factory=dict)
    """Finalized feature -> level, without those at level 0."""
    producer_ids: ProducerIds = field(default_factory=ProducerIds)
    client_quotas: Mapping[QuotaKey, ClientQuotaRecord] = field(default_factory=dict)
    scram_credentials: Mapping[tuple[int, str], UserScramCredentialRecord] = field(default_factory=dict)
    """(mechanism, user) -> record."""
    acls: Mapping[bytes, AccessControlEntryRecord] = field(default_factory=dict)
    delegation_tokens: Mapping[str, DelegationTokenRecord] = field(default_factory=dict)
    registration_offsets: Mapping[int, int] = field(default_factory=dict, compare=False)
    """Broker id -> offset of the record that registered it; not part of a snapshot, where the snapshot's offset
    stands in for it (Kafka: ClusterControlManager.registerBrokerRecordOffsets)."""

    def topic(self, name: str) -> TopicImage | None:
        topic_id = self.topic_ids.get(name)
        return None if topic_id is None else self.topics_by_id[topic_id]

    def topic_by_id(self, topic_id: bytes) -> TopicImage | None:
        return self.topics_by_id.get(topic_id)

    def topics(self) -> Iterator[TopicImage]:
        """All topics, oldest first."""
        return iter(self.topics_by_id.values())

    def partition(self, topic: str, partition: int) -> PartitionImage | None:
        image = self.topic(topic)
        return None if image is None else image.partitions.get(partition)

    def config(self, resource_type: int, name: str) -> Mapping[str, str]:
        """What was set for that resource; empty when nothing was."""
        return self.configs.get((resource_type, name), _NOTHING)

    def is_active_broker(self, broker_id: int) -> bool:
        broker = self.brokers.get(broker_id)
        return broker is not None and broker.is_active

    def default_directory(self, broker_id: int) -> bytes:
        """Directory for a new replica on that broker, as far as the controller can tell (Kafka: defaultDir)."""
        broker = self.brokers.get(broker_id)
        if broker is None:
            return DIRECTORY_UNASSIGNED
        if not broker.log_dirs:
            return DIRECTORY_MIGRATING
        return broker.log_dirs[0] if len(broker.log_dirs) == 1 else DIRECTORY_UNASSIGNED

    @property
    def partition_count(self) -> int:
        return sum(len(topic.partitions) for topic in self.topics_by_id.values())

    @property
    def is_empty(self) -> bool:
        """Nothing was ever written: no feature is finalized."""
        return not self.features and not self.brokers and not self.topics_by_id and not self.configs

    def at(self, offset: int, epoch: int) -> MetadataImage:
        """The same content at another offset (after records that change nothing)."""
        return replace(self, offset=offset, epoch=epoch)


_NOTHING: Mapping[str, str] = {}
EMPTY_IMAGE = MetadataImage()
