"""The room in the worker: one world, questions as dicts, answers as dicts with what changed. One question at a time.

Every question has `ask`, its name; see the methods `_ask_NAME`. Every answer has `set` and `gone` (pieces, see `frames`),
`events` (new lines of the timeline, as JSON) with `first` (the number of the first of them) and `reset` (the world is
another one: forget what was known), and may have `said`, `error` and `result`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from console.laboratory.commands import CommandError, action_of, completions, parse
from console.laboratory.controls import BACK_MS, USAGE
from console.laboratory.frames import Frames
from console.laboratory.learning import Learning
from console.laboratory.lessons import lesson_of
from console.laboratory.playing import NOT_READ
from engine.sim.classroom import Action, Classroom, ClassShape, Situation, SituationError, from_json, from_text
from engine.sim.classroom.actions import CLIENTS, CreateTopic
from engine.sim.classroom.view import MessageView, WorldView
from engine.sim.lessons.lesson import Lesson
from engine.sim.lessons.steps import NEXT_TO_NOTHING_MS, SLICE_MS

if TYPE_CHECKING:
    from engine.runtime.safeguards import Safeguard
    from engine.sim.classroom.outside import Outside

FREE_WORLD = Situation(seed=7, shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=1),)))
"""What one begins with: three nodes, and a topic with a replica on each."""

EVENTS_AT_ONCE = 2_000
ADVANCE_MS_MAX = 60_000
PINPOINT_MS_MAX = 120_000
"""The event that broke an invariant is looked for up to here: the world is played to it once more."""
SLICE_S = 0.005
"""How long a client from outside waits at most until what it sent goes on in the world."""
_encode = msgspec.json.Encoder().encode


class Room:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._room: Classroom | None = None
        self._learning: Learning | None = None
        self._past_ms: float | None = None
        self._sent = 0
        self._reset = True
        self._sought: list[str] = []
        """Invariants whose event was looked for."""
        self._outside: Outside | None = None
        """The world's ports, once clients from outside were asked in."""
        self._was_outside = False
        """Whether clients from outside had a part in what happened."""

    @property
    def _world(self) -> Classroom:
        if self._room is None:
            self._ask_open({})
        assert self._room is not None
        return self._room

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer; what is wrong with a question is in its `error`. Only a world with ports lets the loop go on
        meanwhile."""
        method: Callable[[dict[str, Any]], Any] | None = getattr(self, f"_ask_{question.get('ask')}", None)
        said, error, result = "", "", None
        if method is None:
            error = f"there is no question {question.get('ask')!r}"
        else:
            try:
                result = method(question)
                if inspect.isawaitable(result):
                    result = await result
            except (CommandError, SituationError, ValueError) as wrong:
                error = str(wrong) or type(wrong).__name__
        if isinstance(result, str):
            said, result = result, None
        return {**self._changes(), "said": said, "error": error, "result": result}

    # ---- what is new

    def _changes(self) -> dict[str, Any]:
        world = self._world
        view = self._view()
        if self._learning is not None and self._past_ms is None:
            self._learning.look(world)
        self._pinpoint(view)
        view = self._view()
        changed, gone = self._frames.changes(
            view,
            {
                "lesson": None if self._learning is None else self._learning.piece(world),
                "moment": {"present_ms": world.now_ms, "past": self._past_ms is not None, "seed": world.seed},
                "outside": self._outside_piece(),
            },
        )
        reset, self._reset = self._reset, False
        count = world.event_count
        first = max(self._sent, count - EVENTS_AT_ONCE)
        events = [_encode(event) for event in world.events(first)] if count > first else []
        self._sent = count
        return {"set": changed, "gone": gone, "events": events, "first": first, "reset": reset}

    def _pinpoint(self, view: WorldView) -> None:
        """Find the very event that broke an invariant, once."""
        for each in view.invariants:
            if not each.holds and not each.cause and each.at_ms <= PINPOINT_MS_MAX and each.name not in self._sought:
                self._sought.append(each.name)
                self._world.pinpoint(each.name)

    def _view(self) -> WorldView:
        return self._world.view() if self._past_ms is None else self._world.view_at(self._past_ms)

    def _take(self, room: Classroom) -> None:
        if self._room is not None:
            self._room.close()
        self._room = room
        self._leave_outside()
        self._past_ms = None
        self._sent = 0
        self._reset = True
        self._sought = []
        self._frames.forget()

    # ---- worlds

    def _ask_open(self, question: dict[str, Any]) -> str:
        """A world: `text` or `json` of a situation, `lesson` (with `variant`), `seed` and `nodes`, or the free one."""
        lesson: Lesson | None = None
        if question.get("lesson"):
            lesson = lesson_of(str(question["lesson"]))
            if question.get("variant"):
                lesson = lesson.as_variant()
            room = lesson.open()
        elif question.get("text"):
            room = Classroom(from_text(str(question["text"])))
        elif question.get("json"):
            room = Classroom(from_json(str(question["json"])))
        else:
            shape = msgspec.structs.replace(FREE_WORLD.shape, nodes=_whole(question.get("nodes", 3), 1, 5))
            if shape.nodes < 3:
                topic = CreateTopic("orders", partitions=1, replication=shape.nodes)
                shape = msgspec.structs.replace(shape, topics=(topic,))
            room = Classroom(Situation(seed=_whole(question.get("seed", 7), 0, (1 << 63) - 1), shape=shape))
        self._take(room)
        self._learning = None if lesson is None else Learning(lesson, bool(question.get("variant")))
        return "" if lesson is None else f"Lesson: {lesson.title}"

    def _ask_fork(self, question: dict[str, Any]) -> str:
        """Go on from the moment that is shown, or from `at_ms`: what came later is cut off."""
        at_ms = float(question["at_ms"]) if "at_ms" in question else self._view().now_ms
        at_ms = min(max(0.0, at_ms), self._world.now_ms)
        self._take(self._world.fork_at(at_ms))
        if self._learning is not None:
            self._learning.rewind(self._world.now_ms)
        return f"The world goes on from {self._world.now_ms / 1000:.3f} s; what came later is cut off."

    # ---- clients from outside

    async def _ask_connect(self, question: dict[str, Any]) -> str:
        """Give every node a port of this machine. The world is played to its moment anew, for its nodes must know them
        from the beginning; a lesson goes on in it."""
        from engine.sim.classroom.outside import Outside, Ports

        if self._outside is not None:
            return f"Clients come in at {self._outside.bootstrap_servers} already."
        self._need_present()
        situation = self._world.situation()
        ports = Ports(situation.shape.nodes)
        try:
            room = Classroom(situation, node_properties=ports.properties)
        except BaseException:
            ports.close()
            raise
        was_outside = self._was_outside
        self._take(room)
        self._was_outside = was_outside
        if self._learning is not None:
            self._learning.rewind(room.now_ms)
        self._outside = await Outside.open(room, ports)
        return f"Clients come in at {self._outside.bootstrap_servers}. They are answered while the world is played."

    def _ask_disconnect(self, question: dict[str, Any]) -> str:
        """Close the ports; the world goes on."""
        if self._outside is None:
            return "No client from outside can come in."
        self._leave_outside()
        return "The ports are closed."

    def _leave_outside(self) -> None:
        outside, self._outside = self._outside, None
        if outside is not None:
            self._was_outside = self._was_outside or outside.was_used
            outside.close()

    def _outside_piece(self) -> dict[str, Any] | None:
        outside = self._outside
        if outside is None:
            return None
        return {"bootstrap_servers": outside.bootstrap_servers, "connections": outside.connections}

    # ---- time

    async def _ask_advance(self, question: dict[str, Any]) -> dict[str, bool]:
        """Play `ms`; `result.done` when the world waits, for a step of the lesson is over. With `reads` it stops at the
        first line of the timeline that is worth reading. With `within_s` a world with ports takes that much of the clock
        for it, so that clients from outside are answered as it goes."""
        by_ms = min(max(0.0, float(question["ms"])), ADVANCE_MS_MAX)
        within_s = min(max(0.0, float(question.get("within_s", 0.0))), 1.0)
        if question.get("reads") and self._past_ms is None:
            return {"done": self._advance_to_a_line(by_ms)}
        if self._outside is None or self._past_ms is not None or not within_s:
            return {"done": self._advance(by_ms)}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        slices = max(1, round(within_s / SLICE_S))
        for number in range(1, slices + 1):
            if self._advance(by_ms / slices):
                return {"done": True}
            await asyncio.sleep(max(0.0, begun + within_s * number / slices - loop.time()))
        return {"done": False}

    def _advance(self, by_ms: float) -> bool:
        """Play that much, or go on in the recording; whether the world waits."""
        world = self._world
        if self._past_ms is not None:
            self._look_at(self._past_ms + by_ms)
        elif self._learning is not None and self._learning.steps.is_playing:
            return self._learning.play(world, by_ms)
        else:
            world.advance(by_ms)
        return False

    def _advance_to_a_line(self, by_ms: float) -> bool:
        """At most that much, until the timeline has a line for the reader; whether the world waits."""
        world = self._world
        until_ms = world.now_ms + by_ms
        while world.now_ms < until_ms - NEXT_TO_NOTHING_MS and not world.broken:
            known = world.event_count
            if self._advance(min(SLICE_MS, until_ms - world.now_ms)):
                return True
            if any(event.kind not in NOT_READ for event in world.events(known)):
                break
        return False

    def _ask_step(self, question: dict[str, Any]) -> str | None:
        """To the next line of the timeline (`by` event), or the next instant (`by` instant)."""
        if self._past_ms is not None:
            self._look_at(self._past_ms + BACK_MS)
            return None
        world = self._world
        happened = world.step() if question.get("by") == "instant" else world.step_event()
        return None if happened else "Nothing happened."

    def _ask_look(self, question: dict[str, Any]) -> None:
        """Show the moment `at_ms` (None: the present), or `by_ms` from the one that is shown."""
        if "by_ms" in question:
            self._look_at(self._view().now_ms + float(question["by_ms"]))
        else:
            at_ms = question.get("at_ms")
            self._look_at(self._world.now_ms if at_ms is None else float(at_ms))

    def _look_at(self, at_ms: float) -> None:
        self._past_ms = None if at_ms >= self._world.now_ms else max(0.0, at_ms)

    # ---- touching

    def _ask_do(self, question: dict[str, Any]) -> str:
        """Do `line`, or the action `tag` with `values`."""
        if "line" in question:
            action = parse(str(question["line"]))
        else:
            values = question.get("values", {})
            action = action_of(str(question.get("tag")), values if isinstance(values, dict) else {})
        return self._do(action)

    def _need_present(self) -> None:
        if self._past_ms is not None:
            raise CommandError("This is the past, and it cannot be changed: go on from here (fork), or go to now.")

    def _do(self, action: Action) -> str:
        self._need_present()
        event = self._world.do(action)
        return f"{event.text} {event.why}".strip()

    def _ask_complete(self, question: dict[str, Any]) -> list[tuple[str, str]]:
        """What `line` could become, each with a word on what it is."""
        from console.laboratory.forms import help_of

        line = str(question.get("line", ""))
        words = {each["id"]: each["words"] for each in self._messages()}
        words |= {each.name: f"{each.source}: {each.text}" for each in _safeguards()}
        found = [(each, words.get(each.rpartition(" ")[2], "")) for each in completions(line, self._names())]
        if " " in line:
            return found
        controls = [(usage, words) for usage, words in USAGE.items() if line and usage.startswith(line)]
        return controls + [(each, help_of(each)) for each, _ in found]

    def _ask_names(self, question: dict[str, Any]) -> dict[str, Any]:
        """What there is, by the name of a field; `messages` says what each of them is."""
        return {**self._names(), "messages": self._messages()}

    def _messages(self) -> list[dict[str, str]]:
        return [{"id": each.id, "words": message_words(each)} for each in self._view().messages]

    def _names(self) -> dict[str, list[str]]:
        view = self._view()
        nodes = [str(node.id) for node in view.nodes]
        hosts = [*nodes, str(CLIENTS)]
        topics = list(dict.fromkeys(each.topic for each in view.partitions))
        clients = [each.name for each in view.clients]
        return {
            "node": nodes, "nodes": nodes, "source": hosts, "to": hosts, "topic": topics, "name": clients,
            "partition": list(dict.fromkeys(str(each.partition) for each in view.partitions)),
            "group": [each.group for each in view.groups], "message": [each.id for each in view.messages],
            "acks": ["all", "1", "0"], "safeguard": [each.name for each in _safeguards()],
        }  # fmt: skip

    # ---- lessons

    def _ask_predict(self, question: dict[str, Any]) -> str:
        """What the learner believes: the number of a choice."""
        learning = self._need_lesson()
        learning.prediction = _whole(question.get("choice"), 0, len(learning.lesson.prediction.choices) - 1)
        return ""

    def _ask_task(self, question: dict[str, Any]) -> str:
        """Take a step of the lesson, by number, as the lesson would; `advance` then plays it."""
        learning = self._need_lesson()
        number = _whole(question.get("number"), 0, len(learning.lesson.tasks) - 1)
        self._need_present()
        return learning.begin(number, self._world)

    def _need_lesson(self) -> Learning:
        if self._learning is None:
            raise CommandError("this world is no lesson's")
        return self._learning

    # ---- taking it along

    def _ask_situation(self, question: dict[str, Any]) -> dict[str, str]:
        """The situation of the moment that is shown, for an address; `warning` says what is not in it."""
        situation = self._situation()
        warning = "What clients from outside did is not in it." if self._outside_had_a_part else ""
        return {"text": situation.to_text(), "json": situation.to_json(), "warning": warning}

    def _situation(self) -> Situation:
        situation = self._world.situation()
        return situation if self._past_ms is None else situation.cut_at(int(self._view().now_ms))

    @property
    def _outside_had_a_part(self) -> bool:
        return self._was_outside or (self._outside is not None and self._outside.was_used)

    def _ask_export(self, question: dict[str, Any]) -> dict[str, str]:
        """Of the moment that is shown. `kind`: json (the timeline), html (the same to look at), pytest, situation."""
        kind = question.get("kind")
        if kind == "situation":
            return {"name": "situation.json", "type": "application/json", "text": self._situation().to_json()}
        if kind not in ("json", "html", "pytest"):
            raise CommandError("there are the exports json, html, pytest and situation")
        if kind == "pytest" and self._outside_had_a_part:
            raise CommandError("clients from outside had a part in this: no test could play it again")
        if self._past_ms is None:
            return self._exported(kind, self._world)
        there = Classroom(self._situation())
        try:
            return self._exported(kind, there)
        finally:
            there.close()

    def _exported(self, kind: str, world: Classroom) -> dict[str, str]:
        from engine.sim.classroom import export

        if kind == "pytest":
            return {"name": "test_situation.py", "type": "text/x-python", "text": export.as_pytest(world)}
        if kind == "html":
            return {"name": "timeline.html", "type": "text/html", "text": export.as_html(world)}
        return {"name": "timeline.json", "type": "application/json", "text": export.as_json(world)}

    def close(self) -> None:
        self._leave_outside()
        if self._room is not None:
            self._room.close()


def message_words(message: MessageView) -> str:
    """A message under way, for people."""
    hosts = f"{message.source.removeprefix('node-')}→{message.to.removeprefix('node-')}"
    due = "held" if message.is_held else "stuck" if message.is_stalled else f"in {message.due_in_ms:.1f} ms"
    what = message.kind if message.api == "bytes" else f"{message.api} {message.kind}"
    return f"{what} {hosts}, {due}"


def _safeguards() -> tuple[Safeguard, ...]:
    from engine.runtime.safeguards import SAFEGUARDS

    return SAFEGUARDS


def _whole(value: Any, low: int, high: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise CommandError(f"{value!r:.40} is no whole number") from None
    if not low <= number <= high:
        raise CommandError(f"{number} is not between {low} and {high}")
    return number
