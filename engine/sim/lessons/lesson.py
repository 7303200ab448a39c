"""What a lesson is: data, and small functions of the classroom that say what has been reached.

A lesson begins with `open`: a classroom with its setup played. The learner makes the prediction, does the tasks (or
something else that reaches the goals), and reads the explanation. `Task.do` is what solves it: tests play that, and
faces may offer it. A variant is the same lesson with a safeguard or a setting taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.sim.classroom import Classroom, ClassShape, Situation, WorldView
from engine.sim.classroom.actions import Action

Do = Action | Callable[[WorldView], Action]
"""An action, or a function that names it when it depends on how things stand (who leads the quorum, say)."""

Test = Callable[[Classroom], bool]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A question to answer before anything is done."""

    question: str
    choices: tuple[str, ...]
    answer: int
    """Index of the right choice."""
    why: str


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do. `do` and then `play_ms` of virtual time is one way to do it."""

    text: str
    do: tuple[Do, ...] = ()
    play_ms: int = 1_000
    until: Test | None = None
    """Play on until this holds, at most `play_ms`: the effect without which the step is not done."""
    needs: Test | None = None
    """What must hold before, or the step leads nowhere: the learner may have waited, or done something else."""
    otherwise: str = ""
    """What to tell the learner when `needs` did not hold, or it did not come to `until`."""
    pace: float | None = None
    """Virtual seconds per second at which it is to be watched, where that is slower than usual: messages on their way."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A part of success: words, and how it is told."""

    text: str
    reached: Test


@dataclass(frozen=True, slots=True)
class Variant:
    """The lesson with something taken away. What is () or None is as in the lesson."""

    title: str
    text: str
    """What is then lost, and which bug of Kafka's past it was, if it was one."""
    goals: tuple[Goal, ...]
    shape: ClassShape | None = None
    setup: tuple[Task, ...] | None = None
    tasks: tuple[Task, ...] | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """See the module's docstring."""

    id: str
    """Stable: addresses, commands and the progress file carry it."""
    title: str
    summary: str
    story: str
    prediction: Prediction
    shape: ClassShape
    tasks: tuple[Task, ...]
    goals: tuple[Goal, ...]
    explanation: str
    kips: tuple[str, ...] = ()
    setup: tuple[Task, ...] = ()
    variant: Variant | None = None
    seed: int = 7
    minutes: int = 5
    look_at: tuple[str, ...] = field(default=())
    """What on the page matters most: "nodes", "logs", "quorum", "groups", "clients", "invariants", "disk"."""

    def open(self) -> Classroom:
        """A classroom with the setup played."""
        room = Classroom(Situation(seed=self.seed, shape=self.shape))
        for task in self.setup:
            play(room, task)
        return room

    def as_variant(self) -> Lesson:
        """The lesson with the variant's changes. ValueError when there is none."""
        variant = self.variant
        if variant is None:
            raise ValueError(f"lesson {self.id} has no variant")
        return replace(
            self,
            title=f"{self.title}: {variant.title}",
            shape=variant.shape if variant.shape is not None else self.shape,
            setup=variant.setup if variant.setup is not None else self.setup,
            tasks=variant.tasks if variant.tasks is not None else self.tasks,
            goals=variant.goals,
            explanation=variant.text,
            variant=None,
        )

    def reached(self, room: Classroom) -> tuple[bool, ...]:
        """Which goals hold now."""
        return tuple(holds(goal.reached, room) for goal in self.goals)

    def is_solved(self, room: Classroom) -> bool:
        """Whether all goals hold now."""
        return all(self.reached(room))


def play(room: Classroom, task: Task) -> None:
    """Do a task of the setup."""
    for each in task.do:
        room.do(each(room.view()) if callable(each) else each)
    if task.until is None:
        room.advance(task.play_ms)
        return
    end_ms = room.now_ms + task.play_ms
    while room.now_ms < end_ms and not holds(task.until, room) and not room.broken:
        room.advance(20)


def holds(test: Test, room: Classroom) -> bool:
    """Whether it holds now; what asks for something that is not there (yet) does not."""
    try:
        return test(room)
    except (KeyError, AttributeError, IndexError, StopIteration):
        return False


# ---- words for goals


def happened(kind: str, *words: str) -> Test:
    """The timeline has a line of that kind with these words."""

    def test(room: Classroom) -> bool:
        return any(event.kind == kind and all(word in event.text for word in words) for event in room.events())

    return test


def leader_is(topic: str, node: int, partition: int = 0) -> Test:
    """That node leads."""
    return lambda room: room.view().partition(topic, partition).leader == node


def isr_is(topic: str, *nodes: int, partition: int = 0) -> Test:
    """Exactly these nodes are in sync."""
    return lambda room: sorted(room.view().partition(topic, partition).isr) == sorted(nodes)


def in_sync(topic: str, count: int, partition: int = 0) -> Test:
    """So many replicas are in sync."""
    return lambda room: len(room.view().partition(topic, partition).isr) == count


def values(room: Classroom, topic: str, node: int, partition: int = 0) -> list[str]:
    """The values in a replica's log, in order of their offsets."""
    return [value for _, value in sorted(room.log_values(topic, partition, node).items())]


def nothing_lost(room: Classroom) -> bool:
    """No acknowledged record is gone."""
    return room.view().counts.lost == 0


def some_lost(room: Classroom) -> bool:
    """Some acknowledged record is gone."""
    return room.view().counts.lost > 0


def logs_agree(topic: str, partition: int = 0) -> Test:
    """All replicas hold the same records, epochs and all."""

    def test(room: Classroom) -> bool:
        logs = room.view().partition(topic, partition).logs
        return all(log.is_online for log in logs) and all(log.records == logs[0].records for log in logs)

    return test
