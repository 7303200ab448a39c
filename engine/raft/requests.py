"""One request at a time to each node, with timeouts and backoff (Kafka: RequestManager). No I/O."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING_IN_FLIGHT = -1


@dataclass(slots=True)
class _Connection:
    correlation_id: int = NOTHING_IN_FLIGHT
    sent_ms: float = 0.0
    backoff_until_ms: float = 0.0


class RequestManager:
    """Which node may be sent a request now, and which answer is still wanted.

    An answer whose correlation id is not the one in flight is stale: its request timed out, or the replica has changed
    its state since. Stale answers must be ignored, or records could be appended twice.
    """

    def __init__(self, *, retry_backoff_ms: int, request_timeout_ms: int, random_source: random.Random) -> None:
        self._retry_backoff_ms = retry_backoff_ms
        self._request_timeout_ms = request_timeout_ms
        self._random = random_source
        self._connections: dict[int, _Connection] = {}
        self._last_correlation_id = 0

    def is_ready(self, node_id: int, now_ms: float) -> bool:
        connection = self._connections.get(node_id)
        return connection is None or (
            (connection.correlation_id == NOTHING_IN_FLIGHT or self._timed_out(connection, now_ms))
            and now_ms >= connection.backoff_until_ms
        )

    def is_backing_off(self, node_id: int, now_ms: float) -> bool:
        connection = self._connections.get(node_id)
        return connection is not None and now_ms < connection.backoff_until_ms

    def has_timed_out(self, node_id: int, now_ms: float) -> bool:
        connection = self._connections.get(node_id)
        return connection is not None and self._timed_out(connection, now_ms)

    def has_any_in_flight(self, now_ms: float) -> bool:
        return any(
            connection.correlation_id != NOTHING_IN_FLIGHT and not self._timed_out(connection, now_ms)
            for connection in self._connections.values()
        )

    def any_ready(self, node_ids: Sequence[int], now_ms: float) -> int | None:
        """A random one of `node_ids` that may be sent to; None while any request at all is under way
        (Kafka: findReadyBootstrapServer)."""
        if not node_ids or self.has_any_in_flight(now_ms):
            return None
        first = self._random.randrange(len(node_ids))
        for index in range(len(node_ids)):
            node_id = node_ids[(first + index) % len(node_ids)]
            if self.is_ready(node_id, now_ms):
                return node_id
        return None

    def sent(self, node_id: int, now_ms: float) -> int:
        """A request goes to `node_id`; returns its correlation id."""
        connection = self._connections.setdefault(node_id, _Connection())
        self._last_correlation_id += 1
        connection.correlation_id = self._last_correlation_id
        connection.sent_ms = now_ms
        connection.backoff_until_ms = 0.0
        return self._last_correlation_id

    def is_expected(self, node_id: int, correlation_id: int) -> bool:
        connection = self._connections.get(node_id)
        return connection is not None and connection.correlation_id == correlation_id

    def completed(self, node_id: int, correlation_id: int, success: bool, now_ms: float) -> None:
        """The request was answered, or failed and is backed off from."""
        connection = self._connections.get(node_id)
        if connection is None or connection.correlation_id != correlation_id:
            return
        connection.correlation_id = NOTHING_IN_FLIGHT
        connection.backoff_until_ms = 0.0 if success else now_ms + self._retry_backoff_ms

    def reset_all(self) -> None:
        """The state changed: every node may be sent to at once, every answer under way is stale."""
        self._connections.clear()

    def next_change_ms(self, now_ms: float) -> float:
        """When the next request times out or the next backoff ends; infinite when nothing will."""
        times = [
            connection.sent_ms + self._request_timeout_ms
            for connection in self._connections.values()
            if connection.correlation_id != NOTHING_IN_FLIGHT and not self._timed_out(connection, now_ms)
        ]
        times += [
            connection.backoff_until_ms
            for connection in self._connections.values()
            if connection.backoff_until_ms > now_ms
        ]
        return min(times, default=float("inf"))

    def _timed_out(self, connection: _Connection, now_ms: float) -> bool:
        return (
            connection.correlation_id != NOTHING_IN_FLIGHT and now_ms >= connection.sent_ms + self._request_timeout_ms
        )
