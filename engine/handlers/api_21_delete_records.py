"""DeleteRecords (key 21), v0-2.

Moves the log start offset of partitions this broker leads; -1 means up to the high watermark. Answers with the low
watermark once every live replica has moved its own start, or with REQUEST_TIMED_OUT (the move itself stands).
- An offset above the high watermark or below 0 (but -1): OFFSET_OUT_OF_RANGE.
- A topic whose cleanup.policy has no "delete", and internal topics: POLICY_VIOLATION, INVALID_TOPIC_EXCEPTION.
Kafka: KafkaApis.handleDeleteRecordsRequest, ReplicaManager.deleteRecordsOnLocalLog, Partition.lowWatermarkIfLeader.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.log import LogStartOffsetReason
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteRecordsRequest, DeleteRecordsResponse
from engine.types import INTERNAL_TOPICS, TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.partition import Partition

UP_TO_HIGH_WATERMARK = -1
_POLL_MS = 5
_Row = DeleteRecordsResponse.DeleteRecordsPartitionResult


@handles(ApiKey.DELETE_RECORDS, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse:
    response = DeleteRecordsResponse()
    waits: list[tuple[Partition, int, Any]] = []
    for topic in request.topics:
        rows = []
        for asked in topic.partitions:
            row = _Row(partition_index=asked.partition_index, low_watermark=-1)
            rows.append(row)
            try:
                partition, offset = _delete(broker, TopicPartition(topic.name, asked.partition_index), asked.offset)
                waits.append((partition, offset, row))
            except KafkaError as error:
                row.error_code = int(error.code)
        response.topics.append(DeleteRecordsResponse.DeleteRecordsTopicResult(name=topic.name, partitions=rows))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.timeout_ms / 1000
    while waits:
        left = []
        for partition, offset, row in waits:
            low = _low_watermark(broker, partition)
            if low is None:
                row.error_code = int(ErrorCode.NOT_LEADER_OR_FOLLOWER)
            elif low >= offset:
                row.low_watermark = low
            else:
                left.append((partition, offset, row))
        waits = left
        if waits and loop.time() >= deadline:
            for _, _, row in waits:
                row.error_code = int(ErrorCode.REQUEST_TIMED_OUT)
            break
        if waits:
            await asyncio.sleep(_POLL_MS / 1000)
    return response


def _delete(broker: Broker, topic_partition: TopicPartition, offset: int) -> tuple[Partition, int]:
    if topic_partition.topic in INTERNAL_TOPICS:
        raise KafkaError(
            ErrorCode.INVALID_TOPIC_EXCEPTION, f"Cannot delete records of internal topic {topic_partition.topic}"
        )
    partition = broker.replicas.leading(topic_partition)
    log, leader = partition.log, partition.leader
    assert log is not None
    assert leader is not None
    if not log.config.delete:
        raise KafkaError(ErrorCode.POLICY_VIOLATION, f"{topic_partition}: cleanup.policy has no delete")
    if offset == UP_TO_HIGH_WATERMARK:
        offset = leader.high_watermark
    if offset < 0 or offset > leader.high_watermark:
        raise KafkaError(
            ErrorCode.OFFSET_OUT_OF_RANGE,
            f"Cannot delete records of {topic_partition} up to {offset}: the high watermark is {leader.high_watermark}",
        )
    log.increment_log_start_offset(offset, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    partition.wake_everyone()
    return partition, offset


def _low_watermark(broker: Broker, partition: Partition) -> int | None:
    """The smallest log start offset among live replicas; None when we lead it no longer."""
    leader, log = partition.leader, partition.log
    if leader is None or log is None:
        return None
    low = log.log_start_offset
    for remote in leader.remotes.values():
        registration = broker.metadata.image.brokers.get(remote.broker_id)
        if registration is not None and not registration.fenced:
            low = min(low, remote.log_start_offset)
    return low
