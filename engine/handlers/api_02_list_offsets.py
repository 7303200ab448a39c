"""ListOffsets (key 2), v1-11.

The offset of a point in time of a partition this broker leads: a timestamp (the first record at or after it), or
-1 latest (the high watermark; read_committed: the last stable offset; a follower asks for the log end), -2 earliest,
-3 the record with the greatest timestamp (v7, KIP-734), -4 earliest local (v8, KIP-405: same as earliest here, nothing
is tiered), -5 latest tiered (v9, KIP-1005: none, -1), -6 earliest pending upload (v11: none).
- v4: current leader epoch, fenced (KIP-320)   v10: timeout for remote reads (nothing here reads remotely)
- While a new leader does not know yet whether its high watermark is the cluster's (it has not reached the start of its
  epoch), consumers asking for "latest" get OFFSET_NOT_AVAILABLE (v5+) or LEADER_NOT_AVAILABLE (KIP-207).
Kafka: KafkaApis.handleListOffsetRequest, Partition.fetchOffsetForTimestamp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ListOffsetsRequest, ListOffsetsResponse
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.partition import Partition

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = -1, -2, -3, -4, -5, -6
# The version in which each special timestamp became known; asking earlier is UNSUPPORTED_VERSION.
_SINCE_VERSION = {MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
DEBUGGING_REPLICA = -2
"""Replica id of tools that may read from anyone (Kafka: ListOffsetsRequest.DEBUGGING_REPLICA_ID)."""

_Row = ListOffsetsResponse.ListOffsetsPartitionResponse


@handles(ApiKey.LIST_OFFSETS, versions=(1, 11))
def handle(broker: Broker, context: RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse:
    seen: dict[tuple[str, int], int] = {}
    for topic in request.topics:
        for each in topic.partitions:
            seen[topic.name, each.partition_index] = seen.get((topic.name, each.partition_index), 0) + 1
    response = ListOffsetsResponse()
    for topic in request.topics:
        rows = []
        for each in topic.partitions:
            if seen[topic.name, each.partition_index] > 1:
                rows.append(_Row(partition_index=each.partition_index, error_code=int(ErrorCode.INVALID_REQUEST)))
                continue
            rows.append(_one(broker, context.api_version, request, topic.name, each))
        response.topics.append(ListOffsetsResponse.ListOffsetsTopicResponse(name=topic.name, partitions=rows))
    return response


def _one(broker: Broker, version: int, request: ListOffsetsRequest, topic: str, asked: Any) -> Any:
    index, timestamp = asked.partition_index, asked.timestamp
    row = _Row(partition_index=index, timestamp=-1, offset=-1, leader_epoch=-1)
    try:
        if timestamp < EARLIEST_PENDING_UPLOAD or version < _SINCE_VERSION.get(timestamp, 0):
            raise KafkaError(ErrorCode.UNSUPPORTED_VERSION)
        partition = broker.replicas.leading(TopicPartition(topic, index), asked.current_leader_epoch)
        row.offset, row.timestamp, epoch = _find(partition, request, version, timestamp)
        if version >= 4:
            row.leader_epoch = epoch
    except KafkaError as error:
        row.error_code = int(error.code)
    return row


def _find(partition: Partition, request: ListOffsetsRequest, version: int, timestamp: int) -> tuple[int, int, int]:
    """(offset, timestamp, leader epoch), each -1 where there is none."""
    log, leader = partition.log, partition.leader
    assert log is not None
    assert leader is not None
    is_consumer = request.replica_id < 0 and request.replica_id != DEBUGGING_REPLICA
    if not is_consumer:
        end = log.log_end_offset
    elif request.isolation_level == 1:
        end = log.last_stable_offset
    else:
        end = log.high_watermark
    if is_consumer and timestamp != EARLIEST and leader.high_watermark < leader.epoch_start_offset:
        knows_end = timestamp >= 0 and (found := log.offset_for_timestamp(timestamp)) is not None and found.offset < end
        if (not knows_end and timestamp in (LATEST, MAX_TIMESTAMP)) or (timestamp >= 0 and not knows_end):
            raise KafkaError(ErrorCode.OFFSET_NOT_AVAILABLE if version >= 5 else ErrorCode.LEADER_NOT_AVAILABLE)
    if timestamp == LATEST:
        return end, -1, partition.leader_epoch
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return log.log_start_offset, -1, log.epoch_for_offset(log.log_start_offset)
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return -1, -1, -1
    found = log.max_timestamp_and_offset() if timestamp == MAX_TIMESTAMP else log.offset_for_timestamp(timestamp)
    if found is None or found.offset >= end:
        return -1, -1, -1
    return found.offset, found.timestamp_ms, found.leader_epoch
