"""Producers without idempotence, keyed and unkeyed, with acks 0, 1 or all: what Kafka promises them is less.

acks=all: what was acknowledged is kept, but a retry may write it twice, and out of order. acks=1: it may be lost with
the leader. acks=0: nobody says anything at all.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Sequence

from engine.net.client import ClientConnection
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ProduceRequest, ProduceResponse
from engine.protocol.records.record import Record, build_batch
from engine.sim.clients import BROKEN, REQUEST_TIMEOUT_MS, SimClient
from engine.sim.clock import EPOCH_MS
from engine.sim.history import Fate, History
from engine.types import TopicPartition

_TRIES = 4


class PlainProducer(SimClient):
    """One record at a time, each with an acks of its own; gives up after a few tries, as a careless program would."""

    def __init__(
        self, name: str, bootstrap: Sequence[tuple[str, int]], topic: str, source: random.Random, history: History
    ) -> None:
        super().__init__(name, bootstrap, topic, source)
        self._history = history
        self._stopping = False
        self.unanswered = 0

    def stop(self) -> None:
        """Send no more."""
        self._stopping = True

    async def run(self, sends_per_second: float) -> None:
        """Until `stop`."""
        await self.refresh()
        sequence = 0
        while not self._stopping:
            self.unanswered = 1
            await self._send(sequence)
            self.unanswered = 0
            sequence += 1
            await asyncio.sleep(self.source.expovariate(sends_per_second))

    async def _send(self, sequence: int) -> None:
        partitions = sorted(self.leaders)
        key = b"%d" % self.source.randrange(20) if self.source.random() < 0.5 else None
        partition = self.source.choice(partitions) if key is None else partitions[zlib.crc32(key) % len(partitions)]
        acks = self.source.choice((0, 1, -1))
        value = b"%s:%06d" % (self.name.encode(), sequence)
        now_ns = int(asyncio.get_running_loop().time() * 1e9)
        send = self._history.send(self.name, sequence, value, now_ns, acks=acks, is_idempotent=False)
        send.topic_partition = TopicPartition(self.topic, partition)
        data = build_batch([Record(0, EPOCH_MS + now_ns // 1_000_000, key, value, [])])
        for _ in range(_TRIES):
            try:
                connection, _ = await self.leader_connection(partition)
                code, offset = await self._produce(connection, partition, data, acks)
            except BROKEN:
                code, offset = ErrorCode.LEADER_NOT_AVAILABLE, -1
            if code == ErrorCode.NONE:
                if acks != 0:
                    send.fate, send.offset = Fate.ACKNOWLEDGED, offset
                return
            send.error = code.name
            await self.back_off()
            await self.refresh()

    async def _produce(
        self, connection: ClientConnection, partition: int, data: bytes, acks: int
    ) -> tuple[ErrorCode, int]:
        request = ProduceRequest(
            acks=acks,
            timeout_ms=REQUEST_TIMEOUT_MS * 2 // 3,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=self.topic if connection.version_for(0) < 13 else "",
                    topic_id=self.topic_id,
                    partition_data=[ProduceRequest.PartitionProduceData(index=partition, records=data)],
                )
            ],
        )
        if acks == 0:
            await connection.request(request, expect_response=False)
            return ErrorCode.NONE, -1
        answer: ProduceResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        result = answer.responses[0].partition_responses[0]
        return ErrorCode.of(result.error_code), result.base_offset
