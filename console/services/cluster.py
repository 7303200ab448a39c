"""The cluster as a whole: who is in it, and how it is."""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import operator_errors
from console.services.brokers import BrokerListing, list_brokers
from console.services.partial import Missing
from console.services.topics import is_internal
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """The first things an operator looks at. What nobody answered is None."""

    cluster_id: str | None
    controller: int | None
    """The active controller where DescribeQuorum says so, else the one the metadata names."""
    broker_count: int
    fenced_broker_count: int | None
    topic_count: int
    internal_topic_count: int
    partition_count: int
    replica_count: int
    unavailable_partitions: int
    """Without leader. Must be 0."""
    under_replicated_partitions: int
    """With replicas outside of the ISR. Must be 0, except while a broker restarts."""
    offline_replicas: int
    group_count: int | None
    size_bytes: int | None
    """Of all replicas."""
    finalized_features: dict[str, int]
    """Feature name to finalized level (KIP-584): metadata.version, transaction.version, group.version, ..."""
    missing: tuple[Missing, ...]

    @property
    def is_healthy(self) -> bool:
        return not (self.unavailable_partitions or self.under_replicated_partitions or self.missing)


async def describe_cluster(client: ClusterClient) -> ClusterSummary:
    """Asks all brokers side by side. Raises OperatorError only when nobody answers."""
    from console.services.quorum import active_controller
    from engine.protocol.messages import ApiVersionsRequest, ListGroupsRequest

    with operator_errors("cluster"):
        view = await client.metadata(None)
        brokers: BrokerListing = await list_brokers(client)
        groups = await client.request_to_all(ListGroupsRequest())
        features = await client.request_to_any(
            ApiVersionsRequest(client_software_name="stoker", client_software_version="0")
        )
        controller = await active_controller(client)
    partitions = [partition for topic in view.topics.values() for partition in topic.partitions]
    internal = sum(is_internal(name, topic.is_internal) for name, topic in view.topics.items())
    missing = list(brokers.missing)
    missing += [Missing(f"groups on broker {node_id}", reason) for node_id, reason in groups.missing.items()]
    group_count: int | None = 0
    for node_id, answer in groups.answers.items():
        if answer.error_code:
            missing.append(Missing(f"groups on broker {node_id}", ErrorCode.of(answer.error_code).name))
        group_count = (group_count or 0) + len(answer.groups)
    if groups.missing and not groups.answers:
        group_count = None
    sizes = [broker.size_bytes for broker in brokers.brokers if not broker.is_fenced]
    return ClusterSummary(
        cluster_id=view.cluster_id,
        controller=controller if controller is not None else (view.controller_id if view.controller_id >= 0 else None),
        broker_count=len(view.brokers),
        fenced_broker_count=sum(broker.is_fenced for broker in brokers.brokers) if brokers.knows_fenced else None,
        topic_count=len(view.topics) - internal,
        internal_topic_count=internal,
        partition_count=len(partitions),
        replica_count=sum(len(partition.replicas) for partition in partitions),
        unavailable_partitions=sum(partition.leader_id < 0 for partition in partitions),
        under_replicated_partitions=sum(len(partition.isr) < len(partition.replicas) for partition in partitions),
        offline_replicas=sum(len(partition.offline_replicas) for partition in partitions),
        group_count=group_count,
        size_bytes=None if any(size is None for size in sizes) else sum(size or 0 for size in sizes),
        finalized_features={feature.name: feature.max_version_level for feature in features.finalized_features},
        missing=tuple(missing),
    )
