"""Configs of topics, brokers and groups change (Kafka: ConfigurationControlManager, KIP-339, KIP-966)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from engine.config.validation import ConfigChange, Operation, changed, incremental_changes, legacy_changes
from engine.errors import KafkaError
from engine.metadata.decision import NO_ERROR, ApiError, Decision, check_record_count
from engine.metadata.features import elr_enabled
from engine.metadata.image import (
    CLUSTER_DEFAULT,
    RESOURCE_BROKER,
    RESOURCE_BROKER_LOGGER,
    RESOURCE_CLIENT_METRICS,
    RESOURCE_GROUP,
    RESOURCE_TOPIC,
    ConfigKey,
    MetadataImage,
)
from engine.metadata.settings import MIN_INSYNC_REPLICAS, ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    AlterConfigsRequest,
    AlterConfigsResponse,
    ClearElrRecord,
    ConfigRecord,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    PartitionChangeRecord,
)

_KNOWN_TYPES = (
    RESOURCE_TOPIC,
    RESOURCE_BROKER,
    RESOURCE_BROKER_LOGGER,
    RESOURCE_CLIENT_METRICS,
    RESOURCE_GROUP,
)
_VALUE_LENGTH_MAX = 32_767

Resource = TypeVar("Resource", bound=Any)
Changes = Mapping[str, str | None]


def topic_config_records(settings: ControllerSettings, topic: str, configs: Mapping[str, str]) -> list[Message]:
    """The configs of a topic that is being created. KafkaError INVALID_CONFIG when they will not do."""
    for name, value in configs.items():
        _check_length(name, value)
    settings.schema.validate(RESOURCE_TOPIC, topic, configs)
    return _records((RESOURCE_TOPIC, topic), configs)


def incremental_alter_configs(
    image: MetadataImage, settings: ControllerSettings, request: IncrementalAlterConfigsRequest
) -> Decision[IncrementalAlterConfigsResponse]:
    """IncrementalAlterConfigs: per resource all changes or none, and all that succeed in one batch."""

    def changes_of(resource: Any, current: Mapping[str, str]) -> Changes:
        return incremental_changes(
            resource.resource_type,
            current,
            [
                ConfigChange(config.name, _operation(config.config_operation), config.value)
                for config in resource.configs
            ],
        )

    records, results = _alter(image, settings, request.resources, changes_of)
    response = IncrementalAlterConfigsResponse(
        responses=[
            IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=error.code, error_message=error.message, resource_type=key[0], resource_name=key[1]
            )
            for key, error in results
        ]
    )
    return Decision([] if request.validate_only else records, response)


def alter_configs(
    image: MetadataImage, settings: ControllerSettings, request: AlterConfigsRequest
) -> Decision[AlterConfigsResponse]:
    """AlterConfigs, the old way: what is not named is reset (Kafka: legacyAlterConfigs)."""

    def changes_of(resource: Any, current: Mapping[str, str]) -> Changes:
        names = [config.name for config in resource.configs]
        if len(set(names)) != len(names):
            raise KafkaError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
        without_value = [config.name for config in resource.configs if config.value is None]
        if without_value:
            raise KafkaError(ErrorCode.INVALID_REQUEST, f"Null value not supported for : {', '.join(without_value)}")
        return legacy_changes(current, {config.name: config.value for config in resource.configs})

    records, results = _alter(image, settings, request.resources, changes_of)
    response = AlterConfigsResponse(
        responses=[
            AlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=error.code, error_message=error.message, resource_type=key[0], resource_name=key[1]
            )
            for key, error in results
        ]
    )
    return Decision([] if request.validate_only else records, response)


def _alter(
    image: MetadataImage,
    settings: ControllerSettings,
    resources: Sequence[Resource],
    changes_of: Callable[[Resource, Mapping[str, str]], Changes],
) -> tuple[list[Message], list[tuple[ConfigKey, ApiError]]]:
    """Records, and the error of each resource in the order asked for; a resource named twice fails once."""
    counts: dict[ConfigKey, int] = {}
    for resource in resources:
        key = (resource.resource_type, resource.resource_name)
        counts[key] = counts.get(key, 0) + 1
    records: list[Message] = []
    results: list[tuple[ConfigKey, ApiError]] = []
    for resource in resources:
        key = (resource.resource_type, resource.resource_name)
        count = counts.pop(key, 0)
        if not count:
            continue
        error = NO_ERROR
        try:
            if count > 1:
                raise KafkaError(ErrorCode.INVALID_REQUEST, "Duplicate resource.")
            records += _alter_one(image, settings, key, partial(changes_of, resource))
        except KafkaError as refusal:
            error = ApiError.of(refusal)
        results.append((key, error))
    if elr_enabled(image):
        records += _clear_elr_records(image, records)
    check_record_count(records)
    return records, results


def _alter_one(
    image: MetadataImage,
    settings: ControllerSettings,
    key: ConfigKey,
    changes_of: Callable[[Mapping[str, str]], Changes],
) -> list[Message]:
    resource_type, name = key
    if resource_type not in _KNOWN_TYPES:
        raise KafkaError(ErrorCode.UNSUPPORTED_VERSION, f"Unknown resource type {resource_type}.")
    if resource_type == RESOURCE_BROKER_LOGGER:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "The log levels of a node cannot be changed by request.")
    current = image.config(resource_type, name)
    changes = changes_of(current)
    for config, value in changes.items():
        _check_min_insync_replicas(image, key, config, value)
        if value is not None:
            _check_length(config, value)
    settings.schema.validate(resource_type, name, changed(current, changes))
    _check_existence(image, settings, key)
    if resource_type != RESOURCE_BROKER:
        # For brokers an unchanged value is written too: it makes them read passwords and key stores anew (KAFKA-14136).
        changes = {config: value for config, value in changes.items() if current.get(config) != value}
    return _records(key, changes)


def _check_existence(image: MetadataImage, settings: ControllerSettings, key: ConfigKey) -> None:
    """Only what exists has configs (Kafka: QuorumController.ConfigResourceExistenceChecker)."""
    resource_type, name = key
    if resource_type == RESOURCE_TOPIC and name not in image.topic_ids:
        raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")
    if resource_type == RESOURCE_BROKER and name != CLUSTER_DEFAULT:
        node_id = int(name)
        if node_id not in image.brokers and node_id not in settings.voter_ids and node_id != settings.node_id:
            raise KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, f"No broker with id {node_id} found.")


def _check_min_insync_replicas(image: MetadataImage, key: ConfigKey, config: str, value: str | None) -> None:
    """With eligible leader replicas every broker must go by the same min.insync.replicas (KIP-966)."""
    if config != MIN_INSYNC_REPLICAS or key[0] != RESOURCE_BROKER or not elr_enabled(image):
        return
    if key[1] != CLUSTER_DEFAULT:
        raise KafkaError(
            ErrorCode.INVALID_CONFIG, "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
        )
    if value is None:
        raise KafkaError(
            ErrorCode.INVALID_CONFIG, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
        )


def _check_length(name: str, value: str) -> None:
    if len(value) > _VALUE_LENGTH_MAX:
        raise KafkaError(
            ErrorCode.INVALID_CONFIG,
            f"The configuration value of {name} cannot be added because it exceeds the maximum value size of "
            f"{_VALUE_LENGTH_MAX} bytes.",
        )


def _clear_elr_records(image: MetadataImage, records: Iterable[Message]) -> list[Message]:
    """Who was eligible under the old min.insync.replicas need not be under the new (KIP-966).

    Where nobody is in sync nothing can have been committed since, so who was eligible still is; to forget it would leave
    the partition to an unclean election. Such partitions are given back what the ClearElrRecord takes (Kafka does not).
    """
    topics: dict[str, None] = {}
    for record in records:
        if isinstance(record, ConfigRecord) and record.name == MIN_INSYNC_REPLICAS:
            topics[record.resource_name if record.resource_type == RESOURCE_TOPIC else ""] = None
    return [
        *(ClearElrRecord(topic_name=topic) for topic in topics),
        *(
            PartitionChangeRecord(
                partition_id=index,
                topic_id=topic.id,
                eligible_leader_replicas=list(partition.elr),
                last_known_elr=list(partition.last_known_elr),
            )
            for topic in image.topics()
            if topics and (topic.name in topics or "" in topics)
            for index, partition in topic.partitions.items()
            if not partition.isr and (partition.elr or partition.last_known_elr)
        ),
    ]


def _records(key: ConfigKey, changes: Changes) -> list[Message]:
    return [
        ConfigRecord(resource_type=key[0], resource_name=key[1], name=name, value=value)
        for name, value in changes.items()
    ]


def _operation(number: int) -> Operation:
    try:
        return Operation(number)
    except ValueError:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unknown operations type {number}") from None
