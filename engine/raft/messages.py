"""Requests and answers about the one partition there is, built and taken apart (Kafka: RaftUtil).

A request or answer that is not about exactly `__cluster_metadata-0` yields None when taken apart.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    BeginQuorumEpochRequest,
    BeginQuorumEpochResponse,
    EndQuorumEpochRequest,
    EndQuorumEpochResponse,
    FetchRequest,
    FetchResponse,
    FetchSnapshotRequest,
    FetchSnapshotResponse,
    VoteRequest,
    VoteResponse,
)
from engine.raft.types import METADATA_TOPIC_ID, ReplicaKey
from engine.types import CLUSTER_METADATA, Endpoint, OffsetAndEpoch

TOPIC, PARTITION = CLUSTER_METADATA

_Partition = TypeVar("_Partition")


class _NodeEndpoint(Protocol):
    node_id: int
    host: str
    port: int


def endpoint_of(node_endpoints: Sequence[_NodeEndpoint], leader_id: int) -> Endpoint | None:
    """Where the answer says the leader is, None when it does not say."""
    for node in node_endpoints:
        if node.node_id == leader_id and node.host:
            return Endpoint("", node.host, node.port)
    return None


# --- Vote


def vote_request(
    *, cluster_id: str | None, epoch: int, replica: ReplicaKey, voter: ReplicaKey, end: OffsetAndEpoch, pre_vote: bool
) -> VoteRequest:
    """`end` is the end of the log of who asks."""
    partition = VoteRequest.PartitionData(
        partition_index=PARTITION,
        replica_epoch=epoch,
        replica_id=replica.id,
        replica_directory_id=replica.directory_id,
        voter_directory_id=voter.directory_id,
        last_offset_epoch=end.epoch,
        last_offset=end.offset,
        pre_vote=pre_vote,
    )
    topic = VoteRequest.TopicData(topic_name=TOPIC, partitions=[partition])
    return VoteRequest(cluster_id=cluster_id, voter_id=voter.id, topics=[topic])


def vote_request_partition(request: VoteRequest) -> VoteRequest.PartitionData | None:
    if len(request.topics) == 1 and request.topics[0].topic_name == TOPIC and len(request.topics[0].partitions) == 1:
        return _ours(request.topics[0].partitions[0], request.topics[0].partitions[0].partition_index)
    return None


def vote_response(error: ErrorCode, leader_id: int, epoch: int, granted: bool, leader: Endpoint | None) -> VoteResponse:
    partition = VoteResponse.PartitionData(
        partition_index=PARTITION, error_code=error, leader_id=leader_id, leader_epoch=epoch, vote_granted=granted
    )
    response = VoteResponse(topics=[VoteResponse.TopicData(topic_name=TOPIC, partitions=[partition])])
    if leader is not None and leader_id >= 0:
        response.node_endpoints = [VoteResponse.NodeEndpoint(node_id=leader_id, host=leader.host, port=leader.port)]
    return response


def vote_response_partition(response: VoteResponse) -> VoteResponse.PartitionData | None:
    if len(response.topics) == 1 and response.topics[0].topic_name == TOPIC and len(response.topics[0].partitions) == 1:
        return _ours(response.topics[0].partitions[0], response.topics[0].partitions[0].partition_index)
    return None


# --- BeginQuorumEpoch


def begin_quorum_epoch_request(
    *, cluster_id: str | None, epoch: int, leader_id: int, voter: ReplicaKey, leader: Endpoint | None
) -> BeginQuorumEpochRequest:
    partition = BeginQuorumEpochRequest.PartitionData(
        partition_index=PARTITION, voter_directory_id=voter.directory_id, leader_id=leader_id, leader_epoch=epoch
    )
    request = BeginQuorumEpochRequest(
        cluster_id=cluster_id,
        voter_id=voter.id,
        topics=[BeginQuorumEpochRequest.TopicData(topic_name=TOPIC, partitions=[partition])],
    )
    if leader is not None:
        request.leader_endpoints = [
            BeginQuorumEpochRequest.LeaderEndpoint(name=leader.listener, host=leader.host, port=leader.port)
        ]
    return request


def begin_quorum_epoch_request_partition(
    request: BeginQuorumEpochRequest,
) -> BeginQuorumEpochRequest.PartitionData | None:
    if len(request.topics) == 1 and request.topics[0].topic_name == TOPIC and len(request.topics[0].partitions) == 1:
        return _ours(request.topics[0].partitions[0], request.topics[0].partitions[0].partition_index)
    return None


def begin_quorum_epoch_response(
    error: ErrorCode, leader_id: int, epoch: int, leader: Endpoint | None
) -> BeginQuorumEpochResponse:
    partition = BeginQuorumEpochResponse.PartitionData(
        partition_index=PARTITION, error_code=error, leader_id=leader_id, leader_epoch=epoch
    )
    topic = BeginQuorumEpochResponse.TopicData(topic_name=TOPIC, partitions=[partition])
    response = BeginQuorumEpochResponse(topics=[topic])
    if leader is not None and leader_id >= 0:
        response.node_endpoints = [
            BeginQuorumEpochResponse.NodeEndpoint(node_id=leader_id, host=leader.host, port=leader.port)
        ]
    return response


def begin_quorum_epoch_response_partition(
    response: BeginQuorumEpochResponse,
) -> BeginQuorumEpochResponse.PartitionData | None:
    if len(response.topics) == 1 and response.topics[0].topic_name == TOPIC and len(response.topics[0].partitions) == 1:
        return _ours(response.topics[0].partitions[0], response.topics[0].partitions[0].partition_index)
    return None


# --- EndQuorumEpoch


def end_quorum_epoch_request(
    *,
    cluster_id: str | None,
    epoch: int,
    leader_id: int,
    preferred_successors: Sequence[ReplicaKey],
    leader: Endpoint | None,
) -> EndQuorumEpochRequest:
    partition = EndQuorumEpochRequest.PartitionData(
        partition_index=PARTITION,
        leader_id=leader_id,
        leader_epoch=epoch,
        preferred_successors=[key.id for key in preferred_successors],  # v0; v1 carries the keys instead
        preferred_candidates=[
            EndQuorumEpochRequest.ReplicaInfo(candidate_id=key.id, candidate_directory_id=key.directory_id)
            for key in preferred_successors
        ],
    )
    topic = EndQuorumEpochRequest.TopicData(topic_name=TOPIC, partitions=[partition])
    request = EndQuorumEpochRequest(cluster_id=cluster_id, topics=[topic])
    if leader is not None:
        request.leader_endpoints = [
            EndQuorumEpochRequest.LeaderEndpoint(name=leader.listener, host=leader.host, port=leader.port)
        ]
    return request


def end_quorum_epoch_request_partition(request: EndQuorumEpochRequest) -> EndQuorumEpochRequest.PartitionData | None:
    if len(request.topics) == 1 and request.topics[0].topic_name == TOPIC and len(request.topics[0].partitions) == 1:
        return _ours(request.topics[0].partitions[0], request.topics[0].partitions[0].partition_index)
    return None


def preferred_candidates(partition: EndQuorumEpochRequest.PartitionData) -> list[ReplicaKey]:
    """Who should stand first, most preferred first, from either version's field."""
    if partition.preferred_candidates:
        return [ReplicaKey(info.candidate_id, info.candidate_directory_id) for info in partition.preferred_candidates]
    return [ReplicaKey(node_id) for node_id in partition.preferred_successors]


