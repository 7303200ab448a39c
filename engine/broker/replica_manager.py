"""All partitions this broker hosts, and what the metadata makes of them (Kafka: ReplicaManager).

The metadata says which partitions are here and who leads them; this creates and deletes logs accordingly, turns
partitions into leaders and followers, and hands the latter to the fetchers. Produces and fetches go through
`partitions`, a plain dictionary, to the partition they name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.broker.fetcher import FetcherManager
from engine.broker.isr_manager import IsrManager
from engine.broker.partition import Partition
from engine.errors import KafkaError
from engine.log import AppendOrigin, LogConfig, LogManager
from engine.metadata.image import DIRECTORY_LOST, DIRECTORY_UNASSIGNED, RESOURCE_TOPIC, MetadataImage, PartitionImage
from engine.protocol.errors import ErrorCode
from engine.runtime import safeguards
from engine.runtime.disk import StorageError
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.metadata.delta import MetadataDelta

logger = logging.getLogger(__name__)

OnLeader = Callable[[int, int], None]
"""(partition index, leader epoch): this broker leads it from now on."""
OnFollower = Callable[[int], None]
"""(partition index): this broker no longer leads it."""


class ReplicaManager:
    """See the module's docstring."""

    def __init__(self, broker: Broker, logs: LogManager) -> None:
        self.broker = broker
        self.node_id = broker.node_id
        self.clock = broker.runtime.clock
        self.logs = logs
        self.partitions: dict[TopicPartition, Partition] = {}
        self.lag_max_ms = broker.config.get_int("replica.lag.time.max.ms")
        self.isr = IsrManager(broker)
        self.fetchers = FetcherManager(broker, self)
        self._loop = asyncio.get_running_loop()
        self._image = MetadataImage()
        self._listeners: dict[str, list[tuple[OnLeader, OnFollower]]] = {}
        self._log_configs: dict[str, LogConfig] = {}
        """Of the topics whose logs the delta at hand opens: a topic may have thousands."""
        self._timer: asyncio.TimerHandle | None = None

    # what the seams say

    def monotonic_ms(self) -> int:
        return int(self._loop.time() * 1000)

    # life

    def start(self) -> None:
        self._check_lagging()

    def _check_lagging(self) -> None:
        for partition in list(self.partitions.values()):
            partition.check_lagging()
            partition.check_joining()
        self._timer = self._loop.call_later(self.lag_max_ms / 2000, self._check_lagging)

    def kill(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.fetchers.kill()
        self.isr.stop()

    async def stop(self) -> None:
        self.kill()
        await self.fetchers.stop()

    # looking up

    def partition(self, topic_partition: TopicPartition) -> Partition:
        """The hosted partition. KafkaError: UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER (it is elsewhere)."""
        partition = self.partitions.get(topic_partition)
        if partition is None:
            raise KafkaError(self.missing_code(topic_partition.topic, topic_partition.partition))
        return partition

    def leading(self, topic_partition: TopicPartition, current_leader_epoch: int = -1) -> Partition:
        """The partition, which this broker leads. KafkaError also for a leader epoch that is not ours."""
        partition = self.partition(topic_partition)
        code = partition.check_leader_epoch(current_leader_epoch)
        if code is not ErrorCode.NONE:
            raise KafkaError(
                code, f"Leader epoch of {topic_partition} is {partition.leader_epoch}, not {current_leader_epoch}"
            )
        if partition.leader is None or partition.log is None:
            raise partition.not_leading()
        return partition

    def missing_code(self, topic: str, index: int) -> ErrorCode:
        """Why a partition is not hosted here: it is elsewhere, or nowhere."""
        if self._image.partition(topic, index) is not None:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    def topic_name(self, topic_id: bytes) -> str | None:
        topic = self._image.topics_by_id.get(topic_id)
        return None if topic is None else topic.name

    def knows_topic_id(self, topic_id: bytes) -> bool:
        return topic_id in self._image.topics_by_id

    def broker_epoch_of(self, broker_id: int) -> int:
        """The epoch that broker is registered with, as far as is known here; -1 when it is not."""
        registration = self._image.brokers.get(broker_id)
        return -1 if registration is None else registration.epoch

    def eligible_for_isr(self, topic_partition: TopicPartition, broker_id: int, broker_epoch: int) -> bool:
        """Registered, unfenced, not shutting down, and fetching with the epoch it registered with (KIP-903).

        And its replica's log directory is online: one that has failed was caught up a moment ago, does not fetch any
        more, and would hold the high watermark back until it counts as lagging.
        """
        registration = self._image.brokers.get(broker_id)
        if registration is None or not registration.is_active:
            return False
        image = self._image.partition(*topic_partition)
        if image is not None and not registration.has_online_directory(image.directory(broker_id)):
            return False
        return broker_epoch in (-1, registration.epoch) or not safeguards.isr_needs_current_broker_epoch

    def preferred_read_replica(self, partition: Partition, rack_id: str, fetch_offset: int) -> int | None:
        """The in-sync replica in the consumer's rack that has the offset; None to read here (KIP-392).

        Kafka: RackAwareReplicaSelector: among those in the rack the leader first, else the most caught up.
        """
        if not self.broker.rack_aware_reads:
            return None
        leader = partition.leader
        if leader is None:
            return None
        brokers = self._image.brokers
        own = brokers.get(self.node_id)
        if own is not None and own.rack == rack_id:
            return None
        best: tuple[int, int] | None = None
        for replica in leader.isr:
            remote = leader.remotes.get(replica)
            registration = brokers.get(replica)
            if remote is None or registration is None or not registration.is_active or registration.rack != rack_id:
                continue
            if remote.log_start_offset <= fetch_offset <= remote.log_end_offset and (
                best is None or remote.log_end_offset > best[0]
            ):
                best = (remote.log_end_offset, replica)
        return None if best is None else best[1]

    # appending for coordinators

    async def append(
        self,
        topic_partition: TopicPartition,
        batch: bytes,
        *,
        required_acks: int = -1,
        timeout_ms: int = 5_000,
        origin: AppendOrigin = AppendOrigin.COORDINATOR,
    ) -> int:
        """Append a batch to a partition this broker leads; its base offset, once replicated as `required_acks` asks.

        KafkaError: what `Partition.append` refuses, NOT_LEADER_OR_FOLLOWER when leadership is lost meanwhile,
        REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND.
        """
        base_offset, future = self.start_append(topic_partition, batch, required_acks=required_acks, origin=origin)
        if future is not None:
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    await future
            except TimeoutError:
                raise KafkaError(
                    ErrorCode.REQUEST_TIMED_OUT, f"{topic_partition}: not replicated in {timeout_ms} ms"
                ) from None
        return base_offset

    def start_append(
        self,
        topic_partition: TopicPartition,
        batch: bytes,
        *,
        required_acks: int = -1,
        origin: AppendOrigin = AppendOrigin.COORDINATOR,
    ) -> tuple[int, asyncio.Future[None] | None]:
        """The synchronous half of `append`: written now; the future (None when already done) is for its replication."""
        partition = self.partition(topic_partition)
        info = partition.append(batch, required_acks, origin)
        if required_acks != -1:
            return info.first_offset, None
        waiter = _FutureWaiter(self._loop.create_future())
        if partition.when_replicated(info.last_offset + 1, waiter):
            return info.first_offset, None
        return info.first_offset, waiter.future

    def add_leadership_listener(self, topic: str, on_leader: OnLeader, on_follower: OnFollower) -> None:
        """Be told when this broker starts and stops leading partitions of `topic` (coordinators)."""
        self._listeners.setdefault(topic, []).append((on_leader, on_follower))

    # metadata

    def apply(self, delta: MetadataDelta, image: MetadataImage) -> None:
        """Make the hosted partitions what the new image says (Kafka: ReplicaManager.applyDelta)."""
        self._image = image
        for topic_partition, topic_id, _ in delta.removed_partitions():
            partition = self.partitions.get(topic_partition)
            if partition is not None and partition.topic_id == topic_id:
                self._remove(partition, delete=True)
        self._log_configs = {}
        for topic_partition, topic_id, before, after in delta.changed_partitions():
            if self.node_id in after.replicas:
                self._host(topic_partition, topic_id, after)
                self._tell_directory(topic_partition, topic_id, after)
            elif before is not None and self.node_id in before.replicas:
                partition = self.partitions.get(topic_partition)
                if partition is not None:
                    self._remove(partition, delete=True)
        for (resource_type, name), _ in delta.configs.items():
            if resource_type == RESOURCE_TOPIC:
                self.update_topic_config(name)
        if delta.brokers:
            self.fetchers.brokers_changed(image)
            for partition in self.partitions.values():
                leader = partition.leader
                if leader is not None and leader.advance_high_watermark(self.monotonic_ms()):
                    partition.high_watermark_moved(leader)
                partition.check_joining()
        self.fetchers.settle()

    def move_strays(self) -> None:
        """Put logs aside that the cluster does not want here: of topics deleted, or replicas moved, while we were away.

        Called once, when the image holds our own registration and so everything before it (Kafka:
        BrokerMetadataPublisher.finishInitializingReplicaManager).
        """
        self.logs.move_strays(lambda log: log.topic_partition not in self.partitions)

    def log_config(self, topic: str) -> LogConfig:
        """The topic's effective configs, as its logs want them."""
        return LogConfig.from_mapping(self.broker.config.topic_config_texts(self._image.config(RESOURCE_TOPIC, topic)))

    def update_topic_config(self, topic: str) -> None:
        """The topic's configs, or a broker default it inherits, changed."""
        topic_image = self._image.topic(topic)
        if topic_image is None:
            return
        config: LogConfig | None = None
        for index in topic_image.partitions:
            partition = self.partitions.get(TopicPartition(topic, index))
            if partition is not None and partition.log is not None:
                config = config or self.log_config(topic)
                partition.log.update_config(config)
                partition.update_min_isr()

    def update_all_configs(self) -> None:
        """A broker default changed."""
        for topic in self._image.topics():
            self.update_topic_config(topic.name)

    def _host(self, topic_partition: TopicPartition, topic_id: bytes, image: PartitionImage) -> None:
        partition = self.partitions.get(topic_partition)
        if partition is not None and partition.topic_id != topic_id:
            self._remove(partition, delete=True)
            partition = None
        if partition is None:
            partition = Partition(topic_partition, topic_id, self)
            self.partitions[topic_partition] = partition
            self._open_log(partition, image.directory(self.node_id))
        was_leader = partition.leader is not None
        if partition.log is None:
            partition.leader_id, partition.leader_epoch = image.leader, image.leader_epoch
            return
        listeners = self._listeners.get(topic_partition.topic, ())
        if image.leader == self.node_id:
            self.fetchers.remove(partition)
            if partition.become_leader(image):
                logger.info("%s: leader in epoch %d, isr %s", topic_partition, image.leader_epoch, list(image.isr))
                for on_leader, _ in listeners:
                    on_leader(topic_partition.partition, image.leader_epoch)
        else:
            new_epoch = partition.become_follower(image)
            if new_epoch:
                self.fetchers.add(partition)
            if was_leader:
                for _, on_follower in listeners:
                    on_follower(topic_partition.partition)

    def _tell_directory(self, topic_partition: TopicPartition, topic_id: bytes, image: PartitionImage) -> None:
        """The controller learns where the replica lives, if it believes something else (KIP-858)."""
        partition = self.partitions[topic_partition]
        if topic_partition in self.logs.damaged:
            directory_id = DIRECTORY_LOST  # Others must lead it.
        elif partition.log is None or partition.log.is_offline:
            return
        else:
            directory_id = self.logs.directory_id_of(topic_partition)
        if image.directory(self.node_id) != directory_id:
            self.broker.directory_assignments.assign(topic_id, topic_partition.partition, directory_id)

    def _open_log(self, partition: Partition, directory_id: bytes) -> None:
        """`directory_id`: where the metadata says that it is (Kafka: Partition.createLogInAssignedDirectoryId)."""
        topic = partition.topic_partition.topic
        try:
            config = self._log_configs.get(topic)
            if config is None:
                config = self._log_configs[topic] = self.log_config(topic)
            log = self.logs.get(partition.topic_partition)
            if log is not None and log.topic_id != partition.topic_id and safeguards.logs_belong_to_topic_ids:
                # Left from a topic that was deleted while this broker was away (KIP-516).
                self.logs.delete(partition.topic_partition)
                log = None
            if log is None:
                log = self.logs.create(
                    partition.topic_partition,
                    partition.topic_id,
                    config,
                    is_new=directory_id == DIRECTORY_UNASSIGNED or self.logs.path_of(directory_id) is not None,
                    directory=self.logs.path_of(directory_id),
                )
            else:
                log.update_config(config)
            partition.log = log
        except (StorageError, KafkaError) as error:
            logger.error("%s: no log: %s", partition.topic_partition, error)

    def _remove(self, partition: Partition, *, delete: bool) -> None:
        self.fetchers.remove(partition)
        self.partitions.pop(partition.topic_partition, None)
        was_leader = partition.leader is not None
        partition.remove()
        if was_leader:
            for _, on_follower in self._listeners.get(partition.topic_partition.topic, ()):
                on_follower(partition.topic_partition.partition)
        if delete and partition.log is not None:
            try:
                self.logs.delete(partition.topic_partition)
            except (KafkaError, StorageError) as error:
                logger.error("%s: its log cannot be deleted: %s", partition.topic_partition, error)

    # storage failures

    def directory_failed(self, directory: str) -> None:
        """Called by the log manager: every partition in that directory is offline until restart."""
        for partition in list(self.partitions.values()):
            log = partition.log
            if log is not None and log.directory.rsplit("/", 1)[0] == directory:
                self.fetchers.remove(partition)
                was_leader = partition.leader is not None
                partition.go_offline()
                if was_leader:
                    for _, on_follower in self._listeners.get(partition.topic_partition.topic, ()):
                        on_follower(partition.topic_partition.partition)
        self.fetchers.settle()

    def high_watermarks(self) -> dict[TopicPartition, int]:
        """For the replication-offset-checkpoint."""
        return {tp: p.log.high_watermark for tp, p in self.partitions.items() if p.log is not None}


class _FutureWaiter:
    """A ProduceWaiter that resolves a future."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future

    def on_replicated(self, partition: Partition) -> None:
        if not self.future.done():
            code = partition.replicated_code
            if code is ErrorCode.NONE:
                self.future.set_result(None)
            else:
                self.future.set_exception(KafkaError(code))

    def on_lost(self, partition: Partition, code: ErrorCode) -> None:
        if not self.future.done():
            self.future.set_exception(KafkaError(code))
