"""OffsetDelete (key 47), v0.

Forgets offsets of a group (KIP-496). Of a consumer group with members only those of topics it does not subscribe to:
GROUP_SUBSCRIBED_TO_TOPIC; other groups must have no members: NON_EMPTY_GROUP. A partition without an offset is no error,
one that does not exist is UNKNOWN_TOPIC_OR_PARTITION.
Not implemented: authorization.
Kafka: KafkaApis.handleOffsetDeleteRequest, OffsetMetadataManager.deleteOffsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import OffsetDeleteRequest, OffsetDeleteResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_Topic = OffsetDeleteResponse.OffsetDeleteResponseTopic
_Partition = OffsetDeleteResponse.OffsetDeleteResponsePartition


@handles(ApiKey.OFFSET_DELETE, versions=(0, 0))
def handle(broker: Broker, context: RequestContext, request: OffsetDeleteRequest) -> Pending:
    image = broker.metadata.image
    refused: dict[str, _Topic] = {}
    known = []
    for topic in request.topics:
        existing: list[OffsetDeleteRequest.OffsetDeleteRequestPartition] = []
        missing: list[OffsetDeleteRequest.OffsetDeleteRequestPartition] = []
        for partition in topic.partitions:
            is_there = image.partition(topic.name, partition.partition_index) is not None
            (existing if is_there else missing).append(partition)
        if missing:
            code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            rows = [_Partition(partition_index=each.partition_index, error_code=code) for each in missing]
            refused[topic.name] = _Topic(name=topic.name, partitions=rows)
        if existing:
            topic.partitions = existing
            known.append(topic)
    request.topics = known
    pending = Pending()

    def reply(response: OffsetDeleteResponse) -> None:
        if not response.error_code:
            for topic in response.topics:
                if topic.name in refused:
                    refused[topic.name].partitions += topic.partitions
                else:
                    refused[topic.name] = topic
            response.topics = list(refused.values())
        pending.complete(response)

    broker.groups.delete_offsets(request, reply)
    return pending
