"""What all actions share: the room they are done in, and how a node of it is found and asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from engine.protocol.errors import ErrorCode
from engine.sim.classroom import actions as do
from engine.sim.nodes import NodeState, SimNode
from engine.sim.process import Host

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

_ATTEMPTS = 40
_PAUSE_S = 0.25


class Refused(Exception):
    """The action cannot be done now. The message is for people."""


class ActingBase:
    """Runs inside the world's loop."""

    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._world = room.world

    def _node(self, node_id: int) -> SimNode:
        node = self._world.nodes.get(node_id)
        if node is None:
            raise Refused(f"there is no node {node_id}")
        return node

    def _running(self, node_id: int) -> SimNode:
        node = self._node(node_id)
        if node.state is NodeState.DOWN:
            raise Refused(f"node {node_id} is down already")
        return node

    def _host(self, host_id: int) -> Host:
        return self._world.client_host if host_id == do.CLIENTS else self._node(host_id).host

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._world.loop.create_task(work, name=name)

    def _ask(self, request: Any, what: str, codes: Callable[[Any], Iterable[tuple[int, str | None]]]) -> None:
        """Ask until a node answers; what it answered goes on the timeline."""

        async def ask() -> None:
            for _ in range(_ATTEMPTS):
                answer = await self._world.ask(request)
                if answer is not None:
                    found = [(ErrorCode.of(code), text) for code, text in codes(answer)]
                    wrong = [(code, text) for code, text in found if code != ErrorCode.NONE]
                    again = {ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT, ErrorCode.BROKER_NOT_AVAILABLE}
                    if wrong and wrong[0][0] in again:
                        await asyncio.sleep(_PAUSE_S)
                        continue
                    if wrong:
                        self._room.note("config", f"{what}: refused with {wrong[0][0].name}.", wrong[0][1] or "")
                    else:
                        self._room.note("config", f"{what}: done.")
                    return
                await asyncio.sleep(_PAUSE_S)
            self._room.note("config", f"{what}: nobody answered.")

        self._spawn(ask(), what)
