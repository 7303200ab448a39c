"""One learner's world as a face holds it: played, stepped, touched, and what is known of it at any moment.

session = Session()                       nothing runs yet; the world opens with the first question
await session.ask("open", lesson="…")     and every other question of `room.Room`
session.play(), session.pause()           plays it, `speed` times real time; see `playing`
await session.run("to 12.5")              what may be typed: to time (see `controls`), or to the world (see `commands`)
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
from console.laboratory.playing import Player

EVENTS_KEPT = 20_000


BUSY = {
    "open": "Opening a world: it is played up to its moment…",
    "fork": "Going on from there: the world is played up to that moment again…",
    "connect": "Opening ports: the world is played up to its moment again…",
}
"""What is said while a question is answered that may take its time."""


class Session:
    """See the module's docstring. Not for several loops."""

    def __init__(self, channel: Callable[[], Channel] = WorkerChannel) -> None:
        self._make_channel = channel
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()
        self._asking: set[asyncio.Task[dict[str, Any]]] = set()
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
        self.player = Player(self)
        self.said = ""
        """What the world said last to what was done."""
        self.busy = ""
        """What takes its time just now: a situation is played again."""
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
            self.busy = BUSY.get(question["ask"], "")
            if self.busy:
                self.tell()
            try:
                return await self._answered(question)
            finally:
                if self.busy:
                    self.busy = ""
                    self.tell()

    async def _answered(self, question: dict[str, Any]) -> dict[str, Any]:
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
            self.tell()
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
            self.tell()

    def _keep_what_was_learnt(self) -> None:
        piece = self.value("lesson")
        mark = (self.life, piece["id"], piece["chosen"]) if piece and piece["is_solved"] else None
        if mark is not None and mark != self._noted:
            from console.laboratory.lessons import note_solved

            note_solved(piece)
            self._noted = mark

    def tell(self) -> None:
        """Something differs for who looks on."""
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

    @property
    def is_wanted(self) -> bool:
        """Whether somebody looks at it, or a client from outside is in it."""
        return bool(self._listeners) or bool((self.value("outside") or {}).get("connections"))

    # ---- playing

    @property
    def is_playing(self) -> bool:
        return self.player.is_playing

    @property
    def is_broken(self) -> bool:
        return self.player.is_broken

    @property
    def speed(self) -> float:
        """Virtual seconds per second."""
        return self.player.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.player.speed = speed
        self.tell()

    def play(self) -> None:
        """Until `pause`, the end of the recording when the past is shown, or something bad."""
        if not self._closed:
            self.player.play()

    async def pause(self) -> None:
        """Returns once nothing is played any more."""
        await self.player.pause()

    async def take_step(self, number: int) -> None:
        """Take a step of the lesson, and play it to its end. Raises OperatorError while another one is being played."""
        await self.ask("task", number=number)
        await self.pause()
        task = (self.value("lesson") or {"tasks": {}})["tasks"][int(number)]
        if task["state"] == "playing" and not self._closed:
            self.player.play_step(task["pace"])

    async def go_to(self, at_ms: float) -> None:
        """Look at a moment of the past, or play up to one that is to come."""
        await self.pause()
        if at_ms <= self.value("moment", {"present_ms": 0.0})["present_ms"]:
            await self.ask("look", at_ms=at_ms)
        elif not self._closed:
            await self.ask("look", at_ms=None)
            self.player.play_to(at_ms)

    async def advance(self, ms: float, within_s: float, *, reads: bool) -> dict[str, Any]:
        """For the player: the room's answer."""
        return await self._ask({"ask": "advance", "ms": ms, "within_s": within_s, "reads": reads})

    async def run(self, line: str) -> Any:
        """Do what a typed line says: something to time (see `controls`), or an action to the world. Raises
        OperatorError. Returns what the room answers, if it does."""
        from console.laboratory.controls import run

        return await run(self, line)

    async def close(self) -> None:
        """Ends the world and everybody's `changes`."""
        await self.pause()
        self._closed = True
        self.tell()
        if self._channel is not None:
            await self._channel.close()


def _natural(name: str) -> tuple[Any, ...]:
    kind, _, rest = name.partition("/")
    head, _, number = rest.rpartition("-") if "-" in rest else ("", "", rest)
    return kind, head, (0, int(number), "") if number.isdigit() else (1, 0, rest)
