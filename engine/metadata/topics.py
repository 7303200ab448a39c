"""Topics are created and get more partitions (Kafka: ReplicationControlManager, ControllerApis)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

from engine.errors import KafkaError
from engine.metadata.configs import topic_config_records
from engine.metadata.decision import (
    NO_ERROR,
    RECORDS_PER_OPERATION_MAX,
    ApiError,
    Decision,
    check_record_count,
)
from engine.metadata.image import MetadataImage, PartitionImage
from engine.metadata.placement import place_replicas
from engine.metadata.settings import ControllerSettings
from engine.metadata.snapshot import partition_record
from engine.metadata.topic_names import has_collision_characters, is_metadata_topic, unified, why_invalid
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    TopicRecord,
)

_DEFAULT = -1
"""In a request: the cluster's default (KIP-464)."""


def create_topics(
    image: MetadataImage,
    settings: ControllerSettings,
    request: CreateTopicsRequest,
    *,
    placement: random.Random,
    new_uuid: Callable[[], bytes],
) -> Decision[CreateTopicsResponse]:
    """CreateTopics: all topics that can be created, in one atomic batch; the others with their error.

    Raises KafkaError POLICY_VIOLATION for more than 10,000 partitions or records in one request.
    """
    _check_partition_total(request)
    names = [topic.name for topic in request.topics]
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    collisions = _Collisions(image)
    records: list[Message] = []
    answers: list[CreateTopicsResponse.CreatableTopicResult] = []
    for topic in request.topics:
        name = topic.name
        if name in duplicates or is_metadata_topic(name):
            continue
        error = _why_not_creatable(image, collisions, name)
        if not error.code:
            try:
                topic_records, answer = _create_topic(image, settings, topic, placement, new_uuid)
            except KafkaError as refusal:
                error = ApiError.of(refusal)
            else:
                records.extend(topic_records)
                answers.append(answer)
                continue
        answers.append(_not_created(name, error))
    for name in duplicates:
        answers.append(_not_created(name, ApiError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")))
    for name in names:
        if is_metadata_topic(name) and name not in duplicates:
            sentence = f"Creation of internal topic {name} is prohibited."
            answers.append(_not_created(name, ApiError(ErrorCode.INVALID_REQUEST, sentence)))
    check_record_count(records)
    return Decision([] if request.validate_only else records, CreateTopicsResponse(topics=answers))


def _not_created(name: str, error: ApiError) -> CreateTopicsResponse.CreatableTopicResult:
    return CreateTopicsResponse.CreatableTopicResult(
        name=name, error_code=error.code, error_message=error.message, configs=[]
    )


def _check_partition_total(request: CreateTopicsRequest) -> None:
    """Bound the work before doing any of it (Kafka: validateTotalNumberOfPartitions)."""
    total = 0
    for topic in request.topics:
        if topic.assignments:
            total += len(topic.assignments)
        elif topic.num_partitions == _DEFAULT:
            total += 1
        elif topic.num_partitions > 0:
            total += topic.num_partitions
    if total > RECORDS_PER_OPERATION_MAX:
        raise KafkaError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.")


class _Collisions:
    """Topics whose names cannot be told apart from another's in metrics; looked up lazily."""

    def __init__(self, image: MetadataImage) -> None:
        self._image = image
        self._unified: dict[str, str] | None = None

    def colliding(self, name: str) -> str | None:
        if not has_collision_characters(name):
            return None
        if self._unified is None:
            self._unified = {unified(n): n for n in self._image.topic_ids if has_collision_characters(n)}
        return self._unified.get(unified(name))


def _why_not_creatable(image: MetadataImage, collisions: _Collisions, name: str) -> ApiError:
    if name in image.topic_ids:
        return ApiError(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    invalid = why_invalid(name)
    if invalid is not None:
        return ApiError(ErrorCode.INVALID_TOPIC_EXCEPTION, invalid)
    colliding = collisions.colliding(name)
    if colliding is not None:
        return ApiError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic '{name}' collides with existing topic: {colliding}")
    return NO_ERROR


def _create_topic(
    image: MetadataImage,
    settings: ControllerSettings,
    topic: CreateTopicsRequest.CreatableTopic,
    placement: random.Random,
    new_uuid: Callable[[], bytes],
) -> tuple[list[Message], CreateTopicsResponse.CreatableTopicResult]:
    """Records and answer for one topic whose name is fine. Raises KafkaError."""
    without_value = [config.name for config in topic.configs if config.value is None]
    if without_value:
        raise KafkaError(
            ErrorCode.INVALID_CONFIG, f"Null value not supported for topic configs: {','.join(without_value)}"
        )
    configs = {config.name: config.value for config in topic.configs if config.value is not None}
    config_records = topic_config_records(settings, topic.name, configs)
    if topic.assignments:
        new_partitions = _assigned_partitions(image, topic)
    else:
        new_partitions = _placed_partitions(image, settings, topic, placement)
    topic_id = new_uuid()
    # Configs after the topic and before its partitions, so that partitions start with them (Kafka: createTopic).
    records: list[Message] = [TopicRecord(name=topic.name, topic_id=topic_id), *config_records]
    records += [partition_record(topic_id, index, partition) for index, partition in enumerate(new_partitions)]
    answer = CreateTopicsResponse.CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_message=None,
        num_partitions=len(new_partitions),
        replication_factor=len(new_partitions[0].replicas),
        configs=[
            CreateTopicsResponse.CreatableTopicConfigs(
                name=config.name,
                value=None if config.is_sensitive else config.value,
                read_only=config.is_read_only,
                config_source=config.source,
                is_sensitive=config.is_sensitive,
            )
            for config in settings.schema.effective_topic_configs(
                configs, settings.node_configs(image), settings.cluster_configs(image)
            )
        ],
    )
    return records, answer


def _assigned_partitions(image: MetadataImage, topic: CreateTopicsRequest.CreatableTopic) -> list[PartitionImage]:
    """Partitions as the request assigns them."""
    if topic.replication_factor != _DEFAULT:
        raise KafkaError(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        )
    if topic.num_partitions != _DEFAULT:
        raise KafkaError(
            ErrorCode.INVALID_REQUEST,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        )
    assigned: dict[int, PartitionImage] = {}
    replication_factor: int | None = None
    for assignment in topic.assignments:
        index = assignment.partition_index
        if index in assigned:
            raise KafkaError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"Found multiple manual partition assignments for partition {index}",
            )
        _check_assignment(image, assignment.broker_ids, replication_factor)
        replication_factor = len(assignment.broker_ids)
        assigned[index] = _manual_partition(image, index, assignment.broker_ids)
    if sorted(assigned) != list(range(len(assigned))):
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence"
        )
    return [assigned[index] for index in range(len(assigned))]


