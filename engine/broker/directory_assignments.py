"""Tells the controller in which log directory our replicas live, where it believes something else (KIP-858).

The controller knows the directory of a new replica by itself only when the broker has a single one, and what it knows is
wrong once a disk was replaced: until it is told, such a replica is not elected. Kafka: AssignmentsManager.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.metadata.directories import ASSIGNMENTS_PER_REQUEST_MAX
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AssignReplicasToDirsRequest

if TYPE_CHECKING:
    from engine.broker.broker import Broker

logger = logging.getLogger(__name__)

DELAY_MS = 100
"""How long assignments are gathered before they are sent; the first backoff too."""
BACKOFF_MS_MAX = 10_000

PartitionKey = tuple[bytes, int]
"""Topic id, partition index."""


class DirectoryAssignments:
    """Assignments that wait, and the one request under way. A later assignment of a partition replaces an earlier."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._ready: dict[PartitionKey, bytes] = {}
        self._in_flight: dict[PartitionKey, bytes] = {}
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def pending(self) -> int:
        """How many the controller has not confirmed (Kafka's metric QueuedReplicaToDirAssignments)."""
        return len(self._ready) + len(self._in_flight)

    def assign(self, topic_id: bytes, index: int, directory_id: bytes) -> None:
        """Say that our replica of that partition lives in `directory_id`; until the controller has written it down."""
        key = (topic_id, index)
        if self._stopped or (self._in_flight.get(key) == directory_id and key not in self._ready):
            return
        self._ready[key] = directory_id
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"directory-assignments-{self._broker.node_id}"
            )

    def stop(self) -> None:
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._ready:
                if self._failures or len(self._ready) <= ASSIGNMENTS_PER_REQUEST_MAX:
                    await asyncio.sleep(self._delay_ms() / 1000)
                batch = self._in_flight = self._next_batch()
                if not batch:
                    continue
                try:
                    refused = await self._send(batch)
                except KafkaError as error:
                    self._failures += 1
                    logger.warning("%d replicas not assigned to directories: %s", len(batch), error.message)
                    refused = batch
                else:
                    self._failures = 0
                self._in_flight = {}
                for key, directory_id in refused.items():
                    self._ready.setdefault(key, directory_id)
        finally:
            self._task = None

    def _delay_ms(self) -> int:
        return min(DELAY_MS << max(min(self._failures, 10) - 1, 0), BACKOFF_MS_MAX)

    def _next_batch(self) -> dict[PartitionKey, bytes]:
        """The oldest that still make sense: of partitions that exist and that we are a replica of."""
        batch: dict[PartitionKey, bytes] = {}
        topics = self._broker.metadata.image.topics_by_id
        while self._ready and len(batch) < ASSIGNMENTS_PER_REQUEST_MAX:
            key = next(iter(self._ready))
            directory_id = self._ready.pop(key)
            topic = topics.get(key[0])
            partition = None if topic is None else topic.partitions.get(key[1])
            if partition is not None and self._broker.node_id in partition.replicas:
                batch[key] = directory_id
        return batch

    async def _send(self, batch: dict[PartitionKey, bytes]) -> dict[PartitionKey, bytes]:
        """One request. Returns those to try again; KafkaError when nothing was decided."""
        response = await self._broker.controller.send(self._request(batch))
        if response.error_code:
            raise KafkaError(ErrorCode.of(response.error_code))
        refused = dict(batch)
        for directory in response.directories:
            for topic in directory.topics:
                for row in topic.partitions:
                    if not row.error_code:
                        refused.pop((topic.topic_id, row.partition_index), None)
                    else:
                        code = ErrorCode.of(row.error_code).name
                        logger.info("partition %d of %s: %s", row.partition_index, topic.topic_id.hex(), code)
        return refused

    def _request(self, batch: dict[PartitionKey, bytes]) -> AssignReplicasToDirsRequest:
        broker = self._broker
        request = AssignReplicasToDirsRequest(broker_id=broker.node_id, broker_epoch=broker.broker_epoch)
        places: dict[bytes, dict[bytes, list[int]]] = {}
        for (topic_id, index), directory_id in batch.items():
            places.setdefault(directory_id, {}).setdefault(topic_id, []).append(index)
        for directory_id, topics in places.items():
            directory = AssignReplicasToDirsRequest.DirectoryData(id=directory_id)
            for topic_id, indexes in topics.items():
                rows = [AssignReplicasToDirsRequest.PartitionData(partition_index=index) for index in indexes]
                directory.topics.append(AssignReplicasToDirsRequest.TopicData(topic_id=topic_id, partitions=rows))
            request.directories.append(directory)
        return request
