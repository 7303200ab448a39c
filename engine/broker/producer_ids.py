"""Producer ids for idempotent producers: blocks of 1000 from the controller, the next one fetched ahead.

(Kafka: RPCProducerIdManager. There a request that finds the block used up is answered COORDINATOR_LOAD_IN_PROGRESS and
tried again by the client; here it waits a little for the next block first.)
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AllocateProducerIdsRequest

if TYPE_CHECKING:
    from engine.broker.broker import Broker

logger = logging.getLogger(__name__)

PREFETCH_BELOW = 0.1
"""Share of a block that is left when the next one is asked for (Kafka: PID_PREFETCH_THRESHOLD = 0.90 used)."""
WAIT_MS_MAX = 1000
"""How long a producer is kept waiting for a block."""
RETRY_BACKOFF_MS = 50


class ProducerIdManager:
    """Hands out ids that no other broker of the cluster hands out."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._block = range(0)
        """What is left of the current block."""
        self._block_size = 0
        self._next_block: range | None = None
        self._fetch: asyncio.Task[None] | None = None

    async def next_id(self) -> int:
        """A fresh id. KafkaError COORDINATOR_LOAD_IN_PROGRESS when the controller gave no block in time."""
        deadline = asyncio.get_running_loop().time() + WAIT_MS_MAX / 1000
        while not self._block:
            if self._next_block is not None:
                self._block, self._next_block = self._next_block, None
                self._block_size = len(self._block)
                continue
            fetch = self._start_fetch()
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "no producer ids from the controller yet")
            await asyncio.wait([fetch], timeout=left)
            if fetch.done() and not self._block and self._next_block is None:
                await asyncio.sleep(min(RETRY_BACKOFF_MS / 1000, left))
        producer_id, self._block = self._block[0], self._block[1:]
        if self._next_block is None and len(self._block) <= self._block_size * PREFETCH_BELOW:
            self._start_fetch()
        return producer_id

    def _start_fetch(self) -> asyncio.Task[None]:
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.get_running_loop().create_task(self._fetch_block(), name="producer-ids")
        return self._fetch

    async def _fetch_block(self) -> None:
        request = AllocateProducerIdsRequest(broker_id=self._broker.node_id, broker_epoch=self._broker.broker_epoch)
        try:
            response = await self._broker.controller.send(request)
        except KafkaError as error:
            logger.warning("no block of producer ids: %s", error.message)
            return
        if response.error_code:
            logger.warning("no block of producer ids: %s", ErrorCode.of(response.error_code).name)
            return
        start = response.producer_id_start
        self._next_block = range(start, start + response.producer_id_len)

    def stop(self) -> None:
        """Ask for nothing more."""
        if self._fetch is not None:
            self._fetch.cancel()
