"""Properties of topics, brokers, and all brokers together."""

from __future__ import annotations

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
from web.api.errors import bad_request, not_found
from web.api.names import BrokerId, ClusterId, ConfigName, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.clusters import known_broker
from web.api.v3.links import Links, carry_out, links_of
from web.api.v3.partitions import partitions_of
from web.api.v3.shapes import ConfigData, ConfigSynonym, Listing, NewValue

_CLUSTER = "/v3/clusters/{cluster_id}"
_BROKERS = _CLUSTER + "/broker-configs"
_BROKER = _CLUSTER + "/brokers/{broker_id}/configs"
_TOPIC = _CLUSTER + "/topics/{topic_name}/configs"


class NewValueBody(Asked, kw_only=True):
    """What a property is to be; null removes it."""

    value: NewValue | None = None


class Alteration(Asked, kw_only=True):
    """One property, and what is to be done with it."""

    name: ConfigName
    value: NewValue | None = None
    operation: Literal["SET", "DELETE"] = "SET"


class AlterationsBody(Asked, kw_only=True):
    """Several properties, all or none of which are changed."""

    data: Annotated[list[Alteration], msgspec.Meta(min_length=1, max_length=1_000)]
    validate_only: bool = False


class OfCluster(Asked, kw_only=True):
    """A cluster."""

    cluster_id: ClusterId


class OfClusterNamed(OfCluster, kw_only=True):
    """A property of all brokers."""

    name: ConfigName


class SetOfCluster(OfClusterNamed, kw_only=True):
    """A property of all brokers, and its value."""

    body: NewValueBody


class AlterOfCluster(OfCluster, kw_only=True):
    """Properties of all brokers."""

    body: AlterationsBody


class OfBroker(OfCluster, kw_only=True):
    """A broker."""

    broker_id: BrokerId


class OfBrokerNamed(OfBroker, kw_only=True):
    """A property of a broker."""

    name: ConfigName


class SetOfBroker(OfBrokerNamed, kw_only=True):
    """A property of a broker, and its value."""

    body: NewValueBody


class AlterOfBroker(OfBroker, kw_only=True):
    """Properties of a broker."""

    body: AlterationsBody


class OfTopic(OfCluster, kw_only=True):
    """A topic."""

    topic_name: TopicName


class OfTopicNamed(OfTopic, kw_only=True):
    """A property of a topic."""

    name: ConfigName


class SetOfTopic(OfTopicNamed, kw_only=True):
    """A property of a topic, and its value."""

    body: NewValueBody


class AlterOfTopic(OfTopic, kw_only=True):
    """Properties of a topic."""

    body: AlterationsBody


def _data(links: Links, resource: Resource, entry: ConfigEntry) -> ConfigData:
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
        synonyms=[ConfigSynonym(name=entry.name, value=entry.value, source=entry.source.name)],
        topic_name=topic,
        broker_id=broker,
        config_type=config_type,
    )


async def _entries(call: Call, resource: Resource) -> tuple[ConfigEntry, ...]:
    if resource.type is ResourceType.TOPIC:
        await partitions_of(call, resource.name)
    elif resource.name:
        await known_broker(call, int(resource.name))
    return (await describe_config(call.cluster.client, resource)).entries


async def _list(call: Call, cluster_id: str, resource: Resource, kind: str, *at: str | int) -> Listing[ConfigData]:
    links = await links_of(call, cluster_id)
    data = [_data(links, resource, each) for each in await _entries(call, resource)]
    return Listing(kind=kind, metadata=links.list_metadata(*at), data=data)


async def _get(call: Call, cluster_id: str, resource: Resource, name: str) -> ConfigData:
    links = await links_of(call, cluster_id)
    for each in await _entries(call, resource):
        if each.name == name:
            return _data(links, resource, each)
    raise not_found(f"Config not found: {name}")


async def _set(call: Call, cluster_id: str, resource: Resource, name: str, value: str | None) -> None:
    await links_of(call, cluster_id)
    await _entries(call, resource)
    await carry_out(call, AlterConfig(resource, {name: value}))


async def _alter(call: Call, cluster_id: str, resource: Resource, body: AlterationsBody) -> None:
    await links_of(call, cluster_id)
    changes: dict[str, str | None] = {}
    for each in body.data:
        if each.name in changes:
            raise bad_request(f"{each.name} is named twice")
        changes[each.name] = None if each.operation == "DELETE" else each.value
    await _entries(call, resource)
    await carry_out(call, AlterConfig(resource, changes), validate_only=body.validate_only)


def _all_brokers() -> Resource:
    return Resource(ResourceType.BROKER, "")


def _broker(asked: OfBroker) -> Resource:
    return Resource(ResourceType.BROKER, str(asked.broker_id))


def _topic(asked: OfTopic) -> Resource:
    return Resource(ResourceType.TOPIC, asked.topic_name)


@operation("GET", _BROKERS, tag="v3", summary="List properties that are set for all brokers")
async def list_v3_cluster_configs(call: Call, asked: OfCluster) -> Listing[ConfigData]:
    return await _list(call, asked.cluster_id, _all_brokers(), "KafkaClusterConfigList", "broker-configs")


@operation("POST", _BROKERS + ":alter", tag="v3", summary="Change properties of all brokers", status=204, changes=True)
async def alter_v3_cluster_configs(call: Call, asked: AlterOfCluster) -> None:
    await _alter(call, asked.cluster_id, _all_brokers(), asked.body)


