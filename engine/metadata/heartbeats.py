"""Which brokers are alive: the active controller's soft state, never written to the log.

Times are milliseconds of a monotonic clock, passed in. (Kafka: BrokerHeartbeatManager, BrokerHeartbeatTracker.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from engine.metadata.image import BrokerRegistration


class BrokerState(Enum):
    """Where a broker stands (Kafka: BrokerControlState)."""

    FENCED = "fenced"
    UNFENCED = "unfenced"
    CONTROLLED_SHUTDOWN = "in controlled shutdown"
    SHUTDOWN_NOW = "may stop"


@dataclass(slots=True)
class _Broker:
    fenced: bool
    metadata_offset: int = -1
    """Last metadata offset it has applied, as it says."""
    controlled_shutdown_offset: int = -1
    """Where the moves of its leaderships were written; it may stop once every active broker has got there."""


class BrokerHeartbeats:
    """What the active controller knows of each registered broker. Made anew when a controller becomes active."""

    def __init__(self, session_timeout_ms: int) -> None:
        self._session_timeout_ms = session_timeout_ms
        self._brokers: dict[int, _Broker] = {}
        self._contacts: dict[tuple[int, int], int] = {}
        """(broker id, broker epoch) -> time of the last heartbeat."""

    def activate(self, brokers: Mapping[int, BrokerRegistration], now_ms: int) -> None:
        """Start over from the registrations; unfenced brokers get a whole session to find the new controller."""
        self._brokers = {broker.id: _Broker(broker.fenced) for broker in brokers.values()}
        self._contacts = {(b.id, b.epoch): now_ms for b in brokers.values() if not b.fenced}

    def contact(self, broker_id: int, broker_epoch: int, now_ms: int) -> None:
        """A heartbeat has come in."""
        self._contacts[(broker_id, broker_epoch)] = now_ms

    def has_valid_session(self, broker_id: int, broker_epoch: int, now_ms: int) -> bool:
        """Whether that life of the broker has sent a heartbeat within the session timeout."""
        last = self._contacts.get((broker_id, broker_epoch))
        return last is not None and last + self._session_timeout_ms >= now_ms

    def registered(self, broker_id: int, fenced: bool) -> None:
        """A registration was written; a new life starts from nothing."""
        self._brokers[broker_id] = _Broker(fenced)

    def unregistered(self, broker_id: int) -> None:
        self._brokers.pop(broker_id, None)

    def fenced(self, broker_id: int) -> None:
        """The broker was fenced, and so has left controlled shutdown."""
        broker = self._brokers.get(broker_id)
        if broker is not None:
            broker.fenced = True
            broker.controlled_shutdown_offset = -1

    def touch(self, broker_id: int, fenced: bool, metadata_offset: int) -> None:
        """Note what a heartbeat said and what was decided on it."""
        broker = self._brokers.setdefault(broker_id, _Broker(fenced))
        broker.fenced = fenced
        broker.metadata_offset = metadata_offset
        if fenced:
            broker.controlled_shutdown_offset = -1

    def shutting_down(self, broker_id: int, offset: int) -> None:
        """The broker is in controlled shutdown since the record at `offset`; later calls change nothing."""
        broker = self._brokers[broker_id]
        if broker.controlled_shutdown_offset < 0:
            broker.controlled_shutdown_offset = offset

    def is_shutting_down(self, broker_id: int) -> bool:
        """Whether the broker is in controlled shutdown."""
        broker = self._brokers.get(broker_id)
        return broker is not None and broker.controlled_shutdown_offset >= 0

    def expired(self, now_ms: int) -> tuple[int, int] | None:
        """(id, epoch) of one broker whose session has run out, which is forgotten; None when there is none.

        One at a time, so that the effect of fencing each is visible before the next (Kafka: maybeFenceOneStaleBroker).
        """
        for key, last in self._contacts.items():
            if last + self._session_timeout_ms < now_ms:
                del self._contacts[key]
                return key
        return None

    def next_expiry_ms(self) -> int | None:
        """When the next session runs out, if nothing is heard until then."""
        return min(self._contacts.values()) + self._session_timeout_ms + 1 if self._contacts else None

    def lowest_active_offset(self) -> int | None:
        """The lowest metadata offset among active brokers, None without any."""
        offsets = [
            b.metadata_offset for b in self._brokers.values() if not b.fenced and b.controlled_shutdown_offset < 0
        ]
        return min(offsets) if offsets else None

    def current_state(self, broker_id: int) -> BrokerState:
        broker = self._brokers[broker_id]
        if broker.controlled_shutdown_offset >= 0:
            return BrokerState.CONTROLLED_SHUTDOWN
        return BrokerState.FENCED if broker.fenced else BrokerState.UNFENCED

    def next_state(
        self,
        broker_id: int,
        *,
        want_fence: bool,
        want_shut_down: bool,
        metadata_offset: int,
        registration_offset: int,
        leads_any: bool,
    ) -> BrokerState:
        """What a heartbeat with these wishes leads to (Kafka: calculateNextBrokerState).

        A fenced broker is unfenced once it has read its own registration; one that wants to stop may do so once it
        leads nothing and every active broker has read that it does not.
        """
        state = self.current_state(broker_id)
        if state is BrokerState.FENCED:
            if want_shut_down:
                return BrokerState.SHUTDOWN_NOW
            if not want_fence and metadata_offset >= registration_offset:
                return BrokerState.UNFENCED
            return BrokerState.FENCED
        if state is BrokerState.UNFENCED:
            if want_fence:
                return BrokerState.SHUTDOWN_NOW if want_shut_down else BrokerState.FENCED
            if want_shut_down:
                return BrokerState.CONTROLLED_SHUTDOWN if leads_any else BrokerState.SHUTDOWN_NOW
            return BrokerState.UNFENCED
        if leads_any:
            return BrokerState.CONTROLLED_SHUTDOWN
        lowest = self.lowest_active_offset()
        if lowest is None or self._brokers[broker_id].controlled_shutdown_offset <= lowest:
            return BrokerState.SHUTDOWN_NOW
        return BrokerState.CONTROLLED_SHUTDOWN
