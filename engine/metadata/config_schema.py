"""`ConfigSchema` over the engine's table of configs."""

from __future__ import annotations

from collections.abc import Mapping

from engine.config import BrokerConfig
from engine.config.definition import value_text
from engine.config.describe import describe_topic
from engine.config.validation import validate_configs
from engine.metadata.settings import ControllerSettings, EffectiveConfig


class TableConfigSchema:
    """What configs mean on a node with these static properties."""

    def __init__(self, static: BrokerConfig) -> None:
        self._static = static
        # Dynamic configs change rarely and are asked for per topic: the last combination is kept.
        self._node: Mapping[str, str] = {}
        self._cluster: Mapping[str, str] = {}
        self._effective = static

    def validate(self, resource_type: int, resource_name: str, configs: Mapping[str, str]) -> None:
        validate_configs(resource_type, resource_name, configs, self._static)

    def effective_topic_configs(
        self, topic: Mapping[str, str], node: Mapping[str, str], cluster: Mapping[str, str]
    ) -> list[EffectiveConfig]:
        return [
            EffectiveConfig(entry.name, entry.value, entry.source, entry.is_read_only, entry.is_sensitive)
            for entry in describe_topic(self._with(node, cluster), topic)
        ]

    def topic_config(
        self, name: str, topic: Mapping[str, str], node: Mapping[str, str], cluster: Mapping[str, str]
    ) -> str:
        own = topic.get(name)
        if own is not None:
            return own
        return value_text(self._with(node, cluster).topic_defaults()[name]) or ""

    def _with(self, node: Mapping[str, str], cluster: Mapping[str, str]) -> BrokerConfig:
        if (node is not self._node and node != self._node) or (
            cluster is not self._cluster and cluster != self._cluster
        ):
            self._effective = self._static.with_dynamic(node, cluster) if node or cluster else self._static
        self._node, self._cluster = node, cluster
        return self._effective


def controller_settings(config: BrokerConfig, cluster_id: str) -> ControllerSettings:
    """The controller's constants, from the node's properties."""
    return ControllerSettings(
        node_id=config.node_id,
        cluster_id=cluster_id,
        schema=TableConfigSchema(config),
        voter_ids=tuple(sorted(voter.node_id for voter in config.quorum_voters)),
        default_replication_factor=config.get_int("default.replication.factor"),
        num_partitions=config.get_int("num.partitions"),
        delete_topic_enable=config.get_bool("delete.topic.enable"),
        session_timeout_ms=config.get_int("broker.session.timeout.ms"),
    )
