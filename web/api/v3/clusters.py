"""Clusters, brokers, and the replicas on a broker."""

from __future__ import annotations

from console.errors import operator_errors
from console.services.quorum import active_controller
from engine.net.cluster_view import BrokerView
from web.api.errors import not_found
from web.api.names import BrokerId, ClusterId
from web.api.operations import Asked, Call, Nothing, operation
from web.api.v3.links import Links, links_of
from web.api.v3.partitions import replica_data
from web.api.v3.shapes import BrokerData, ClusterData, Listing, ListMetadata, ReplicaData


class ClusterAsked(Asked, kw_only=True):
    """A cluster."""

    cluster_id: ClusterId


class BrokerAsked(ClusterAsked, kw_only=True):
    """A broker of it."""

    broker_id: BrokerId


@operation("GET", "/v3/clusters", tag="v3", summary="List clusters")
async def list_v3_clusters(call: Call, asked: Nothing) -> Listing[ClusterData]:
    """The cluster that the console was started on, or the one of the context in the path."""
    with operator_errors("cluster"):
        cluster_id = (await call.cluster.client.known_view()).cluster_id or "unknown"
    links = Links(call.base_url, cluster_id)
    data = [await _cluster(call, links)]
    return Listing(kind="KafkaClusterList", metadata=ListMetadata(self_=f"{call.base_url}/v3/clusters"), data=data)


@operation("GET", "/v3/clusters/{cluster_id}", tag="v3", summary="Get a cluster")
async def get_v3_cluster(call: Call, asked: ClusterAsked) -> ClusterData:
    return await _cluster(call, await links_of(call, asked.cluster_id))


async def _cluster(call: Call, links: Links) -> ClusterData:
    client = call.cluster.client
    with operator_errors("cluster"):
        view = await client.known_view()
        controller = await active_controller(client)
    if controller is None:
        controller = view.controller_id
    return ClusterData(
        kind="KafkaCluster",
        metadata=links.metadata(()),
        cluster_id=links.cluster_id,
        controller=links.related("brokers", controller) if controller >= 0 else None,
        acls=links.related("acls"),
        brokers=links.related("brokers"),
        broker_configs=links.related("broker-configs"),
        consumer_groups=links.related("consumer-groups"),
        topics=links.related("topics"),
        partition_reassignments=links.related("topics", "-", "partitions", "-", "reassignment"),
    )


@operation("GET", "/v3/clusters/{cluster_id}/brokers", tag="v3", summary="List brokers")
async def list_v3_brokers(call: Call, asked: ClusterAsked) -> Listing[BrokerData]:
    """Those that are alive."""
    links = await links_of(call, asked.cluster_id)
    with operator_errors("brokers"):
        view = await call.cluster.client.metadata([])
    data = [_broker(links, each) for _, each in sorted(view.brokers.items())]
    return Listing(kind="KafkaBrokerList", metadata=links.list_metadata("brokers"), data=data)


@operation("GET", "/v3/clusters/{cluster_id}/brokers/{broker_id}", tag="v3", summary="Get a broker")
async def get_v3_broker(call: Call, asked: BrokerAsked) -> BrokerData:
    links = await links_of(call, asked.cluster_id)
    return _broker(links, await known_broker(call, asked.broker_id))


async def known_broker(call: Call, broker_id: int) -> BrokerView:
    """The broker, if it is alive. Raises ApiError."""
    with operator_errors("brokers"):
        view = await call.cluster.client.metadata([])
    found = view.brokers.get(broker_id)
    if found is None:
        raise not_found(f"Broker not found: {broker_id}")
    return found


def _broker(links: Links, broker: BrokerView) -> BrokerData:
    return BrokerData(
        kind="KafkaBroker",
        metadata=links.metadata(("brokers", broker.node_id), ("broker", broker.node_id)),
        cluster_id=links.cluster_id,
        broker_id=broker.node_id,
        host=broker.host,
        port=broker.port,
        rack=broker.rack,
        configs=links.related("brokers", broker.node_id, "configs"),
        partition_replicas=links.related("brokers", broker.node_id, "partition-replicas"),
    )


@operation(
    "GET",
    "/v3/clusters/{cluster_id}/brokers/{broker_id}/partition-replicas",
    tag="v3",
    summary="List the replicas on a broker",
)
async def list_v3_broker_replicas(call: Call, asked: BrokerAsked) -> Listing[ReplicaData]:
    links = await links_of(call, asked.cluster_id)
    await known_broker(call, asked.broker_id)
    with operator_errors("brokers"):
        view = await call.cluster.client.metadata(None)
    data = [
        replica_data(links, name, partition, asked.broker_id)
        for name, topic in sorted(view.topics.items())
        for partition in topic.partitions
        if asked.broker_id in partition.replicas
    ]
    metadata = links.list_metadata("brokers", asked.broker_id, "partition-replicas")
    return Listing(kind="KafkaReplicaList", metadata=metadata, data=data)
