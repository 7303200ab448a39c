"""Lessons by their ids, and what was done of them. What they are is `engine.sim.lessons`'.

The lessons bring the simulator with them, about half of what the web face would load when it starts: they are imported
when somebody wants one. All of this may take a moment, and is called on a thread.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from console.platform_dirs import data_dir

if TYPE_CHECKING:
    from engine.sim.lessons.lesson import Lesson
    from engine.sim.lessons.progress import Done, Progress


def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order in which they are taught."""
    from engine.sim.lessons import LESSONS

    return LESSONS


def lesson_of(name: str) -> Lesson:
    """The lesson with that id or number; ValueError when there is none."""
    from engine.sim.lessons import find

    try:
        return find(name)
    except KeyError:
        raise ValueError(f"there is no lesson {name!r:.60}") from None


def read_progress() -> dict[str, Done]:
    """What this user has done, by the id of the lesson."""
    return _progress().read()


def _progress() -> Progress:
    from engine.sim.lessons.progress import FILE_NAME, Progress

    return Progress(data_dir() / FILE_NAME)


def note_solved(piece: dict[str, Any] | None) -> None:
    """Keeps that the lesson was solved, if `piece` (see `frames`) says so. A file that cannot be written is no reason
    to disturb the learner."""
    if piece is None or not piece["is_solved"]:
        return
    predicted = None if piece["chosen"] is None else piece["chosen"] == piece["answer"]
    with contextlib.suppress(OSError):
        if piece["is_variant"]:
            _progress().note(piece["id"], variant=True)
        else:
            _progress().note(piece["id"], solved=True, predicted=predicted)
