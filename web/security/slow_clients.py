"""Clients that never finish what they ask (slowloris): uvicorn's protocol with a time limit for the head of a request.

uvicorn itself only limits how long a connection is kept between requests.
"""

from __future__ import annotations

import asyncio

from web.security.closing import PoliteProtocol

HEAD_S = 10.0
"""From the first byte (or the connection) to the end of the headers."""


class ConsoleProtocol(PoliteProtocol):
    """Closes connections whose request does not come to the end of its headers in time."""

    head_s = HEAD_S
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()
        else:
            self._expect_head()

    def connection_lost(self, error: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(error)

    def _expect_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = asyncio.get_running_loop().call_later(self.head_s, self._too_slow)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close_now()
