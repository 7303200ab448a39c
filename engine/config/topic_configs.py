"""All topic configs of Apache Kafka 4.3, by name."""

from __future__ import annotations

from typing import Final

from engine.config.definition import ConfigDefinition
from engine.config.tables.topic import TOPIC

TOPIC_CONFIGS: Final[dict[str, ConfigDefinition]] = {row.name: row for row in sorted(TOPIC, key=lambda row: row.name)}
"""In the order of their names, which is the order tools see."""
