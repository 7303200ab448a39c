"""OffsetCommit (key 8), v2-10.

Stores the offsets a group has reached, in `__consumer_offsets`; answered when they are replicated.
- Members commit with member id and generation; with generation -1 anybody may commit while the group has no members
  (consumers that assign partitions themselves, admin clients), which creates the group.
- Topics and partitions that do not exist are refused one by one, the rest is committed.
- v2-4: retention of its own   v5: retention gone (KIP-211)   v6: leader epoch (KIP-320)   v7: group instance id (KIP-345)
- v8: flexible   v9: GROUP_ID_NOT_FOUND and the errors of KIP-848   v10: topics by id, UNKNOWN_TOPIC_ID
Not implemented: authorization; groups of KIP-848 (member epochs).
Kafka: KafkaApis.handleOffsetCommitRequest, OffsetMetadataManager.commitOffset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import OffsetCommitRequest, OffsetCommitResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_Topic = OffsetCommitResponse.OffsetCommitResponseTopic
_Partition = OffsetCommitResponse.OffsetCommitResponsePartition
_FIRST_VERSION_WITH_TOPIC_IDS = 10


@handles(ApiKey.OFFSET_COMMIT, versions=(2, 10))
def handle(broker: Broker, context: RequestContext, request: OffsetCommitRequest) -> OffsetCommitResponse | Pending:
    by_id = context.api_version >= _FIRST_VERSION_WITH_TOPIC_IDS
    image = broker.metadata.image
    known: list[OffsetCommitRequest.OffsetCommitRequestTopic] = []
    refused: list[_Topic] = []
    for topic in request.topics:
        found = image.topic_by_id(topic.topic_id) if by_id else image.topic(topic.name)
        if found is None:
            code = ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            refused.append(_refusal(topic, topic.partitions, code))
            continue
        topic.name, topic.topic_id = found.name, found.id
        missing = [each for each in topic.partitions if each.partition_index not in found.partitions]
        if missing:
            refused.append(_refusal(topic, missing, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
            topic.partitions = [each for each in topic.partitions if each.partition_index in found.partitions]
        if topic.partitions:
            known.append(topic)
    request.topics = known
    if not known:
        return OffsetCommitResponse(topics=refused)

    pending = Pending()

    def reply(response: OffsetCommitResponse) -> None:
        if refused:
            _merge(response, refused)
        pending.complete(response)

    broker.groups.commit(context.api_version, request, reply)
    return pending


def _refusal(
    topic: OffsetCommitRequest.OffsetCommitRequestTopic,
    partitions: list[OffsetCommitRequest.OffsetCommitRequestPartition],
    code: ErrorCode,
) -> _Topic:
    rows = [_Partition(partition_index=each.partition_index, error_code=code) for each in partitions]
    return _Topic(name=topic.name, topic_id=topic.topic_id, partitions=rows)


def _merge(response: OffsetCommitResponse, refused: list[_Topic]) -> None:
    """A topic of which only some partitions were refused appears once (Kafka: OffsetCommitResponse.Builder.merge)."""
    by_topic = {(topic.name, topic.topic_id): topic for topic in refused}
    merged = list(refused)
    for topic in response.topics:
        existing = by_topic.get((topic.name, topic.topic_id))
        if existing is None:
            merged.append(topic)
        else:
            existing.partitions += topic.partitions
    response.topics = merged
