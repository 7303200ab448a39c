"""Configurations of topics, brokers, groups and client metrics: what they are, where each value comes from, changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from console.errors import OperatorError, operator_errors
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.cluster_errors import UnsupportedByBroker
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest


class ResourceType(IntEnum):
    """What can have a configuration (Kafka: ConfigResource.Type)."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ConfigSource(IntEnum):
    """Where a value comes from, most specific first (Kafka: DescribeConfigsResponse.ConfigSource)."""

    UNKNOWN = 0
    DYNAMIC_TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    DYNAMIC_CLIENT_METRICS_CONFIG = 7
    DYNAMIC_GROUP_CONFIG = 8

    @classmethod
    def of(cls, code: int) -> ConfigSource:
        return cls(code) if code in cls._value2member_map_ else cls.UNKNOWN


_OWN_SOURCES = frozenset(
    {
        ConfigSource.DYNAMIC_TOPIC_CONFIG,
        ConfigSource.DYNAMIC_BROKER_CONFIG,
        ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
        ConfigSource.DYNAMIC_CLIENT_METRICS_CONFIG,
        ConfigSource.DYNAMIC_GROUP_CONFIG,
    }
)
"""Sources of values that were set on the resource itself."""

CONFIG_TYPES = (
    "unknown", "boolean", "string", "int", "short", "long", "double", "list", "class", "password",
)  # fmt: skip
"""By the wire's number (Kafka: DescribeConfigsResponse.ConfigType)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What has the configuration: `name` is the topic, the group, the broker's id ("" for the default of all brokers)."""

    type: ResourceType
    name: str

    def __str__(self) -> str:
        if self.type is ResourceType.BROKER and not self.name:
            return "the brokers' default"
        return f"{self.type.name.lower().replace('_', ' ')} {self.name}"


@dataclass(frozen=True, slots=True)
class ConfigSynonym:
    """One of the places that a value is looked for in; `value` is None where it is sensitive."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One property. `value` is None for sensitive ones and for those without value."""

    name: str
    value: str | None
    source: ConfigSource
    is_sensitive: bool
    is_read_only: bool
    type: str
    documentation: str | None
    is_override: bool
    """Whether it was set on the resource itself."""
    inherited: str | None = None
    """What it would be without that, where it was asked for (`synonyms`) and is told."""
    synonyms: tuple[ConfigSynonym, ...] = ()
    """Where the value is looked for, most specific first; the first is the one in force. Empty unless asked for."""


@dataclass(frozen=True, slots=True)
class ConfigDescription:
    """The configuration of one resource, by name."""

    resource: Resource
    entries: tuple[ConfigEntry, ...]

    def value(self, name: str) -> str | None:
        return next((entry.value for entry in self.entries if entry.name == name), None)

    def overrides(self) -> dict[str, str | None]:
        return {entry.name: entry.value for entry in self.entries if entry.is_override}


async def describe_configs(
    client: ClusterClient,
    resources: Sequence[Resource],
    *,
    names: Sequence[str] | None = None,
    documentation: bool = False,
    synonyms: bool = False,
) -> dict[Resource, ConfigDescription | ErrorCode]:
    """The configuration of each resource (only `names` when given), or the error the broker has for it.

    A broker's own configuration is asked from that broker, everything else from any (Kafka: KafkaAdminClient).
    """
    groups: dict[int, list[Resource]] = {}
    for resource in resources:
        own = resource.type in (ResourceType.BROKER, ResourceType.BROKER_LOGGER) and resource.name
        groups.setdefault(int(resource.name) if own else -1, []).append(resource)
    found: dict[Resource, ConfigDescription | ErrorCode] = {}
    for node_id, asked in groups.items():
        request = DescribeConfigsRequest(
            resources=[
                DescribeConfigsRequest.DescribeConfigsResource(
                    resource_type=resource.type,
                    resource_name=resource.name,
                    configuration_keys=None if names is None else list(names),
                )
                for resource in asked
            ],
            include_synonyms=False,
        )

        def build(version: int, request: DescribeConfigsRequest = request) -> DescribeConfigsRequest:
            request.include_documentation = documentation and version >= 3
            request.include_synonyms = synonyms and version >= 1
            return request

        versioned = Versioned(DescribeConfigsRequest, build)
        response = (
            await client.request_to_any(versioned) if node_id < 0 else await client.request_to(node_id, versioned)
        )
        for result in response.results:
            resource = Resource(ResourceType(result.resource_type), result.resource_name)
            error = ErrorCode.of(result.error_code)
            entries = sorted((_entry(resource, each) for each in result.configs), key=lambda entry: entry.name)
            found[resource] = ConfigDescription(resource, tuple(entries)) if error == ErrorCode.NONE else error
    return found


