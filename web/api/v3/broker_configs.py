"""Properties of a broker, and of all brokers together."""

from __future__ import annotations

from console.errors import operator_errors
from console.services.configs import Resource, ResourceType
from web.api.names import BrokerId, ClusterId, ConfigName
from web.api.operations import Asked, Call, operation
from web.api.v3.config_entries import (
    AlterationsBody,
    NewValueBody,
    alter_configs,
    get_config,
    list_all,
    list_configs,
    set_config,
)
from web.api.v3.links import links_of
from web.api.v3.shapes import ConfigData, Listing

_CLUSTER = "/v3/clusters/{cluster_id}"
_BROKERS = _CLUSTER + "/broker-configs"
_BROKER = _CLUSTER + "/brokers/{broker_id}/configs"


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


def _all_brokers() -> Resource:
    return Resource(ResourceType.BROKER, "")


def _broker(asked: OfBroker) -> Resource:
    return Resource(ResourceType.BROKER, str(asked.broker_id))


@operation("GET", _BROKERS, tag="v3", summary="List properties that are set for all brokers")
async def list_v3_cluster_configs(call: Call, asked: OfCluster) -> Listing[ConfigData]:
    return await list_configs(call, asked.cluster_id, _all_brokers(), "KafkaClusterConfigList", "broker-configs")


@operation("POST", _BROKERS + ":alter", tag="v3", summary="Change properties of all brokers", status=204, changes=True)
async def alter_v3_cluster_configs(call: Call, asked: AlterOfCluster) -> None:
    await alter_configs(call, asked.cluster_id, _all_brokers(), asked.body)


@operation("GET", _BROKERS + "/{name}", tag="v3", summary="Get a property that is set for all brokers")
async def get_v3_cluster_config(call: Call, asked: OfClusterNamed) -> ConfigData:
    return await get_config(call, asked.cluster_id, _all_brokers(), asked.name)


@operation("PUT", _BROKERS + "/{name}", tag="v3", summary="Set a property for all brokers", status=204, changes=True)
async def set_v3_cluster_config(call: Call, asked: SetOfCluster) -> None:
    await set_config(call, asked.cluster_id, _all_brokers(), asked.name, asked.body.value)


@operation(
    "DELETE", _BROKERS + "/{name}", tag="v3", summary="Remove a property of all brokers", status=204, changes=True
)
async def reset_v3_cluster_config(call: Call, asked: OfClusterNamed) -> None:
    """404 where it is not set."""
    await get_config(call, asked.cluster_id, _all_brokers(), asked.name)
    await set_config(call, asked.cluster_id, _all_brokers(), asked.name, None)


@operation("GET", _CLUSTER + "/brokers/-/configs", tag="v3", summary="List properties of every broker")
async def list_v3_all_broker_configs(call: Call, asked: OfCluster) -> Listing[ConfigData]:
    """All of them. (Confluent's words say that it is those set while the brokers run; it answers with all.)"""
    links = await links_of(call, asked.cluster_id)
    with operator_errors("brokers"):
        nodes = sorted((await call.cluster.client.metadata([])).brokers)
    data = await list_all(call, links, [Resource(ResourceType.BROKER, str(each)) for each in nodes])
    metadata = links.list_metadata("brokers", "-", "configs")
    return Listing(kind="KafkaBrokerConfigList", metadata=metadata, data=data)


@operation("GET", _BROKER, tag="v3", summary="List properties of a broker")
async def list_v3_broker_configs(call: Call, asked: OfBroker) -> Listing[ConfigData]:
    at = ("brokers", asked.broker_id, "configs")
    return await list_configs(call, asked.cluster_id, _broker(asked), "KafkaBrokerConfigList", *at)


@operation("POST", _BROKER + ":alter", tag="v3", summary="Change properties of a broker", status=204, changes=True)
async def alter_v3_broker_configs(call: Call, asked: AlterOfBroker) -> None:
    await alter_configs(call, asked.cluster_id, _broker(asked), asked.body)


@operation("GET", _BROKER + "/{name}", tag="v3", summary="Get a property of a broker")
async def get_v3_broker_config(call: Call, asked: OfBrokerNamed) -> ConfigData:
    return await get_config(call, asked.cluster_id, _broker(asked), asked.name)


@operation("PUT", _BROKER + "/{name}", tag="v3", summary="Set a property of a broker", status=204, changes=True)
async def set_v3_broker_config(call: Call, asked: SetOfBroker) -> None:
    await set_config(call, asked.cluster_id, _broker(asked), asked.name, asked.body.value)


@operation("DELETE", _BROKER + "/{name}", tag="v3", summary="Remove a property of a broker", status=204, changes=True)
async def reset_v3_broker_config(call: Call, asked: OfBrokerNamed) -> None:
    await set_config(call, asked.cluster_id, _broker(asked), asked.name, None)
