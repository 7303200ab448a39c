"""Hosts and the processes on them: who runs a callback, and what happens when it is paused or killed.

Every callback and task of asyncio runs in a `contextvars.Context`, and contexts are inherited. A process is therefore a
context variable: whatever is started inside a process belongs to it, its tasks' tasks too. The loop looks the variable
up before each callback: a paused process's callbacks are kept back, a dead one's are dropped.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio

    from engine.sim.loop import SimLoop

T = TypeVar("T")


class ProcessState(Enum):
    """RUNNING <-> PAUSED, and either -> DEAD."""

    RUNNING = "running"
    PAUSED = "paused"
    DEAD = "dead"


class Host:
    """A machine on the network. `up` is False while it has no power: nothing answers then, not even a refusal.

    `refuses` is True while it answers new connections with a reset, as a full backlog or a firewall would.
    """

    __slots__ = ("address", "name", "refuses", "up")

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.up = True
        self.refuses = False

    def __repr__(self) -> str:
        return f"<host {self.name} {self.address}>"


class Resource(Protocol):
    """Something the operating system takes back when a process dies: a socket, a listener, a view of the disk."""

    def process_died(self, *, silent: bool) -> None:
        """`silent`: the machine lost power, so nobody is told. Otherwise the kernel closes what was open."""
        ...


class Process:
    """One life of a program on a host. A restarted node is a new process."""

    def __init__(self, name: str, host: Host, loop: SimLoop) -> None:
        self.name = name
        self.host = host
        self.state = ProcessState.RUNNING
        self.runs = True
        """Whether its callbacks may run now: the one thing the loop asks."""
        self._loop = loop
        self._context = contextvars.copy_context()
        self._context.run(CURRENT.set, self)
        self._held: list[asyncio.Handle] = []
        self.resources: dict[Resource, None] = {}
        self.died: asyncio.Future[None] = loop.create_future()
        """Done once the process is dead: whoever waits for one of its tasks must wait for this too."""

    def context(self) -> contextvars.Context:
        """A fresh context inside the process."""
        return self._context.copy()

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Start a task inside the process. Nothing starts in a dead one: the task never runs."""
        return self._loop.create_task(coroutine, name=name, context=self.context())

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a plain function inside the process, now."""
        return self.context().run(function, *arguments)

    def pause(self) -> None:
        """Stop the process as a long garbage collection or SIGSTOP would: its sockets stay open and fill up."""
        if self.state is ProcessState.RUNNING:
            self.state = ProcessState.PAUSED
            self.runs = False

    def resume(self) -> None:
        """Go on, with everything that was due meanwhile."""
        if self.state is ProcessState.PAUSED:
            self.state = ProcessState.RUNNING
            self.runs = True
            held, self._held = self._held, []
            self._loop.requeue(held)

    def kill(self, *, silent: bool = False) -> None:
        """End the process at once. No line of its code runs for the world to see: sockets and disk are cut off first.

        `silent` is a power cut: peers are not told. Otherwise the kernel resets its connections, as after kill -9.
        The suspended coroutines are closed, so `finally` blocks do run, but against a world that no longer listens.
        """
        if self.state is ProcessState.DEAD:
            return
        self.state = ProcessState.DEAD
        self.runs = False
        self._held.clear()
        for resource in list(self.resources):
            resource.process_died(silent=silent)
        self.resources.clear()
        self._loop.close_tasks_of(self)
        if not self.died.done() and not self._loop.is_closed():
            self.died.set_result(None)

    def keep_back(self, handle: asyncio.Handle) -> None:
        """The loop hands over a callback that may not run now; dropped for ever when the process is dead."""
        if self.state is ProcessState.PAUSED:
            self._held.append(handle)

    def __repr__(self) -> str:
        return f"<process {self.name} {self.state.value}>"


CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("stoker_sim_process", default=None)


def current_process() -> Process | None:
    """The process this code runs in; None for the laboratory's own."""
    return CURRENT.get()
