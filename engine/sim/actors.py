"""Client programs of a world, each in a process of its own, so that one can crash or hang alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from engine.sim.network import SimNetwork
from engine.sim.process import Host, Process, ProcessState


class Actor:
    """One program on the clients' machine, across its lives."""

    def __init__(
        self,
        name: str,
        network: SimNetwork,
        host: Host,
        main: Callable[[str], Coroutine[Any, Any, None]],
        crashed: Callable[[], None] = lambda: None,
    ) -> None:
        """`main` gets a name that no other life has; `crashed` is called after a life was cut short."""
        self.name = name
        self.lives = 0
        self._network = network
        self._host = host
        self._main = main
        self._crashed = crashed
        self._over = False
        self.process: Process = network.new_process(name, host)

    def start(self) -> None:
        """Begin a life."""
        self.lives += 1
        if self.lives > 1:
            self.process = self._network.new_process(f"{self.name}/{self.lives}", self._host)
        name = self.name if self.lives == 1 else f"{self.name}/{self.lives}"
        self.process.spawn(self._main(name), name=name)

    def crash(self) -> None:
        """Die without a word: the kernel resets the connections."""
        if self.process.state is not ProcessState.DEAD:
            self._network.record(f"crash {self.name}")
            self.process.kill()
            self._crashed()

    def restart(self) -> None:
        """Begin another life, if this one has ended and the world still wants it."""
        if self.process.state is ProcessState.DEAD and not self._over:
            self.start()

    def end(self) -> None:
        """It shall not come back."""
        self._over = True

    def __repr__(self) -> str:
        return f"<actor {self.name} life {self.lives} {self.process.state.value}>"
