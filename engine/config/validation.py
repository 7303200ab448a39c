"""Changes of configs by request: which are allowed, and what they lead to.

Source: ConfigurationControlManager, ControllerConfigurationValidator, LogConfig.validate, DynamicBrokerConfig
.validateConfigs (Apache Kafka 4.3). Everything here raises `KafkaError` with the code and the sentence to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from engine.config.broker_config import BrokerConfig
from engine.config.broker_configs import base_name, broker_config, unknown_name_hint
from engine.config.definition import ConfigDefinition, Effect, Scope, Value
from engine.config.group_configs import GROUP_CONFIGS
from engine.config.listeners import parse_counts
from engine.config.topic_configs import TOPIC_CONFIGS
from engine.errors import ConfigError, KafkaError
from engine.protocol.errors import ErrorCode


class ResourceType(IntEnum):
    """What a config belongs to (Kafka: ConfigResource.Type)."""

    UNKNOWN = 0
    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class Operation(IntEnum):
    """What IncrementalAlterConfigs does with one config (Kafka: AlterConfigOp.OpType)."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One line of an IncrementalAlterConfigs request."""

    name: str
    operation: Operation
    value: str | None = None


_TABLES: Final = {ResourceType.TOPIC: TOPIC_CONFIGS, ResourceType.GROUP: GROUP_CONFIGS}
NOT_BUILT: Final = "which is not built yet in this engine"
_READ_AT_START: Final = ("listeners", "listener.security.protocol.map")
"""Kafka opens and closes listeners while it runs; this engine takes its ports once."""
_OVERRIDES: Final = "max.connections.per.ip.overrides"


def definition(resource_type: int, name: str) -> ConfigDefinition | None:
    """The row for `name` of that kind of resource; None when there is none."""
    if resource_type == ResourceType.BROKER:
        return broker_config(name)
    for kind, table in _TABLES.items():
        if kind == resource_type:
            return table.get(name)
    return None


def incremental_changes(
    resource_type: int, current: Mapping[str, str], changes: Sequence[ConfigChange]
) -> dict[str, str | None]:
    """What IncrementalAlterConfigs leads to: new text by name, None for gone. `current` is what is set now.

    APPEND adds the items that are not there yet, SUBTRACT removes items, both from the value set or, when none is, from
    the default. Names come out in the order of `changes`; also those whose value stays the same.
    """
    result: dict[str, str | None] = {}
    nulls = [change.name for change in changes if change.operation is not Operation.DELETE and change.value is None]
    if nulls:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Null value not supported for : {', '.join(nulls)}")
    for change in changes:
        if change.name in result:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
        if change.operation is Operation.DELETE:
            result[change.name] = None
        elif change.operation is Operation.SET:
            result[change.name] = change.value
        else:
            result[change.name] = _changed_list(resource_type, current, change)
    return result


def _changed_list(resource_type: int, current: Mapping[str, str], change: ConfigChange) -> str:
    row = definition(resource_type, change.name)
    if row is None or row.type.name != "LIST":
        raise KafkaError(
            ErrorCode.INVALID_CONFIG,
            f"Can't {change.operation.name} to key {change.name} because its type is not LIST.",
        )
    text = current.get(change.name)
    if text is None:
        text = row.default_text or ""
    items = [item for item in text.split(",") if item]
    for item in (change.value or "").split(","):
        if change.operation is Operation.APPEND:
            if item not in items:
                items.append(item)
        elif item in items:
            items.remove(item)
    return ",".join(items)


