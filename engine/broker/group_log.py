"""The log of one group shard: records batched and appended in order, followed until they are replicated.

Operations of one loop iteration share a batch, so a burst of commits costs one append. An append is refused at once
(nothing is written, only its operations fail), or written and then replicated in order. One that takes longer than
offsets.commit.timeout.ms is answered with an error while its records stay: they may be replicated yet, and are taken
in when they are (Kafka: CoordinatorRuntime's deferred event queue).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.groups.effects import Append
from engine.groups.records import encode_record
from engine.log import AppendOrigin
from engine.protocol.errors import ErrorCode
from engine.protocol.records.record import Record, build_batch

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.delayed import TimeoutTicket
    from engine.broker.group_shard_host import GroupShardHost
    from engine.types import TopicPartition

logger = logging.getLogger(__name__)

BATCH_BYTES_MAX = 512 * 1024
"""Operations are only put into one batch up to here; a single one may be larger."""
_RECORD_OVERHEAD_BYTES = 24

_TOO_LARGE = (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE)


class _Operation:
    """An `Append` with its records encoded."""

    __slots__ = ("effect", "records", "size_bytes")

    def __init__(self, effect: Append) -> None:
        self.effect = effect
        self.records = [encode_record(record) for record in effect.records]
        self.size_bytes = sum(len(key) + len(value or b"") + _RECORD_OVERHEAD_BYTES for key, value in self.records)


class _Batch:
    """What was appended together and is being replicated."""

    __slots__ = ("base_offset", "effects", "future", "is_late", "ticket", "waiters")

    def __init__(self, effects: list[Append], base_offset: int, future: asyncio.Future[None] | None) -> None:
        self.effects = effects
        self.base_offset = base_offset
        self.future = future
        self.is_late = False
        self.ticket: TimeoutTicket | None = None
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def is_settled(self) -> bool:
        return self.future is None or self.future.done()


class GroupLog:
    """Appends for one shard and tells its host how each append ended."""

    def __init__(self, broker: Broker, topic_partition: TopicPartition, host: GroupShardHost) -> None:
        self._broker = broker
        self._topic_partition = topic_partition
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._timeout_ms = broker.config.get_int("offsets.commit.timeout.ms")
        self._queue: list[_Operation] = []
        self._queue_bytes = 0
        self._flush_scheduled = False
        self._in_flight: deque[_Batch] = deque()
        self._draining = False
        self._closed = False

    def append(self, effect: Append) -> None:
        """Take `effect` into the batch of this loop iteration."""
        operation = _Operation(effect)
        if self._queue and self._queue_bytes + operation.size_bytes > BATCH_BYTES_MAX:
            self.flush()
        self._queue.append(operation)
        self._queue_bytes += operation.size_bytes
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        self._flush_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Append what is queued now."""
        queue, self._queue = self._queue, []
        self._queue_bytes = 0
        if queue and not self._closed:
            self._write(queue)

    def _write(self, operations: list[_Operation]) -> None:
        now_ms = self._broker.runtime.clock.now_ms()
        pairs = [pair for operation in operations for pair in operation.records]
        batch = build_batch([Record(offset, now_ms, key, value, []) for offset, (key, value) in enumerate(pairs)])
        try:
            base_offset, future = self._broker.replicas.start_append(
                self._topic_partition, batch, required_acks=-1, origin=AppendOrigin.COORDINATOR
            )
        except KafkaError as error:
            if error.code in _TOO_LARGE and len(operations) > 1:
                for operation in operations:
                    self._write([operation])
                return
            logger.warning("%s: records of groups refused: %s", self._topic_partition, error.message)
            for operation in operations:
                self._host.append_failed(operation.effect, error.code)
            return
        written = _Batch([operation.effect for operation in operations], base_offset, future)
        self._in_flight.append(written)
        if future is None:
            self._drain()
        else:
            future.add_done_callback(self._replicated)
            written.ticket = self._broker.timeouts.after(self._timeout_ms, lambda: self._timed_out(written))

    def _replicated(self, future: asyncio.Future[None]) -> None:
        future.exception()  # seen: `_drain` looks at it, unless the shard is gone
        if not self._closed:
            self._drain()

    def _drain(self) -> None:
        """Settle finished batches from the oldest on."""
        if self._draining:
            return
        self._draining = True
        try:
            in_flight = self._in_flight
            while in_flight and in_flight[0].is_settled and not self._closed:
                batch = in_flight.popleft()
                if batch.ticket is not None:
                    batch.ticket.cancel()
                self._settle(batch)
                for waiter in batch.waiters:
                    if not waiter.done():
                        waiter.set_result(None)
        finally:
            self._draining = False

    def _settle(self, batch: _Batch) -> None:
        error = None if batch.future is None else batch.future.exception()
        offset = batch.base_offset
        for effect in batch.effects:
            if error is None or _is_replicated(error):
                self._host.appended(effect, offset, is_late=batch.is_late)
            elif not batch.is_late:
                self._host.append_failed(
                    effect, error.code if isinstance(error, KafkaError) else ErrorCode.UNKNOWN_SERVER_ERROR
                )
            offset += len(effect.records)

    def _timed_out(self, batch: _Batch) -> None:
        if self._closed or batch.is_late or batch.is_settled:
            return
        batch.is_late = True
        for effect in batch.effects:
            self._host.append_timed_out(effect)

    async def settled(self) -> bool:
        """Wait until all that was asked for is replicated, at most offsets.commit.timeout.ms; False when it is not."""
        self.flush()
        if not self._in_flight:
            return True
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._in_flight[-1].waiters.append(waiter)
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                await waiter
        except TimeoutError:
            return False
        return True

    @property
    def is_idle(self) -> bool:
        """Nothing queued, nothing on its way."""
        return not self._queue and not self._in_flight

    def close(self) -> list[Append]:
        """Give up; returns the appends whose clients have had no answer yet."""
        self._closed = True
        unanswered = [effect for batch in self._in_flight if not batch.is_late for effect in batch.effects]
        unanswered += [operation.effect for operation in self._queue]
        for batch in self._in_flight:
            if batch.ticket is not None:
                batch.ticket.cancel()
            for waiter in batch.waiters:
                if not waiter.done():
                    waiter.set_result(None)
        self._in_flight.clear()
        self._queue.clear()
        return unanswered


def _is_replicated(error: BaseException) -> bool:
    """The high watermark passed the records although the ISR is below min.insync.replicas by now: a coordinator in
    Kafka only looks at the high watermark."""
    return isinstance(error, KafkaError) and error.code is ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
