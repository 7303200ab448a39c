"""An answer that is written while the request's body still comes in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from web.api.answers import NEVER_KEPT


class TwoWay(Response):
    """Sends `pieces` as they come. Unlike Starlette's StreamingResponse it leaves the body to whoever makes the pieces,
    and it begins with the first of them: a client that waits for "100 Continue" gets that before anything else."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], media_type: str) -> None:
        super().__init__(None, 200, NEVER_KEPT, media_type)
        self._pieces = pieces
        # The length is not known, unlike that of an answer without content.
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                if not started:
                    await self._start(send)
                    started = True
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
