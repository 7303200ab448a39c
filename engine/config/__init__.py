"""Configuration: one table of configs, and a node's configuration made from it.

What lives here: the table (name, type, default, what is accepted, unit, when it may change, doc), .properties files, the
checks of changes, and what descriptions show. DescribeConfigs, validation, the command line and the docs all read the
same table. What may not live here: files and sockets, and what a config's value is used for.
"""

from engine.config.broker_config import BrokerConfig
from engine.config.broker_configs import BROKER_CONFIGS
from engine.config.definition import ConfigDefinition, ConfigType, Effect, Importance, Scope, Value
from engine.config.group_configs import GROUP_CONFIGS
from engine.config.listeners import HostPort, Voter
from engine.config.properties import Properties, format_properties, parse_properties
from engine.config.topic_configs import TOPIC_CONFIGS

__all__ = [
    "BROKER_CONFIGS",
    "GROUP_CONFIGS",
    "TOPIC_CONFIGS",
    "BrokerConfig",
    "ConfigDefinition",
    "ConfigType",
    "Effect",
    "HostPort",
    "Importance",
    "Properties",
    "Scope",
    "Value",
    "Voter",
    "format_properties",
    "parse_properties",
]
