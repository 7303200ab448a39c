"""Clients that never finish what they ask (slowloris): uvicorn's protocols with a time limit for the head of a request.

uvicorn itself only limits how long a connection is kept between requests.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

from web.security.closing import polite

HEAD_S = 10.0
"""From the first byte (or the connection) to the end of the headers."""


class _Cycle(Protocol):
    response_complete: bool


def impatient(protocol: type[Any], head_s: float = HEAD_S) -> type[Any]:
    """That `polite` protocol, closing connections whose request does not come to the end of its headers in time."""

    class Impatient(protocol):  # type: ignore[misc]
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._expect_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            cycle: _Cycle | None = self.cycle
            if cycle is not None and not cycle.response_complete:
                self._forget_head()
            else:
                self._expect_head()

        def connection_lost(self, error: Exception | None) -> None:
            self._forget_head()
            super().connection_lost(error)

        def _expect_head(self) -> None:
            if self._head_timer is None and not self.transport.is_closing():
                self._head_timer = asyncio.get_running_loop().call_later(head_s, self._too_slow)

        def _forget_head(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _too_slow(self) -> None:
            self._head_timer = None
            cycle: _Cycle | None = self.cycle
            if cycle is None or cycle.response_complete:
                self.transport.close_now()

    return Impatient


def http_protocol() -> type[Any]:
    """The quicker parser where it is installed, with patience limited, and answers that arrive."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return impatient(polite(H11Protocol))
    return impatient(polite(HttpToolsProtocol))