@operation("GET", _BROKERS + "/{name}", tag="v3", summary="Get a property that is set for all brokers")
async def get_v3_cluster_config(call: Call, asked: OfClusterNamed) -> ConfigData:
    return await _get(call, asked.cluster_id, _all_brokers(), asked.name)


@operation("PUT", _BROKERS + "/{name}", tag="v3", summary="Set a property for all brokers", status=204, changes=True)
async def set_v3_cluster_config(call: Call, asked: SetOfCluster) -> None:
    await _set(call, asked.cluster_id, _all_brokers(), asked.name, asked.body.value)


@operation(
    "DELETE", _BROKERS + "/{name}", tag="v3", summary="Remove a property of all brokers", status=204, changes=True
)
async def reset_v3_cluster_config(call: Call, asked: OfClusterNamed) -> None:
    await _set(call, asked.cluster_id, _all_brokers(), asked.name, None)


@operation("GET", _CLUSTER + "/brokers/-/configs", tag="v3", summary="List properties of every broker")
async def list_v3_all_broker_configs(call: Call, asked: OfCluster) -> Listing[ConfigData]:
    """Those that were set while they run (dynamic ones), as Confluent has it."""
    links = await links_of(call, asked.cluster_id)
    client = call.cluster.client
    with operator_errors("brokers"):
        nodes = sorted((await client.metadata([])).brokers)
        found = await describe_configs(client, [Resource(ResourceType.BROKER, str(each)) for each in nodes])
    data = [
        _data(links, resource, entry)
        for resource, config in found.items()
        if isinstance(config, ConfigDescription)
        for entry in config.entries
        if entry.source in (ConfigSource.DYNAMIC_BROKER_CONFIG, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG)
    ]
    metadata = links.list_metadata("brokers", "-", "configs")
    return Listing(kind="KafkaBrokerConfigList", metadata=metadata, data=data)


@operation("GET", _BROKER, tag="v3", summary="List properties of a broker")
async def list_v3_broker_configs(call: Call, asked: OfBroker) -> Listing[ConfigData]:
    at = ("brokers", asked.broker_id, "configs")
    return await _list(call, asked.cluster_id, _broker(asked), "KafkaBrokerConfigList", *at)


@operation("POST", _BROKER + ":alter", tag="v3", summary="Change properties of a broker", status=204, changes=True)
async def alter_v3_broker_configs(call: Call, asked: AlterOfBroker) -> None:
    await _alter(call, asked.cluster_id, _broker(asked), asked.body)


@operation("GET", _BROKER + "/{name}", tag="v3", summary="Get a property of a broker")
async def get_v3_broker_config(call: Call, asked: OfBrokerNamed) -> ConfigData:
    return await _get(call, asked.cluster_id, _broker(asked), asked.name)


@operation("PUT", _BROKER + "/{name}", tag="v3", summary="Set a property of a broker", status=204, changes=True)
async def set_v3_broker_config(call: Call, asked: SetOfBroker) -> None:
    await _set(call, asked.cluster_id, _broker(asked), asked.name, asked.body.value)


@operation("DELETE", _BROKER + "/{name}", tag="v3", summary="Remove a property of a broker", status=204, changes=True)
async def reset_v3_broker_config(call: Call, asked: OfBrokerNamed) -> None:
    await _set(call, asked.cluster_id, _broker(asked), asked.name, None)


@operation("GET", _CLUSTER + "/topics/-/configs", tag="v3", summary="List properties of every topic")
async def list_v3_all_topic_configs(call: Call, asked: OfCluster) -> Listing[ConfigData]:
    links = await links_of(call, asked.cluster_id)
    client = call.cluster.client
    data: list[ConfigData] = []
    with operator_errors("topics"):
        names = sorted((await client.metadata(None)).topics)
        # As the console's lists do: in portions, for one answer would be tens of megabytes.
        for start in range(0, len(names), 500):
            resources = [Resource(ResourceType.TOPIC, name) for name in names[start : start + 500]]
            for resource, config in (await describe_configs(client, resources)).items():
                if isinstance(config, ConfigDescription):
                    data += [_data(links, resource, entry) for entry in config.entries]
    return Listing(kind="KafkaTopicConfigList", metadata=links.list_metadata("topics", "-", "configs"), data=data)


@operation("GET", _TOPIC, tag="v3", summary="List properties of a topic")
async def list_v3_topic_configs(call: Call, asked: OfTopic) -> Listing[ConfigData]:
    at = ("topics", asked.topic_name, "configs")
    return await _list(call, asked.cluster_id, _topic(asked), "KafkaTopicConfigList", *at)


@operation("POST", _TOPIC + ":alter", tag="v3", summary="Change properties of a topic", status=204, changes=True)
async def alter_v3_topic_configs(call: Call, asked: AlterOfTopic) -> None:
    await _alter(call, asked.cluster_id, _topic(asked), asked.body)


@operation("GET", _TOPIC + "/{name}", tag="v3", summary="Get a property of a topic")
async def get_v3_topic_config(call: Call, asked: OfTopicNamed) -> ConfigData:
    return await _get(call, asked.cluster_id, _topic(asked), asked.name)


@operation("PUT", _TOPIC + "/{name}", tag="v3", summary="Set a property of a topic", status=204, changes=True)
async def set_v3_topic_config(call: Call, asked: SetOfTopic) -> None:
    await _set(call, asked.cluster_id, _topic(asked), asked.name, asked.body.value)


@operation("DELETE", _TOPIC + "/{name}", tag="v3", summary="Remove a property of a topic", status=204, changes=True)
async def reset_v3_topic_config(call: Call, asked: OfTopicNamed) -> None:
    await _set(call, asked.cluster_id, _topic(asked), asked.name, None)
