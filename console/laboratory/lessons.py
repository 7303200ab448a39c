"""Lessons by their ids. What they are is `engine.sim.lessons`'."""

from __future__ import annotations

from engine.sim.lessons.lesson import Lesson


def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order in which they are taught."""
    from importlib import import_module
    from pkgutil import iter_modules

    import engine.sim.lessons as package

    known = getattr(package, "LESSONS", None)
    if known is not None:
        return tuple(known)
    found = [import_module(f"{package.__name__}.{each.name}") for each in iter_modules(package.__path__)]
    return tuple(module.LESSON for module in found if hasattr(module, "LESSON"))


def lesson_of(name: str) -> Lesson:
    """The lesson with that id; ValueError when there is none."""
    for lesson in lessons():
        if lesson.id == name:
            return lesson
    raise ValueError(f"there is no lesson {name!r:.60}")
