"""DescribeProducers (key 61), v0.

The idempotent and transactional producers a partition's leader knows, with their last sequence and time (KIP-664).
Kafka: KafkaApis.handleDescribeProducersRequest, ProducerStateManager.activeProducers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import DescribeProducersRequest, DescribeProducersResponse
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker


@handles(ApiKey.DESCRIBE_PRODUCERS, versions=(0, 0))
def handle(broker: Broker, context: RequestContext, request: DescribeProducersRequest) -> DescribeProducersResponse:
    response = DescribeProducersResponse()
    for topic in request.topics:
        rows = []
        for index in topic.partition_indexes:
            row = DescribeProducersResponse.PartitionResponse(partition_index=index)
            rows.append(row)
            try:
                partition = broker.replicas.leading(TopicPartition(topic.name, index))
            except KafkaError as error:
                row.error_code = int(error.code)
                row.error_message = error.message
                continue
            assert partition.log is not None
            row.active_producers = [
                DescribeProducersResponse.ProducerState(
                    producer_id=producer.producer_id,
                    producer_epoch=producer.producer_epoch,
                    last_sequence=producer.last_sequence,
                    last_timestamp=producer.last_timestamp_ms,
                    coordinator_epoch=producer.coordinator_epoch,
                    current_txn_start_offset=producer.current_transaction_first_offset,
                )
                for producer in partition.log.producers.active()
            ]
        response.topics.append(DescribeProducersResponse.TopicResponse(name=topic.name, partitions=rows))
    return response
