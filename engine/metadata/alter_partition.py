"""AlterPartition: a leader asks to change its ISR (KIP-497, KIP-841, KIP-903; Kafka: alterPartition)."""

from __future__ import annotations

from engine.metadata.apply import merge_partition
from engine.metadata.brokers import check_broker_epoch
from engine.metadata.decision import Decision
from engine.metadata.elections import ChangeFactory
from engine.metadata.image import NO_LEADER_CHANGE, RECOVERED, RECOVERING, MetadataImage, PartitionImage, TopicImage
from engine.metadata.settings import ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import AlterPartitionRequest, AlterPartitionResponse, PartitionChangeRecord
from engine.runtime import safeguards

_UNCHECKED_EPOCH = -1
"""A broker epoch that is not to be verified (Kafka: AlterPartitionRequest.newIsrToSimpleNewIsrWithBrokerEpochs)."""


def alter_partition(
    image: MetadataImage, settings: ControllerSettings, request: AlterPartitionRequest, api_version: int
) -> Decision[AlterPartitionResponse]:
    """Check each partition's new ISR and answer with the state that results.

    Raises KafkaError STALE_BROKER_EPOCH when the request is from an earlier life of the broker.
    """
    check_broker_epoch(image, request.broker_id, request.broker_epoch)
    factory = ChangeFactory(image, settings)
    records: list[Message] = []
    response = AlterPartitionResponse()
    for wanted_topic in request.topics:
        topic = image.topics_by_id.get(wanted_topic.topic_id)
        answers = AlterPartitionResponse.TopicData(topic_id=wanted_topic.topic_id)
        response.topics.append(answers)
        seen: dict[int, PartitionImage] = {}
        for wanted in wanted_topic.partitions:
            if topic is None:
                answers.partitions.append(_failed(wanted.partition_index, ErrorCode.UNKNOWN_TOPIC_ID))
                continue
            now = seen.get(wanted.partition_index) or topic.partitions.get(wanted.partition_index)
            answer, record = _alter(factory, topic, now, request.broker_id, wanted, api_version)
            answers.partitions.append(answer)
            if record is not None and now is not None:
                records.append(record)
                seen[wanted.partition_index] = merge_partition(now, record)
    return Decision(records, response)


def _failed(index: int, code: ErrorCode) -> AlterPartitionResponse.PartitionData:
    return AlterPartitionResponse.PartitionData(partition_index=index, error_code=code)


def _alter(
    factory: ChangeFactory,
    topic: TopicImage,
    partition: PartitionImage | None,
    broker_id: int,
    wanted: AlterPartitionRequest.PartitionData,
    api_version: int,
) -> tuple[AlterPartitionResponse.PartitionData, PartitionChangeRecord | None]:
    """The answer for one partition, and the record when it changes."""
    index = wanted.partition_index
    if partition is None:
        return _failed(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), None
    if api_version >= 3:
        new_isr = [(state.broker_id, state.broker_epoch) for state in wanted.new_isr_with_epochs]
    else:
        new_isr = [(replica, _UNCHECKED_EPOCH) for replica in wanted.new_isr]
    code = _why_refused(factory.image, partition, broker_id, wanted, new_isr)
    if code:
        return _failed(index, code), None
    change = factory.change((topic, index, partition))
    change.target_isr = tuple(replica for replica, _ in new_isr)
    change.target_leader_recovery_state = wanted.leader_recovery_state
    record = change.build()
    if record is not None:
        partition = merge_partition(partition, record)
        if record.leader not in (broker_id, NO_LEADER_CHANGE):
            # The new ISR completed a reassignment that takes the leader away: both an error and a change.
            return _failed(index, ErrorCode.NEW_LEADER_ELECTED), record
    answer = AlterPartitionResponse.PartitionData(
        partition_index=index,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        isr=list(partition.isr),
        leader_recovery_state=partition.leader_recovery_state,
        partition_epoch=partition.partition_epoch,
    )
    return answer, record


def _why_refused(
    image: MetadataImage,
    partition: PartitionImage,
    broker_id: int,
    wanted: AlterPartitionRequest.PartitionData,
    new_isr: list[tuple[int, int]],
) -> ErrorCode:
    """NONE when the request may stand (Kafka: validateAlterPartitionData; the order of the checks matters)."""
    if wanted.leader_epoch > partition.leader_epoch or wanted.partition_epoch > partition.partition_epoch:
        # The leader knows more than we do: we are probably no longer the active controller.
        return ErrorCode.NOT_CONTROLLER
    if wanted.leader_epoch < partition.leader_epoch:
        return ErrorCode.FENCED_LEADER_EPOCH
    if broker_id != partition.leader:
        return ErrorCode.INVALID_REQUEST
    if wanted.partition_epoch < partition.partition_epoch:
        return ErrorCode.INVALID_UPDATE_VERSION
    ids = [replica for replica, _ in new_isr]
    if len(set(ids)) != len(ids) or not set(ids) <= set(partition.replicas) or partition.leader not in ids:
        return ErrorCode.INVALID_REQUEST
    if wanted.leader_recovery_state not in (RECOVERED, RECOVERING):
        return ErrorCode.INVALID_REQUEST
    if wanted.leader_recovery_state == RECOVERING and (len(ids) > 1 or partition.leader_recovery_state == RECOVERED):
        return ErrorCode.INVALID_REQUEST
    for replica, epoch in new_isr:
        broker = image.brokers.get(replica)
        is_current = (
            broker is not None
            and broker.is_active
            and (epoch in (_UNCHECKED_EPOCH, broker.epoch) or not safeguards.isr_needs_current_broker_epoch)
        )
        if not is_current:
            # Not registered, fenced, shutting down, or a later life than the one the leader knows (KIP-841, KIP-903).
            return ErrorCode.INELIGIBLE_REPLICA
    return ErrorCode.NONE
