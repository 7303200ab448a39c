"""How a world is played: in slices, so many a second, at a speed; until it is paused, or there is something to see.

Steps of lessons are played like a film that waits for its reader: fast while nothing happens, and standing still for a
moment whenever the timeline has a new line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from console.errors import OperatorError

FRAMES_PER_SECOND = 20
SPEEDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
"""Virtual seconds per second. Below 0.05 messages are seen on their way."""
SPEED = 1.0
SLICE_MS_MAX = 1_000.0
"""The most virtual time in one slice, so that pausing takes no longer."""
STEP_SPEED = 10.0
"""How fast a lesson's step is played while nothing happens, unless it says otherwise, or another speed was chosen."""
READING_S = 0.8
"""How long a step stands still for a new line of the timeline, and ..."""
READING_S_MAX = 2.0
"""... at most for those of one instant."""
NOT_READ = frozenset({"action", "high-watermark"})
"""Lines that nobody waits for: what was done is known, and high watermarks move all the time."""

Play = Callable[[float], Awaitable[dict[str, Any]]]
"""Plays so many virtual ms; the room's answer."""


class Played(Protocol):
    """What a player plays: a session."""

    events: list[bytes]
    first: int
    said: str

    async def advance(self, ms: float, within_s: float, *, reads: bool) -> dict[str, Any]:
        """The room's answer to `advance`."""
        ...

    def value(self, piece: str, default: Any = None) -> Any: ...

    def tell(self) -> None:
        """Something differs for who looks on."""
        ...


class Player:
    """Plays one session's world. `speed` may be set at any time."""

    def __init__(self, session: Played) -> None:
        self._session = session
        self._playing: asyncio.Task[None] | None = None
        self._paused = asyncio.Event()
        self.speed = SPEED
        self.stops_at_bad = True
        """Whether play pauses when something was lost or violated, and when a lesson is solved."""

    @property
    def is_playing(self) -> bool:
        return self._playing is not None

    def play(self) -> None:
        """Until `pause`, the end of the recording when the past is shown, or something bad."""
        self._start(self._play())

    def play_step(self, pace: float | None) -> None:
        """The step that was begun, to its end; `pace` is the speed at which the lesson wants it seen."""
        self._start(self._play_step(pace))

    def play_to(self, at_ms: float) -> None:
        """As fast as it goes, to a moment to come."""
        self._start(self._play_to(at_ms))

    async def pause(self) -> None:
        """Returns once nothing is played any more."""
        task, self._playing = self._playing, None
        if task is not None:
            self._paused.set()
            self._session.tell()
            await asyncio.wait([task])

    def faster(self, by: int) -> None:
        """The next of `SPEEDS` up (1) or down (-1)."""
        near = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - self.speed))
        self.speed = SPEEDS[max(0, min(near + by, len(SPEEDS) - 1))]
        self._session.tell()

    def _start(self, work: Any) -> None:
        if self._playing is not None:
            work.close()
            return
        self._paused.clear()
        self._playing = asyncio.get_running_loop().create_task(work, name="laboratory")
        self._session.tell()

    # ---- what is played

    async def _play(self) -> None:
        was_past, bad = self._is_past, self._bad_count

        def is_over() -> bool:
            return (was_past and not self._is_past) or (self.stops_at_bad and self._bad_count > bad)

        await self._slices(lambda: self.speed, is_over)

    async def _play_step(self, pace: float | None) -> None:
        def speed() -> float:
            if self.speed >= STEP_SPEED:
                return self.speed
            return pace if pace is not None else STEP_SPEED if self.speed >= SPEED else self.speed

        await self._slices(speed, lambda: False, reads=True)

    async def _play_to(self, at_ms: float) -> None:
        await self._slices(lambda: float("inf"), lambda: self._left_ms(at_ms) <= 0, to_ms=at_ms)

    def _left_ms(self, at_ms: float) -> float:
        return at_ms - float(self._session.value("moment", {}).get("present_ms", at_ms))

    async def _slices(
        self,
        speed: Callable[[], float],
        is_over: Callable[[], bool],
        *,
        reads: bool = False,
        to_ms: float | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        try:
            while self._playing is me:
                begun = loop.time()
                known = self._session.first + len(self._session.events)
                slice_ms = min(speed() * 1_000 / FRAMES_PER_SECOND, SLICE_MS_MAX)
                if to_ms is not None:
                    slice_ms = min(slice_ms, self._left_ms(to_ms))
                is_read = reads and speed() <= STEP_SPEED
                within_s = 0.0 if to_ms is not None else 1 / FRAMES_PER_SECOND
                answer = await self._session.advance(slice_ms, within_s, reads=is_read)
                if answer["error"] or (answer["result"] or {}).get("done") or self.is_broken or is_over():
                    return
                # At least a little, so that everybody else gets a turn.
                rest_s = max(0.005, begun + 1 / FRAMES_PER_SECOND - loop.time())
                if is_read:
                    rest_s = max(rest_s, self._reading_s(known))
                await self._rest(rest_s)
        except OperatorError as error:
            self._session.said = error.title
        finally:
            if self._playing is me:
                self._playing = None
                self._session.tell()

    async def _rest(self, seconds: float) -> None:
        """So long, or until it is paused."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._paused.wait()

    def _reading_s(self, known: int) -> float:
        """How long the lines take to read that came after number `known`."""
        fresh = self._session.events[max(0, known - self._session.first) :]
        lines = sum(msgspec.json.decode(each)["kind"] not in NOT_READ for each in fresh)
        return min(lines * READING_S, READING_S_MAX)

    # ---- how it stands

    @property
    def _is_past(self) -> bool:
        return bool(self._session.value("moment", {}).get("past"))

    @property
    def is_broken(self) -> bool:
        return bool(self._session.value("world", {}).get("broken"))

    @property
    def _bad_count(self) -> int:
        lesson = self._session.value("lesson") or {}
        violated = sum(not each["holds"] for each in self._session.value("invariants", ()))
        lost = self._session.value("world", {}).get("counts", {}).get("lost", 0)
        return int(lost) + violated + bool(lesson.get("is_solved"))
