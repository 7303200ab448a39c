"""The quorum's own requests, on controller listeners: Fetch (1), Vote (52), BeginQuorumEpoch (53), EndQuorumEpoch (54),
DescribeQuorum (55) and FetchSnapshot (59), about `__cluster_metadata-0` and nothing else.

What is answered is decided by `engine.raft`; a request about another partition gets INVALID_REQUEST (DescribeQuorum:
UNKNOWN_TOPIC_OR_PARTITION), one of another cluster INCONSISTENT_CLUSTER_ID.

- Fetch: v4-18. v12 (KIP-595) brought cluster id, last fetched epoch, diverging epoch, leader and snapshot id; earlier
  ones have no last fetched epoch and get INVALID_REQUEST. v13 names the topic by id, v15 moves the replica id (KIP-903),
  v16 returns the leader's endpoint (KIP-951), v17 carries the directory id (KIP-853), v18 the follower's high watermark
  (KIP-1166). Waits up to max_wait_ms for records or a newer high watermark.
- Vote: v0-2. v1 replica keys and endpoints (KIP-853), v2 pre-vote (KIP-996).
- BeginQuorumEpoch, EndQuorumEpoch, FetchSnapshot: v0-1. v1 is KIP-853's.
- DescribeQuorum: v0-2. v1 fetch times (KIP-836), v2 directory ids and listeners (KIP-853). Brokers forward it here.

Not implemented: AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter (80-82): the voters are static, kraft.version is 0.
"""

from typing import Protocol

from engine.controller.raft_driver import RaftDriver
from engine.handlers.registry import ListenerKind, handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import (
    BeginQuorumEpochRequest,
    BeginQuorumEpochResponse,
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    EndQuorumEpochRequest,
    EndQuorumEpochResponse,
    FetchRequest,
    FetchResponse,
    FetchSnapshotRequest,
    FetchSnapshotResponse,
    VoteRequest,
    VoteResponse,
)

_NODE_ENDPOINTS_FROM = 1
_FETCH_NODE_ENDPOINTS_FROM = 16
_FETCH_LEADER_FROM = 12


class HasRaft(Protocol):
    """What a controller listener serves, as far as the quorum is concerned."""

    @property
    def raft(self) -> RaftDriver: ...


@handles(ApiKey.FETCH, versions=(4, 18), listener=ListenerKind.CONTROLLER)
async def fetch(node: HasRaft, context: RequestContext, request: FetchRequest) -> FetchResponse:
    response: FetchResponse = await node.raft.handle(request)
    if context.api_version < _FETCH_NODE_ENDPOINTS_FROM:
        response.node_endpoints = []
    if context.api_version < _FETCH_LEADER_FROM:
        for topic in response.responses:
            for partition in topic.partitions:
                partition.current_leader = FetchResponse.LeaderIdAndEpoch()
    return response


@handles(ApiKey.VOTE, versions=(0, 2), listener=ListenerKind.CONTROLLER)
async def vote(node: HasRaft, context: RequestContext, request: VoteRequest) -> VoteResponse:
    response: VoteResponse = await node.raft.handle(request)
    if context.api_version < _NODE_ENDPOINTS_FROM:
        response.node_endpoints = []
    return response


@handles(ApiKey.BEGIN_QUORUM_EPOCH, versions=(0, 1), listener=ListenerKind.CONTROLLER)
async def begin_quorum_epoch(
    node: HasRaft, context: RequestContext, request: BeginQuorumEpochRequest
) -> BeginQuorumEpochResponse:
    response: BeginQuorumEpochResponse = await node.raft.handle(request)
    if context.api_version < _NODE_ENDPOINTS_FROM:
        response.node_endpoints = []
    return response


@handles(ApiKey.END_QUORUM_EPOCH, versions=(0, 1), listener=ListenerKind.CONTROLLER)
async def end_quorum_epoch(
    node: HasRaft, context: RequestContext, request: EndQuorumEpochRequest
) -> EndQuorumEpochResponse:
    response: EndQuorumEpochResponse = await node.raft.handle(request)
    if context.api_version < _NODE_ENDPOINTS_FROM:
        response.node_endpoints = []
    return response


@handles(ApiKey.FETCH_SNAPSHOT, versions=(0, 1), listener=ListenerKind.CONTROLLER)
async def fetch_snapshot(
    node: HasRaft, context: RequestContext, request: FetchSnapshotRequest
) -> FetchSnapshotResponse:
    response: FetchSnapshotResponse = await node.raft.handle(request)
    if context.api_version < _NODE_ENDPOINTS_FROM:
        response.node_endpoints = []
    return response


@handles(ApiKey.DESCRIBE_QUORUM, versions=(0, 2), listener=ListenerKind.CONTROLLER)
def describe_quorum(node: HasRaft, context: RequestContext, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    response = node.raft.describe(request)
    if context.api_version < 2:
        response.nodes = []
        for topic in response.topics:
            for partition in topic.partitions:
                for replica in (*partition.current_voters, *partition.observers):
                    replica.replica_directory_id = bytes(16)
    return response
