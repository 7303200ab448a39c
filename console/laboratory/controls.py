"""What is done to time and to the laboratory itself, in both faces: the keys, and the words that can be typed instead.

A line that begins with none of these words is an action to the world, see `commands`. What only a face can do (copy,
save, show another page) has a key and no word.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.laboratory.playing import SPEEDS
from console.laboratory.situations import situation_of

if TYPE_CHECKING:
    from console.laboratory.session import Session

BACK_MS = 100
"""One step through the recording."""
_MOMENT = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(ms|s|m|min)?")
_UNITS_MS = {None: 1_000.0, "s": 1_000.0, "ms": 1.0, "m": 60_000.0, "min": 60_000.0}


@dataclass(frozen=True, slots=True)
class Control:
    """One key that both faces have."""

    name: str
    key: str
    """The character, or the browser's name of the key."""
    label: str
    """A word or two, for a terminal's footer."""
    help: str
    """What it does, as a sentence without its full stop."""
    command: str = ""
    """What is typed for the same, as it is explained to people; "" where only a face can do it."""
    footer: int = 0
    """How much it belongs into the terminal's footer: 0 not at all, 1 first, then 2, ..."""


CONTROLS = (
    Control("play", "p", "play", "Play and pause", "play, pause", 1),
    Control("step", "s", "step", "Step: until something happens", "step", 2),
    Control("act", "a", "do", "Do something to the world: kill 2, produce orders hello, …", "", 3),
    Control("task", "t", "next task", "Do the lesson's next task for me", "task", 4),
    Control("instant", ".", "instant", "Step one instant: messages move", "instant", 5),
    Control("backward", "ArrowLeft", "back", "Back in the recording", "back", 6),
    Control("forward", "ArrowRight", "on", "On in the recording; at its end: step", "on"),
    Control("lessons", "L", "lessons", "The list of lessons", "", 7),
    Control("now", "n", "now", "To the present", "now", 9),
    Control("fork", "F", "fork", "Go on from the moment that is shown; what came later is cut off", "fork", 10),
    Control("beginning", "0", "beginning", "To the beginning of the recording", "to 0"),
    Control("jump", "J", "jump", "Jump to a moment, past or to come: 12.5, +60, 2m", "to MOMENT"),
    Control("slower", "<", "slower", "Slower", "speed X"),
    Control("faster", ">", "faster", "Faster", "speed X"),
    Control("messages", "m", "messages", "A message under way: hold it, delay it, drop it", "", 11),
    Control("first_choice", "A", "predict A", "The lesson's prediction: A", "predict A"),
    Control("second_choice", "B", "predict B", "The lesson's prediction: B", "predict B"),
    Control("third_choice", "C", "predict C", "The lesson's prediction: C", "predict C"),
    Control("fourth_choice", "D", "predict D", "The lesson's prediction: D", "predict D"),
    Control("variant", "V", "other way", "The lesson the other way, or as it was", "variant"),
    Control("again", "R", "again", "The lesson from its beginning", "again"),
    Control("quiet", "w", "watermarks", "High watermarks in the timeline, or not"),
    Control("connect", "O", "connect", "Open ports for your own clients, or close them", "connect, disconnect"),
    Control("share", "y", "share", "Copy the address of this situation"),
    Control("export", "x", "export", "Take it along: timeline (HTML, JSON), test, situation"),
    Control("new", "N", "new world", "Another world: a new one, or a situation that somebody sent", "open SITUATION"),
)


async def run(session: Session, line: str) -> Any:
    """Do what the line says. Raises OperatorError."""
    word, _, rest = line.strip().partition(" ")
    command = COMMANDS.get(word)
    # `pause 2` pauses a node, `pause` the time.
    if command is not None and not (word == "pause" and rest.strip()):
        return await command(session, rest.strip())
    return await session.ask("do", line=line)


