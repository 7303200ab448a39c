"""One learner's world as a face holds it: played, stepped, touched, and what is known of it at any moment.

session = Session()                       nothing runs yet; the world opens with the first question
await session.ask("open", lesson="…")     and every other question of `room.Room`
session.play(), session.pause()           plays in slices, FRAMES_PER_SECOND of them a second, `speed` times real time
session.pieces, session.events            the world as it was told last, see `frames`
async for _ in session.changes(): …       whenever something differs; what was missed meanwhile is one change
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from console.errors import OperatorError
from console.laboratory.channel import Channel, WorkerChannel, WorldFailed

FRAMES_PER_SECOND = 20
SPEEDS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
"""Virtual seconds per second. Below 0.1 messages are seen on their way."""
SPEED = 1.0
SLICE_MS_MAX = 1_000.0
"""The most virtual time in one slice, so that pausing takes no longer."""
EVENTS_KEPT = 20_000
TASK_SPEED = 10.0
"""How fast what a lesson shows is played at least."""


class Session:
    """See the module's docstring. Not for several loops."""

    def __init__(self, channel: Callable[[], Channel] = WorkerChannel) -> None:
        self._make_channel = channel
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()
        self._asking: set[asyncio.Task[dict[str, Any]]] = set()
        self._playing: asyncio.Task[None] | None = None
        self._listeners: list[asyncio.Event] = []
        self._closed = False
        self._noted: tuple[Any, ...] | None = None
        self._decoded: dict[str, tuple[bytes, Any]] = {}
        self.pieces: dict[str, bytes] = {}
        self.events: list[bytes] = []
        """Lines of the timeline, as JSON; the number of the first of them is `first`."""
        self.first = 0
        self.life = 0
        """Grows with every other world: what was known of the last one is void."""
        self.version = 0
        """Grows with every change."""
        self.speed = SPEED
        self.stops_at_bad = True
        """Whether play pauses when something was lost or violated, and when a lesson is solved."""
        self.said = ""
        """What the world said last to what was done."""
        self.failure = ""
        """Why there is no world any more; opening one takes it away."""

    # ---- asking

    async def warm(self) -> None:
        """Start what the first question will need. What goes wrong is told by that question."""
        async with self._lock:
            if self._channel is None and not self._closed:
                channel = self._make_channel()
                with contextlib.suppress(OSError):
                    await channel.start()
                    self._channel = channel

    async def ask(self, question: str, **values: Any) -> Any:
        """Ask the room. Returns the result, if there is one; raises OperatorError for what cannot be done."""
        answer = await self._ask({"ask": question, **values})
        if answer["error"]:
            raise OperatorError.words(str(answer["error"]))
        if answer["said"]:
            self.said = str(answer["said"])
        return answer["result"]

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise WorldFailed("this world is closed")
        # Who asks may go away (a page that is left) while the world answers: the answer is taken all the same.
        asking = asyncio.get_running_loop().create_task(self._exchange(question))
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    def _asked(self, asking: asyncio.Task[dict[str, Any]]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # whoever is still there gets it

    async def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        async with self._lock:
            if self.failure and question["ask"] != "open":
                raise WorldFailed(self.failure, hint="Open a new world.")
            if self._channel is None:
                self._channel = self._make_channel()
                self.failure = ""
            try:
                answer = await self._channel.ask(question)
            except WorldFailed as error:
                self._channel = None
                self.failure = f"{error.title}: {error.detail}".rstrip(": ")
                self._tell()
                raise
            self._take(answer)
            return answer

    def _take(self, answer: dict[str, Any]) -> None:
        if answer["reset"]:
            self.life += 1
            self.pieces, self.events, self.first = {}, [], answer["first"]
            self._decoded.clear()
        for name in answer["gone"]:
            self.pieces.pop(name, None)
            self._decoded.pop(name, None)
        self.pieces.update(answer["set"])
        if "lesson" in answer["set"]:
            self._keep_what_was_learnt()
        if answer["events"]:
            if answer["first"] != self.first + len(self.events):
                self.events, self.first = [], answer["first"]
            self.events.extend(answer["events"])
            if len(self.events) > EVENTS_KEPT:
                drop = len(self.events) - EVENTS_KEPT // 2
                del self.events[:drop]
                self.first += drop
        if answer["set"] or answer["gone"] or answer["events"] or answer["reset"]:
            self._tell()

    def _keep_what_was_learnt(self) -> None:
        piece = self.value("lesson")
        mark = (self.life, piece["id"], piece["chosen"]) if piece and piece["is_solved"] else None
        if mark is not None and mark != self._noted:
            from console.laboratory.lessons import note_solved

            note_solved(piece)
            self._noted = mark

    def _tell(self) -> None:
        self.version += 1
        for listener in self._listeners:
            listener.set()

    # ---- knowing

    def value(self, piece: str, default: Any = None) -> Any:
        """A piece, decoded."""
        data = self.pieces.get(piece)
        if data is None:
            return default
        known = self._decoded.get(piece)
        if known is None or known[0] is not data:
            known = self._decoded[piece] = (data, msgspec.json.decode(data))
        return known[1]

    def values(self, kind: str) -> list[Any]:
        """All pieces `kind/…`, by their names in natural order."""
        names = [name for name in self.pieces if name.startswith(f"{kind}/")]
        return [self.value(name) for name in sorted(names, key=_natural)]

    async def changes(self) -> AsyncIterator[None]:
        """Now, and whenever something differs from what was told before."""
        wake = asyncio.Event()
        wake.set()
        self._listeners.append(wake)
        try:
            while not self._closed:
                await wake.wait()
                wake.clear()
                yield
        finally:
            self._listeners.remove(wake)

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    # ---- playing

    @property
    def is_playing(self) -> bool:
        return self._playing is not None

    def play(self) -> None:
        """Until `pause`, the end of the recording when the past is shown, or something bad."""
        self._start(self._play())

    async def take_step(self, number: int) -> None:
        """Take a step of the lesson, and play it to its end. Raises OperatorError while another one is being played."""
        await self.ask("task", number=number)
        await self.pause()
        self._start(self._play_task())

    def _start(self, work: Any) -> None:
        if self._playing is not None or self._closed:
            work.close()
            return
        self._playing = asyncio.get_running_loop().create_task(work, name="laboratory")
        self._tell()

    async def pause(self) -> None:
        """Returns once nothing is played any more."""
        task, self._playing = self._playing, None
        if task is not None:
            self._tell()
            await asyncio.wait([task])

    def faster(self, by: int) -> None:
        """The next of `SPEEDS` up (1) or down (-1)."""
        near = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - self.speed))
        self.speed = SPEEDS[max(0, min(near + by, len(SPEEDS) - 1))]
        self._tell()

    async def _play(self) -> None:
        was_past = self._is_past
        before = self._bad_count
        await self._slices(lambda ms: self._ask({"ask": "advance", "ms": ms}), lambda: self.speed, was_past, before)

    async def _play_task(self) -> None:
        async def play(ms: float) -> dict[str, Any]:
            return await self._ask({"ask": "play_task", "ms": ms})

        await self._slices(play, lambda: max(self.speed, TASK_SPEED), False, None)

    async def _slices(self, play: Any, speed: Callable[[], float], was_past: bool, bad: int | None) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        try:
            while self._playing is me:
                begun = loop.time()
                answer = await play(min(speed() * 1_000 / FRAMES_PER_SECOND, SLICE_MS_MAX))
                if answer["error"] or (answer["result"] or {}).get("done") or self.is_broken:
                    return
                if was_past and not self._is_past:
                    return
                if bad is not None and self.stops_at_bad and self._bad_count > bad:
                    return
                # At least a little, so that everybody else gets a turn.
                await asyncio.sleep(max(0.005, begun + 1 / FRAMES_PER_SECOND - loop.time()))
        except OperatorError as error:
            self.said = error.title
        finally:
            if self._playing is me:
                self._playing = None
                self._tell()

    @property
    def _is_past(self) -> bool:
        return bool(self.value("moment", {}).get("past"))

    @property
    def is_broken(self) -> bool:
        return bool(self.value("world", {}).get("broken"))

    @property
    def _bad_count(self) -> int:
        lesson = self.value("lesson") or {}
        violated = sum(not each["holds"] for each in self.value("invariants", ()))
        lost = self.value("world", {}).get("counts", {}).get("lost", 0)
        return int(lost) + violated + bool(lesson.get("is_solved"))

    async def close(self) -> None:
        """Ends the world and everybody's `changes`."""
        await self.pause()
        self._closed = True
        self._tell()
        if self._channel is not None:
            await self._channel.close()


def _natural(name: str) -> tuple[Any, ...]:
    kind, _, rest = name.partition("/")
    head, _, number = rest.rpartition("-") if "-" in rest else ("", "", rest)
    return kind, head, (0, int(number), "") if number.isdigit() else (1, 0, rest)