def end_quorum_epoch_response(
    error: ErrorCode, leader_id: int, epoch: int, leader: Endpoint | None
) -> EndQuorumEpochResponse:
    partition = EndQuorumEpochResponse.PartitionData(
        partition_index=PARTITION, error_code=error, leader_id=leader_id, leader_epoch=epoch
    )
    topic = EndQuorumEpochResponse.TopicData(topic_name=TOPIC, partitions=[partition])
    response = EndQuorumEpochResponse(topics=[topic])
    if leader is not None and leader_id >= 0:
        response.node_endpoints = [
            EndQuorumEpochResponse.NodeEndpoint(node_id=leader_id, host=leader.host, port=leader.port)
        ]
    return response


def end_quorum_epoch_response_partition(
    response: EndQuorumEpochResponse,
) -> EndQuorumEpochResponse.PartitionData | None:
    if len(response.topics) == 1 and response.topics[0].topic_name == TOPIC and len(response.topics[0].partitions) == 1:
        return _ours(response.topics[0].partitions[0], response.topics[0].partitions[0].partition_index)
    return None


# --- Fetch


def fetch_request(
    *,
    cluster_id: str | None,
    replica: ReplicaKey,
    epoch: int,
    end: OffsetAndEpoch,
    high_watermark: int,
    log_start_offset: int,
    max_bytes: int,
    max_wait_ms: int,
) -> FetchRequest:
    """`high_watermark` is what the follower knows (-1: nothing): the leader answers as soon as it knows better
    (KIP-1166). For v15 and later, which carry the replica id in a struct of its own."""
    partition = FetchRequest.FetchPartition(
        partition=PARTITION,
        current_leader_epoch=epoch,
        fetch_offset=end.offset,
        last_fetched_epoch=end.epoch,
        log_start_offset=log_start_offset,
        partition_max_bytes=max_bytes,
        replica_directory_id=replica.directory_id,
        high_watermark=high_watermark,
    )
    return FetchRequest(
        cluster_id=cluster_id,
        replica_state=FetchRequest.ReplicaState(replica_id=replica.id),
        max_wait_ms=max_wait_ms,
        min_bytes=0,
        max_bytes=max_bytes,
        topics=[FetchRequest.FetchTopic(topic=TOPIC, topic_id=METADATA_TOPIC_ID, partitions=[partition])],
    )


def fetch_request_partition(request: FetchRequest) -> FetchRequest.FetchPartition | None:
    """v13 and later name the topic by id, earlier ones by name."""
    if len(request.topics) == 1 and len(request.topics[0].partitions) == 1:
        topic = request.topics[0]
        if topic.topic == TOPIC or (not topic.topic and topic.topic_id == METADATA_TOPIC_ID):
            return _ours(topic.partitions[0], topic.partitions[0].partition)
    return None


