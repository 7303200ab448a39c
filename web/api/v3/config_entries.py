"""Properties as `/v3` reads and changes them, whatever they are properties of. The operations are in `topic_configs` and
`broker_configs`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from console.changes.kinds import AlterConfig
from console.errors import operator_errors
from console.services.configs import (
    ConfigDescription,
    ConfigEntry,
    ConfigSource,
    Resource,
    ResourceType,
    describe_config,
    describe_configs,
)
from console.services.partial import Missing
from web.api.errors import bad_request, not_found
from web.api.names import ConfigName
from web.api.operations import Asked, Call
from web.api.v3.clusters import known_broker
from web.api.v3.links import Links, carry_out, links_of, tell_missing
from web.api.v3.partitions import partitions_of
from web.api.v3.shapes import ConfigData, ConfigSynonym, Listing, NewValue


class NewValueBody(Asked, kw_only=True):
    """What a property is to be."""

    value: NewValue


class Alteration(Asked, kw_only=True):
    """One property, and what is to be done with it."""

    name: ConfigName
    value: NewValue | None = None
    operation: Literal["SET", "DELETE"] = "SET"


Alterations = Annotated[list[Alteration], msgspec.Meta(min_length=1, max_length=1_000)]


class AlterationsBody(Asked, kw_only=True):
    """Several properties, all or none of which are changed."""

    data: Alterations
    validate_only: bool = False


def config_data(links: Links, resource: Resource, entry: ConfigEntry) -> ConfigData:
    unset = msgspec.UNSET
    topic: str | msgspec.UnsetType = unset
    broker: int | msgspec.UnsetType = unset
    config_type: str | msgspec.UnsetType = unset
    if resource.type is ResourceType.TOPIC:
        kind, topic = "KafkaTopicConfig", resource.name
        at: tuple[str | int, ...] = ("topics", topic, "configs", entry.name)
        name: tuple[tuple[str, str | int], ...] = (("topic", topic), ("config", entry.name))
    elif resource.name:
        kind, broker = "KafkaBrokerConfig", int(resource.name)
        at = ("brokers", broker, "configs", entry.name)
        name = (("broker", broker), ("config", entry.name))
    else:
        kind, config_type = "KafkaClusterConfig", "BROKER"
        at = ("broker-configs", entry.name)
        name = (("broker-config", entry.name),)
    return ConfigData(
        kind=kind,
        metadata=links.metadata(at, *name),
        cluster_id=links.cluster_id,
        name=entry.name,
        value=entry.value,
        is_default=entry.source is ConfigSource.DEFAULT_CONFIG,
        is_read_only=entry.is_read_only,
        is_sensitive=entry.is_sensitive,
        source=entry.source.name,
        synonyms=[ConfigSynonym(name=each.name, value=each.value, source=each.source.name) for each in entry.synonyms],
        topic_name=topic,
        broker_id=broker,
        config_type=config_type,
    )


async def entries_of(call: Call, resource: Resource) -> tuple[ConfigEntry, ...]:
    """Raises OperatorError and ApiError when there is no such topic or broker."""
    if resource.type is ResourceType.TOPIC:
        await partitions_of(call, resource.name)
    elif resource.name:
        await known_broker(call, int(resource.name))
    return (await describe_config(call.cluster.client, resource, synonyms=True)).entries


async def list_configs(
    call: Call, cluster_id: str, resource: Resource, kind: str, *at: str | int
) -> Listing[ConfigData]:
    links = await links_of(call, cluster_id)
    data = [config_data(links, resource, each) for each in await entries_of(call, resource)]
    return Listing(kind=kind, metadata=links.list_metadata(*at), data=data)


async def list_all(call: Call, links: Links, resources: list[Resource]) -> list[ConfigData]:
    """In portions, for one answer would be tens of megabytes."""
    data: list[ConfigData] = []
    missing: list[Missing] = []
    for start in range(0, len(resources), 500):
        portion = resources[start : start + 500]
        with operator_errors("properties"):
            found = await describe_configs(call.cluster.client, portion, synonyms=True)
        for resource, config in found.items():
            if isinstance(config, ConfigDescription):
                data += [config_data(links, resource, entry) for entry in config.entries]
            else:
                missing.append(Missing(f"properties of {resource}", config.name))
    tell_missing(call, missing)
    return data


async def get_config(call: Call, cluster_id: str, resource: Resource, name: str) -> ConfigData:
    links = await links_of(call, cluster_id)
    for each in await entries_of(call, resource):
        if each.name == name:
            return config_data(links, resource, each)
    raise not_found(f"Config not found: {name}")


async def check_known(call: Call, links: Links, resource: Resource, names: Iterable[str]) -> None:
    """Raises OperatorError and ApiError for a topic, broker or property that is not there."""
    known = {each.name for each in await entries_of(call, resource)}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None and resource.name:
        place = f"{resource.type.name} {resource.name} in cluster {links.cluster_id}"
        raise not_found(f"Config {unknown} cannot be found for {place}.")


async def _change(
    call: Call, links: Links, resource: Resource, changes: dict[str, str | None], *, validate_only: bool = False
) -> None:
    """What a topic or broker has no property of is not found (Confluent: AbstractConfigManager.safeAlterConfigs). All
    brokers together only show what is set, so that it is Kafka who knows the names."""
    await check_known(call, links, resource, changes)
    await carry_out(call, AlterConfig(resource, changes), validate_only=validate_only)


async def set_config(call: Call, cluster_id: str, resource: Resource, name: str, value: str | None) -> None:
    await _change(call, await links_of(call, cluster_id), resource, {name: value})


async def alter_configs(call: Call, cluster_id: str, resource: Resource, body: AlterationsBody) -> None:
    links = await links_of(call, cluster_id)
    await _change(call, links, resource, changes_of(body.data, "body.data"), validate_only=body.validate_only)


def changes_of(alterations: list[Alteration], where: str) -> dict[str, str | None]:
    """New values by name; None removes. Raises ApiError."""
    changes: dict[str, str | None] = {}
    for each in alterations:
        if each.name in changes:
            raise bad_request(f"{where}: {each.name} is named twice")
        if each.operation == "SET" and each.value is None:
            raise bad_request(f"{where}: {each.name} has no value to be set to", 'DELETE, as "operation", removes it.')
        changes[each.name] = None if each.operation == "DELETE" else each.value
    return changes
