"""Producers that requests share: whatever is sent to a topic within a minute has one producer id and one entry of the audit
log. With one for each request, a program that sends records one by one would push all else out of the log, which is of
bounded size, and leave a producer's state behind in the brokers for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.open_cluster import OpenCluster
from console.records.producer import ACKS_ALL, RecordProducer
from engine.protocol.records.compression import Compression
from web.api.records.sending import sending

IDLE_S = 2.0
"""After so long without a request the entry is finished."""
AGE_S = 60.0
"""What comes later begins another."""

Key = tuple[str, Compression, int]


class _Sender:
    """A producer, and those that use it. It lives in a task of its own, for it outlives whoever it was made for."""

    def __init__(self, cluster: OpenCluster, key: Key) -> None:
        self.users = 0
        self.idle: asyncio.TimerHandle | None = None
        self.began = asyncio.get_running_loop().time()
        self._ready: asyncio.Future[RecordProducer] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._live(cluster, key))

    async def _live(self, cluster: OpenCluster, key: Key) -> None:
        topic, compression, acks = key
        try:
            # Records of one request come together; those of the next need not wait for more.
            async with sending(cluster, topic, compression=compression, acks=acks, linger_ms=0) as producer:
                self._ready.set_result(producer)
                await self._over.wait()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def producer(self) -> RecordProducer:
        """Raises what kept it from being made."""
        return await asyncio.shield(self._ready)

    @property
    def is_good(self) -> bool:
        return not self._task.done() and not (self._ready.done() and self._ready.result().is_over)

    def end(self) -> None:
        """After what was sent is acknowledged."""
        self._over.set()

    async def ended(self) -> None:
        self.end()
        await asyncio.gather(self._task, return_exceptions=True)


class Senders:
    """Of one cluster. `close` waits for what is under way."""

    def __init__(self, *, idle_s: float = IDLE_S, age_s: float = AGE_S) -> None:
        self._idle_s = idle_s
        self._age_s = age_s
        self._newest: dict[Key, _Sender] = {}
        self._all: set[_Sender] = set()

    @asynccontextmanager
    async def producer(
        self,
        cluster: OpenCluster,
        topic: str,
        *,
        compression: Compression = Compression.NONE,
        acks: int = ACKS_ALL,
    ) -> AsyncIterator[RecordProducer]:
        """For records of that topic. Raises OperatorError, as `sending`. Nothing is flushed: whoever wants to know what
        became of a record waits for its delivery."""
        key = (topic, compression, acks)
        now = asyncio.get_running_loop().time()
        sender = self._newest.get(key)
        if sender is None or not sender.is_good or now - sender.began > self._age_s:
            if sender is not None and not sender.users:
                self._end(key, sender)
            sender = self._newest[key] = _Sender(cluster, key)
            self._all.add(sender)
        sender.users += 1
        if sender.idle is not None:
            sender.idle.cancel()
        try:
            yield await sender.producer()
        finally:
            sender.users -= 1
            if not sender.users:
                sender.idle = asyncio.get_running_loop().call_later(self._idle_s, self._end, key, sender)

    def _end(self, key: Key, sender: _Sender) -> None:
        if sender.idle is not None:
            sender.idle.cancel()
        sender.end()
        self._all.discard(sender)
        if self._newest.get(key) is sender:
            del self._newest[key]

    async def close(self) -> None:
        """Idempotent."""
        senders = list(self._all)
        self._newest.clear()
        self._all.clear()
        for sender in senders:
            if sender.idle is not None:
                sender.idle.cancel()
        await asyncio.gather(*(sender.ended() for sender in senders))
