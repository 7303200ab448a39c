"""Requests from this node to the other nodes of the quorum (Kafka: KafkaNetworkChannel).

One request at a time goes over a connection: the answer to a fetch may be held back, and Kafka answers in order, so a
request for a vote must not queue behind it. A connection that is free is used again; at most `IDLE_MAX` per node wait.
"""

import asyncio
import logging
from collections.abc import Callable

from engine.net.client import ClientConnection, ConnectionLost, RequestTimedOut, UnsupportedVersion
from engine.protocol.errors import ProtocolError
from engine.protocol.message import Message
from engine.types import Endpoint

logger = logging.getLogger(__name__)

IDLE_MAX = 2

OnResponse = Callable[[int, int, Message | None], None]
"""(node id, correlation id, answer or None when there is none)."""


class RaftPeers:
    """Sends requests, reports every answer or failure to `on_response` exactly once, until `close`."""

    def __init__(self, client_id: str, request_timeout_ms: int, fetch_bytes_max: int, on_response: OnResponse) -> None:
        self.endpoints: dict[int, Endpoint] = {}
        """Where each node is. May change at any time."""
        self._client_id = client_id
        self._request_timeout_ms = request_timeout_ms
        self._response_bytes_max = fetch_bytes_max + 16 * 1024 * 1024  # the first batch goes out whole, however large
        self._on_response = on_response
        self._idle: dict[int, list[tuple[Endpoint, ClientConnection]]] = {}
        self._busy: list[ClientConnection] = []
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, unlike a set: cancelling must be repeatable
        self._closed = False

    def send(self, node_id: int, correlation_id: int, message: Message) -> None:
        """Start the request. A node without a known endpoint fails at once (but not within this call)."""
        task = asyncio.get_running_loop().create_task(self._request(node_id, correlation_id, message))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _request(self, node_id: int, correlation_id: int, message: Message) -> None:
        response: Message | None = None
        try:
            response = await self._ask(node_id, message)
        except (ConnectionLost, RequestTimedOut, UnsupportedVersion) as error:
            logger.debug("%s to node %d: %s", type(message).__name__, node_id, error)
        except ProtocolError:
            # Ours, not the peer's: a peer's malformed answer comes as ConnectionLost. Its version may be too old.
            logger.exception("%s to node %d cannot be sent", type(message).__name__, node_id)
        if not self._closed:
            self._on_response(node_id, correlation_id, response)

    async def _ask(self, node_id: int, message: Message) -> Message:
        endpoint = self.endpoints.get(node_id)
        if endpoint is None:
            raise ConnectionLost(f"node {node_id}: no endpoint is known")
        connection = self._take_idle(node_id, endpoint)
        if connection is None:
            connection = await ClientConnection.open(
                endpoint.host,
                endpoint.port,
                client_id=self._client_id,
                timeout_ms=self._request_timeout_ms,
                response_bytes_max=self._response_bytes_max,
            )
        self._busy.append(connection)
        try:
            response = await connection.request(message, timeout_ms=self._request_timeout_ms)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.remove(connection)
        idle = self._idle.setdefault(node_id, [])
        if self._closed or len(idle) >= IDLE_MAX:
            connection.close()
        else:
            idle.append((endpoint, connection))
        assert isinstance(response, Message)
        return response

    def _take_idle(self, node_id: int, endpoint: Endpoint) -> ClientConnection | None:
        idle = self._idle.get(node_id, [])
        while idle:
            where, connection = idle.pop()
            if not connection.closed and where[1:] == endpoint[1:]:
                return connection
            connection.close()
        return None

    def close(self) -> None:
        """Give up everything under way, close all connections."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        for connection in self._busy:
            connection.close()
        for idle in self._idle.values():
            for _, connection in idle:
                connection.close()
        self._idle.clear()
