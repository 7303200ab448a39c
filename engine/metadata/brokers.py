"""Brokers come, stay, and go: registration, heartbeats, fencing, controlled shutdown (KIP-631).

Kafka: ClusterControlManager, and the handleBroker* methods of ReplicationControlManager.
"""

from __future__ import annotations

from engine.errors import KafkaError
from engine.metadata.decision import Decision, Draft, check_record_count
from engine.metadata.elections import (
    leader_and_isr_updates,
    leads_any,
    partitions,
    with_broker_in_elr,
    with_broker_in_isr,
    without_leader,
)
from engine.metadata.features import METADATA_VERSION, check_registration_features, elr_enabled
from engine.metadata.heartbeats import BrokerHeartbeats, BrokerState
from engine.metadata.image import MetadataImage, is_reserved_directory
from engine.metadata.settings import ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationChangeRecord,
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
    ControllerRegistrationRequest,
    ControllerRegistrationResponse,
    RegisterBrokerRecord,
    RegisterControllerRecord,
    UnregisterBrokerRecord,
    UnregisterBrokerResponse,
)
from engine.protocol.uuids import uuid_to_text
from engine.runtime import safeguards

_FENCE = 1
_UNFENCE = -1
_IN_CONTROLLED_SHUTDOWN = 1


def check_broker_epoch(image: MetadataImage, broker_id: int, broker_epoch: int) -> None:
    """STALE_BROKER_EPOCH unless that life of the broker is the registered one."""
    broker = image.brokers.get(broker_id)
    if broker is None:
        raise KafkaError(ErrorCode.STALE_BROKER_EPOCH, f"No broker registration found for broker id {broker_id}")
    if broker.epoch != broker_epoch:
        raise KafkaError(
            ErrorCode.STALE_BROKER_EPOCH,
            f"Expected broker epoch {broker.epoch}, but got broker epoch {broker_epoch}",
        )


def register_broker(
    image: MetadataImage,
    settings: ControllerSettings,
    heartbeats: BrokerHeartbeats,
    request: BrokerRegistrationRequest,
    *,
    api_version: int,
    next_offset: int,
    now_ms: int,
) -> Decision[BrokerRegistrationResponse]:
    """BrokerRegistration. A new incarnation gets the broker epoch `next_offset`, the offset the first record of this
    decision will have, and starts fenced; the same incarnation keeps its epoch and its state.

    A new incarnation first loses its place in every ISR; when it did not shut down cleanly (its previous broker epoch,
    from the clean-shutdown file, is not the one registered), also in every ELR (KIP-966).

    Raises KafkaError INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION (another live process has the id),
    INVALID_REGISTRATION, UNSUPPORTED_VERSION, BROKER_ID_NOT_REGISTERED (a ZooKeeper broker).
    """
    if request.cluster_id != settings.cluster_id:
        raise KafkaError(
            ErrorCode.INCONSISTENT_CLUSTER_ID,
            f"Expected cluster ID {settings.cluster_id}, but got cluster ID {request.cluster_id}",
        )
    broker_id = request.broker_id
    existing = image.brokers.get(broker_id)
    same_incarnation = existing is not None and existing.incarnation_id == request.incarnation_id
    if (
        existing is not None
        and not same_incarnation
        and heartbeats.has_valid_session(broker_id, existing.epoch, now_ms)
    ):
        raise KafkaError(
            ErrorCode.DUPLICATE_BROKER_REGISTRATION,
            "Another broker is registered with that broker id. If the broker was recently restarted this should "
            "self-resolve once the heartbeat manager expires the broker's session.",
        )
    if request.is_migrating_zk_broker:
        raise KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, "Controller does not support registering ZK brokers.")
    _check_directories(image, request)
    features = tuple((f.name, f.min_supported_version, f.max_supported_version) for f in request.features)
    if all(name != METADATA_VERSION for name, _, _ in features):
        raise KafkaError(ErrorCode.INVALID_REGISTRATION, "Request features do not contain 'metadata.version'")
    check_registration_features(image, features)

    draft = Draft(image)
    record = RegisterBrokerRecord(
        broker_id=broker_id,
        incarnation_id=request.incarnation_id,
        broker_epoch=next_offset,
        end_points=[
            RegisterBrokerRecord.BrokerEndpoint(
                name=listener.name,
                host=listener.host,
                port=listener.port,
                security_protocol=listener.security_protocol,
            )
            for listener in request.listeners
        ],
        features=[
            RegisterBrokerRecord.BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, low, high in features
        ],
        rack=request.rack,
        fenced=True,
        log_dirs=list(request.log_dirs),
    )
    if existing is not None and same_incarnation:
        record.broker_epoch = existing.epoch
        record.fenced = existing.fenced
        record.in_controlled_shutdown = existing.in_controlled_shutdown
    else:
        previous_epoch = request.previous_broker_epoch if api_version >= 3 else -1
        clean = existing is not None and previous_epoch == existing.epoch
        clean = clean or not safeguards.unclean_shutdown_leaves_elr
        _shut_down(draft, settings, broker_id, clean=clean)
    draft.add([record])
    return Decision(draft.records, BrokerRegistrationResponse(broker_epoch=record.broker_epoch))


