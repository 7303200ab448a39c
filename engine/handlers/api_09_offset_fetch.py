"""OffsetFetch (key 9), v1-10.

The offsets groups have committed; offset -1 where there is none, also for groups and topics that do not exist.
- v2: topics null asks for all, top-level error   v3: throttle time   v5: leader epoch (KIP-320)   v6: flexible
- v7: require_stable, UNSTABLE_OFFSET_COMMIT (KIP-447)   v8: several groups (KIP-709)   v9: member id and epoch (KIP-848)
- v10: topics by id, UNKNOWN_TOPIC_ID
Not implemented: authorization; groups of KIP-848 (member ids and epochs are not looked at).
Kafka: KafkaApis.handleOffsetFetchRequest, OffsetMetadataManager.fetchOffsets, OffsetFetchResponse.Builder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import OffsetFetchRequest, OffsetFetchResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.metadata.image import MetadataImage
    from engine.net.context import RequestContext

_Wanted = OffsetFetchRequest.OffsetFetchRequestTopics
_Group = OffsetFetchResponse.OffsetFetchResponseGroup
_Topic = OffsetFetchResponse.OffsetFetchResponseTopics
_Partition = OffsetFetchResponse.OffsetFetchResponsePartitions
_FIRST_VERSION_WITH_ERROR = 2
_FIRST_VERSION_WITH_GROUPS = 8
_FIRST_VERSION_WITH_TOPIC_IDS = 10


@handles(ApiKey.OFFSET_FETCH, versions=(1, 10))
async def handle(broker: Broker, context: RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse:
    version = context.api_version
    if version >= _FIRST_VERSION_WITH_GROUPS:
        groups = [await _fetch(broker, version, group, request.require_stable) for group in request.groups]
        return OffsetFetchResponse(groups=groups)
    wanted = None
    if request.topics is not None:
        wanted = [_Wanted(name=each.name, partition_indexes=each.partition_indexes) for each in request.topics]
    group = OffsetFetchRequest.OffsetFetchRequestGroup(group_id=request.group_id, topics=wanted)
    return _old_response(version, request, await _fetch(broker, version, group, request.require_stable))


async def _fetch(
    broker: Broker, version: int, group: OffsetFetchRequest.OffsetFetchRequestGroup, require_stable: bool
) -> _Group:
    by_id = version >= _FIRST_VERSION_WITH_TOPIC_IDS
    image = broker.metadata.image
    unknown: list[_Topic] = []
    wanted = group.topics
    if wanted is not None and by_id:
        wanted = []
        for topic in group.topics or ():
            found = image.topic_by_id(topic.topic_id)
            if found is None:
                unknown.append(_unknown_topic(topic))
            else:
                wanted.append(_Wanted(name=found.name, topic_id=found.id, partition_indexes=topic.partition_indexes))
    try:
        topics = await broker.groups.fetch(group.group_id, wanted, require_stable=require_stable)
    except KafkaError as error:
        return _Group(group_id=group.group_id, error_code=error.code)
    if by_id:
        topics = _with_ids(topics, image)
    return _Group(group_id=group.group_id, topics=topics + unknown)


def _with_ids(topics: list[_Topic], image: MetadataImage) -> list[_Topic]:
    """Topics by id; those that exist no more have none and are left out (Kafka: fetchAllOffsetsForGroup)."""
    result = []
    for topic in topics:
        found = image.topic(topic.name)
        if found is not None:
            result.append(_Topic(topic_id=found.id, partitions=topic.partitions))
    return result


def _unknown_topic(topic: _Wanted) -> _Topic:
    return _Topic(
        topic_id=topic.topic_id,
        partitions=[
            _Partition(partition_index=index, committed_offset=-1, metadata="", error_code=ErrorCode.UNKNOWN_TOPIC_ID)
            for index in topic.partition_indexes
        ],
    )


def _old_response(version: int, request: OffsetFetchRequest, group: _Group) -> OffsetFetchResponse:
    """One group's answer in the form of versions 1 to 7; version 1 has no field for the error but the partitions'."""
    code = group.error_code
    if code and version < _FIRST_VERSION_WITH_ERROR:
        rows = [
            OffsetFetchResponse.OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponse.OffsetFetchResponsePartition(
                        partition_index=index, committed_offset=-1, metadata="", error_code=code
                    )
                    for index in topic.partition_indexes
                ],
            )
            for topic in request.topics or ()
        ]
        return OffsetFetchResponse(topics=rows)
    return OffsetFetchResponse(
        error_code=code,
        topics=[
            OffsetFetchResponse.OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponse.OffsetFetchResponsePartition(
                        partition_index=each.partition_index,
                        committed_offset=each.committed_offset,
                        committed_leader_epoch=each.committed_leader_epoch,
                        metadata=each.metadata,
                        error_code=each.error_code,
                    )
                    for each in topic.partitions
                ],
            )
            for topic in group.topics
        ],
    )
