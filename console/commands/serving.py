"""Running something until it is told to stop: signals, the log to stderr, and what failing to start becomes."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from console.cli import EXIT_INTERRUPTED
from console.commands.options import Invocation
from console.errors import Blame, OperatorError
from console.local_cluster import find_local_cluster
from console.output.render import say, warn
from engine.cluster import new_event_loop
from engine.errors import ConfigError
from engine.runtime import StorageError
from engine.runtime.garbage import collect_like_a_server

WATCH_SECONDS = 0.5


class Service(Protocol):
    """What can be started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def failure(self) -> str | None:
        """Why it no longer runs; None while it does."""
        ...


def serve(service: Service, on_ready: Callable[[], Awaitable[None]], call: Invocation) -> int:
    """Starts, calls `on_ready`, waits for Ctrl-C, SIGTERM or a failure, stops cleanly. Returns the exit code.

    A second signal while stopping ends the process at once. Raises OperatorError when it cannot start.
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if call.debug else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_serve(service, on_ready))


async def _serve(service: Service, on_ready: Callable[[], Awaitable[None]]) -> int:
    loop = asyncio.get_running_loop()
    received: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if received.done():
            say("Killed while stopping.")
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        else:
            received.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # pragma: no cover - Windows: Ctrl-C arrives as KeyboardInterrupt
            break
    starting = loop.create_task(_start(service))
    first: list[asyncio.Future[Any]] = [starting, received]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await service.stop()
        return _exit_code(received.result())
    starting.result()
    failure = None
    try:
        collect_like_a_server()
        await on_ready()
        while not received.done() and failure is None:
            await asyncio.wait({received}, timeout=WATCH_SECONDS)
            failure = service.failure()
    finally:
        await service.stop()
        # What `collect_like_a_server` froze can go with the rest: libraries in C (DuckDB's) complain of what is left.
        gc.unfreeze()
    if failure is not None:
        raise OperatorError("it stopped by itself", failure)
    return _exit_code(received.result())


def _exit_code(number: int) -> int:
    return EXIT_INTERRUPTED if number == signal.SIGINT else 0


async def _start(service: Service) -> None:
    try:
        await service.start()
    except ConfigError as error:
        raise cannot_start(error) from error
    except StorageError as error:
        raise OperatorError("the disk would not do it", str(error)) from error


def cannot_start(error: ConfigError) -> OperatorError:
    """The words are off (2), or this machine says no (1): then something else holds a port or a directory."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        match = re.search(r"://(\S+) cannot be taken", str(error))
        address = match[1] if match else "the address"
        if cause.errno == errno.EADDRINUSE:
            cluster, _ = find_local_cluster()
            ours = cluster is not None and address in cluster.bootstrap_servers.split(",")
            holder = f"`stoker up` uses it for {cluster.data_dir}, process {cluster.pid}" if ours and cluster else ""
            hint = "Stop what uses it, or choose other ports: --port 0 (or port 0 in listeners) takes free ones."
            return OperatorError(f"{address} is in use", holder, hint)
        return OperatorError(f"cannot listen on {address}", cause.strerror or str(cause))
    title, _, rest = str(error).partition("\n")
    blame = Blame.REFUSED if isinstance(cause, StorageError) else Blame.WORDS
    return OperatorError(title, rest, blame=blame)


def tell_warnings(warnings: tuple[str, ...]) -> None:
    """What was set and has no effect."""
    for warning in dict.fromkeys(warnings):
        warn(warning)
