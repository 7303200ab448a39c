"""The controller: decides on a working image, writes through the quorum, answers once committed.

While this node leads the quorum, `working` runs ahead of the committed image by what has been appended but not yet
committed; each operation sees all earlier ones. When leadership is lost the working image is dropped: whatever of it
was not committed never happened. (Kafka: QuorumController.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from engine.config import BrokerConfig
from engine.controller.ticks import Ticks
from engine.errors import InvariantViolation, KafkaError
from engine.metadata.alter_partition import alter_partition
from engine.metadata.apply import apply_records
from engine.metadata.brokers import (
    broker_heartbeat,
    check_broker_epoch,
    register_broker,
    register_controller,
    unregister_broker,
)
from engine.metadata.config_schema import controller_settings
from engine.metadata.configs import alter_configs, incremental_alter_configs
from engine.metadata.decision import Decision
from engine.metadata.directories import assign_replicas_to_dirs
from engine.metadata.elections import elect_leaders
from engine.metadata.features import bootstrap_records, update_features
from engine.metadata.heartbeats import BrokerHeartbeats
from engine.metadata.image import MetadataImage
from engine.metadata.listener import CommittedBatch, SnapshotSource
from engine.metadata.loader import MetadataLoader
from engine.metadata.producer_ids import allocate_producer_ids
from engine.metadata.settings import ControllerSettings
from engine.metadata.snapshot_schedule import SnapshotSchedule
from engine.metadata.topic_deletion import delete_topics
from engine.metadata.topics import create_partitions, create_topics
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    AbortTransactionRecord,
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
    AlterConfigsRequest,
    AlterConfigsResponse,
    AlterPartitionRequest,
    AlterPartitionResponse,
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
    ControllerRegistrationRequest,
    ControllerRegistrationResponse,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    ElectLeadersRequest,
    ElectLeadersResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    UnregisterBrokerRequest,
    UnregisterBrokerResponse,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)
from engine.runtime import Runtime
from engine.types import LeaderAndEpoch

R = TypeVar("R")

log = logging.getLogger(__name__)


class Quorum(Protocol):
    """What the controller needs of the raft driver."""

    @property
    def high_watermark(self) -> int | None:
        """Exclusive; None while it is not known."""
        ...

    @property
    def log_end_offset(self) -> int: ...

    def append(self, records: Sequence[Message], *, epoch: int) -> int:
        """Schedule `records` as one atomic batch; the offset of the last. KafkaError NOT_CONTROLLER."""
        ...

    async def committed(self, offset: int) -> None:
        """Returns once `offset` is committed and was handed over. KafkaError NOT_CONTROLLER when leadership is lost first."""
        ...

    def resign(self, epoch: int) -> None:
        """Give up leading `epoch`."""
        ...


class _Term:
    """One stretch of time in which this controller is active."""

    def __init__(self, epoch: int, working: MetadataImage, next_offset: int) -> None:
        self.epoch = epoch
        self.working = working
        self.next_offset = next_offset
        """Offset the next record will get."""


class Controller:
    """One controller of the quorum, active or on standby. All calls on one event loop.

    Every operation raises KafkaError NOT_CONTROLLER while this controller is not active, or when it stops being so
    before the records are committed; then nobody knows yet whether they will be. `snapshots` decides when this node
    writes one; publishers (of a broker in the same process too) are added to `loader`.
    """

    def __init__(
        self,
        runtime: Runtime,
        raft: Quorum,
        config: BrokerConfig,
        cluster_id: str,
        *,
        settings: ControllerSettings | None = None,
        snapshots: SnapshotSchedule | None = None,
    ) -> None:
        self.config = config
        self.settings = settings or controller_settings(config, cluster_id)
        self.loader = MetadataLoader(cluster_id, lambda: raft.high_watermark, snapshots)
        self.heartbeats = BrokerHeartbeats(self.settings.session_timeout_ms)
        self._runtime = runtime
        self._raft = raft
        self.raft = raft
        """The quorum, for the handlers of its own requests."""
        self._placement = runtime.randomness.stream("placement")
        self._ticks = Ticks.from_config(config)
        self._term: _Term | None = None
        self._claim: asyncio.Task[None] | None = None
        self._applied = asyncio.Event()
        self._stopped = False

    # State

    @property
    def is_active(self) -> bool:
        return self._term is not None

    @property
    def epoch(self) -> int:
        """Epoch of the newest leader known of."""
        return self.loader.leader.epoch

    @property
    def leader_id(self) -> int:
        """The active controller as far as this one knows, -1 for none."""
        return self.loader.leader.leader_id

    @property
    def node_id(self) -> int:
        return self.settings.node_id

    @property
    def image(self) -> MetadataImage:
        """The committed image."""
        return self.loader.image

    @property
    def working(self) -> MetadataImage:
        """The image that decisions are made on; the committed one on standby."""
        return self._term.working if self._term is not None else self.loader.image

    def stop(self) -> None:
        """Give up being active and stop every timer. The raft driver is its owner's to stop."""
        self._stopped = True
        self._deactivate()

    # RaftListener

    def on_committed(self, batches: Sequence[CommittedBatch]) -> None:
        self.loader.on_committed(batches)
        self._applied.set()

    def on_snapshot(self, snapshot: SnapshotSource) -> None:
        if self._term is not None:
            raise InvariantViolation(f"the active controller was handed snapshot {snapshot.snapshot_id}")
        self.loader.on_snapshot(snapshot)
        self._applied.set()

    def on_leader_change(self, leader: LeaderAndEpoch) -> None:
        self.loader.on_leader_change(leader)
        self._deactivate()
        if leader.leader_id == self.node_id and not self._stopped:
            self._claim = asyncio.get_running_loop().create_task(
                self._activate(leader.epoch), name=f"controller {self.node_id} epoch {leader.epoch}"
            )

    # Becoming active

    async def _activate(self, epoch: int) -> None:
        """Catch up with everything before this epoch, then serve (Kafka: QuorumController.claim)."""
        last = self._raft.log_end_offset - 1
        try:
            await self._raft.committed(last)
        except KafkaError:
            return  # another leader came first
        while self.loader.loaded_offset < last:
            self._applied.clear()
            await self._applied.wait()
        if self.loader.leader != (self.node_id, epoch):
            return
        image = self.loader.image
        self._term = _Term(epoch, image, last + 1)
        records: list[Message] = []
        if self.loader.transaction_is_open:
            records.append(AbortTransactionRecord(reason="Controller failover"))
        if image.is_empty:
            records += bootstrap_records(self.settings)
        try:
            self._append(records)
        except KafkaError:
            return
        self.heartbeats.activate(image.brokers, self._now_ms())
        self._ticks.start(self)
        log.info("controller %d is active in epoch %d from offset %d", self.node_id, epoch, last + 1)

    def _deactivate(self) -> None:
        if self._claim is not None:
            self._claim.cancel()
            self._claim = None
        if self._term is not None:
            log.info("controller %d is no longer active (epoch %d)", self.node_id, self._term.epoch)
        self._term = None
        self._ticks.stop()

    # Writing

    def _active_term(self) -> _Term:
        term = self._term
        if term is None:
            leader = self.loader.leader.leader_id
            who = f"the active controller appears to be node {leader}" if leader >= 0 else "no controller is active"
            raise KafkaError(ErrorCode.NOT_CONTROLLER, f"This is not the active controller; {who}.")
        return term

    def _append(self, records: list[Message]) -> int:
        """Write `records` atomically and apply them; the offset to wait for, of the last record ever appended."""
        term = self._active_term()
        if records:
            try:
                self._advance(term, records)
            except KafkaError as error:
                if error.code == ErrorCode.NOT_CONTROLLER:
                    self._deactivate()
                raise
            except InvariantViolation:
                # What is in memory is not what is in the log: somebody else must lead (Kafka: renounce).
                log.critical("controller %d cannot go on in epoch %d and resigns", self.node_id, term.epoch)
                self._deactivate()
                self._raft.resign(term.epoch)
                raise
        return term.next_offset - 1

    def _advance(self, term: _Term, records: list[Message]) -> None:
        """Apply `records` and append them, in this order: what contradicts the image must never get into the log."""
        expected = term.next_offset + len(records) - 1
        applied = [record for record in records if not isinstance(record, AbortTransactionRecord)]
        working, _ = apply_records(term.working, applied, expected, term.epoch)
        last = self._raft.append(records, epoch=term.epoch)
        if last != expected:
            raise InvariantViolation(f"records were to end at offset {expected}, but ended at {last}")
        term.working = working
        term.next_offset = last + 1

    async def write(self, decide: Callable[[MetadataImage], Decision[R]]) -> R:
        """Run one operation: decide, append, and return the answer once everything it rests on is committed.

        A decision without records waits too: it may have read what is not committed yet.
        """
        decision = decide(self._active_term().working)
        last = self._append(decision.records)
        if last > self.loader.loaded_offset:
            await self._raft.committed(last)
        return decision.response

    def append_decision(self, decision: Decision[R]) -> R:
        """Append without waiting: for timers, whose outcome nobody waits for."""
        self._append(decision.records)
        return decision.response

    def _now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1_000)

    def monotonic_ms(self) -> int:
        """The clock that sessions are measured by."""
        return self._now_ms()

    # Operations

    async def register_broker(self, request: BrokerRegistrationRequest, api_version: int) -> BrokerRegistrationResponse:
        term = self._active_term()
        decision = register_broker(
            term.working,
            self.settings,
            self.heartbeats,
            request,
            api_version=api_version,
            next_offset=term.next_offset,
            now_ms=self._now_ms(),
        )
        last = self._append(decision.records)
        self.heartbeats.registered(request.broker_id, term.working.brokers[request.broker_id].fenced)
        await self._raft.committed(last)
        return decision.response

    async def broker_heartbeat(self, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse:
        term = self._active_term()
        check_broker_epoch(term.working, request.broker_id, request.broker_epoch)
        self.heartbeats.contact(request.broker_id, request.broker_epoch, self._now_ms())
        decision = broker_heartbeat(term.working, self.settings, self.heartbeats, request)
        last = self._append(decision.records)
        response = decision.response
        if (
            not response.is_fenced
            and not response.should_shut_down
            and (request.want_shut_down or self.heartbeats.is_shutting_down(request.broker_id))
        ):
            self.heartbeats.shutting_down(request.broker_id, last)
        self._ticks.expiry_may_have_changed()
        if last > self.loader.loaded_offset:
            await self._raft.committed(last)
        return response

    async def unregister_broker(self, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse:
        term = self._active_term()
        decision = unregister_broker(term.working, self.settings, request.broker_id)
        last = self._append(decision.records)
        self.heartbeats.unregistered(request.broker_id)
        await self._raft.committed(last)
        return decision.response

    async def register_controller(self, request: ControllerRegistrationRequest) -> ControllerRegistrationResponse:
        return await self.write(lambda _: register_controller(request))

    async def create_topics(self, request: CreateTopicsRequest) -> CreateTopicsResponse:
        uuid = self._runtime.randomness.uuid
        return await self.write(
            lambda image: create_topics(image, self.settings, request, placement=self._placement, new_uuid=uuid)
        )

    async def delete_topics(self, request: DeleteTopicsRequest, api_version: int) -> DeleteTopicsResponse:
        return await self.write(lambda image: delete_topics(image, self.settings, request, api_version))

    async def create_partitions(self, request: CreatePartitionsRequest) -> CreatePartitionsResponse:
        return await self.write(
            lambda image: create_partitions(image, self.settings, request, placement=self._placement)
        )

    async def elect_leaders(self, request: ElectLeadersRequest) -> ElectLeadersResponse:
        return await self.write(lambda image: elect_leaders(image, self.settings, request))

    async def alter_partition(self, request: AlterPartitionRequest, api_version: int) -> AlterPartitionResponse:
        return await self.write(lambda image: alter_partition(image, self.settings, request, api_version))

    async def assign_replicas_to_dirs(self, request: AssignReplicasToDirsRequest) -> AssignReplicasToDirsResponse:
        return await self.write(lambda image: assign_replicas_to_dirs(image, self.settings, request))

    async def incremental_alter_configs(
        self, request: IncrementalAlterConfigsRequest
    ) -> IncrementalAlterConfigsResponse:
        return await self.write(lambda image: incremental_alter_configs(image, self.settings, request))

    async def alter_configs(self, request: AlterConfigsRequest) -> AlterConfigsResponse:
        return await self.write(lambda image: alter_configs(image, self.settings, request))

    async def allocate_producer_ids(self, request: AllocateProducerIdsRequest) -> AllocateProducerIdsResponse:
        return await self.write(lambda image: allocate_producer_ids(image, request))

    async def update_features(self, request: UpdateFeaturesRequest, api_version: int) -> UpdateFeaturesResponse:
        return await self.write(lambda image: update_features(image, self.settings, request, api_version))
