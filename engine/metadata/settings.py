"""What decisions need to know besides image and request: the cluster's constants and what configs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from engine.metadata.image import CLUSTER_DEFAULT, RESOURCE_BROKER, RESOURCE_TOPIC, MetadataImage, TopicImage

MIN_INSYNC_REPLICAS = "min.insync.replicas"
UNCLEAN_LEADER_ELECTION = "unclean.leader.election.enable"


class EffectiveConfig(NamedTuple):
    """One config of a topic with its value and where that comes from, as CreateTopics answers it."""

    name: str
    value: str | None
    source: int
    """Kafka: DescribeConfigsResponse.ConfigSource (1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static
    broker, 5 default)."""
    is_read_only: bool
    is_sensitive: bool


class ConfigSchema(Protocol):
    """What the table of configs knows (`engine.config`; Kafka: KafkaConfigSchema and ControllerConfigurationValidator)."""

    def validate(self, resource_type: int, resource_name: str, configs: Mapping[str, str]) -> None:
        """Raise KafkaError (INVALID_CONFIG, INVALID_REQUEST) when `configs` cannot all be set on that resource."""
        ...

    def effective_topic_configs(
        self, topic: Mapping[str, str], node: Mapping[str, str], cluster: Mapping[str, str]
    ) -> list[EffectiveConfig]:
        """Every topic config, by name; from the topic's own, the dynamic ones of this node and of the cluster, the
        static ones of this node, and the defaults, in that order of precedence."""
        ...

    def topic_config(
        self, name: str, topic: Mapping[str, str], node: Mapping[str, str], cluster: Mapping[str, str]
    ) -> str:
        """The value of one topic config, by the same precedence."""
        ...


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Constants of the controller, from its properties."""

    node_id: int
    cluster_id: str
    schema: ConfigSchema
    voter_ids: tuple[int, ...] = ()
    """Controllers of the quorum: all of them must know a feature before it is finalized."""
    default_replication_factor: int = 1
    num_partitions: int = 1
    delete_topic_enable: bool = True
    session_timeout_ms: int = 9_000
    """broker.session.timeout.ms: a broker silent for longer is fenced."""
    elections_per_imbalance_max: int = 1_000
    """Elections in one round of balancing (Kafka: ReplicationControlManager, maxElectionsPerImbalance)."""
    bootstrap_features: Mapping[str, int] | None = field(default=None)
    """Features finalized in a new cluster; None for `features.BOOTSTRAP_FEATURES`."""

    def topic_config(self, image: MetadataImage, topic: str, name: str) -> str:
        """The value of topic config `name` that holds for `topic` here."""
        return self.schema.topic_config(
            name, image.config(RESOURCE_TOPIC, topic), self.node_configs(image), self.cluster_configs(image)
        )

    def node_configs(self, image: MetadataImage) -> Mapping[str, str]:
        return image.config(RESOURCE_BROKER, str(self.node_id))

    def cluster_configs(self, image: MetadataImage) -> Mapping[str, str]:
        return image.config(RESOURCE_BROKER, CLUSTER_DEFAULT)

    def min_insync_replicas(self, image: MetadataImage, topic: TopicImage) -> int:
        """min.insync.replicas of the topic, at most its replication factor (Kafka: getTopicEffectiveMinIsr)."""
        configured = int(self.topic_config(image, topic.name, MIN_INSYNC_REPLICAS))
        first = topic.partitions.get(0)
        return configured if first is None else min(configured, len(first.replicas))

    def unclean_election_enabled(self, image: MetadataImage, topic: str) -> bool:
        return self.topic_config(image, topic, UNCLEAN_LEADER_ELECTION).lower() == "true"
