"""OffsetForLeaderEpoch (key 23), v2-4.

Where a leader epoch ends, so that followers and consumers can find the point of divergence (KIP-101, KIP-279, KIP-320).
- the current epoch: the log end offset for followers, the high watermark for consumers' own validation is not applied:
  as in Kafka the log end offset is answered (UnifiedLog.endOffsetForEpoch);
- an epoch we never had: the largest one below it, with its end; nothing below it: (-1, -1).
- v3: replica id (-1 for consumers)   v4: flexible
Kafka: KafkaApis.handleOffsetForLeaderEpochRequest, Partition.lastOffsetForLeaderEpoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker

_Row = OffsetForLeaderEpochResponse.EpochEndOffset


@handles(ApiKey.OFFSET_FOR_LEADER_EPOCH, versions=(2, 4))
def handle(
    broker: Broker, context: RequestContext, request: OffsetForLeaderEpochRequest
) -> OffsetForLeaderEpochResponse:
    response = OffsetForLeaderEpochResponse()
    for topic in request.topics:
        rows = []
        for asked in topic.partitions:
            row = _Row(partition=asked.partition, leader_epoch=-1, end_offset=-1)
            rows.append(row)
            try:
                partition = broker.replicas.leading(
                    TopicPartition(topic.topic, asked.partition), asked.current_leader_epoch
                )
                assert partition.log is not None
                row.leader_epoch, row.end_offset = partition.log.end_offset_for_epoch(asked.leader_epoch)
            except KafkaError as error:
                row.error_code = int(error.code)
        response.topics.append(
            OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult(topic=topic.topic, partitions=rows)
        )
    return response