def _check_directories(image: MetadataImage, request: BrokerRegistrationRequest) -> None:
    """INVALID_REGISTRATION unless the directories are real, distinct and nobody else's (KIP-858)."""
    directories = request.log_dirs
    if not directories:
        raise KafkaError(ErrorCode.INVALID_REGISTRATION, "No directories specified in request")
    if any(is_reserved_directory(directory) for directory in directories):
        raise KafkaError(ErrorCode.INVALID_REGISTRATION, "Reserved directory ID in request")
    if len(set(directories)) != len(directories):
        raise KafkaError(ErrorCode.INVALID_REGISTRATION, "Duplicate directory ID in request")
    for broker in image.brokers.values():
        if broker.id != request.broker_id:
            for directory in directories:
                if directory in broker.log_dirs:
                    raise KafkaError(
                        ErrorCode.INVALID_REGISTRATION,
                        f"Broker {broker.id} is already registered with directory {uuid_to_text(directory)}",
                    )


def _shut_down(draft: Draft, settings: ControllerSettings, broker_id: int, *, clean: bool) -> None:
    """An earlier life of the broker is over (Kafka: handleBrokerShutdown)."""
    image = draft.image
    if elr_enabled(image) and not clean:
        in_isr = with_broker_in_isr(image, broker_id)
        draft.add(leader_and_isr_updates(image, settings, in_isr, unclean_shutdown=broker_id))
        in_elr = with_broker_in_elr(draft.image, broker_id)
        draft.add(leader_and_isr_updates(draft.image, settings, in_elr, unclean_shutdown=broker_id))
    else:
        in_isr = with_broker_in_isr(image, broker_id)
        draft.add(leader_and_isr_updates(image, settings, in_isr, removed=broker_id))


def fence_broker(draft: Draft, settings: ControllerSettings, broker_id: int) -> None:
    """Take the broker out of every ISR and leadership, and fence it (Kafka: handleBrokerFenced)."""
    image = draft.image
    broker = image.brokers[broker_id]
    draft.add(leader_and_isr_updates(image, settings, with_broker_in_isr(image, broker_id), removed=broker_id))
    draft.add([BrokerRegistrationChangeRecord(broker_id=broker_id, broker_epoch=broker.epoch, fenced=_FENCE)])


def _unfence_broker(draft: Draft, settings: ControllerSettings, broker_id: int) -> None:
    """Let the broker back in, and elect it where there is no leader and it may be (Kafka: handleBrokerUnfenced)."""
    image = draft.image
    broker = image.brokers[broker_id]
    change = BrokerRegistrationChangeRecord(broker_id=broker_id, broker_epoch=broker.epoch, fenced=_UNFENCE)
    updates = leader_and_isr_updates(image, settings, without_leader(image), added=broker_id)
    draft.add([change, *updates])


def _start_controlled_shutdown(draft: Draft, settings: ControllerSettings, broker_id: int) -> None:
    """Move leaderships and ISR memberships away (Kafka: handleBrokerInControlledShutdown)."""
    image = draft.image
    broker = image.brokers[broker_id]
    updates = leader_and_isr_updates(image, settings, with_broker_in_isr(image, broker_id), removed=broker_id)
    if not broker.in_controlled_shutdown:
        draft.add(
            [
                BrokerRegistrationChangeRecord(
                    broker_id=broker_id, broker_epoch=broker.epoch, in_controlled_shutdown=_IN_CONTROLLED_SHUTDOWN
                )
            ]
        )
    draft.add(updates)


def broker_heartbeat(
    image: MetadataImage,
    settings: ControllerSettings,
    heartbeats: BrokerHeartbeats,
    request: BrokerHeartbeatRequest,
) -> Decision[BrokerHeartbeatResponse]:
    """BrokerHeartbeat: fence, unfence, start or end a controlled shutdown, take directories offline.

    `heartbeats` is updated; the caller has called `contact` before, and calls `shutting_down` after writing when the
    answer leaves the broker in controlled shutdown. Raises KafkaError STALE_BROKER_EPOCH.
    """
    broker_id = request.broker_id
    check_broker_epoch(image, broker_id, request.broker_epoch)
    registration_offset = image.registration_offsets.get(broker_id, request.broker_epoch)
    current = heartbeats.current_state(broker_id)
    state = heartbeats.next_state(
        broker_id,
        want_fence=request.want_fence,
        want_shut_down=request.want_shut_down,
        metadata_offset=request.current_metadata_offset,
        registration_offset=registration_offset,
        leads_any=(request.want_shut_down or current is BrokerState.CONTROLLED_SHUTDOWN)
        and leads_any(image, broker_id),
    )
    draft = Draft(image)
    if state is not current:
        if state is BrokerState.UNFENCED:
            _unfence_broker(draft, settings, broker_id)
        elif state is BrokerState.CONTROLLED_SHUTDOWN:
            _start_controlled_shutdown(draft, settings, broker_id)
        elif not image.brokers[broker_id].fenced:
            fence_broker(draft, settings, broker_id)
    fenced = state in (BrokerState.FENCED, BrokerState.SHUTDOWN_NOW)
    heartbeats.touch(broker_id, fenced, request.current_metadata_offset)
    _take_directories_offline(draft, settings, request)
    _cordon_directories(draft, request)
    return Decision(
        draft.records,
        BrokerHeartbeatResponse(
            is_caught_up=request.current_metadata_offset >= registration_offset,
            is_fenced=fenced,
            should_shut_down=state is BrokerState.SHUTDOWN_NOW,
        ),
    )


