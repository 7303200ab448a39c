"""What the active controller does by itself: fence the silent, balance leaders, elect for the leaderless.

(Kafka: PeriodicTaskControlManager and the tasks QuorumController registers with it.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.metadata.brokers import fence_one_expired
from engine.metadata.decision import Decision
from engine.metadata.elections import balance_leaders, elect_unclean_leaders
from engine.protocol.messages import NoOpRecord

if TYPE_CHECKING:
    from engine.config import BrokerConfig
    from engine.controller.controller import Controller

log = logging.getLogger(__name__)

_LATE_MS_MAX = 250
"""How late the fencing timer may fire and still be believed."""


class Ticks:
    """The timers of one active controller; `start` and `stop` may alternate.

    `balance_interval_ms` (leader.imbalance.check.interval.seconds; 0 when auto.leader.rebalance.enable is off),
    `unclean_election_interval_ms` (unclean.leader.election.interval.ms), `idle_interval_ms`
    (metadata.max.idle.interval.ms: a NoOpRecord that often while nothing is written; 0 for never).
    """

    def __init__(
        self,
        *,
        balance_interval_ms: int = 300_000,
        unclean_election_interval_ms: int = 300_000,
        idle_interval_ms: int = 0,
    ) -> None:
        self._balance_interval_ms = balance_interval_ms
        self._unclean_election_interval_ms = unclean_election_interval_ms
        self._idle_interval_ms = idle_interval_ms
        self._controller: Controller | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._fencing_at_ms: int | None = None

    @classmethod
    def from_config(cls, config: BrokerConfig) -> Ticks:
        """The intervals of a node's properties.

        No-op records are written only when metadata.max.idle.interval.ms is set: nothing here waits for them, and an
        idle cluster should cost nothing. (Apache Kafka writes one every 500 ms.)
        """
        idle = "metadata.max.idle.interval.ms"
        balance_s = config.get_int("leader.imbalance.check.interval.seconds")
        return cls(
            balance_interval_ms=balance_s * 1_000 if config.get_bool("auto.leader.rebalance.enable") else 0,
            unclean_election_interval_ms=config.get_int("unclean.leader.election.interval.ms"),
            idle_interval_ms=config.get_int(idle) if config.explicit(idle) else 0,
        )

    def start(self, controller: Controller) -> None:
        self.stop()
        self._controller = controller
        self.expiry_may_have_changed()
        self._schedule("balance", self._balance_interval_ms, self._balance)
        self._schedule("unclean", self._unclean_election_interval_ms, self._elect_unclean)
        self._schedule("idle", self._idle_interval_ms, self._idle)

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._controller = None
        self._fencing_at_ms = None

    def expiry_may_have_changed(self) -> None:
        """A session was prolonged or begun. Sessions only move later, so a timer that is set stays: it fires, finds
        nothing, and sets itself to the then earliest expiry."""
        controller = self._controller
        if controller is None or self._fencing_at_ms is not None:
            return
        at = controller.heartbeats.next_expiry_ms()
        if at is not None:
            self._fencing_at_ms = at
            self._schedule("fence", max(1, at - controller.monotonic_ms()), self._fence)

    def _schedule(self, name: str, delay_ms: int, tick: Callable[[Controller], None]) -> None:
        if delay_ms > 0:
            self._timers[name] = asyncio.get_running_loop().call_later(delay_ms / 1_000, self._run, tick)

    def _run(self, tick: Callable[[Controller], None]) -> None:
        controller = self._controller
        if controller is None or not controller.is_active:
            return
        try:
            tick(controller)
        except KafkaError as error:  # leadership was lost a moment ago, which stops the timers
            log.debug("controller tick: %s", error)

    def _fence(self, controller: Controller) -> None:
        now_ms = controller.monotonic_ms()
        late_ms = now_ms - (now_ms if self._fencing_at_ms is None else self._fencing_at_ms)
        if late_ms > _LATE_MS_MAX:
            # The loop was held up, and heartbeats that came in time are still unread behind this timer: let them be
            # read first. (Kafka notes heartbeats on the network's threads, whatever the controller is busy with.)
            delay_ms = min(late_ms, controller.settings.session_timeout_ms)
            self._fencing_at_ms = now_ms + delay_ms
            self._schedule("fence", delay_ms, self._fence)
            return
        self._fencing_at_ms = None
        while controller.append_decision(
            fence_one_expired(controller.working, controller.settings, controller.heartbeats, now_ms)
        ):
            pass
        self.expiry_may_have_changed()

    def _balance(self, controller: Controller) -> None:
        again = self._balance_interval_ms
        try:
            if controller.append_decision(balance_leaders(controller.working, controller.settings)):
                again = 1  # there may be more: let others have a turn first
        finally:
            self._schedule("balance", again, self._balance)

    def _elect_unclean(self, controller: Controller) -> None:
        again = self._unclean_election_interval_ms
        try:
            if controller.append_decision(elect_unclean_leaders(controller.working, controller.settings)):
                again = 1
        finally:
            self._schedule("unclean", again, self._elect_unclean)

    def _idle(self, controller: Controller) -> None:
        try:
            if controller.working.offset <= controller.image.offset:
                controller.append_decision(Decision([NoOpRecord()], None))
        finally:
            self._schedule("idle", self._idle_interval_ms, self._idle)
