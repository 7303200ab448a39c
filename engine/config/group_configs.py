"""All group configs of Apache Kafka 4.3, by name (KIP-848, KIP-932, KIP-1071). Classic groups have none."""

from __future__ import annotations

from typing import Final

from engine.config.definition import ConfigDefinition
from engine.config.tables.group import GROUP

GROUP_CONFIGS: Final[dict[str, ConfigDefinition]] = {row.name: row for row in sorted(GROUP, key=lambda row: row.name)}
"""In the order of their names, which is the order tools see."""