def fetch_request_replica_id(request: FetchRequest) -> int:
    """v15 moved it into a struct (KIP-903). -1 for who is no replica."""
    return request.replica_state.replica_id if request.replica_state.replica_id >= 0 else request.replica_id


def fetch_response(
    error: ErrorCode,
    *,
    leader_id: int,
    epoch: int,
    leader: Endpoint | None,
    high_watermark: int = -1,
    log_start_offset: int = -1,
    records: Buffer = b"",
    diverging: OffsetAndEpoch | None = None,
    snapshot_id: OffsetAndEpoch | None = None,
) -> FetchResponse:
    partition = FetchResponse.PartitionData(
        partition_index=PARTITION,
        error_code=error,
        high_watermark=high_watermark,
        log_start_offset=log_start_offset,
        current_leader=FetchResponse.LeaderIdAndEpoch(leader_id=leader_id, leader_epoch=epoch),
        aborted_transactions=None,
        records=records,
    )
    if diverging is not None:
        partition.diverging_epoch = FetchResponse.EpochEndOffset(epoch=diverging.epoch, end_offset=diverging.offset)
    if snapshot_id is not None:
        partition.snapshot_id = FetchResponse.SnapshotId(end_offset=snapshot_id.offset, epoch=snapshot_id.epoch)
    topic = FetchResponse.FetchableTopicResponse(topic=TOPIC, topic_id=METADATA_TOPIC_ID, partitions=[partition])
    response = FetchResponse(responses=[topic])
    if leader is not None and leader_id >= 0:
        response.node_endpoints = [FetchResponse.NodeEndpoint(node_id=leader_id, host=leader.host, port=leader.port)]
    return response


def fetch_response_partition(response: FetchResponse) -> FetchResponse.PartitionData | None:
    if len(response.responses) == 1 and len(response.responses[0].partitions) == 1:
        topic = response.responses[0]
        if topic.topic == TOPIC or (not topic.topic and topic.topic_id == METADATA_TOPIC_ID):
            return _ours(topic.partitions[0], topic.partitions[0].partition_index)
    return None


# --- FetchSnapshot


def fetch_snapshot_request(
    *,
    cluster_id: str | None,
    replica: ReplicaKey,
    epoch: int,
    snapshot_id: OffsetAndEpoch,
    position: int,
    max_bytes: int,
) -> FetchSnapshotRequest:
    partition = FetchSnapshotRequest.PartitionSnapshot(
        partition=PARTITION,
        current_leader_epoch=epoch,
        snapshot_id=FetchSnapshotRequest.SnapshotId(end_offset=snapshot_id.offset, epoch=snapshot_id.epoch),
        position=position,
        replica_directory_id=replica.directory_id,
    )
    return FetchSnapshotRequest(
        cluster_id=cluster_id,
        replica_id=replica.id,
        max_bytes=max_bytes,
        topics=[FetchSnapshotRequest.TopicSnapshot(name=TOPIC, partitions=[partition])],
    )


def fetch_snapshot_request_partition(request: FetchSnapshotRequest) -> FetchSnapshotRequest.PartitionSnapshot | None:
    if len(request.topics) == 1 and request.topics[0].name == TOPIC and len(request.topics[0].partitions) == 1:
        return _ours(request.topics[0].partitions[0], request.topics[0].partitions[0].partition)
    return None


def fetch_snapshot_response(
    error: ErrorCode,
    *,
    leader_id: int,
    epoch: int,
    leader: Endpoint | None,
    snapshot_id: OffsetAndEpoch | None = None,
    size: int = 0,
    position: int = 0,
    data: Buffer = b"",
) -> FetchSnapshotResponse:
    partition = FetchSnapshotResponse.PartitionSnapshot(
        index=PARTITION,
        error_code=error,
        current_leader=FetchSnapshotResponse.LeaderIdAndEpoch(leader_id=leader_id, leader_epoch=epoch),
        size=size,
        position=position,
        unaligned_records=data,
    )
    if snapshot_id is not None:
        partition.snapshot_id = FetchSnapshotResponse.SnapshotId(end_offset=snapshot_id.offset, epoch=snapshot_id.epoch)
    topic = FetchSnapshotResponse.TopicSnapshot(name=TOPIC, partitions=[partition])
    response = FetchSnapshotResponse(topics=[topic])
    if leader is not None and leader_id >= 0:
        response.node_endpoints = [
            FetchSnapshotResponse.NodeEndpoint(node_id=leader_id, host=leader.host, port=leader.port)
        ]
    return response


def fetch_snapshot_response_partition(
    response: FetchSnapshotResponse,
) -> FetchSnapshotResponse.PartitionSnapshot | None:
    if len(response.topics) == 1 and response.topics[0].name == TOPIC and len(response.topics[0].partitions) == 1:
        return _ours(response.topics[0].partitions[0], response.topics[0].partitions[0].index)
    return None


def _ours(partition: _Partition, index: int) -> _Partition | None:
    return partition if index == PARTITION else None
