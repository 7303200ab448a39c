"""A classroom's nodes on real sockets: what a client from outside sends travels the simulated network, and suffers
what happens to it.

    ports = Ports(nodes=3)                                      bound, nobody listens yet
    room = Classroom(situation, node_properties=ports.properties)
    outside = await Outside.open(room, ports)                   from now on clients come in
    outside.bootstrap_servers                                   for bootstrap.servers
    outside.close()

Bytes are taken in at any time, and travel when the world is played: time is whoever plays it. A client's own timeouts run
on by the wall clock. What a client from outside does cannot be played again from the situation.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from engine.sim.classroom.world import Classroom
from engine.sim.nodes import CLIENT_PORT, CONTROLLER_PORT
from engine.sim.process import ProcessState

HOST = "127.0.0.1"
"""For this machine only."""
OUTSIDE_PORT = 9094
CONNECTIONS_MAX = 200
_ASKED_MAX = 1_000
"""Requests of one connection whose api is remembered until they are answered."""
_REQUEST = struct.Struct(">ihhi")


class Ports:
    """A free port for each node. Close them, or give them to `Outside.open`."""

    def __init__(self, nodes: int) -> None:
        self.sockets: dict[int, socket.socket] = {}
        try:
            for node in range(1, nodes + 1):
                found = self.sockets[node] = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                found.bind((HOST, 0))
        except OSError:
            self.close()
            raise

    @property
    def properties(self) -> Mapping[int, Mapping[str, str]]:
        """What each node must be told to be reached there: for `Classroom(node_properties=…)`."""
        return {node: _properties(node, each.getsockname()[1]) for node, each in self.sockets.items()}

    def close(self) -> None:
        """Give them back."""
        for each in self.sockets.values():
            each.close()


class Outside:
    """See the module's docstring. Belongs to the loop it was opened on."""

    def __init__(self, room: Classroom) -> None:
        self.room = room
        self._servers: list[asyncio.Server] = []
        self._bridges: dict[_Bridge, None] = {}
        self.was_used = False
        """Whether anybody came in ever."""

    @classmethod
    async def open(cls, room: Classroom, ports: Ports) -> Outside:
        """Listen on `ports`, of which `room` must know the properties."""
        outside = cls(room)
        loop = asyncio.get_running_loop()
        try:
            for node, each in ports.sockets.items():
                outside._servers.append(await loop.create_server(_bridges(outside, node), sock=each))
        except BaseException:
            outside.close()
            ports.close()
            raise
        return outside

    @property
    def bootstrap_servers(self) -> str:
        """For bootstrap.servers of a client; "" once it is closed."""
        return ",".join(f"{HOST}:{server.sockets[0].getsockname()[1]}" for server in self._servers)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._bridges)

    def close(self) -> None:
        """Close the ports and the connections; the world goes on without them."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for bridge in list(self._bridges):
            bridge.close_outside()

    def opened(self, bridge: _Bridge) -> bool:
        """A connection came in; False when there are too many."""
        if len(self._bridges) >= CONNECTIONS_MAX:
            return False
        self._bridges[bridge] = None
        self.was_used = True
        return True

    def closed(self, bridge: _Bridge) -> None:
        self._bridges.pop(bridge, None)


def _bridges(outside: Outside, node: int) -> Callable[[], _Bridge]:
    return lambda: _Bridge(outside, node)


class _Bridge(asyncio.Protocol):
    """One real connection, and the simulated one that it goes on in."""

    def __init__(self, outside: Outside, node: int) -> None:
        self._owner = outside
        self._node = node
        self._outside: asyncio.Transport | None = None
        self._inside: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._is_over = False
        self.asked = _Asked()

    # ---- the real side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._outside = cast(asyncio.Transport, transport)
        if not self._owner.opened(self):
            self._is_over = True
            self._outside.abort()
            return
        self._inside_call(self._connect)

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data)
        if len(self._waiting) == 1 and self._inside is not None:
            self._inside_call(self._flush)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._owner.closed(self)
        self._inside_call(self._close_inside)

    def close_outside(self) -> None:
        """The simulated end is gone."""
        self._is_over = True
        if self._outside is not None:
            self._outside.close()

    def _inside_call(self, function: object) -> None:
        """Call it in the world, when the world runs next."""
        world = self._owner.room.world
        if not world.loop.is_closed() and world.client_process.state is not ProcessState.DEAD:
            world.loop.call_soon(function, context=world.client_process.context())  # type: ignore[arg-type]

    # ---- the simulated side; runs in the world's loop

    def _connect(self) -> None:
        world = self._owner.room.world
        world.loop.create_task(self._open(), name=f"outside to node-{self._node}")

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(lambda: _Inside(self), f"node-{self._node}", OUTSIDE_PORT)
        except OSError:
            self.close_outside()
            return
        self._inside = transport
        if self._is_over:
            self._close_inside()
        else:
            self._flush()

    def _flush(self) -> None:
        while self._waiting and self._inside is not None:
            data = self._waiting.popleft()
            self.asked.note(data)
            self._inside.write(data)

    def _close_inside(self) -> None:
        if self._inside is not None:
            self._inside.close()
            self._inside = None

    def from_inside(self, data: bytes) -> None:
        """Bytes of the node."""
        if self._outside is not None and not self._is_over:
            self._outside.write(bytes(data))


class _Inside(asyncio.Protocol):
    def __init__(self, bridge: _Bridge) -> None:
        self._bridge = bridge

    def api_asked(self, correlation_id: int) -> int | None:
        """The key of the api whose answer has that correlation id, if it is known (`flight` names messages by it)."""
        return self._bridge.asked.api_of(correlation_id)

    def data_received(self, data: bytes) -> None:
        self._bridge.from_inside(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bridge.close_outside()


class _Asked:
    """Which api each request asked, by correlation id; for the names of answers under way. Librdkafka and others send
    whole frames at once; of one that comes in pieces only the first is looked at."""

    def __init__(self) -> None:
        self._apis: dict[int, int] = {}

    def note(self, data: bytes) -> None:
        at = 0
        while len(data) - at >= _REQUEST.size:
            size, key, _, correlation_id = _REQUEST.unpack_from(data, at)
            if size < 8:
                return
            self._apis[correlation_id] = key
            at += 4 + size
        while len(self._apis) > _ASKED_MAX:
            del self._apis[next(iter(self._apis))]

    def api_of(self, correlation_id: int) -> int | None:
        return self._apis.get(correlation_id)


def _properties(node: int, port: int) -> dict[str, str]:
    return {
        "listeners": f"PLAINTEXT://node-{node}:{CLIENT_PORT},CONTROLLER://node-{node}:{CONTROLLER_PORT},"
        f"OUTSIDE://node-{node}:{OUTSIDE_PORT}",
        "advertised.listeners": f"PLAINTEXT://node-{node}:{CLIENT_PORT},OUTSIDE://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        # The world's wall clock is its own: a client's timestamps may lie far ahead of it.
        "log.message.timestamp.after.max.ms": str((1 << 63) - 1),
    }
