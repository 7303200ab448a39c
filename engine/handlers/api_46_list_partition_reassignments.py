"""ListPartitionReassignments (key 46), v0.

Partitions that are being moved: those with replicas being added or removed, of the topics asked for or (null) of all.
Answered from this broker's image; Kafka forwards it, with the same outcome a moment earlier.
Nothing starts a reassignment yet (AlterPartitionReassignments, key 45, is not implemented), so that the list is empty
unless the metadata was written by Apache Kafka. Kafka: ReplicationControlManager.listPartitionReassignments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.metadata.image import TopicImage
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker


@handles(ApiKey.LIST_PARTITION_REASSIGNMENTS, versions=(0, 0))
def handle(
    broker: Broker, context: RequestContext, request: ListPartitionReassignmentsRequest
) -> ListPartitionReassignmentsResponse:
    image = broker.metadata.image
    response = ListPartitionReassignmentsResponse(error_message=None)
    if request.topics is None:
        for topic in image.topics_by_id.values():
            _add(response, topic, topic.partitions)
    else:
        for wanted in request.topics:
            found = image.topic(wanted.name)
            if found is not None:
                _add(response, found, wanted.partition_indexes)
    return response


def _add(response: ListPartitionReassignmentsResponse, topic: TopicImage, indexes: Iterable[int]) -> None:
    ongoing = []
    for index in indexes:
        partition = topic.partitions.get(index)
        if partition is not None and partition.is_reassigning:
            ongoing.append(
                ListPartitionReassignmentsResponse.OngoingPartitionReassignment(
                    partition_index=index,
                    replicas=list(partition.replicas),
                    adding_replicas=list(partition.adding_replicas),
                    removing_replicas=list(partition.removing_replicas),
                )
            )
    if ongoing:
        response.topics.append(
            ListPartitionReassignmentsResponse.OngoingTopicReassignment(name=topic.name, partitions=ongoing)
        )
