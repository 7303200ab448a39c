"""The broker's way to the active controller (Kafka: NodeToControllerChannelManager).

`send` finds the leader of the quorum, keeps one connection to it, and tries again elsewhere when that node answers
NOT_CONTROLLER or is gone, until the request's time is over.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from engine.errors import KafkaError
from engine.metadata.answers import is_not_controller
from engine.net.client import ClientConnection, ConnectionLost, RequestTimedOut
from engine.protocol.errors import ErrorCode
from engine.types import Endpoint, LeaderAndEpoch

logger = logging.getLogger(__name__)


class Quorum(Protocol):
    """What the channel needs of the raft driver."""

    @property
    def leader(self) -> LeaderAndEpoch: ...

    def controller_endpoint(self, node_id: int) -> Endpoint | None: ...


class ControllerChannel:
    """See the module's docstring."""

    def __init__(
        self, quorum: Quorum, client_id: str, *, request_timeout_ms: int = 30_000, backoff_ms: int = 50
    ) -> None:
        self._quorum = quorum
        self._client_id = client_id
        self._request_timeout_ms = request_timeout_ms
        self._backoff_ms = backoff_ms
        self._connection: ClientConnection | None = None
        self._connected_to = -1
        self._connecting: asyncio.Lock = asyncio.Lock()

    async def send(self, request: Any, *, timeout_ms: int | None = None, version: int | None = None) -> Any:
        """The controller's answer. KafkaError REQUEST_TIMED_OUT when no controller answered in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout_ms or self._request_timeout_ms) / 1000
        backoff_ms = self._backoff_ms / 4
        last = "no controller is known"
        while True:
            left_ms = int((deadline - loop.time()) * 1000)
            if left_ms <= 0:
                raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, f"{type(request).__name__}: {last}")
            try:
                connection = await self._connect(left_ms)
                if connection is not None:
                    response = await connection.request(request, timeout_ms=left_ms, version=version)
                    if not is_not_controller(response):
                        return response
                    last = f"node {self._connected_to} is not the controller"
            except (ConnectionLost, RequestTimedOut) as error:
                last = str(error)
            await asyncio.sleep(min(backoff_ms, max(left_ms, 1)) / 1000)
            backoff_ms = min(backoff_ms * 2, self._backoff_ms * 4)

    async def _connect(self, timeout_ms: int) -> ClientConnection | None:
        """A connection to whoever leads the quorum now; None while nobody does."""
        async with self._connecting:
            leader_id = self._quorum.leader.leader_id
            if leader_id < 0:
                return None
            connection = self._connection
            if connection is not None and not connection.closed and self._connected_to == leader_id:
                return connection
            if connection is not None:
                connection.close()
            endpoint = self._quorum.controller_endpoint(leader_id)
            if endpoint is None:
                return None
            self._connected_to = leader_id
            self._connection = await ClientConnection.open(
                endpoint.host, endpoint.port, client_id=self._client_id, timeout_ms=min(timeout_ms, 3_000)
            )
            return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
