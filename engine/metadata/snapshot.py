"""From an image back to records: what a snapshot of `__cluster_metadata` holds (Kafka: MetadataImage.write)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.metadata.image import (
    BrokerRegistration,
    ControllerRegistrationImage,
    MetadataImage,
    PartitionImage,
)
from engine.protocol.message import Message
from engine.protocol.messages import (
    ConfigRecord,
    FeatureLevelRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    RegisterControllerRecord,
    TopicRecord,
)

METADATA_VERSION = "metadata.version"


def image_records(image: MetadataImage) -> Iterator[Message]:
    """The records that lead from the empty image to `image`.

    Features come first, `metadata.version` before the others, because it says how to read what follows; the order of
    the rest is Kafka's. Applying them gives an image equal to `image` but for offset, epoch and cluster id.
    """
    if METADATA_VERSION in image.features:
        yield FeatureLevelRecord(name=METADATA_VERSION, feature_level=image.features[METADATA_VERSION])
    for name, level in image.features.items():
        if name != METADATA_VERSION:
            yield FeatureLevelRecord(name=name, feature_level=level)
    for broker in image.brokers.values():
        yield broker_record(broker)
    for controller in image.controllers.values():
        yield _controller_record(controller)
    for topic in image.topics_by_id.values():
        yield TopicRecord(name=topic.name, topic_id=topic.id)
        for index, partition in topic.partitions.items():
            yield partition_record(topic.id, index, partition)
    for (resource_type, resource_name), values in image.configs.items():
        for name, value in values.items():
            yield ConfigRecord(resource_type=resource_type, resource_name=resource_name, name=name, value=value)
    yield from image.client_quotas.values()
    ids = image.producer_ids
    if ids.next_producer_id > 0:
        yield ProducerIdsRecord(
            broker_id=ids.broker_id, broker_epoch=ids.broker_epoch, next_producer_id=ids.next_producer_id
        )
    yield from image.acls.values()
    yield from image.scram_credentials.values()
    yield from image.delegation_tokens.values()


def partition_record(topic_id: bytes, index: int, partition: PartitionImage) -> PartitionRecord:
    """The whole state of one partition as a record (Kafka: PartitionRegistration.toRecord)."""
    return PartitionRecord(
        partition_id=index,
        topic_id=topic_id,
        replicas=list(partition.replicas),
        isr=list(partition.isr),
        removing_replicas=list(partition.removing_replicas),
        adding_replicas=list(partition.adding_replicas),
        leader=partition.leader,
        leader_recovery_state=partition.leader_recovery_state,
        leader_epoch=partition.leader_epoch,
        partition_epoch=partition.partition_epoch,
        directories=list(partition.directories),
        # Tagged fields: left out when empty, to save space.
        eligible_leader_replicas=list(partition.elr) or None,
        last_known_elr=list(partition.last_known_elr) or None,
    )


def broker_record(broker: BrokerRegistration) -> RegisterBrokerRecord:
    """The whole registration as a record (Kafka: BrokerRegistration.toRecord)."""
    cordoned = broker.cordoned_log_dirs
    return RegisterBrokerRecord(
        broker_id=broker.id,
        incarnation_id=broker.incarnation_id,
        broker_epoch=broker.epoch,
        end_points=[
            RegisterBrokerRecord.BrokerEndpoint(
                name=endpoint.listener, host=endpoint.host, port=endpoint.port, security_protocol=protocol
            )
            for endpoint, protocol in zip(broker.endpoints, broker.security_protocols, strict=True)
        ],
        features=[
            RegisterBrokerRecord.BrokerFeature(name=name, min_supported_version=lowest, max_supported_version=highest)
            for name, lowest, highest in broker.features
        ],
        rack=broker.rack,
        fenced=broker.fenced,
        in_controlled_shutdown=broker.in_controlled_shutdown,
        log_dirs=list(broker.log_dirs),
        cordoned_log_dirs=None if cordoned is None else list(cordoned),
    )


def _controller_record(controller: ControllerRegistrationImage) -> RegisterControllerRecord:
    return RegisterControllerRecord(
        controller_id=controller.id,
        incarnation_id=controller.incarnation_id,
        zk_migration_ready=controller.zk_migration_ready,
        end_points=[
            RegisterControllerRecord.ControllerEndpoint(
                name=endpoint.listener, host=endpoint.host, port=endpoint.port, security_protocol=protocol
            )
            for endpoint, protocol in zip(controller.endpoints, controller.security_protocols, strict=True)
        ],
        features=[
            RegisterControllerRecord.ControllerFeature(
                name=name, min_supported_version=lowest, max_supported_version=highest
            )
            for name, lowest, highest in controller.features
        ],
    )
