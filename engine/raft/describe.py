"""What DescribeQuorum says about the quorum (KIP-595, KIP-836, KIP-853; Kafka: RaftUtil.singletonDescribeQuorumResponse)."""

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeQuorumRequest, DescribeQuorumResponse
from engine.raft.leader import Leader, ReplicaProgress
from engine.raft.messages import PARTITION, TOPIC
from engine.raft.replica import RaftReplica


def describe_quorum(
    replica: RaftReplica, request: DescribeQuorumRequest, *, now_ms: float, wall_ms: int
) -> DescribeQuorumResponse:
    """The answer of this replica. `now_ms` is on the replica's time line, `wall_ms` the wall clock at the same moment.

    - another topic or partition than the metadata log's -> UNKNOWN_TOPIC_OR_PARTITION for each one asked for
    - not the leader -> NOT_LEADER_OR_FOLLOWER, with the leader as far as known
    """
    topics = request.topics
    if len(topics) != 1 or topics[0].topic_name != TOPIC or [p.partition_index for p in topics[0].partitions] != [0]:
        return DescribeQuorumResponse(
            topics=[
                DescribeQuorumResponse.TopicData(
                    topic_name=topic.topic_name,
                    partitions=[
                        _partition_error(partition.partition_index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
                        for partition in topic.partitions
                    ],
                )
                for topic in topics
            ]
        )
    state = replica.state
    if not isinstance(state, Leader):
        partition = _partition_error(PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER)
        partition.leader_id, partition.leader_epoch = replica.leader_id, replica.epoch
        return DescribeQuorumResponse(
            topics=[DescribeQuorumResponse.TopicData(topic_name=TOPIC, partitions=[partition])]
        )
    state.forget_silent_observers(now_ms)

    def wall(time_ms: float) -> int:
        return -1 if time_ms < 0 else wall_ms - int(now_ms - time_ms)

    def described(progress: ReplicaProgress) -> DescribeQuorumResponse.ReplicaState:
        is_leader = progress.key.id == state.local_id and progress is state.voters.get(state.local_id)
        return DescribeQuorumResponse.ReplicaState(
            replica_id=progress.key.id,
            replica_directory_id=progress.key.directory_id,
            # The leader is by definition at its own end, now.
            log_end_offset=replica.log.end_offset if is_leader else progress.end_offset,
            last_fetch_timestamp=wall_ms if is_leader else wall(progress.last_fetch_ms),
            last_caught_up_timestamp=wall_ms if is_leader else wall(progress.last_caught_up_ms),
        )

    partition = DescribeQuorumResponse.PartitionData(
        partition_index=PARTITION,
        leader_id=state.local_id,
        leader_epoch=state.epoch,
        high_watermark=state.high_watermark,
        current_voters=[described(progress) for progress in state.voters.values()],
        observers=[described(progress) for progress in state.observers.values()],
    )
    nodes = [
        DescribeQuorumResponse.Node(
            node_id=voter_id,
            listeners=[DescribeQuorumResponse.Listener(name=endpoint.listener, host=endpoint.host, port=endpoint.port)],
        )
        for voter_id in replica.config.voter_ids
        if (endpoint := replica.config.endpoints.get(voter_id)) is not None
    ]
    topic = DescribeQuorumResponse.TopicData(topic_name=TOPIC, partitions=[partition])
    return DescribeQuorumResponse(topics=[topic], nodes=nodes)


def _partition_error(index: int, error: ErrorCode) -> DescribeQuorumResponse.PartitionData:
    return DescribeQuorumResponse.PartitionData(
        partition_index=index, error_code=error, error_message=error.text, leader_id=-1, leader_epoch=-1
    )
