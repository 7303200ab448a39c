"""Lessons by their ids, and what was done of them. What they are is `engine.sim.lessons`'."""

from __future__ import annotations

import contextlib
from typing import Any

from console.platform_dirs import data_dir
from engine.sim.lessons import LESSONS, find
from engine.sim.lessons.lesson import Lesson
from engine.sim.lessons.progress import FILE_NAME, Done, Progress


def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order in which they are taught."""
    return LESSONS


def lesson_of(name: str) -> Lesson:
    """The lesson with that id or number; ValueError when there is none."""
    try:
        return find(name)
    except KeyError:
        raise ValueError(f"there is no lesson {name!r:.60}") from None


def read_progress() -> dict[str, Done]:
    """What this user has done, by the id of the lesson."""
    return Progress(data_dir() / FILE_NAME).read()


def note_solved(piece: dict[str, Any] | None) -> None:
    """Keeps that the lesson was solved, if `piece` (see `frames`) says so. A file that cannot be written is no reason
    to disturb the learner."""
    if piece is None or not piece["is_solved"]:
        return
    predicted = None if piece["chosen"] is None else piece["chosen"] == piece["answer"]
    with contextlib.suppress(OSError):
        if piece["is_variant"]:
            Progress(data_dir() / FILE_NAME).note(piece["id"], variant=True)
        else:
            Progress(data_dir() / FILE_NAME).note(piece["id"], solved=True, predicted=predicted)