def _placed_partitions(
    image: MetadataImage,
    settings: ControllerSettings,
    topic: CreateTopicsRequest.CreatableTopic,
    placement: random.Random,
) -> list[PartitionImage]:
    """Partitions placed by us."""
    if topic.replication_factor < _DEFAULT or topic.replication_factor == 0:
        raise KafkaError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if topic.num_partitions < _DEFAULT or topic.num_partitions == 0:
        raise KafkaError(ErrorCode.INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value.")
    count = settings.num_partitions if topic.num_partitions == _DEFAULT else topic.num_partitions
    factor = topic.replication_factor
    if factor == _DEFAULT:
        factor = settings.default_replication_factor
    return _place(image, count, factor, placement)


def _place(image: MetadataImage, count: int, factor: int, placement: random.Random) -> list[PartitionImage]:
    def refused(reason: str) -> KafkaError:
        return KafkaError(
            ErrorCode.INVALID_REPLICATION_FACTOR, f"Unable to replicate the partition {factor} time(s): {reason}"
        )

    try:
        placed = place_replicas(image, count, factor, placement)
    except KafkaError as error:
        raise refused(error.message) from error
    new_partitions = []
    for replicas in placed:
        isr = [replica for replica in replicas if image.is_active_broker(replica)]
        if not isr:
            raise refused("All brokers are currently fenced or in controlled shutdown.")
        new_partitions.append(_new_partition(image, replicas, isr))
    return new_partitions


def _manual_partition(image: MetadataImage, index: int, replicas: Sequence[int]) -> PartitionImage:
    isr = [replica for replica in replicas if image.is_active_broker(replica)]
    if not isr:
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"All brokers specified in the manual partition assignment for partition {index} are fenced or in "
            "controlled shutdown.",
        )
    return _new_partition(image, replicas, isr)


