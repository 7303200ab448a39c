"""One partition of `__consumer_offsets` that this broker leads: loads its `GroupShard` and performs its effects.

    LOADING --> ACTIVE --> CLOSED        LOADING --> FAILED --> CLOSED

While LOADING clients are told COORDINATOR_LOAD_IN_PROGRESS; FAILED and CLOSED are NOT_COORDINATOR.
(Kafka: CoordinatorRuntime.CoordinatorContext, CoordinatorLoaderImpl.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from engine.broker.group_log import GroupLog
from engine.errors import KafkaError
from engine.groups.effects import Append, CancelTimer, Effect, Respond, SetTimer, TimerKey
from engine.groups.offsets import NO_PRODUCER_ID
from engine.groups.records import decode_record
from engine.groups.settings import GroupSettings
from engine.groups.shard import GroupShard
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.control import ControlType, decode_control_key
from engine.protocol.records.record import decode_records
from engine.runtime import points, safeguards
from engine.types import CONSUMER_OFFSETS_TOPIC, TopicPartition

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.delayed import TimeoutTicket

logger = logging.getLogger(__name__)

LOAD_SLICE_BYTES = 16 * 1024
"""Read and replayed between two turns of the loop while loading: some 150 offsets, 2 to 5 ms. Kafka has threads for
this, and reads offsets.load.buffer.size at once."""
LOADING_MAX = 2
"""Shards that load at the same time; the others wait for their turn (Kafka: group.coordinator.threads)."""


class HostState(Enum):
    """See the module's docstring."""

    LOADING = "loading"
    ACTIVE = "active"
    FAILED = "failed"
    CLOSED = "closed"