async def describe_config(
    client: ClusterClient, resource: Resource, *, documentation: bool = False, synonyms: bool = False
) -> ConfigDescription:
    """The configuration of one resource. Raises OperatorError."""
    with operator_errors(str(resource)):
        found = (await describe_configs(client, [resource], documentation=documentation, synonyms=synonyms)).get(
            resource
        )
    if isinstance(found, ConfigDescription):
        return found
    raise OperatorError.refused(str(resource), found or ErrorCode.RESOURCE_NOT_FOUND)


async def alter_config(
    client: ClusterClient, resource: Resource, changes: Mapping[str, str | None], *, validate_only: bool = False
) -> None:
    """Sets (or with None removes) properties, leaving the others alone. `validate_only` has the cluster check it only.

    Raises OperatorError; for properties the cluster does not know or values it does not take: INVALID_CONFIG.
    """
    with operator_errors(str(resource)):
        try:
            response = await _send(client, resource, _incremental(resource, changes, validate_only))
        except UnsupportedByBroker:
            # Before Kafka 2.3 (KIP-339) there was only the request that replaces everything.
            current = await describe_config(client, resource)
            merged = {**current.overrides(), **changes}
            response = await _send(client, resource, _replacing(resource, merged, validate_only))
    for answer in response.responses:
        if answer.error_code:
            raise OperatorError.refused(str(resource), ErrorCode.of(answer.error_code), answer.error_message)


async def _send(client: ClusterClient, resource: Resource, request: Any) -> Any:
    own = resource.type in (ResourceType.BROKER, ResourceType.BROKER_LOGGER) and resource.name
    if own:
        return await client.request_to(int(resource.name), request)
    return await client.request_to_controller(request)


def _incremental(resource: Resource, changes: Mapping[str, str | None], validate_only: bool) -> Any:
    request = IncrementalAlterConfigsRequest
    return request(
        resources=[
            request.AlterConfigsResource(
                resource_type=resource.type,
                resource_name=resource.name,
                configs=[
                    request.AlterableConfig(name=name, config_operation=0 if value is not None else 1, value=value)
                    for name, value in changes.items()
                ],
            )
        ],
        validate_only=validate_only,
    )


def _replacing(resource: Resource, values: Mapping[str, str | None], validate_only: bool) -> Any:
    request = AlterConfigsRequest
    return request(
        resources=[
            request.AlterConfigsResource(
                resource_type=resource.type,
                resource_name=resource.name,
                configs=[
                    request.AlterableConfig(name=name, value=value)
                    for name, value in values.items()
                    if value is not None
                ],
            )
        ],
        validate_only=validate_only,
    )


def _entry(resource: Resource, wire: Any) -> ConfigEntry:
    source = ConfigSource.of(wire.config_source)
    # What all brokers share is the brokers' default's own, and not the single broker's.
    whole = resource.type is ResourceType.BROKER and not resource.name
    own = source is ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG if whole else source in _OWN_SOURCES
    # Synonyms are what the value is looked for in, most specific first; the first is where it was found.
    others = [each for each in wire.synonyms if ConfigSource.of(each.source) is not source]
    type_name = CONFIG_TYPES[wire.config_type] if 0 <= wire.config_type < len(CONFIG_TYPES) else "unknown"
    return ConfigEntry(
        wire.name,
        wire.value,
        source,
        wire.is_sensitive,
        wire.read_only,
        type_name,
        wire.documentation,
        own,
        others[0].value if own and others else None,
        tuple(ConfigSynonym(each.name, each.value, ConfigSource.of(each.source)) for each in wire.synonyms),
    )
