"""DescribeTopicPartitions (key 75), v0: Metadata in pages, with eligible leader replicas (KIP-966).

Topics in the order of their names; none named means all. At most response_partition_limit partitions, and at most
max.request.partition.size.limit; where that cuts off, next_cursor says where to go on.
- unknown names: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION; never when all topics are asked for
- a cursor for a topic that is not in the list, or with a negative partition: INVALID_REQUEST for all topics
Not implemented: none. Kafka: DescribeTopicPartitionsRequestHandler, KRaftMetadataCache.describeTopicResponse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.authorized_operations import TOPIC_OPERATIONS
from engine.handlers.registry import handles
from engine.handlers.topic_descriptions import TopicView
from engine.metadata.topic_names import is_internal, why_invalid
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker

_Topic = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic


@handles(ApiKey.DESCRIBE_TOPIC_PARTITIONS, versions=(0, 0))
def handle(
    broker: Broker, context: RequestContext, request: DescribeTopicPartitionsRequest
) -> DescribeTopicPartitionsResponse:
    image = broker.metadata.image
    all_topics = not request.topics
    start = request.cursor
    try:
        names = _names(list(image.topic_ids) if all_topics else [t.name for t in request.topics], request, all_topics)
    except KafkaError as error:
        return DescribeTopicPartitionsResponse(
            topics=[_Topic(name=topic.name, error_code=error.code) for topic in request.topics]
        )
    limit = broker.config.get_int("max.request.partition.size.limit")
    remaining = max(min(limit, request.response_partition_limit), 1)
    view = TopicView(image, context.listener)
    response = DescribeTopicPartitionsResponse()
    for name in names:
        if remaining <= 0:
            response.next_cursor = _cursor(name, 0)
            break
        topic = image.topic(name)
        if topic is None:
            if not all_topics:
                invalid = why_invalid(name) is not None
                code = ErrorCode.INVALID_TOPIC_EXCEPTION if invalid else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                response.topics.append(
                    _Topic(
                        name=name,
                        error_code=code,
                        is_internal=is_internal(name),
                        topic_authorized_operations=TOPIC_OPERATIONS,
                    )
                )
            continue
        first = start.partition_index if start is not None and start.topic_name == name else 0
        count = len(topic.partitions)
        end = min(count, first + remaining)
        described = [view.described_partition(index, topic.partitions[index]) for index in range(first, end)]
        response.topics.append(
            _Topic(
                name=name,
                topic_id=topic.id,
                is_internal=is_internal(name),
                partitions=described,
                topic_authorized_operations=TOPIC_OPERATIONS,
            )
        )
        if end < count:
            response.next_cursor = _cursor(name, end)
            break
        remaining -= len(described)
    return response


def _names(names: list[str], request: DescribeTopicPartitionsRequest, all_topics: bool) -> list[str]:
    """The names from the cursor on, sorted. INVALID_REQUEST."""
    cursor = request.cursor
    wanted = sorted({name for name in names if cursor is None or name >= cursor.topic_name})
    if cursor is not None:
        if not all_topics and cursor.topic_name not in wanted:
            raise KafkaError(
                ErrorCode.INVALID_REQUEST,
                f"DescribeTopicPartitionsRequest topic list should contain the cursor topic: {cursor.topic_name}",
            )
        if cursor.partition_index < 0:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "DescribeTopicPartitionsRequest cursor partition must be valid")
    return wanted


def _cursor(name: str, index: int) -> DescribeTopicPartitionsResponse.Cursor:
    return DescribeTopicPartitionsResponse.Cursor(topic_name=name, partition_index=index)