class GroupShardHost:
    """Lives from the election of this broker to its resignation."""

    def __init__(
        self,
        broker: Broker,
        partition: int,
        leader_epoch: int,
        settings: GroupSettings,
        loading: asyncio.Semaphore,
    ) -> None:
        self.leader_epoch = leader_epoch
        self.state = HostState.LOADING
        self.topic_partition = TopicPartition(CONSUMER_OFFSETS_TOPIC, partition)
        self.shard = GroupShard(settings, broker.runtime.randomness.stream("groups"))
        self._loading = loading
        self._broker = broker
        self._clock = broker.runtime.clock
        self._log = GroupLog(broker, self.topic_partition, self)
        self._timers: dict[TimerKey, TimeoutTicket] = {}
        self._task: asyncio.Task[None] | None = None

    # --- loading ---

    def start(self) -> None:
        """Begin to load."""
        self._task = asyncio.get_running_loop().create_task(self._load(), name=f"load-{self.topic_partition}")

    async def loaded(self) -> None:
        """Returns once loading has ended, well or badly."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _load(self) -> None:
        try:
            async with self._loading:
                await points.passing("groups.before_load")
                count = await self._replay_log()
        except (KafkaError, ProtocolError) as error:
            self.state = HostState.FAILED
            logger.error("%s: cannot load the groups: %s", self.topic_partition, error)
            return
        except Exception:
            self.state = HostState.FAILED
            logger.exception("%s: cannot load the groups", self.topic_partition)
            return
        self.state = HostState.ACTIVE
        self.perform(self.shard.loaded(self._clock.now_ms()))
        if count:
            groups = len(self.shard.groups)
            logger.info("%s: %d groups from %d records", self.topic_partition, groups, count)

    async def _replay_log(self) -> int:
        """Feed the whole log to the shard; the number of records."""
        log = self._broker.replicas.partition(self.topic_partition).log
        if log is None:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "its log directory is offline")
        offset, end = log.log_start_offset, log.log_end_offset
        count = 0
        while offset < end:
            result = log.read(
                offset, LOAD_SLICE_BYTES, max_offset=end, min_one_batch=safeguards.load_reads_large_batches
            )
            if not result.records:
                break
            count += self._replay_slice(result.records, offset)
            offset = result.next_offset
            await asyncio.sleep(0)
        return count

    def _replay_slice(self, data: bytes, from_offset: int) -> int:
        now_ms = self._clock.now_ms()
        shard = self.shard
        count = 0
        for position, header in iterate_batches(data):
            producer_id = header.producer_id if header.is_transactional else NO_PRODUCER_ID
            for record in decode_records(data, position):
                if record.offset < from_offset:
                    continue
                count += 1
                if header.is_control:
                    control = decode_control_key(record.key)
                    if control in (ControlType.ABORT, ControlType.COMMIT):
                        shard.replay_end_transaction(header.producer_id, committed=control is ControlType.COMMIT)
                    continue
                if record.key is None:
                    logger.warning("%s: record %d has no key, skipped", self.topic_partition, record.offset)
                    continue
                decoded = decode_record(record.key, record.value)
                if decoded is not None:
                    shard.replay(decoded, record.offset, now_ms, producer_id)
        return count

    # --- effects ---

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the shard asked for, in order."""
        for effect in effects:
            match effect:
                case Respond(token, response):
                    _reply(token, response)
                case SetTimer(key, delay_ms):
                    previous = self._timers.get(key)
                    if previous is not None:
                        previous.cancel()
                    self._timers[key] = self._broker.timeouts.after(delay_ms, self._timer_callback(key))
                case CancelTimer(key):
                    ticket = self._timers.pop(key, None)
                    if ticket is not None:
                        ticket.cancel()
                case Append():
                    self._log.append(effect)

    def _timer_callback(self, key: TimerKey) -> Callable[[], None]:
        def fire() -> None:
            self._timers.pop(key, None)
            if self.state is HostState.ACTIVE:
                self.perform(self.shard.timer_fired(key, self._clock.now_ms()))

        return fire

    def appended(self, effect: Append, base_offset: int, *, is_late: bool) -> None:
        self.perform(self.shard.appended(effect, self._clock.now_ms(), base_offset=base_offset, is_late=is_late))

    def append_failed(self, effect: Append, code: ErrorCode) -> None:
        self.perform(self.shard.append_failed(effect, code, self._clock.now_ms()))

    def append_timed_out(self, effect: Append) -> None:
        self.perform(self.shard.append_timed_out(effect, self._clock.now_ms()))

    async def settled(self) -> bool:
        """Wait until everything asked for so far is replicated; False when that takes too long."""
        return await self._log.settled()

    @property
    def is_settled(self) -> bool:
        return self._log.is_idle

    # --- the end ---

    def close(self) -> None:
        """Leadership is lost, or the broker stops: answer everybody NOT_COORDINATOR and forget everything."""
        if self.state is HostState.CLOSED:
            return
        was_active = self.state is HostState.ACTIVE
        unanswered = self.kill()
        if not was_active:
            return
        now_ms = self._clock.now_ms()
        effects = self.shard.unload(now_ms)
        while effects or unanswered:
            unanswered += self._answer(effects)
            effects = (
                self.shard.append_failed(unanswered.pop(0), ErrorCode.NOT_LEADER_OR_FOLLOWER, now_ms)
                if unanswered
                else []
            )

    def kill(self) -> list[Append]:
        """Forget everything and answer nobody; returns the appends somebody may wait for."""
        self.state = HostState.CLOSED
        if self._task is not None:
            self._task.cancel()
        for ticket in self._timers.values():
            ticket.cancel()
        self._timers.clear()
        return self._log.close()

    def _answer(self, effects: Sequence[Effect]) -> list[Append]:
        """Give the answers among `effects`; returns the appends among them, which will not be made."""
        appends = []
        for effect in effects:
            if isinstance(effect, Respond):
                _reply(effect.token, effect.response)
            elif isinstance(effect, Append):
                appends.append(effect)
        return appends


def _reply(reply: Callable[[Any], None], response: Any) -> None:
    """Answer one request, whose reply callback is its token; if that fails, others are not to suffer."""
    try:
        reply(response)
    except Exception:
        logger.exception("an answer of the group coordinator was lost")
