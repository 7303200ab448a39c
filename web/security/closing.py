"""Closing a connection so that the last answer is read: what still comes is taken and thrown away for a while.

A request is often refused before all of it has come (too large a body, a head that makes no sense). A socket that is closed
with bytes in it that nobody read sends a reset, and a reset destroys the answer on its way: the client sees "connection
reset" where it should see 413. So uvicorn's protocol gets a transport whose `close` ends our side only (RFC 9112, 9.6).
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

LINGER_S = 2.0
"""So long may the client go on sending after the answer."""
DISCARDED_BYTES_MAX = 64 * 1024 * 1024
"""So much of it is thrown away. More than the largest body that is taken anywhere."""
HEAD_BYTES_MAX = 64 * 1024
"""Address and headers of one request; what comes in one piece (at most 256 KiB) may be more."""


class LingeringTransport:
    """A transport that sends its end, and waits for the other's, when it is told to close."""

    def __init__(self, transport: asyncio.Transport, linger_s: float = LINGER_S) -> None:
        self._transport = transport
        self._linger_s = linger_s
        self._left = DISCARDED_BYTES_MAX
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def lingering(self) -> bool:
        """Whether the last answer was given, and only the client's end is waited for."""
        return self._timer is not None

    def is_closing(self) -> bool:
        return self.lingering or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if not self.lingering:
            self._transport.write(data)

    def close(self) -> None:
        """After what was written. Idempotent."""
        if self.is_closing():
            return
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        self._timer = asyncio.get_running_loop().call_later(self._linger_s, self._transport.close)
        self._transport.write_eof()
        self._transport.resume_reading()

    def close_now(self) -> None:
        """Nothing is to be read any more."""
        self._transport.close()

    def discard(self, count: int) -> None:
        """So many bytes came while lingering."""
        self._left -= count
        if self._left < 0:
            self._transport.close()

    def closed(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()


class PoliteProtocol(H11Protocol):
    """uvicorn's protocol, closing so that its last answer is read. (Always the one on h11, which refuses what httptools
    lets pass: a body has two readers where two parsers are in use.)"""

    transport: LingeringTransport  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, LingeringTransport(transport)))

    def data_received(self, data: bytes) -> None:
        if self.transport.lingering:
            self.transport.discard(len(data))
            return
        super().data_received(data)

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close_now()
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.close_now()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport.closed()
        super().connection_lost(error)