def legacy_changes(current: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    """What AlterConfigs leads to: `wanted` replaces everything; what it does not name goes away."""
    result: dict[str, str | None] = dict(wanted)
    for name in current:
        if name not in wanted:
            result[name] = None
    return result


def changed(current: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """`current` after `changes`."""
    result = {**current}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def validate_configs(resource_type: int, name: str, configs: Mapping[str, str | None], broker: BrokerConfig) -> None:
    """Check all configs that a resource would have; `broker` gives the defaults they must agree with.

    KafkaError: INVALID_CONFIG for configs, INVALID_REQUEST for a resource that cannot have any.
    """
    if resource_type == ResourceType.TOPIC:
        if not name:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "Default topic resources are not allowed.")
        validate_topic_configs(configs, broker)
    elif resource_type == ResourceType.BROKER:
        validate_broker_name(name)
        validate_broker_configs(configs, broker, per_broker=bool(name))
    elif resource_type == ResourceType.GROUP:
        if not name:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.")
        validate_group_configs(configs)
    elif resource_type == ResourceType.CLIENT_METRICS:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Client metrics are part of KIP-714, {NOT_BUILT}")
    else:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unknown resource type {resource_type}")


def validate_topic_configs(configs: Mapping[str, str | None], broker: BrokerConfig) -> dict[str, Value]:
    """Check the overrides of one topic, alone and against the broker's defaults; returns all effective values.

    KafkaError INVALID_CONFIG in Kafka's words (Kafka: LogConfig.validate).
    """
    nulls = [name for name, value in configs.items() if value is None]
    if nulls:
        raise _invalid(f"Null value not supported for topic configs: {','.join(nulls)}")
    for name in configs:
        if name not in TOPIC_CONFIGS:
            raise _invalid(f"Unknown topic config name: {name}")
    values = dict(broker.topic_defaults())
    for name, raw in configs.items():
        values[name] = _parse(TOPIC_CONFIGS[name], raw or "")
    least, most = values["min.compaction.lag.ms"], values["max.compaction.lag.ms"]
    assert isinstance(least, int)
    assert isinstance(most, int)
    if least > most:
        raise _invalid(
            f"conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        )
    return values


def validate_group_configs(configs: Mapping[str, str | None]) -> None:
    """Check the configs of one group (Kafka: GroupConfig.validate)."""
    nulls = [name for name, value in configs.items() if value is None]
    if nulls:
        raise _invalid(f"Null value not supported for group configs: {','.join(nulls)}")
    for name, raw in configs.items():
        row = GROUP_CONFIGS.get(name)
        if row is None:
            raise _invalid(f"Unknown group config name: {name}")
        _parse(row, raw or "")


def validate_broker_name(name: str) -> None:
    """ "" (all brokers) or a broker id (Kafka: ControllerConfigurationValidator.validateBrokerName)."""
    if not name:
        return
    try:
        broker_id = int(name)
    except ValueError:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "Unable to parse broker name as a base 10 number.") from None
    if broker_id < 0:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "Invalid negative broker ID.")


def validate_broker_configs(configs: Mapping[str, str | None], static: BrokerConfig, *, per_broker: bool) -> None:
    """Check dynamic configs of one broker, or of all (KIP-226). KafkaError INVALID_REQUEST.

    INVALID_CONFIG would be the better code, but Kafka answers INVALID_REQUEST (KAFKA-13609). Kafka takes unknown names
    for a plug-in's; there are none here, so they are refused.
    """
    unknown = [name for name in configs if broker_config(name) is None]
    if unknown:
        name = unknown[0]
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unknown broker config name: {name}{unknown_name_hint(name)}")
    _refuse(configs, (Scope.READ_ONLY,), "Cannot update these configs dynamically")
    if not per_broker:
        _refuse(
            configs,
            (Scope.PER_BROKER,),
            "Cannot update these configs at default cluster level, broker id must be specified",
        )
    listening = [name for name in configs if base_name(name) in _READ_AT_START]
    if listening:
        raise KafkaError(
            ErrorCode.INVALID_REQUEST,
            f"Cannot update these configs dynamically: [{', '.join(listening)}]. Listeners are read when a node starts.",
        )
    for name, raw in configs.items():
        row = broker_config(name)
        assert row is not None
        try:
            if raw is not None:
                _parse(row, raw)
        except KafkaError as error:
            raise KafkaError(ErrorCode.INVALID_REQUEST, error.message) from None
    _check_connections(configs, static)


def _check_connections(configs: Mapping[str, str | None], static: BrokerConfig) -> None:
    """What the properties file is checked for as well (Kafka: KafkaConfig.validateValues, ConnectionQuotas)."""
    overrides = configs.get(_OVERRIDES)
    try:
        counts = static.connections_per_address if overrides is None else parse_counts(_OVERRIDES, overrides)
    except ConfigError as error:
        raise KafkaError(ErrorCode.INVALID_REQUEST, str(error)) from None
    most = configs.get("max.connections.per.ip")
    if most is not None and int(most) == 0 and not counts:
        raise KafkaError(
            ErrorCode.INVALID_REQUEST,
            f"max.connections.per.ip can be set to zero only if {_OVERRIDES} property is set.",
        )


def _refuse(names: Iterable[str], scopes: tuple[Scope, ...], reason: str) -> None:
    wrong = [name for name in names if (row := broker_config(base_name(name))) is not None and row.scope in scopes]
    if wrong:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"{reason}: [{', '.join(wrong)}]")


def _parse(row: ConfigDefinition, raw: str) -> Value:
    """The typed value; INVALID_CONFIG when it is ill-formed, or asks for what the engine does not have."""
    try:
        value = row.parse(raw)
    except ConfigError as error:
        raise _invalid(str(error)) from None
    if value == row.default:
        return value
    if row.name == "remote.storage.enable":
        raise _invalid(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
        )
    if row.effect in (Effect.NOT_YET, Effect.REFUSED):
        raise _invalid(f"{row.name}={raw} belongs to a part of Kafka {NOT_BUILT}")
    if row.available is not None and value not in row.available:
        raise _invalid(f"{row.name}={raw} asks for something {NOT_BUILT}; it can be {', '.join(row.available)}")
    return value


def _invalid(message: str) -> KafkaError:
    return KafkaError(ErrorCode.INVALID_CONFIG, message)
