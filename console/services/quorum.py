"""The metadata quorum: its leader, voters and observers, and how far behind each is (DescribeQuorum, key 55)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from console.errors import OperatorError, operator_errors
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable, UnsupportedByBroker
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeQuorumRequest
from engine.protocol.uuids import ZERO_UUID, uuid_to_text
from engine.types import CLUSTER_METADATA


class QuorumRole(Enum):
    """What a node is to the quorum."""

    LEADER = "leader"
    VOTER = "voter"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class QuorumReplica:
    """One node of the quorum. Times are in ms since the epoch, None when the leader does not know."""

    node_id: int
    directory_id: str | None
    role: QuorumRole
    log_end_offset: int | None
    lag: int | None
    """Records behind the leader."""
    last_fetch_timestamp: int | None
    last_caught_up_timestamp: int | None
    endpoints: tuple[str, ...]
    """"NAME://host:port" of the voters' controller listeners, where the quorum tells (KIP-853)."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """The quorum as its leader sees it."""

    leader: int | None
    leader_epoch: int
    high_watermark: int
    replicas: tuple[QuorumReplica, ...]
    """The leader first, then voters, then observers, by id."""

    @property
    def max_voter_lag(self) -> int | None:
        lags = [each.lag for each in self.replicas if each.role is not QuorumRole.OBSERVER and each.lag is not None]
        return max(lags, default=None)


async def describe_quorum(client: ClusterClient) -> Quorum:
    """Raises OperatorError: also when the cluster has no quorum (it runs with ZooKeeper)."""
    with operator_errors("quorum"):
        response = await _ask(client)
    return _quorum(response)


async def active_controller(client: ClusterClient) -> int | None:
    """Node id of the quorum's leader; None when the cluster does not tell."""
    try:
        return _quorum(await _ask(client)).leader
    except (OperatorError, KafkaError, UnsupportedByBroker, BrokerUnreachable):
        return None


async def _ask(client: ClusterClient) -> Any:
    topic = DescribeQuorumRequest.TopicData(
        topic_name=CLUSTER_METADATA.topic,
        partitions=[DescribeQuorumRequest.PartitionData(partition_index=CLUSTER_METADATA.partition)],
    )
    return await client.request_to_any(DescribeQuorumRequest(topics=[topic]))


def _quorum(response: Any) -> Quorum:
    if response.error_code:
        raise OperatorError.refused("quorum", ErrorCode.of(response.error_code), response.error_message)
    (topic,) = response.topics
    (partition,) = topic.partitions
    if partition.error_code:
        raise OperatorError.refused("quorum", ErrorCode.of(partition.error_code), partition.error_message)
    endpoints = {
        node.node_id: tuple(f"{each.name}://{each.host}:{each.port}" for each in node.listeners)
        for node in response.nodes
    }
    leader_end = next(
        (each.log_end_offset for each in partition.current_voters if each.replica_id == partition.leader_id), None
    )

    def replica(wire: Any, role: QuorumRole) -> QuorumReplica:
        end = wire.log_end_offset if wire.log_end_offset >= 0 else None
        return QuorumReplica(
            wire.replica_id,
            None if wire.replica_directory_id == ZERO_UUID else uuid_to_text(wire.replica_directory_id),
            QuorumRole.LEADER if wire.replica_id == partition.leader_id and role is QuorumRole.VOTER else role,
            end,
            None if end is None or leader_end is None else max(0, leader_end - end),
            wire.last_fetch_timestamp if wire.last_fetch_timestamp >= 0 else None,
            wire.last_caught_up_timestamp if wire.last_caught_up_timestamp >= 0 else None,
            endpoints.get(wire.replica_id, ()),
        )

    replicas = [replica(each, QuorumRole.VOTER) for each in partition.current_voters]
    replicas += [replica(each, QuorumRole.OBSERVER) for each in partition.observers]
    order = [QuorumRole.LEADER, QuorumRole.VOTER, QuorumRole.OBSERVER]
    replicas.sort(key=lambda each: (order.index(each.role), each.node_id))
    return Quorum(
        partition.leader_id if partition.leader_id >= 0 else None,
        partition.leader_epoch,
        partition.high_watermark,
        tuple(replicas),
    )