def _take_directories_offline(draft: Draft, settings: ControllerSettings, request: BrokerHeartbeatRequest) -> None:
    """Replicas in directories that have just failed leave the ISR (KIP-858; Kafka: handleDirectoriesOffline)."""
    if not request.offline_log_dirs:
        return
    broker_id = request.broker_id
    image = draft.image
    broker = image.brokers[broker_id]
    failed = [directory for directory in broker.log_dirs if directory in request.offline_log_dirs]
    if not failed:
        return
    places = [
        place
        for place in partitions(image)
        if broker_id in place[2].replicas and place[2].directory(broker_id) in failed
    ]
    updates = leader_and_isr_updates(image, settings, places, removed=broker_id)
    draft.add(updates)
    online = [directory for directory in broker.log_dirs if directory not in failed]
    draft.add([BrokerRegistrationChangeRecord(broker_id=broker_id, broker_epoch=broker.epoch, log_dirs=online)])


def _cordon_directories(draft: Draft, request: BrokerHeartbeatRequest) -> None:
    """Write down which directories take no new replicas, when that changed (KIP-1066)."""
    cordoned = request.cordoned_log_dirs
    if cordoned is None:
        return
    broker = draft.image.brokers[request.broker_id]
    if tuple(sorted(cordoned)) != broker.cordoned_log_dirs:
        draft.add(
            [
                BrokerRegistrationChangeRecord(
                    broker_id=broker.id, broker_epoch=broker.epoch, cordoned_log_dirs=list(cordoned)
                )
            ]
        )


def fence_one_expired(
    image: MetadataImage, settings: ControllerSettings, heartbeats: BrokerHeartbeats, now_ms: int
) -> Decision[bool]:
    """Fence one broker whose session has run out; the response says whether there may be another."""
    expired = heartbeats.expired(now_ms)
    if expired is None:
        return Decision([], False)
    broker_id, epoch = expired
    broker = image.brokers.get(broker_id)
    if broker is None or broker.epoch != epoch or broker.fenced:
        return Decision([], True)  # an earlier life, or one that is fenced anyway
    draft = Draft(image)
    fence_broker(draft, settings, broker_id)
    heartbeats.fenced(broker_id)
    return Decision(draft.records, True)


def unregister_broker(
    image: MetadataImage, settings: ControllerSettings, broker_id: int
) -> Decision[UnregisterBrokerResponse]:
    """UnregisterBroker: forget it, after taking it out of every ISR and ELR. BROKER_ID_NOT_REGISTERED when unknown.

    Its replicas stay assigned to it (Kafka: handleBrokerUnregistered).
    """
    broker = image.brokers.get(broker_id)
    if broker is None:
        raise KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, f"Broker ID {broker_id} is not currently registered")
    draft = Draft(image)
    draft.add(leader_and_isr_updates(image, settings, with_broker_in_isr(image, broker_id), removed=broker_id))
    # Whoever is unregistered can vouch for nothing any more, so it leaves the ELR as after an unclean shutdown.
    in_elr = with_broker_in_elr(draft.image, broker_id)
    draft.add(leader_and_isr_updates(draft.image, settings, in_elr, removed=broker_id, unclean_shutdown=broker_id))
    draft.add([UnregisterBrokerRecord(broker_id=broker_id, broker_epoch=broker.epoch)])
    check_record_count(draft.records)
    return Decision(draft.records, UnregisterBrokerResponse(error_message=None))


def register_controller(request: ControllerRegistrationRequest) -> Decision[ControllerRegistrationResponse]:
    """ControllerRegistration (KIP-919): written as it comes."""
    records: list[Message] = [
        RegisterControllerRecord(
            controller_id=request.controller_id,
            incarnation_id=request.incarnation_id,
            zk_migration_ready=False,
            end_points=[
                RegisterControllerRecord.ControllerEndpoint(
                    name=listener.name,
                    host=listener.host,
                    port=listener.port,
                    security_protocol=listener.security_protocol,
                )
                for listener in request.listeners
            ],
            features=[
                RegisterControllerRecord.ControllerFeature(
                    name=f.name,
                    min_supported_version=f.min_supported_version,
                    max_supported_version=f.max_supported_version,
                )
                for f in request.features
            ],
        )
    ]
    return Decision(records, ControllerRegistrationResponse(error_message=None))
