"""The layer that lets a server stop: whoever follows a stream would keep it waiting for ever."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LAST_WORDS_S = 0.2
"""So long the end of a stream may take to be written; who does not read does not get it."""


class Ending:
    """Tells the application, once `end` was called, that its clients are gone, so that streams end as when they are; and
    completes the answers that this cuts off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Ends what is streamed now and from now on. Answers that are not streams are given to their end."""
        self._ended.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body_done = started = complete = False

        async def receive_or_end() -> Message:
            nonlocal body_done
            if not body_done:
                message = await receive()
                body_done = message["type"] == "http.request" and not message.get("more_body", False)
                return message
            return await self._first(receive)

        async def noted_send(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        await self._app(scope, receive_or_end, noted_send)
        if started and not complete and self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _first(self, receive: Receive) -> Message:
        """What comes from the client, or that it is gone: whichever is first."""
        loop = asyncio.get_running_loop()
        coming, ended = loop.create_task(_received(receive)), loop.create_task(self._ended.wait())
        try:
            await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            ended.cancel()


async def _received(receive: Receive) -> Message:
    return await receive()
