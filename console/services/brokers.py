"""Brokers: where they are, what they lead and hold."""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import operator_errors
from console.services.log_dirs import LogDir, sizes
from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.cluster_errors import UnsupportedByBroker
from engine.net.cluster_view import ClusterView
from engine.protocol.messages import DescribeClusterRequest


@dataclass(frozen=True, slots=True)
class BrokerDescription:
    """One broker. What nobody answered is None."""

    node_id: int
    host: str
    port: int
    rack: str | None
    is_fenced: bool
    """Registered but not serving (KIP-631): starting, cut off, or shut down."""
    is_controller: bool
    """The active controller, as the cluster tells clients: with KRaft in separate roles that is only a broker which
    forwards to it."""
    leaders: int
    """Partitions it leads."""
    replicas: int
    """Partitions it is assigned."""
    out_of_sync_replicas: int
    """Of those, where it is not in the ISR."""
    size_bytes: int | None
    """Of all replicas on it."""
    log_dirs: tuple[LogDir, ...]


@dataclass(frozen=True, slots=True)
class BrokerListing:
    """Brokers by id, and what is missing."""

    brokers: tuple[BrokerDescription, ...]
    knows_fenced: bool
    """Whether the cluster tells of fenced brokers (KIP-1073, Kafka 4.0); else only live ones are here."""
    missing: tuple[Missing, ...]


async def list_brokers(client: ClusterClient) -> BrokerListing:
    """All brokers with what they hold. Raises OperatorError when nobody answers."""
    with operator_errors("brokers"):
        view = await client.metadata(None)
        fenced = await _fenced(client)
        controller = await _controller(client, view)
        held = await sizes(client)
    known = {node_id: (broker.host, broker.port, broker.rack) for node_id, broker in view.brokers.items()}
    for node_id, place in (fenced or {}).items():
        known.setdefault(node_id, place)
    leaders, replicas, out_of_sync = _counts(view)
    brokers = []
    for node_id in sorted(known):
        host, port, rack = known[node_id]
        dirs = tuple(each for each in held.log_dirs if each.node_id == node_id)
        brokers.append(
            BrokerDescription(
                node_id,
                host,
                port,
                rack,
                is_fenced=node_id in (fenced or {}),
                is_controller=node_id == controller,
                leaders=leaders.get(node_id, 0),
                replicas=replicas.get(node_id, 0),
                out_of_sync_replicas=out_of_sync.get(node_id, 0),
                size_bytes=sum(each.size_bytes for each in dirs) if dirs else None,
                log_dirs=dirs,
            )
        )
    return BrokerListing(tuple(brokers), fenced is not None, held.missing)


async def _controller(client: ClusterClient, view: ClusterView) -> int:
    from console.services.quorum import active_controller

    active = await active_controller(client)
    return view.controller_id if active is None else active


async def _fenced(client: ClusterClient) -> dict[int, tuple[str, int, str | None]] | None:
    """Fenced brokers by id with host, port and rack; None when the cluster does not tell."""
    request = DescribeClusterRequest(include_fenced_brokers=True)
    try:
        response = await client.request_to_any(Versioned(DescribeClusterRequest, lambda _: request, floor=2))
    except UnsupportedByBroker:
        return None
    return {each.broker_id: (each.host, each.port, each.rack) for each in response.brokers if each.is_fenced}


def _counts(view: ClusterView) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    leaders: dict[int, int] = {}
    replicas: dict[int, int] = {}
    out_of_sync: dict[int, int] = {}
    for topic in view.topics.values():
        for partition in topic.partitions:
            leaders[partition.leader_id] = leaders.get(partition.leader_id, 0) + 1
            for node_id in partition.replicas:
                replicas[node_id] = replicas.get(node_id, 0) + 1
                if node_id not in partition.isr:
                    out_of_sync[node_id] = out_of_sync.get(node_id, 0) + 1
    return leaders, replicas, out_of_sync
