"""All broker and controller configs of Apache Kafka 4.3, by name, and what surrounds them: listener prefixes, old names.

A config that means nothing here is in the table all the same (`Effect`), so that a Kafka server.properties works and
whoever reads its answer knows what had no effect.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from engine.config.definition import ConfigDefinition
from engine.config.tables.coordinators import COORDINATORS
from engine.config.tables.elsewhere import ELSEWHERE
from engine.config.tables.node import NODE
from engine.config.tables.quorum import QUORUM
from engine.config.tables.replication import REPLICATION
from engine.config.tables.security import SECURITY
from engine.config.tables.storage import STORAGE

BROKER_CONFIGS: Final[dict[str, ConfigDefinition]] = {
    row.name: row
    for row in sorted(
        (*NODE, *STORAGE, *REPLICATION, *QUORUM, *COORDINATORS, *SECURITY, *ELSEWHERE), key=lambda row: row.name
    )
}
"""In the order of their names, which is the order tools see."""

# Kafka: DynamicBrokerConfig.brokerConfigSynonyms. One meaning, several names, strongest first.
_ROLL: Final = ("log.roll.ms", "log.roll.hours")
_JITTER: Final = ("log.roll.jitter.ms", "log.roll.jitter.hours")
_RETENTION: Final = ("log.retention.ms", "log.retention.minutes", "log.retention.hours")
_SYNONYMS: Final = {
    "log.flush.interval.ms": ("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
    **dict.fromkeys(_ROLL, _ROLL),
    **dict.fromkeys(_JITTER, _JITTER),
    **dict.fromkeys(_RETENTION, _RETENTION),
}

_LISTENER_PREFIX: Final = re.compile(r"listener\.name\.[^.]+\.(?P<base>.+)")
_PLUGIN_PREFIXES: Final = ("rsm.config.", "rlmm.config.")

_REMOVED: Final = {
    "advertised.host.name": "advertised.listeners",
    "advertised.port": "advertised.listeners",
    "broker.id.generation.enable": "node.id",
    "control.plane.listener.name": "controller.listener.names",
    "host.name": "listeners",
    "inter.broker.protocol.version": None,
    "log.message.downconversion.enable": None,
    "log.message.format.version": None,
    "log.message.timestamp.difference.max.ms": "log.message.timestamp.before.max.ms",
    "port": "listeners",
    "reserved.broker.max.id": None,
    "zookeeper.connect": "controller.quorum.voters",
    "zookeeper.metadata.migration.enable": None,
}
"""Names of earlier Kafkas, with what took their place."""


def broker_synonyms(name: str) -> tuple[str, ...]:
    """The configs of the same meaning as `name`, itself among them, strongest first."""
    found = _SYNONYMS.get(name)
    if found is not None:
        return found
    prefixed = _LISTENER_PREFIX.fullmatch(name)
    return (name,) if prefixed is None else (name, base_name(name))


def base_name(name: str) -> str:
    """`name` without "listener.name.<listener>." and, where that leaves no known name, without a SASL mechanism too."""
    prefixed = _LISTENER_PREFIX.fullmatch(name)
    if prefixed is None:
        return name
    base = prefixed["base"]
    if base not in BROKER_CONFIGS:
        _, _, after_mechanism = base.partition(".")
        if after_mechanism in BROKER_CONFIGS:
            return after_mechanism
    return base


def broker_config(name: str) -> ConfigDefinition | None:
    """The definition behind `name`, listener prefix or not; None when there is none."""
    return BROKER_CONFIGS.get(base_name(name))


def belongs_to_plugin(name: str) -> bool:
    """Whether `name` is passed through to one of Kafka's plug-ins, which there are none of here."""
    return name.startswith(_PLUGIN_PREFIXES)


def unknown_name_hint(name: str) -> str:
    """What to say after "unknown property": the name that took its place, or the most similar one; or nothing."""
    if name in _REMOVED:
        instead = _REMOVED[name]
        return "; Apache Kafka 4 no longer has it" + (f", see {instead}" if instead else "")
    similar = difflib.get_close_matches(name, BROKER_CONFIGS, n=1, cutoff=0.75)
    return f"; did you mean {similar[0]}?" if similar else ""
