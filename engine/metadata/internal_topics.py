"""How the topics that the cluster keeps for itself are created (Kafka: AutoTopicCreationManager.creatableTopic)."""

from __future__ import annotations

from engine.config import BrokerConfig
from engine.protocol.messages import CreateTopicsRequest
from engine.types import CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC

_DEFAULT = -1


def creatable_topic(config: BrokerConfig, name: str) -> CreateTopicsRequest.CreatableTopic:
    """What to ask CreateTopics for when `name` is needed: the cluster's defaults for a user's topic, the coordinators'
    own partition count, replication factor and configs for theirs."""
    if name == CONSUMER_OFFSETS_TOPIC:
        return _topic(
            name,
            config.get_int("offsets.topic.num.partitions"),
            config.get_int("offsets.topic.replication.factor"),
            {
                "cleanup.policy": "compact",
                "compression.type": "producer",
                "segment.bytes": str(config.get_int("offsets.topic.segment.bytes")),
            },
        )
    if name == TRANSACTION_STATE_TOPIC:
        return _topic(
            name,
            config.get_int("transaction.state.log.num.partitions"),
            config.get_int("transaction.state.log.replication.factor"),
            {
                "unclean.leader.election.enable": "false",
                "compression.type": "uncompressed",
                "cleanup.policy": "compact",
                "min.insync.replicas": str(config.get_int("transaction.state.log.min.isr")),
                "segment.bytes": str(config.get_int("transaction.state.log.segment.bytes")),
            },
        )
    return _topic(name, _DEFAULT, _DEFAULT, {})


def _topic(
    name: str, partitions: int, replication_factor: int, configs: dict[str, str]
) -> CreateTopicsRequest.CreatableTopic:
    return CreateTopicsRequest.CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replication_factor,
        configs=[CreateTopicsRequest.CreatableTopicConfig(name=key, value=value) for key, value in configs.items()],
    )
