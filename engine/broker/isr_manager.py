"""Proposals of in-sync sets to the controller: AlterPartition (KIP-497).

Proposals of one moment travel together, one request at a time. Whatever the answer, the partition learns of it: the
committed set, or that it must fall back to what was committed. Kafka: DefaultAlterPartitionManager,
Partition.handleAlterPartitionError.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from engine.broker.partition import Partition
from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AlterPartitionRequest
from engine.replication.state import PendingIsr
from engine.runtime import points

if TYPE_CHECKING:
    from engine.broker.broker import Broker

logger = logging.getLogger(__name__)

RETRY_MS = 50
# The metadata that explains these is on its way; until it is here the proposal stays pending.
_WAIT_FOR_METADATA = {
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.NEW_LEADER_ELECTED,
    ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.INVALID_UPDATE_VERSION,
}
_FALL_BACK = {ErrorCode.INELIGIBLE_REPLICA, ErrorCode.OPERATION_NOT_ATTEMPTED}


class IsrManager:
    """See the module's docstring."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: dict[Partition, tuple[int, PendingIsr]] = {}
        self._task: asyncio.Task[None] | None = None
        self.expansions_total = 0
        self.shrinks_total = 0

    def propose(self, partition: Partition, pending: PendingIsr) -> None:
        """Send this proposal; a newer one of the same partition replaces one that has not left yet."""
        self._waiting[partition] = (partition.leader_epoch, pending)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._waiting.clear()

    async def _run(self) -> None:
        try:
            while self._waiting:
                await points.passing("isr.before_proposal")
                batch, self._waiting = self._waiting, {}
                batch = {
                    partition: (epoch, pending)
                    for partition, (epoch, pending) in batch.items()
                    if partition.leader is not None and partition.leader.state is pending
                }
                if not batch:
                    continue
                try:
                    retry = await self._send(batch)
                except KafkaError as error:
                    logger.info("AlterPartition of %d partitions: %s", len(batch), error.message)
                    retry = batch
                if retry:
                    for partition, entry in retry.items():
                        self._waiting.setdefault(partition, entry)
                    await asyncio.sleep(RETRY_MS / 1000)
        finally:
            self._task = None

    async def _send(self, batch: dict[Partition, tuple[int, PendingIsr]]) -> dict[Partition, tuple[int, PendingIsr]]:
        """One request; returns the proposals to try again."""
        request = self._request(batch)
        response = await self._broker.controller.send(request)
        if response.error_code != ErrorCode.NONE:
            # STALE_BROKER_EPOCH while we register anew, CLUSTER_AUTHORIZATION_FAILED, ...: nothing was decided.
            raise KafkaError(ErrorCode.of(response.error_code))
        rows: dict[tuple[bytes, int], Any] = {
            (topic.topic_id, row.partition_index): row for topic in response.topics for row in topic.partitions
        }
        retry: dict[Partition, tuple[int, PendingIsr]] = {}
        for partition, (epoch, pending) in batch.items():
            row = rows.get((partition.topic_id, partition.topic_partition.partition))
            if row is None:
                retry[partition] = (epoch, pending)
                continue
            code = ErrorCode.of(row.error_code)
            if code is ErrorCode.NONE:
                isr = tuple(row.isr)
                if len(isr) > len(pending.isr):
                    self.expansions_total += 1
                elif len(isr) < len(pending.isr):
                    self.shrinks_total += 1
                logger.info("%s: isr %s -> %s", partition.topic_partition, list(pending.isr), list(isr))
                partition.on_isr_committed(isr, row.leader_epoch, row.partition_epoch, pending)
            elif code in _FALL_BACK:
                partition.on_isr_rejected(pending)
            elif code not in _WAIT_FOR_METADATA:
                retry[partition] = (epoch, pending)
        return retry

    def _request(self, batch: dict[Partition, tuple[int, PendingIsr]]) -> AlterPartitionRequest:
        broker = self._broker
        topics: dict[bytes, Any] = {}
        for partition, (epoch, pending) in batch.items():
            leader = partition.leader
            assert leader is not None
            topic = topics.get(partition.topic_id)
            if topic is None:
                topic = topics[partition.topic_id] = AlterPartitionRequest.TopicData(topic_id=partition.topic_id)
            topic.partitions.append(
                AlterPartitionRequest.PartitionData(
                    partition_index=partition.topic_partition.partition,
                    leader_epoch=epoch,
                    new_isr_with_epochs=[
                        AlterPartitionRequest.BrokerState(
                            broker_id=replica, broker_epoch=self._epoch_of(leader, replica)
                        )
                        for replica in pending.proposed_isr
                    ],
                    leader_recovery_state=0,
                    partition_epoch=leader.partition_epoch,
                )
            )
        return AlterPartitionRequest(
            broker_id=broker.node_id, broker_epoch=broker.broker_epoch, topics=list(topics.values())
        )

    def _epoch_of(self, leader: Any, replica: int) -> int:
        """The epoch the replica fetched with, so that the controller notices one that restarted since (KIP-903)."""
        if replica == self._broker.node_id:
            return self._broker.broker_epoch
        epoch: int = leader.remotes[replica].broker_epoch
        return epoch
