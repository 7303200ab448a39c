"""What DescribeConfigs, the command line and the console show of a resource's configs.

Source: ConfigHelper (Apache Kafka 4.3). Synonyms come strongest first; the first gives the source of the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from engine.config.broker_config import BrokerConfig
from engine.config.broker_configs import BROKER_CONFIGS, broker_config, broker_synonyms
from engine.config.definition import ConfigDefinition, ConfigType, Effect, Scope, value_text
from engine.config.group_configs import GROUP_CONFIGS
from engine.config.topic_configs import TOPIC_CONFIGS


class ConfigSource(IntEnum):
    """Where a value comes from (Kafka: DescribeConfigsResponse.ConfigSource)."""

    UNKNOWN = 0
    TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    CLIENT_METRICS_CONFIG = 7
    GROUP_CONFIG = 8


@dataclass(frozen=True, slots=True)
class SynonymEntry:
    """One of the places a value could come from; `value` is None when it is secret."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One config of a resource as it is in effect."""

    name: str
    value: str | None
    """None when there is none, and when it is secret."""
    source: ConfigSource
    is_sensitive: bool
    is_read_only: bool
    synonyms: tuple[SynonymEntry, ...]
    type: ConfigType
    documentation: str


def describe_topic(broker: BrokerConfig, overrides: Mapping[str, str]) -> list[ConfigEntry]:
    """All configs of a topic that sets `overrides`, by name."""
    values = broker.topic_config(overrides)
    entries: list[ConfigEntry] = []
    for name, row in TOPIC_CONFIGS.items():
        if row.internal and name not in overrides:
            continue
        text = None if row.is_sensitive else value_text(values[name])
        synonyms: list[SynonymEntry] = []
        if name in overrides:
            synonyms.append(SynonymEntry(name, text, ConfigSource.TOPIC_CONFIG))
        if row.synonyms:
            synonyms += _broker_synonyms(broker, row.synonyms[0].name, is_sensitive=row.is_sensitive)
        entries.append(_entry(row, name, text, synonyms, is_read_only=False))
    return entries


def describe_broker(broker: BrokerConfig) -> list[ConfigEntry]:
    """All configs of one broker (or controller) itself, by name."""
    return [_describe_one(broker, name) for name in broker.names()]


def describe_cluster_default(broker: BrokerConfig) -> list[ConfigEntry]:
    """The dynamic configs that hold for all brokers; nothing else, as in Kafka."""
    entries: list[ConfigEntry] = []
    for name in sorted(broker.dynamic_default):
        row = broker_config(name)
        is_sensitive = _is_sensitive(row)
        synonyms = [
            synonym
            for synonym in _broker_synonyms(broker, name, is_sensitive=is_sensitive)
            if synonym.source is ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
        ]
        text = None if is_sensitive else broker.dynamic_default[name]
        entries.append(_entry(row, name, text, synonyms, is_read_only=_is_read_only(row)))
    return entries


def describe_group(broker: BrokerConfig, overrides: Mapping[str, str]) -> list[ConfigEntry]:
    """All configs of a group that sets `overrides`, by name."""
    entries: list[ConfigEntry] = []
    for name, row in GROUP_CONFIGS.items():
        if name in overrides:
            text: str | None = row.text(row.parse(overrides[name]))
            own = SynonymEntry(name, text, ConfigSource.GROUP_CONFIG)
        else:
            text = value_text(broker.value(row.synonyms[0].name)) if row.synonyms else row.default_text
            own = SynonymEntry(name, text, ConfigSource.DEFAULT_CONFIG)
        synonyms = [own]
        if row.synonyms:
            synonyms += _broker_synonyms(broker, row.synonyms[0].name, is_sensitive=False)
        entries.append(_entry(row, name, text, synonyms, is_read_only=False))
    return entries


def documentation(row: ConfigDefinition) -> str:
    """What `row` means, and what it does not do here."""
    if row.effect is Effect.NO_EFFECT:
        return f"{row.doc} Has no effect in Stoker."
    if row.effect is Effect.NOT_YET:
        return f"{row.doc} Not built yet in Stoker."
    if row.effect is Effect.REFUSED:
        return f"{row.doc} Stoker does not have it and refuses anything but the default."
    if row.available is not None:
        return f"{row.doc} Stoker can do: {', '.join(row.available)}."
    return row.doc


def _describe_one(broker: BrokerConfig, name: str) -> ConfigEntry:
    row = broker_config(name)
    is_sensitive = _is_sensitive(row)
    synonyms = _broker_synonyms(broker, name, is_sensitive=is_sensitive)
    text = None if is_sensitive else value_text(broker.value(name))
    return _entry(row, name, text, synonyms, is_read_only=_is_read_only(row))


def _is_sensitive(row: ConfigDefinition | None) -> bool:
    """A config of unknown type may well be a secret (Kafka: KafkaConfig.maybeSensitive)."""
    return row is None or row.is_sensitive


def _is_read_only(row: ConfigDefinition | None) -> bool:
    return row is None or row.scope is Scope.READ_ONLY


def _broker_synonyms(broker: BrokerConfig, name: str, *, is_sensitive: bool) -> list[SynonymEntry]:
    """Where the broker config `name` has values, strongest first.

    What stands before the first entry named `name` itself is dropped, and with it everything when there is none (Kafka:
    ConfigHelper.configSynonyms). So retention.ms shows no synonyms where only log.retention.hours was set.
    """
    names = broker_synonyms(name)
    found: list[SynonymEntry] = []

    def add(synonym: str, text: str | None, source: ConfigSource) -> None:
        if text is not None:
            found.append(SynonymEntry(synonym, None if is_sensitive else text, source))

    for synonym in names:
        add(synonym, broker.dynamic.get(synonym), ConfigSource.DYNAMIC_BROKER_CONFIG)
    for synonym in names:
        add(synonym, broker.dynamic_default.get(synonym), ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG)
    for synonym in names:
        add(synonym, value_text(broker.static_value(synonym)), ConfigSource.STATIC_BROKER_CONFIG)
    for synonym in names:
        row = BROKER_CONFIGS.get(synonym)
        add(synonym, row.default_text if row is not None else None, ConfigSource.DEFAULT_CONFIG)
    for position, entry in enumerate(found):
        if entry.name == name:
            return found[position:]
    return []


def _entry(
    row: ConfigDefinition | None,
    name: str,
    text: str | None,
    synonyms: Sequence[SynonymEntry],
    *,
    is_read_only: bool,
) -> ConfigEntry:
    source = synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG
    return ConfigEntry(
        name=name,
        value=text,
        source=source,
        is_sensitive=_is_sensitive(row),
        is_read_only=is_read_only,
        synonyms=tuple(synonyms),
        type=ConfigType.UNKNOWN if row is None else row.type,
        documentation="" if row is None else documentation(row),
    )
