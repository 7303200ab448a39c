"""Connect your own client: the classroom's cluster on real sockets, its virtual time tied to the wall clock.

    paced = await PacedCluster.start(Situation(...))
    ... kcat -b {paced.bootstrap_servers} -L ...
    paced.room.do(Kill(node=1))
    await paced.stop()

Every node has a port on 127.0.0.1; what a client sends there travels through the simulated network to the node, and
suffers what happens to it. `rate` is virtual seconds per second. While it is paused nothing answers, and clients' own
timeouts go on: `warning` says so. What a client from outside does cannot be played again from the situation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from typing import cast

from engine.sim.classroom.situation import Situation
from engine.sim.classroom.world import Classroom
from engine.sim.nodes import CLIENT_PORT, CONTROLLER_PORT
from engine.sim.process import ProcessState

logger = logging.getLogger(__name__)

OUTSIDE_PORT = 9094
HOST = "127.0.0.1"
SLICE_S = 0.005
SLICE_MAX_S = 0.25
"""A machine that was asleep does not make the world catch up."""
CONNECTIONS_MAX = 200
_PAUSED = "The cluster stands still: nothing is answered, while clients' own timeouts run on."


class PacedCluster:
    """See the module's docstring. Made by `start`; belongs to the loop it was started on."""

    def __init__(self, room: Classroom, servers: list[tuple[int, asyncio.Server]], rate: float) -> None:
        self.room = room
        self._servers = servers
        self._rate = rate
        self._paused = False
        self._bridges: dict[_Bridge, None] = {}
        self._failure: BaseException | None = None
        self._pumping = asyncio.get_running_loop().create_task(self._pump(), name="paced cluster")

    @classmethod
    async def start(cls, situation: Situation | None = None, *, rate: float = 1.0) -> PacedCluster:
        """Boot the cluster of `situation` and listen on free ports. ValueError for a rate outside 0.01..20."""
        _check(rate)
        situation = situation if situation is not None else Situation()
        sockets = []
        for _ in range(situation.shape.nodes):
            each = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            each.bind((HOST, 0))
            sockets.append(each)
        ports = {number: each.getsockname()[1] for number, each in enumerate(sockets, 1)}
        try:
            room = Classroom(situation, node_properties={node: _properties(node, port) for node, port in ports.items()})
        except BaseException:
            for each in sockets:
                each.close()
            raise
        loop = asyncio.get_running_loop()
        servers: list[tuple[int, asyncio.Server]] = []
        paced = cls(room, servers, rate)
        for node, each in enumerate(sockets, 1):
            servers.append((node, await loop.create_server(lambda node=node: _Bridge(paced, node), sock=each)))  # type: ignore[misc]
        return paced

    @property
    def bootstrap_servers(self) -> str:
        """For bootstrap.servers of a client."""
        return ",".join(f"{HOST}:{server.sockets[0].getsockname()[1]}" for _, server in self._servers)

    @property
    def rate(self) -> float:
        """Virtual seconds per second; 0.01 to 20."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        _check(rate)
        self._rate = rate

    @property
    def warning(self) -> str:
        """What whoever has a client connected must know; "" for nothing."""
        if self._failure is not None:
            return f"The cluster has stopped: {self._failure!r}"
        if self.room.broken:
            return f"The cluster stands still for good: {self.room.broken}"
        if self._paused:
            return f"{_PAUSED} {len(self._bridges)} connections are open."
        if self._rate < 1:
            return "The cluster is slower than the clock: clients' own timeouts are short for it."
        return ""

    @property
    def connections(self) -> int:
        """How many connections from outside are open."""
        return len(self._bridges)

    def pause(self) -> None:
        """Stop the world. Connections stay open."""
        if not self._paused:
            self._paused = True
            logger.warning("%s", self.warning)

    def resume(self) -> None:
        """Go on; the time in between does not exist for the world."""
        self._paused = False

    async def stop(self) -> None:
        """Close the ports, the connections and the world."""
        self._pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pumping
        for _, server in self._servers:
            server.close()
        for bridge in list(self._bridges):
            bridge.close_outside()
        self.room.close()
        await asyncio.sleep(0)

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        try:
            while True:
                await asyncio.sleep(SLICE_S)
                now = loop.time()
                elapsed = min(now - last, SLICE_MAX_S)
                last = now
                if not self._paused and not self.room.broken:
                    self.room.advance(elapsed * 1000 * self._rate)
        except Exception as error:
            self._failure = error
            logger.exception("the paced cluster stopped")

    def opened(self, bridge: _Bridge) -> bool:
        """A connection came in; False when there are too many."""
        if len(self._bridges) >= CONNECTIONS_MAX:
            return False
        self._bridges[bridge] = None
        return True

    def closed(self, bridge: _Bridge) -> None:
        self._bridges.pop(bridge, None)


class _Bridge(asyncio.Protocol):
    """One real connection, and the simulated one that it goes on in."""

    def __init__(self, paced: PacedCluster, node: int) -> None:
        self._paced = paced
        self._node = node
        self._outside: asyncio.Transport | None = None
        self._inside: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._is_over = False

    # ---- the real side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._outside = cast(asyncio.Transport, transport)
        if not self._paced.opened(self):
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
        self._paced.closed(self)
        self._inside_call(self._close_inside)

    def close_outside(self) -> None:
        """The simulated end is gone."""
        self._is_over = True
        if self._outside is not None:
            self._outside.close()

    def _inside_call(self, function: object) -> None:
        """Call it in the world, when the world runs next."""
        world = self._paced.room.world
        if not world.loop.is_closed() and world.client_process.state is not ProcessState.DEAD:
            world.loop.call_soon(function, context=world.client_process.context())  # type: ignore[arg-type]

    # ---- the simulated side; runs in the world's loop

    def _connect(self) -> None:
        world = self._paced.room.world
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
            self._inside.write(self._waiting.popleft())

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

    def data_received(self, data: bytes) -> None:
        self._bridge.from_inside(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bridge.close_outside()


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


def _check(rate: float) -> None:
    if not 0.01 <= rate <= 20:
        raise ValueError(f"the rate is {rate}; it must be between 0.01 and 20")
