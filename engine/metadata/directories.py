"""AssignReplicasToDirs: a broker says in which of its log directories its replicas live (KIP-858).

Kafka: ReplicationControlManager.handleAssignReplicasToDirs.
"""

from __future__ import annotations

from engine.errors import KafkaError
from engine.metadata.apply import merge_partition
from engine.metadata.brokers import check_broker_epoch
from engine.metadata.decision import Decision, Draft
from engine.metadata.elections import ChangeFactory, PartitionPlace, leader_and_isr_updates
from engine.metadata.image import MetadataImage, PartitionImage, TopicImage
from engine.metadata.settings import ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
)

ASSIGNMENTS_PER_REQUEST_MAX = 2_250
"""Partitions in one request (Kafka: AssignReplicasToDirsRequest.MAX_ASSIGNMENTS_PER_REQUEST)."""


def assign_replicas_to_dirs(
    image: MetadataImage, settings: ControllerSettings, request: AssignReplicasToDirsRequest
) -> Decision[AssignReplicasToDirsResponse]:
    """Write the directories down; a replica that went into one that is offline leaves its ISR.

    Raises KafkaError STALE_BROKER_EPOCH, and INVALID_REQUEST for more than `ASSIGNMENTS_PER_REQUEST_MAX` partitions.
    """
    check_broker_epoch(image, request.broker_id, request.broker_epoch)
    count = sum(len(topic.partitions) for directory in request.directories for topic in directory.topics)
    if count > ASSIGNMENTS_PER_REQUEST_MAX:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"{count} assignments; at most {ASSIGNMENTS_PER_REQUEST_MAX}")
    broker = image.brokers[request.broker_id]
    factory = ChangeFactory(image, settings)
    draft = Draft(image)
    response = AssignReplicasToDirsResponse()
    changed: dict[tuple[bytes, int], PartitionImage] = {}
    offline: dict[tuple[bytes, int], None] = {}
    for wanted_directory in request.directories:
        directory = wanted_directory.id
        is_offline = not broker.has_online_directory(directory)
        answers = AssignReplicasToDirsResponse.DirectoryData(id=directory)
        response.directories.append(answers)
        for wanted in wanted_directory.topics:
            topic = image.topics_by_id.get(wanted.topic_id)
            rows = AssignReplicasToDirsResponse.TopicData(topic_id=wanted.topic_id)
            answers.topics.append(rows)
            for row in wanted.partitions:
                key = (wanted.topic_id, row.partition_index)
                now = changed.get(key) or (None if topic is None else topic.partitions.get(row.partition_index))
                code = _why_refused(topic, now, request.broker_id)
                rows.partitions.append(
                    AssignReplicasToDirsResponse.PartitionData(partition_index=row.partition_index, error_code=code)
                )
                if code or topic is None or now is None:
                    continue
                change = factory.change((topic, row.partition_index, now))
                change.set_directory(request.broker_id, directory)
                record = change.build()
                if record is not None:
                    draft.add([record])
                    changed[key] = merge_partition(now, record)
                if is_offline:
                    offline[key] = None
    if offline:
        draft.add(leader_and_isr_updates(draft.image, settings, _places(draft.image, offline), removed=broker.id))
    return Decision(draft.records, response)


def _why_refused(topic: TopicImage | None, partition: PartitionImage | None, broker_id: int) -> ErrorCode:
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_ID
    if partition is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE if broker_id in partition.replicas else ErrorCode.NOT_LEADER_OR_FOLLOWER


def _places(image: MetadataImage, keys: dict[tuple[bytes, int], None]) -> list[PartitionPlace]:
    topics = image.topics_by_id
    return [(topics[topic_id], index, topics[topic_id].partitions[index]) for topic_id, index in keys]
