"""The steps of a lesson as they are taken in one world, one at a time. A step is done only when its effect is there.

A learner may wait between the steps, or do something else: then a step may lead nowhere, and says so (`MISSED`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, repeat

from engine.sim.classroom import Classroom, EventView
from engine.sim.lessons.lesson import Lesson, Task, holds

SLICE_MS = 20.0
"""How often it is looked whether a step is over."""
NEXT_TO_NOTHING_MS = 0.001
"""Less than that is no time to play: floats do not add up."""
TOO_LATE = "The world stands otherwise by now, and this would lead nowhere. Start again."
NOT_COME = "It did not come to that: something made it another story. Start again, one step after the other."


class StepRefused(ValueError):
    """The step cannot be begun. The message is for people."""


class StepState(StrEnum):
    """What became of a step. TODO counts for what was not begun, PLAYING until it is over."""

    TODO = "todo"
    PLAYING = "playing"
    DONE = "done"
    MISSED = "missed"


@dataclass(slots=True)
class Step:
    """A task of the lesson in one world."""

    task: Task
    state: StepState = StepState.TODO
    said: str = ""
    """Why it was missed."""
    began_ms: float = 0.0


class Steps:
    """Of one lesson in one world; another world needs another one, or `rewind`."""

    def __init__(self, lesson: Lesson) -> None:
        self._steps = [Step(task) for task in lesson.tasks]
        self._playing: Step | None = None
        self._end_ms = 0.0

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __getitem__(self, number: int) -> Step:
        return self._steps[number]

    @property
    def is_playing(self) -> bool:
        """Whether a step was begun and is not over."""
        return self._playing is not None

    @property
    def are_over(self) -> bool:
        """Whether every step was taken, with or without success."""
        return all(step.state in (StepState.DONE, StepState.MISSED) for step in self._steps)

    def begin(self, number: int, room: Classroom) -> list[EventView]:
        """Do what the step does; `play` then plays it. Returns the lines of the timeline. Raises StepRefused while
        another step is being played. A step that would lead nowhere is missed, and nothing is done; one that is being
        played goes on."""
        if self._playing is self._steps[number]:
            return []
        if self._playing is not None:
            playing = self._steps.index(self._playing) + 1
            raise StepRefused(f"step {playing} is still being played: let it come to its end first")
        step = self._steps[number]
        task = step.task
        step.began_ms = room.now_ms
        if task.needs is not None and not holds(task.needs, room):
            step.state, step.said = StepState.MISSED, task.otherwise or TOO_LATE
            return []
        step.state, step.said = StepState.PLAYING, ""
        self._playing, self._end_ms = step, room.now_ms + task.play_ms
        lines, refused = [], ""
        for each in task.do:
            lines.append(room.do(each(room.view()) if callable(each) else each))
            refused = refused or room.refused
        if refused and task.until is None:
            self._over(StepState.MISSED, f"Nothing was done, for {refused}.")
        return lines

    def play(self, room: Classroom, by_ms: float) -> bool:
        """Play the step that was begun, at most `by_ms`. Returns whether it is over, and the world waits."""
        pause_ms = room.now_ms + by_ms
        while not self.look(room):
            left_ms = min(pause_ms, self._end_ms) - room.now_ms
            if left_ms <= NEXT_TO_NOTHING_MS:
                return False
            room.advance(min(SLICE_MS, left_ms))
        return True

    def look(self, room: Classroom) -> bool:
        """See whether the step that is played is over; True when none is played."""
        step = self._playing
        if step is None:
            return True
        task = step.task
        if task.until is not None and holds(task.until, room):
            self._over(StepState.DONE)
        elif room.broken:
            self._over(StepState.MISSED, room.broken)
        elif self._end_ms - room.now_ms <= NEXT_TO_NOTHING_MS:
            if task.until is None:
                self._over(StepState.DONE)
            else:
                self._over(StepState.MISSED, task.otherwise or NOT_COME)
        return self._playing is None

    def rewind(self, at_ms: float) -> None:
        """The world goes on from a past moment: what was begun later was not."""
        self._playing = None
        for step in self._steps:
            if step.began_ms > at_ms or step.state is StepState.PLAYING:
                step.state, step.said, step.began_ms = StepState.TODO, "", 0.0

    def _over(self, state: StepState, said: str = "") -> None:
        step, self._playing = self._playing, None
        assert step is not None
        step.state, step.said = state, said


def solve(lesson: Lesson, room: Classroom, pauses_ms: Iterable[float] = ()) -> Steps:
    """Take every step, as a learner who presses nothing else, and waits so long before each. Ends at a missed one."""
    steps = Steps(lesson)
    for number, pause_ms in zip(range(len(lesson.tasks)), chain(pauses_ms, repeat(0.0)), strict=False):
        room.advance(pause_ms)
        steps.begin(number, room)
        while not steps.play(room, 1_000.0):
            pass
        if steps[number].state is StepState.MISSED:
            break
    return steps
