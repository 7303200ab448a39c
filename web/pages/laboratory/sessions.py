"""The worlds of the browsers: one for each cookie, so many at most; those that nobody looks at end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.laboratory.session import Session

COOKIE = "stoker-laboratory"
WORLDS_MAX = 8
IDLE_S = 15 * 60.0
"""A world that nobody has looked at or asked for so long ends."""
UNSEEN_S = 20.0
"""A world that plays pauses when nobody has looked at it for so long."""
LOOK_EVERY_S = 5.0
_ID_CHARACTERS = 32


class Sessions:
    """All worlds of one console. `close` ends them."""

    def __init__(
        self, make: Callable[[], Session] = Session, *, worlds_max: int = WORLDS_MAX, idle_s: float = IDLE_S
    ) -> None:
        self._make = make
        self._worlds_max = worlds_max
        self._idle_s = idle_s
        self._worlds: dict[str, tuple[Session, float]] = {}
        """Session, and when it was asked for last; the one that was asked longest ago first."""
        self._keeper: asyncio.Task[None] | None = None
        self._spare: tuple[Session, asyncio.Task[None], float] | None = None
        """A world for whoever comes next, and since when it waits: its process has started already."""

    def __len__(self) -> int:
        return len(self._worlds)

    def of(self, name: str) -> Session | None:
        """The world of that cookie, if it has one."""
        found = self._worlds.pop(name, None)
        if found is None:
            return None
        self._worlds[name] = (found[0], time.monotonic())
        return found[0]

    async def open(self, name: str) -> Session:
        """The world of that cookie, a new one if it has none. 503 when there are too many that are looked at."""
        found = self.of(name)
        if found is not None:
            return found
        if len(self._worlds) >= self._worlds_max:
            unseen = next((each for each, (world, _) in self._worlds.items() if not world.is_wanted), None)
            if unseen is None:
                raise HTTPException(503, f"{self._worlds_max} worlds are open already; close one of them first.")
            await self.end(unseen)
        spare, self._spare = self._spare, None
        made = spare[0] if spare is not None else self._make()
        self._worlds[name] = (made, time.monotonic())
        self._begin_keeping()
        return made

    def warm(self, name: str) -> None:
        """Somebody looks at the laboratory's pages, and may soon want a world: start its process meanwhile."""
        if self._spare is None and name not in self._worlds and len(self._worlds) < self._worlds_max:
            made = self._make()
            warming = asyncio.get_running_loop().create_task(made.warm(), name="laboratory spare")
            self._spare = made, warming, time.monotonic()
            self._begin_keeping()

    def _begin_keeping(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="laboratory keeper")

    async def _end_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare[1]
            await spare[0].close()

    async def end(self, name: str) -> None:
        found = self._worlds.pop(name, None)
        if found is not None:
            await found[0].close()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look(time.monotonic())

    async def look(self, now_s: float) -> None:
        """Pauses what nobody sees, and ends what nobody wants."""
        if self._spare is not None and now_s - self._spare[2] > self._idle_s:
            await self._end_spare()
        for name, (world, asked_s) in list(self._worlds.items()):
            if world.is_wanted:
                self._worlds[name] = (world, now_s)
            elif now_s - asked_s > self._idle_s:
                await self.end(name)
            elif now_s - asked_s > UNSEEN_S and world.is_playing:
                await world.pause()

    async def close(self) -> None:
        """Ends all worlds."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._end_spare()
        for name in list(self._worlds):
            await self.end(name)


def sessions_of(request: Request) -> Sessions:
    """Those of the console; made when they are first asked for."""
    state = request.app.state
    if state.laboratory is None:
        state.laboratory = Sessions()
    found: Sessions = state.laboratory
    return found


def cookie_of(request: Request) -> str:
    """The name of the browser's world; "" when it has none yet."""
    found = request.cookies.get(COOKIE, "")
    return found if len(found) == _ID_CHARACTERS and found.isalnum() else ""


def with_cookie(request: Request, response: Response) -> Response:
    """The answer, with a new name when the browser has none."""
    if not cookie_of(request):
        response.set_cookie(
            COOKIE,
            secrets.token_hex(_ID_CHARACTERS // 2),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path="/",
        )
    return response


async def session_of(request: Request) -> Session:
    """The browser's world. 400 without its cookie."""
    name = cookie_of(request)
    if not name:
        raise HTTPException(400, "The laboratory needs its cookie: open /lab first.")
    return await sessions_of(request).open(name)
