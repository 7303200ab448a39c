"""The console's HTTP server: uvicorn in this process and this loop, beside whatever else runs there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket

import uvicorn

from console.errors import OperatorError
from web.app import Console
from web.live.ending import Ending
from web.security.closing import HEAD_BYTES_MAX
from web.security.slow_clients import ConsoleProtocol

CONNECTIONS_MAX = 1_000
KEEP_ALIVE_S = 30
STOP_S = 3
"""How long answers under way may take when the console stops."""


class ConsoleServer:
    """Serves a console until it is stopped. `port` 0 takes a free one; `address` is known after `start`."""

    def __init__(self, app: Console, *, host: str, port: int) -> None:
        self.app = app
        self.host = host
        self.port = port
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None
        # Access logs would have tokens in them, and nobody reads them.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._ending = Ending(app)
        self._server = _Server(
            uvicorn.Config(
                self._ending,
                http=ConsoleProtocol,
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_S,
                backlog=512,
                h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            )
        )

    async def start(self) -> None:
        """Takes the port and answers on it. Raises OperatorError when it cannot."""
        self._socket = _bound(self.host, self.port)
        self.port = self._socket.getsockname()[1]
        self._task = asyncio.get_running_loop().create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise OperatorError("the web console did not start")
            await asyncio.sleep(0.001)

    def open_url(self, token: str | None) -> str:
        """The address to start a browser with: it lets in once. Others on this machine can read it."""
        return self.url(None if token is None else self.app.state.tickets.issue())

    def url(self, token: str | None) -> str:
        """The address to print; with the token it lets in whoever has it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else "[::1]" if self.host == "::" else self.host
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{host}:{self.port}/" + ("" if token is None else f"?token={token}")

    def failure(self) -> str | None:
        """Why it no longer serves; None while it does."""
        if self._task is None or not self._task.done():
            return None
        error = None if self._task.cancelled() else self._task.exception()
        return f"the web console stopped: {error or 'it was told to'}"

    async def stop(self) -> None:
        """Ends streams and answers under way, then the server. Idempotent."""
        self.app.state.live.close()
        self._ending.end()
        # Who does not read is cut off in the end, which is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        if self._task is not None:
            self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError, SystemExit):
                await self._task
            self._task = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Server(uvicorn.Server):
    """Signals are for whoever owns the process."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OperatorError.words(f"there is no address {host!r}", str(error)) from error
    family, kind, protocol, _, address = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise OperatorError(
                f"{host}:{port} is in use", hint="Choose another port for the web console; 0 takes a free one."
            ) from error
        raise OperatorError(f"cannot listen on {host}:{port}", error.strerror or str(error)) from error
    made.setblocking(False)
    return made
