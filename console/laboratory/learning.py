"""A lesson as it is learnt in the room's world: the prediction, the steps, the goals, and the piece that faces get."""

from __future__ import annotations

from typing import Any

from console.laboratory.commands import text_of
from engine.sim.classroom import Classroom
from engine.sim.lessons.lesson import Lesson
from engine.sim.lessons.steps import Steps, StepState

OTHERWISE = (
    "All steps are taken, and not every goal is reached: something between them made it another story. "
    "Start again, and take the steps one after the other."
)


class Learning:
    """Of one lesson, from its opening to that of another world."""

    def __init__(self, lesson: Lesson, is_variant: bool) -> None:
        self.lesson = lesson
        self.steps = Steps(lesson)
        self.prediction: int | None = None
        """The number of the choice that the learner believes in."""
        self._is_variant = is_variant
        self._solved_ms: float | None = None
        self._was_open = [False] * len(lesson.goals)
        """Which goals were once not reached: what holds from the beginning shows nothing before the end."""

    def begin(self, number: int, world: Classroom) -> str:
        """Begin on a step; returns what there is to say. Raises StepRefused."""
        lines = self.steps.begin(number, world)
        said = " ".join(f"{line.text} {line.why}".strip() for line in lines)
        return said or self.steps[number].said or self.lesson.tasks[number].text

    def play(self, world: Classroom, by_ms: float) -> bool:
        """Play the step that was begun; whether it is over."""
        is_over = self.steps.play(world, by_ms)
        self._look_at_goals(world)
        return is_over

    def look(self, world: Classroom) -> None:
        """Note what the world has come to."""
        self.steps.look(world)
        self._look_at_goals(world)

    def rewind(self, at_ms: float) -> None:
        """The world goes on from a past moment."""
        self.steps.rewind(at_ms)
        self._solved_ms = None

    def _look_at_goals(self, world: Classroom) -> None:
        if self._solved_ms is None and self.lesson.is_solved(world):
            self._solved_ms = world.now_ms

    def piece(self, world: Classroom) -> dict[str, Any]:
        """What faces show; the answer and the explanation only once they may be known."""
        lesson = self.lesson
        reached = lesson.reached(world)
        self._was_open = [was or not each for was, each in zip(self._was_open, reached, strict=True)]
        answered, solved = self.prediction is not None, self._solved_ms is not None
        return {
            "id": lesson.id,
            "title": lesson.title,
            "is_variant": self._is_variant,
            "story": lesson.story,
            "minutes": lesson.minutes,
            "look_at": lesson.look_at,
            "question": lesson.prediction.question,
            "choices": lesson.prediction.choices,
            "chosen": self.prediction,
            "answer": lesson.prediction.answer if answered else None,
            "why": lesson.prediction.why if answered and solved else "",
            "tasks": [
                {"number": number, "text": step.task.text, "commands": ["" if callable(each) else text_of(each) for each in step.task.do],
                 "state": step.state, "is_done": step.state is StepState.DONE, "said": step.said, "pace": step.task.pace}
                for number, step in enumerate(self.steps)
            ],
            "hint": OTHERWISE if not solved and self.steps.are_over else "",
            "goals": [
                {"text": goal.text, "is_reached": solved or (each and was)}
                for goal, each, was in zip(lesson.goals, reached, self._was_open, strict=True)
            ],
            "is_solved": solved,
            "solved_ms": self._solved_ms,
            "explanation": lesson.explanation if solved else "",
            "kips": lesson.kips,
            "variant": None if lesson.variant is None else lesson.variant.title,
        }  # fmt: skip
