"""A client that does as it is told: which batch to which node, with which sequence; and reads from any replica.

What it sends and is told goes into the world's history, for the judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.net.client import ClientConnection
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest
from engine.protocol.records.record import Record, build_batch
from engine.sim.clients import BROKEN, REQUEST_TIMEOUT_MS, polled_from
from engine.sim.clock import EPOCH_MS
from engine.sim.history import Fate, Send
from engine.sim.nodes import CLIENT_PORT, SimNode
from engine.sim.scripts.stage import ScriptFailed
from engine.sim.workloads import TOPIC
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.sim.world import World

PATIENCE_MS = 60_000
"""How long its produces may wait for the replicas."""


@dataclass(frozen=True, slots=True)
class ProducerId:
    """Who an idempotent batch is from."""

    id: int
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Produced:
    """What a produce was answered."""

    code: ErrorCode
    offset: int


LOST = Produced(ErrorCode.LEADER_NOT_AVAILABLE, -1)
"""No answer."""


class ByHand:
    """One client of partition 0 of `topic`."""

    def __init__(self, world: World, name: str = "hand", topic: str = TOPIC) -> None:
        self._world = world
        self._name = name
        self.topic = topic
        self._sends: dict[bytes, Send] = {}
        self._last: tuple[bytes, list[Send]] = b"", []

    async def producer_id(self) -> ProducerId:
        """A fresh one of the cluster's."""
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
        for _ in range(100):
            answer: InitProducerIdResponse | None = await self._world.ask(request)
            if answer is not None and answer.error_code == ErrorCode.NONE:
                return ProducerId(answer.producer_id, answer.producer_epoch)
            await asyncio.sleep(0.1)
        raise ScriptFailed("there is no producer id")

    async def produce(
        self,
        node: SimNode,
        values: Sequence[bytes],
        *,
        keys: Sequence[bytes] = (),
        producer: ProducerId | None = None,
        sequence: int = -1,
        is_noted: bool = True,
    ) -> Produced:
        """One batch to that node with acks=all. `keys` by value, b"key" for all unless given.

        `is_noted`: the judges are to know of it.
        """
        now_ns = self._world.loop.now_ns
        keys = keys or [b"key"] * len(values)
        timestamp_ms = EPOCH_MS + now_ns // 1_000_000
        data = build_batch(
            [
                Record(index, timestamp_ms, key, value, [])
                for index, (key, value) in enumerate(zip(keys, values, strict=True))
            ],
            producer_id=-1 if producer is None else producer.id,
            producer_epoch=-1 if producer is None else producer.epoch,
            base_sequence=sequence,
        )
        self._last = data, self.note(values, keys, is_idempotent=producer is not None) if is_noted else []
        return await self.send_again(node)

    async def send_again(self, node: SimNode) -> Produced:
        """The very batch that was sent last, to that node."""
        data, sends = self._last
        found = await self._ask(node, lambda version: self._request(version, data))
        if found is None:
            return LOST
        row = found.responses[0].partition_responses[0]
        produced = Produced(ErrorCode.of(row.error_code), row.base_offset)
        if produced.code in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
            for index, send in enumerate(sends):
                send.fate = Fate.ACKNOWLEDGED
                send.offset = produced.offset + index if produced.offset >= 0 else -1
        return produced

    def note(self, values: Sequence[bytes], keys: Sequence[bytes] = (), *, is_idempotent: bool) -> list[Send]:
        """Tell the judges that these are being sent, in this order; a value that was sent before is the same record."""
        for index, value in enumerate(values):
            if value not in self._sends:
                send = self._world.history.send(
                    self._name, len(self._sends), value, self._world.loop.now_ns, is_idempotent=is_idempotent
                )
                send.topic_partition = TopicPartition(self.topic, 0)
                send.key = keys[index] if keys else b""
                self._sends[value] = send
        return [self._sends[value] for value in values]

    def _topic_id(self) -> bytes:
        image = self._world.image()
        topic = None if image is None else image.topic(self.topic)
        return bytes(16) if topic is None else topic.id

    def _request(self, version: int, data: bytes) -> ProduceRequest:
        return ProduceRequest(
            acks=-1,
            timeout_ms=PATIENCE_MS,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=self.topic if version < 13 else "",
                    topic_id=self._topic_id(),
                    partition_data=[ProduceRequest.PartitionProduceData(index=0, records=data)],
                )
            ],
        )

    async def read(self, node: SimNode, offset: int) -> list[bytes]:
        """What a consumer is given that asks that very node, leader or not (KIP-392), from `offset` on."""
        request = FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            max_bytes=1 << 20,
            session_id=0,
            session_epoch=-1,
            topics=[
                FetchRequest.FetchTopic(
                    topic_id=self._topic_id(),
                    partitions=[FetchRequest.FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)],
                )
            ],
        )  # fmt: skip
        answer = await self._ask(node, lambda _: request)
        if answer is None:
            return []
        _, records, _ = polled_from(answer, TopicPartition(self.topic, 0), offset)
        self._world.history.consumer(f"{self._name} at {node.name}").records.extend(records)
        return [polled.value for polled in records]

    async def _ask(self, node: SimNode, request: Callable[[int], Any]) -> Any | None:
        """The answer of that node; None for none. `request` is made for the version of Produce that is spoken."""

        async def ask() -> Any | None:
            try:
                connection = await ClientConnection.open(node.name, CLIENT_PORT, timeout_ms=REQUEST_TIMEOUT_MS)
                try:
                    return await connection.request(request(connection.version_for(0)), timeout_ms=2 * PATIENCE_MS)
                finally:
                    connection.close()
            except BROKEN:
                return None

        return await self._world.client_process.spawn(ask())
