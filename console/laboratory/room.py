"""The room in the worker: one world, questions as dicts, answers as dicts with what changed. Synchronous.

Every question has `ask`, its name; see the methods `_ask_NAME`. Every answer has `set` and `gone` (pieces, see `frames`),
`events` (new lines of the timeline, as JSON) with `first` (the number of the first of them) and `reset` (the world is
another one: forget what was known), and may have `said`, `error` and `result`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from console.laboratory.commands import CommandError, action_of, completions, parse
from console.laboratory.frames import Frames
from console.laboratory.learning import Learning
from console.laboratory.lessons import lesson_of
from engine.sim.classroom import Action, Classroom, ClassShape, Situation, SituationError, from_json, from_text
from engine.sim.classroom.actions import CLIENTS, CreateTopic
from engine.sim.classroom.view import WorldView
from engine.sim.lessons.lesson import Lesson

FREE_WORLD = Situation(seed=7, shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=1),)))
"""What one begins with: three nodes, and a topic with a replica on each."""

EVENTS_AT_ONCE = 2_000
ADVANCE_MS_MAX = 60_000
PINPOINT_MS_MAX = 120_000
"""The event that broke an invariant is looked for up to here: the world is played to it once more."""
BACK_MS = 100
"""How far one step goes through the past: views are kept about so often."""
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

    @property
    def _world(self) -> Classroom:
        if self._room is None:
            self._ask_open({})
        assert self._room is not None
        return self._room

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer; what is wrong with a question is in its `error`."""
        method: Callable[[dict[str, Any]], Any] | None = getattr(self, f"_ask_{question.get('ask')}", None)
        said, error, result = "", "", None
        if method is None:
            error = f"there is no question {question.get('ask')!r}"
        else:
            try:
                result = method(question)
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

    # ---- time

    def _ask_advance(self, question: dict[str, Any]) -> dict[str, bool]:
        """Play `ms`; `result.done` when the world waits, for a step of the lesson is over."""
        by_ms = min(max(0.0, float(question["ms"])), ADVANCE_MS_MAX)
        world = self._world
        if self._past_ms is not None:
            self._look_at(self._past_ms + by_ms)
        elif self._learning is not None and self._learning.steps.is_playing:
            return {"done": self._learning.play(world, by_ms)}
        else:
            world.advance(by_ms)
        return {"done": False}

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

    def _ask_complete(self, question: dict[str, Any]) -> list[str]:
        return completions(str(question.get("line", "")), self._names())

    def _ask_names(self, question: dict[str, Any]) -> dict[str, list[str]]:
        return self._names()

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
            "acks": ["all", "1", "0"], "safeguard": list(_safeguards()),
        }  # fmt: skip

    # ---- lessons

    def _ask_predict(self, question: dict[str, Any]) -> str:
        """What the learner believes: the number of a choice."""
        learning = self._need_lesson()
        learning.prediction = _whole(question.get("choice"), 0, len(learning.lesson.prediction.choices) - 1)
        return ""

    def _ask_task(self, question: dict[str, Any]) -> str:
        """Take a step of the lesson, by number, as the lesson would; `advance` and `play_task` then play it."""
        learning = self._need_lesson()
        number = _whole(question.get("number"), 0, len(learning.lesson.tasks) - 1)
        self._need_present()
        return learning.begin(number, self._world)

    def _ask_play_task(self, question: dict[str, Any]) -> dict[str, bool]:
        """Play the step that was begun on, at most `ms`; `result.done` when it is over."""
        by_ms = min(max(1.0, float(question["ms"])), ADVANCE_MS_MAX)
        return {"done": self._learning is None or self._learning.play(self._world, by_ms)}

    def _need_lesson(self) -> Learning:
        if self._learning is None:
            raise CommandError("this world is no lesson's")
        return self._learning

    # ---- taking it along

    def _ask_situation(self, question: dict[str, Any]) -> dict[str, str]:
        """The situation of the moment that is shown, for an address."""
        situation = self._world.situation()
        if self._past_ms is not None:
            situation = situation.cut_at(int(self._view().now_ms))
        return {"text": situation.to_text(), "json": situation.to_json()}

    def _ask_export(self, question: dict[str, Any]) -> dict[str, str]:
        """`kind`: json (the timeline), html (the same to look at), pytest, situation."""
        kind, world = question.get("kind"), self._world
        if kind == "situation":
            return {"name": "situation.json", "type": "application/json", "text": world.situation().to_json()}
        from engine.sim.classroom import export

        if kind == "pytest":
            return {"name": "test_situation.py", "type": "text/x-python", "text": export.as_pytest(world)}
        if kind == "html":
            return {"name": "timeline.html", "type": "text/html", "text": export.as_html(world)}
        if kind == "json":
            return {"name": "timeline.json", "type": "application/json", "text": _text(export.as_json(world))}
        raise CommandError("there are the exports json, html, pytest and situation")

    def close(self) -> None:
        if self._room is not None:
            self._room.close()


def _safeguards() -> tuple[str, ...]:
    from engine.runtime.safeguards import NAMES

    return NAMES


def _text(data: str | bytes) -> str:
    return data.decode() if isinstance(data, bytes) else data


def _whole(value: Any, low: int, high: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise CommandError(f"{value!r:.40} is no whole number") from None
    if not low <= number <= high:
        raise CommandError(f"{number} is not between {low} and {high}")
    return number