def _new_partition(image: MetadataImage, replicas: Sequence[int], isr: Sequence[int]) -> PartitionImage:
    return PartitionImage(
        replicas=tuple(replicas),
        directories=tuple(image.default_directory(replica) for replica in replicas),
        isr=tuple(isr),
        leader=isr[0],
        leader_epoch=0,
        partition_epoch=0,
    )


def _check_assignment(image: MetadataImage, replicas: Sequence[int], replication_factor: int | None) -> None:
    """INVALID_REPLICA_ASSIGNMENT unless the brokers exist, differ, and are as many as in other partitions
    (Kafka: validateManualPartitionAssignment)."""
    prefix = "The manual partition assignment includes"
    reason = None
    if not replicas:
        reason = f"{prefix} an empty replica list."
    previous = None
    for broker_id in sorted(replicas):
        if reason is not None:
            break
        if broker_id not in image.brokers:
            reason = f"{prefix} broker {broker_id}, but no such broker is registered."
        elif broker_id == previous:
            reason = f"{prefix} the broker {broker_id} more than once."
        previous = broker_id
    if reason is None and replication_factor is not None and len(replicas) != replication_factor:
        reason = (
            f"{prefix} a partition with {len(replicas)} replica(s), but this is not consistent with previous "
            f"partitions, which have {replication_factor} replica(s)."
        )
    if reason is not None:
        raise KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, reason)


def create_partitions(
    image: MetadataImage,
    settings: ControllerSettings,
    request: CreatePartitionsRequest,
    *,
    placement: random.Random,
) -> Decision[CreatePartitionsResponse]:
    """CreatePartitions: more partitions for topics that exist; per topic all or nothing.

    Raises KafkaError POLICY_VIOLATION for more than 10,000 new partitions in one request.
    """
    names = [topic.name for topic in request.topics]
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    records: list[Message] = []
    results = [
        _partitions_result(name, ApiError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")) for name in duplicates
    ]
    for topic in request.topics:
        if topic.name in duplicates:
            continue
        error = NO_ERROR
        try:
            more = _more_partitions(image, topic, placement)
            if len(records) + len(more) > RECORDS_PER_OPERATION_MAX:
                raise KafkaError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.")
            records.extend(more)
        except KafkaError as refusal:
            error = ApiError.of(refusal)
        results.append(_partitions_result(topic.name, error))
    return Decision([] if request.validate_only else records, CreatePartitionsResponse(results=results))


def _partitions_result(name: str, error: ApiError) -> CreatePartitionsResponse.CreatePartitionsTopicResult:
    return CreatePartitionsResponse.CreatePartitionsTopicResult(
        name=name, error_code=error.code, error_message=error.message
    )


def _more_partitions(
    image: MetadataImage, topic: CreatePartitionsRequest.CreatePartitionsTopic, placement: random.Random
) -> list[Message]:
    existing = image.topic(topic.name)
    if existing is None:
        raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    count = len(existing.partitions)
    if topic.count == count:
        raise KafkaError(ErrorCode.INVALID_PARTITIONS, f"Topic already has {count} partition(s).")
    if topic.count < count:
        raise KafkaError(
            ErrorCode.INVALID_PARTITIONS,
            f"The topic {topic.name} currently has {count} partition(s); {topic.count} would not be an increase.",
        )
    additional = topic.count - count
    if topic.assignments is not None and len(topic.assignments) != additional:
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"Attempted to add {additional} additional partition(s), but only {len(topic.assignments)} assignment(s) "
            "were specified.",
        )
    if additional > RECORDS_PER_OPERATION_MAX:
        raise KafkaError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.")
    factor = len(next(iter(existing.partitions.values())).replicas)
    if topic.assignments is not None:
        more = []
        for index, assignment in enumerate(topic.assignments, start=count):
            _check_assignment(image, assignment.broker_ids, factor)
            more.append(_manual_partition(image, index, assignment.broker_ids))
    else:
        more = _place(image, additional, factor, placement)
    return [partition_record(existing.id, index, partition) for index, partition in enumerate(more, start=count)]