def moment_ms(text: str, now_ms: float) -> float:
    """A moment as people type it, in ms: seconds, or with a unit; behind + or - it is from `now_ms` on. Raises
    OperatorError."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise OperatorError.words(
            f"{text!r:.40} is no moment", "Type seconds, as 12.5; or 90s, 2m, 500ms; +60 is from here on."
        )
    sign, number, unit = found.groups()
    ms = float(number) * _UNITS_MS[unit]
    return max(0.0, now_ms + ms if sign == "+" else now_ms - ms if sign == "-" else ms)


# ---- the words


async def _play(session: Session, _: str) -> None:
    session.play()


async def _pause(session: Session, _: str) -> None:
    await session.pause()


async def _step(session: Session, _: str) -> None:
    """In the past, a little further."""
    await session.pause()
    await session.ask("step", by="event")


async def _instant(session: Session, _: str) -> None:
    await session.pause()
    await session.ask("step", by="instant")


async def _back(session: Session, _: str) -> None:
    await session.pause()
    await session.ask("look", by_ms=-BACK_MS)


async def _to(session: Session, text: str) -> None:
    now_ms = float(session.value("world", {}).get("now_ms", 0.0))
    await session.go_to(moment_ms(text, now_ms))


async def _now(session: Session, _: str) -> None:
    await session.ask("look", at_ms=None)


async def _fork(session: Session, _: str) -> None:
    await session.pause()
    await session.ask("fork")


async def _speed(session: Session, text: str) -> None:
    try:
        wanted = float(text.rstrip("x "))
    except ValueError:
        wanted = -1.0
    if wanted not in SPEEDS:
        raise OperatorError.words(
            f"there is no speed {text!r:.20}", f"There are {', '.join(f'{each:g}' for each in SPEEDS)}."
        )
    session.speed = wanted


async def _slower(session: Session, _: str) -> None:
    session.player.faster(-1)


async def _faster(session: Session, _: str) -> None:
    session.player.faster(1)


async def _open(session: Session, text: str) -> None:
    await session.pause()
    await session.ask("open", **situation_of(text))


async def _lesson(session: Session, text: str) -> None:
    name, _, way = text.partition(" ")
    await session.pause()
    await session.ask("open", lesson=name, variant=way.strip() == "variant")


def _opened(session: Session) -> dict[str, Any]:
    lesson: dict[str, Any] | None = session.value("lesson")
    if lesson is None:
        raise OperatorError.words("no lesson is open")
    return lesson


async def _again(session: Session, _: str) -> None:
    lesson = _opened(session)
    await session.pause()
    await session.ask("open", lesson=lesson["id"], variant=lesson["is_variant"])


async def _variant(session: Session, _: str) -> None:
    lesson = _opened(session)
    if not (lesson["variant"] or lesson["is_variant"]):
        raise OperatorError.words("there is no other way in this lesson")
    await session.pause()
    await session.ask("open", lesson=lesson["id"], variant=not lesson["is_variant"])


async def _task(session: Session, _: str) -> None:
    todo = [task for task in _opened(session)["tasks"] if not task["is_done"]]
    if not todo:
        raise OperatorError.words("all tasks are done")
    if todo[0]["state"] == "playing" and session.is_playing:
        return
    await session.take_step(todo[0]["number"])


async def _predict(session: Session, text: str) -> None:
    _opened(session)
    if text.upper() not in ("A", "B", "C", "D"):
        raise OperatorError.words("predict A, B, C or D")
    await session.ask("predict", choice="ABCD".index(text.upper()))


async def _connect(session: Session, _: str) -> None:
    await session.pause()
    await session.ask("connect")


async def _disconnect(session: Session, _: str) -> None:
    await session.ask("disconnect")


COMMANDS: dict[str, Callable[[Session, str], Awaitable[None]]] = {
    "play": _play, "pause": _pause, "step": _step, "instant": _instant, "back": _back, "on": _step, "to": _to, "now": _now,
    "fork": _fork, "speed": _speed, "slower": _slower, "faster": _faster, "open": _open, "lesson": _lesson,
    "again": _again, "variant": _variant, "task": _task, "predict": _predict, "connect": _connect,
    "disconnect": _disconnect,
}  # fmt: skip
"""The first word of a line, and what it does."""

USAGE = {
    "to MOMENT": "Jump: 12.5 seconds, 2m, +60 from here",
    "speed X": "Virtual seconds per second",
    "open SITUATION": "What somebody sent: an address, its text, or JSON; nothing: a new world",
    "lesson NAME": "Open a lesson",
    "connect": "A port of this machine for every node: your own clients come in",
    "disconnect": "Close these ports",
    "play": "Let time go on",
    "pause": "Stop it",
    "step": "Until something happens",
    "instant": "Until anything moves",
    "back": "Back in the recording",
    "now": "To the present",
    "fork": "Go on from the moment that is shown; what came later is cut off",
    "task": "The lesson's next task",
    "predict A": "What you think of the lesson's question",
    "variant": "The lesson the other way, or as it was",
    "again": "The lesson from its beginning",
}
"""How they are typed, and what they do, for completion."""
