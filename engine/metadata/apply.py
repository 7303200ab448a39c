"""From one image to the next: what each metadata record means.

One function per record type, in one table; a record type that is not in it is an error, because a record that is not
understood must stop the node rather than be skipped. (Kafka: MetadataDelta.replay and the replay methods of its parts.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.errors import InvariantViolation
from engine.metadata.delta import MetadataDelta, TopicDelta
from engine.metadata.image import (
    DIRECTORY_MIGRATING,
    NO_LEADER_CHANGE,
    RESOURCE_TOPIC,
    BrokerRegistration,
    ConfigKey,
    ControllerRegistrationImage,
    MetadataImage,
    PartitionImage,
    ProducerIds,
    QuotaKey,
    TopicImage,
)
from engine.metadata.overlay import with_changes, without
from engine.protocol.messages import (
    AccessControlEntryRecord,
    BrokerRegistrationChangeRecord,
    ClearElrRecord,
    ClientQuotaRecord,
    ConfigRecord,
    DelegationTokenRecord,
    FeatureLevelRecord,
    FenceBrokerRecord,
    NoOpRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    RegisterControllerRecord,
    RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord,
    RemoveTopicRecord,
    RemoveUserScramCredentialRecord,
    TopicRecord,
    UnfenceBrokerRecord,
    UnregisterBrokerRecord,
    UserScramCredentialRecord,
    ZkMigrationStateRecord,
)
from engine.types import Endpoint


def apply_records(
    image: MetadataImage, records: Sequence[Any], offset: int, epoch: int
) -> tuple[MetadataImage, MetadataDelta]:
    """The image after `records`, the last of which has `offset` and the others the offsets before it.

    Raises InvariantViolation for a record that contradicts the image (Kafka: a fault of the metadata loader).
    """
    builder = ImageBuilder(image)
    first_offset = offset - len(records) + 1
    for index, record in enumerate(records):
        builder.apply(record, first_offset + index)
    return builder.finish(offset, epoch)


def merge_partition(before: PartitionImage, record: PartitionChangeRecord) -> PartitionImage:
    """`before` with the change applied: absent fields stay, a named leader raises the leader epoch, and every change
    raises the partition epoch (Kafka: PartitionRegistration.merge)."""
    replicas = before.replicas if record.replicas is None else tuple(record.replicas)
    directories = before.directories if record.directories is None else tuple(record.directories)
    if len(directories) != len(replicas):
        directories = (DIRECTORY_MIGRATING,) * len(replicas)
    leader_changes = record.leader != NO_LEADER_CHANGE
    return PartitionImage(
        replicas=replicas,
        directories=directories,
        isr=before.isr if record.isr is None else tuple(record.isr),
        leader=record.leader if leader_changes else before.leader,
        leader_epoch=before.leader_epoch + 1 if leader_changes else before.leader_epoch,
        partition_epoch=before.partition_epoch + 1,
        leader_recovery_state=(
            before.leader_recovery_state if record.leader_recovery_state < 0 else record.leader_recovery_state
        ),
        adding_replicas=before.adding_replicas if record.adding_replicas is None else tuple(record.adding_replicas),
        removing_replicas=(
            before.removing_replicas if record.removing_replicas is None else tuple(record.removing_replicas)
        ),
        elr=before.elr if record.eligible_leader_replicas is None else tuple(record.eligible_leader_replicas),
        last_known_elr=before.last_known_elr if record.last_known_elr is None else tuple(record.last_known_elr),
    )


def partition_of(record: PartitionRecord) -> PartitionImage:
    """The partition a PartitionRecord describes."""
    replicas = tuple(record.replicas)
    directories = tuple(record.directories)
    if len(directories) != len(replicas):  # written before KIP-858
        directories = (DIRECTORY_MIGRATING,) * len(replicas)
    return PartitionImage(
        replicas=replicas,
        directories=directories,
        isr=tuple(record.isr),
        leader=record.leader,
        leader_epoch=record.leader_epoch,
        partition_epoch=record.partition_epoch,
        leader_recovery_state=record.leader_recovery_state,
        adding_replicas=tuple(record.adding_replicas),
        removing_replicas=tuple(record.removing_replicas),
        elr=tuple(record.eligible_leader_replicas or ()),
        last_known_elr=tuple(record.last_known_elr or ()),
    )


class ImageBuilder:
    """Collects the changes of a run of records over `image`; `finish` makes the new image and the delta.

    Costs what the records touch, not what the image holds (see `engine.metadata.overlay`), except where topics are
    created or removed, which copies the map of names.
    """

    def __init__(self, image: MetadataImage, *, is_snapshot: bool = False) -> None:
        self._base = image
        self._is_snapshot = is_snapshot
        # Topics that are new or changed: name and partitions, the latter only those that changed.
        self._topics: dict[bytes, tuple[str, dict[int, PartitionImage]]] = {}
        self._removed_topics: dict[bytes, TopicImage] = {}
        self._new_names: dict[str, bytes] = {}
        self._removed_names: dict[str, bytes] = {}
        self._brokers: dict[int, BrokerRegistration | None] = {}
        self._registration_offsets: dict[int, int] = {}
        self._controllers: dict[int, ControllerRegistrationImage | None] = {}
        self._configs: dict[ConfigKey, dict[str, str | None]] = {}
        self._features: dict[str, int] = {}
        self._producer_ids: ProducerIds | None = None
        self._quotas: dict[QuotaKey, ClientQuotaRecord | None] = {}
        self._scram: dict[tuple[int, str], UserScramCredentialRecord | None] = {}
        self._acls: dict[bytes, AccessControlEntryRecord | None] = {}
        self._tokens: dict[str, DelegationTokenRecord | None] = {}

    def apply(self, record: Any, offset: int) -> None:
        """Take in one record, which has `offset`."""
        replay = _REPLAY.get(type(record))
        if replay is None:
            raise InvariantViolation(f"offset {offset}: no such metadata record: {type(record).__name__}")
        replay(self, record, offset)

    def finish(self, offset: int, epoch: int) -> tuple[MetadataImage, MetadataDelta]:
        """The image at `offset`, and how it differs from the one the builder was made for."""
        base = self._base
        topics: dict[bytes, TopicDelta] = {}
        changed_topics: dict[bytes, TopicImage] = {}
        for topic_id, (name, partitions) in self._topics.items():
            before = base.topics_by_id.get(topic_id)
            if before is None:
                after = TopicImage(name, topic_id, dict(sorted(partitions.items())))
            elif all(index in before.partitions for index in partitions):
                after = TopicImage(name, topic_id, with_changes(before.partitions, partitions))
            else:
                after = TopicImage(name, topic_id, dict(sorted({**before.partitions, **partitions}.items())))
            changed_topics[topic_id] = after
            topics[topic_id] = TopicDelta(before, after, partitions)
        brokers = _merged(base.brokers, self._brokers)
        if self._brokers:
            brokers = dict(sorted(brokers.items()))
        configs = base.configs
        if self._configs:
            changed: dict[ConfigKey, Mapping[str, str]] = {}
            emptied: dict[ConfigKey, None] = {}
            for key, values in self._configs.items():
                merged = {**base.configs.get(key, {}), **values}
                kept = {name: value for name, value in merged.items() if value is not None}
                if kept:
                    changed[key] = kept
                else:
                    emptied[key] = None
            configs = with_changes(without(configs, emptied), changed)
        image = MetadataImage(
            offset=offset,
            epoch=epoch,
            cluster_id=base.cluster_id,
            brokers=brokers,
            controllers=_merged(base.controllers, self._controllers),
            topics_by_id=with_changes(without(base.topics_by_id, self._removed_topics), changed_topics),
            topic_ids=with_changes(without(base.topic_ids, self._removed_names), self._new_names),
            configs=configs,
            features=_finalized(base.features, self._features),
            producer_ids=self._producer_ids or base.producer_ids,
            client_quotas=_merged(base.client_quotas, self._quotas),
            scram_credentials=_merged(base.scram_credentials, self._scram),
            acls=_merged(base.acls, self._acls),
            delegation_tokens=_merged(base.delegation_tokens, self._tokens),
            registration_offsets=with_changes(base.registration_offsets, self._registration_offsets),
        )
        return image, MetadataDelta(
            before=base,
            after=image,
            is_snapshot=self._is_snapshot,
            topics=topics,
            removed_topics=self._removed_topics,
            brokers=self._brokers,
            controllers=self._controllers,
            configs=self._configs,
            features=self._features,
            producer_ids_changed=self._producer_ids is not None,
            client_quotas_changed=bool(self._quotas),
            scram_changed=bool(self._scram),
            acls_changed=bool(self._acls),
            delegation_tokens_changed=bool(self._tokens),
        )

    # Topics

    def _topic(self, record: Any, offset: int) -> None:
        if self._topic_id(record.name) is not None:
            raise InvariantViolation(f"offset {offset}: topic {record.name!r} exists already")
        self._removed_topics.pop(record.topic_id, None)
        self._topics[record.topic_id] = (record.name, {})
        self._new_names[record.name] = record.topic_id

    def _topic_id(self, name: str) -> bytes | None:
        topic_id = self._new_names.get(name)
        if topic_id is None and name not in self._removed_names:
            topic_id = self._base.topic_ids.get(name)
        return topic_id

    def _changed_partitions(self, topic_id: bytes, offset: int) -> dict[int, PartitionImage]:
        entry = self._topics.get(topic_id)
        if entry is None:
            topic = self._base.topics_by_id.get(topic_id)
            if topic is None or topic_id in self._removed_topics:
                raise InvariantViolation(f"offset {offset}: no topic of id {topic_id.hex()}")
            entry = self._topics[topic_id] = (topic.name, {})
        return entry[1]

    def _partition(self, record: Any, offset: int) -> None:
        self._changed_partitions(record.topic_id, offset)[record.partition_id] = partition_of(record)

    def _partition_now(self, topic_id: bytes, index: int, changed: dict[int, PartitionImage]) -> PartitionImage | None:
        partition = changed.get(index)
        if partition is None:
            topic = self._base.topics_by_id.get(topic_id)
            partition = None if topic is None else topic.partitions.get(index)
        return partition

    def _partition_change(self, record: Any, offset: int) -> None:
        changed = self._changed_partitions(record.topic_id, offset)
        before = self._partition_now(record.topic_id, record.partition_id, changed)
        if before is None:
            raise InvariantViolation(
                f"offset {offset}: topic {record.topic_id.hex()} has no partition {record.partition_id}"
            )
        changed[record.partition_id] = merge_partition(before, record)

    def _remove_topic(self, record: Any, offset: int) -> None:
        topic_id: bytes = record.topic_id
        before = self._base.topics_by_id.get(topic_id)
        entry = self._topics.pop(topic_id, None)
        if topic_id in self._removed_topics or (before is None and entry is None):
            raise InvariantViolation(f"offset {offset}: no topic of id {topic_id.hex()} to remove")
        name = before.name if before is not None else entry[0] if entry is not None else ""
        if before is not None:
            self._removed_topics[topic_id] = before
            self._removed_names[name] = topic_id
        self._new_names.pop(name, None)
        key = (RESOURCE_TOPIC, name)  # the topic's configs go with it
        values = self._configs.pop(key, {})
        gone: dict[str, str | None] = dict.fromkeys([*self._base.configs.get(key, {}), *values])
        if key in self._base.configs:
            self._configs[key] = gone

    def _clear_elr(self, record: Any, offset: int) -> None:
        """ELR and last known ELR of one topic, or of all when the name is empty, are forgotten (KIP-966)."""
        if record.topic_name:
            topic_id = self._topic_id(record.topic_name)
            if topic_id is None:
                raise InvariantViolation(f"offset {offset}: no topic {record.topic_name!r} to clear the ELR of")
            ids = [topic_id]
        else:
            ids = [i for i in self._base.topics_by_id if i not in self._removed_topics]
            ids += [i for i in self._topics if i not in self._base.topics_by_id]
        for topic_id in ids:
            base = self._base.topics_by_id.get(topic_id)
            changed = self._topics[topic_id][1] if topic_id in self._topics else {}
            now = {**(base.partitions if base is not None else {}), **changed}
            for index, partition in now.items():
                if partition.elr or partition.last_known_elr:
                    # As a PartitionChangeRecord would (Kafka: ReplicationControlManager.removeTopicElrs).
                    self._changed_partitions(topic_id, offset)[index] = _without_elr(partition)

    # Brokers and controllers

    def _register_broker(self, record: Any, offset: int) -> None:
        cordoned = record.cordoned_log_dirs
        self._brokers[record.broker_id] = BrokerRegistration(
            id=record.broker_id,
            epoch=record.broker_epoch,
            incarnation_id=record.incarnation_id,
            endpoints=tuple(Endpoint(e.name, e.host, e.port) for e in record.end_points),
            security_protocols=tuple(e.security_protocol for e in record.end_points),
            features=_feature_ranges(record.features),
            rack=record.rack,
            fenced=record.fenced,
            in_controlled_shutdown=record.in_controlled_shutdown,
            log_dirs=tuple(sorted(record.log_dirs)),
            cordoned_log_dirs=None if cordoned is None else tuple(sorted(cordoned)),
        )
        self._registration_offsets[record.broker_id] = offset

    def _broker(self, broker_id: int, epoch: int, offset: int) -> BrokerRegistration:
        broker = self._brokers[broker_id] if broker_id in self._brokers else self._base.brokers.get(broker_id)
        if broker is None:
            raise InvariantViolation(f"offset {offset}: broker {broker_id} is not registered")
        if broker.epoch != epoch:
            raise InvariantViolation(f"offset {offset}: broker {broker_id} has epoch {broker.epoch}, not {epoch}")
        return broker

    def _unregister_broker(self, record: Any, offset: int) -> None:
        self._broker(record.broker_id, record.broker_epoch, offset)
        self._brokers[record.broker_id] = None

    def _fence_broker(self, record: Any, offset: int) -> None:
        self._brokers[record.id] = _changed(self._broker(record.id, record.epoch, offset), fenced=True)

    def _unfence_broker(self, record: Any, offset: int) -> None:
        self._brokers[record.id] = _changed(self._broker(record.id, record.epoch, offset), fenced=False)

    def _broker_registration_change(self, record: Any, offset: int) -> None:
        broker = self._broker(record.broker_id, record.broker_epoch, offset)
        if record.fenced not in (-1, 0, 1) or record.in_controlled_shutdown not in (0, 1):
            raise InvariantViolation(f"offset {offset}: broker {record.broker_id}: not a change: {record}")
        cordoned = record.cordoned_log_dirs
        self._brokers[record.broker_id] = _changed(
            broker,
            fenced=record.fenced > 0 if record.fenced else broker.fenced,
            in_controlled_shutdown=bool(record.in_controlled_shutdown) or broker.in_controlled_shutdown,
            log_dirs=tuple(sorted(record.log_dirs)) if record.log_dirs else broker.log_dirs,
            cordoned_log_dirs=broker.cordoned_log_dirs if cordoned is None else tuple(sorted(cordoned)),
        )

    def _register_controller(self, record: Any, offset: int) -> None:
        self._controllers[record.controller_id] = ControllerRegistrationImage(
            id=record.controller_id,
            incarnation_id=record.incarnation_id,
            endpoints=tuple(Endpoint(e.name, e.host, e.port) for e in record.end_points),
            security_protocols=tuple(e.security_protocol for e in record.end_points),
            features=_feature_ranges(record.features),
            zk_migration_ready=record.zk_migration_ready,
        )

    # The rest

    def _config(self, record: Any, offset: int) -> None:
        self._configs.setdefault((record.resource_type, record.resource_name), {})[record.name] = record.value

    def _feature_level(self, record: Any, offset: int) -> None:
        self._features[record.name] = record.feature_level

    def _producer_id_block(self, record: Any, offset: int) -> None:
        now = self._producer_ids or self._base.producer_ids
        if record.next_producer_id < now.next_producer_id:
            raise InvariantViolation(
                f"offset {offset}: next producer id {record.next_producer_id} is below {now.next_producer_id}"
            )
        self._producer_ids = ProducerIds(record.next_producer_id, record.broker_id, record.broker_epoch)

    def _client_quota(self, record: Any, offset: int) -> None:
        key = (tuple((part.entity_type, part.entity_name) for part in record.entity), record.key)
        self._quotas[key] = None if record.remove else record

    def _user_scram_credential(self, record: Any, offset: int) -> None:
        self._scram[(record.mechanism, record.name)] = record

    def _remove_user_scram_credential(self, record: Any, offset: int) -> None:
        self._scram[(record.mechanism, record.name)] = None

    def _access_control_entry(self, record: Any, offset: int) -> None:
        self._acls[record.id] = record

    def _remove_access_control_entry(self, record: Any, offset: int) -> None:
        self._acls[record.id] = None

    def _delegation_token(self, record: Any, offset: int) -> None:
        self._tokens[record.token_id] = record

    def _remove_delegation_token(self, record: Any, offset: int) -> None:
        self._tokens[record.token_id] = None

    def _nothing(self, record: Any, offset: int) -> None:
        """Records that change nothing: NoOp, and the migration state that 4.0 still reads but no longer uses."""


def _merged(base: Mapping[Any, Any], changes: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """`base` with `changes` in, where None means removed."""
    if not changes:
        return base
    removed = {key: None for key, value in changes.items() if value is None}
    return with_changes(without(base, removed), {key: value for key, value in changes.items() if value is not None})


def _finalized(base: Mapping[str, int], changes: Mapping[str, int]) -> Mapping[str, int]:
    if not changes:
        return base
    return {name: level for name, level in {**base, **changes}.items() if level > 0}


def _feature_ranges(features: Sequence[Any]) -> tuple[tuple[str, int, int], ...]:
    return tuple(sorted((f.name, f.min_supported_version, f.max_supported_version) for f in features))


def _changed(broker: BrokerRegistration, **changes: Any) -> BrokerRegistration:
    values = {name: getattr(broker, name) for name in broker.__struct_fields__}
    return BrokerRegistration(**{**values, **changes})


def _without_elr(partition: PartitionImage) -> PartitionImage:
    values = {name: getattr(partition, name) for name in partition.__struct_fields__}
    return PartitionImage(
        **{**values, "elr": (), "last_known_elr": (), "partition_epoch": partition.partition_epoch + 1}
    )


_REPLAY: dict[type, Callable[[ImageBuilder, Any, int], None]] = {
    TopicRecord: ImageBuilder._topic,
    PartitionRecord: ImageBuilder._partition,
    PartitionChangeRecord: ImageBuilder._partition_change,
    RemoveTopicRecord: ImageBuilder._remove_topic,
    ClearElrRecord: ImageBuilder._clear_elr,
    RegisterBrokerRecord: ImageBuilder._register_broker,
    UnregisterBrokerRecord: ImageBuilder._unregister_broker,
    FenceBrokerRecord: ImageBuilder._fence_broker,
    UnfenceBrokerRecord: ImageBuilder._unfence_broker,
    BrokerRegistrationChangeRecord: ImageBuilder._broker_registration_change,
    RegisterControllerRecord: ImageBuilder._register_controller,
    ConfigRecord: ImageBuilder._config,
    FeatureLevelRecord: ImageBuilder._feature_level,
    ProducerIdsRecord: ImageBuilder._producer_id_block,
    ClientQuotaRecord: ImageBuilder._client_quota,
    UserScramCredentialRecord: ImageBuilder._user_scram_credential,
    RemoveUserScramCredentialRecord: ImageBuilder._remove_user_scram_credential,
    AccessControlEntryRecord: ImageBuilder._access_control_entry,
    RemoveAccessControlEntryRecord: ImageBuilder._remove_access_control_entry,
    DelegationTokenRecord: ImageBuilder._delegation_token,
    RemoveDelegationTokenRecord: ImageBuilder._remove_delegation_token,
    NoOpRecord: ImageBuilder._nothing,
    ZkMigrationStateRecord: ImageBuilder._nothing,
}
