"""The lessons of the laboratory, with what was done of them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tui.views.base import TableView
from tui.widgets.table_model import Column


@dataclass(frozen=True, slots=True)
class LessonRow:
    """One lesson."""

    number: int
    id: str
    title: str
    summary: str
    minutes: int
    kips: str
    solved: bool
    variant: str
    """The lesson the other way, with ✓ before it when that is done; "" where there is none."""


class LessonsView(TableView[LessonRow]):
    NAME = "lessons"
    NOUN = ("lesson",)
    EMPTY: ClassVar[tuple[str, ...]] = ("There are no lessons.",)

    def columns(self) -> Sequence[Column[LessonRow]]:
        return (
            Column("number", "NO", lambda row: row.number, right=True),
            Column("done", "DONE", lambda row: row.solved, lambda done: "✓" if done else "", style=lambda _: "good"),
            Column("title", "LESSON", lambda row: row.title, style=lambda _: "name", width_max=40),
            Column("summary", "WHAT IT IS ABOUT", lambda row: row.summary, flexible=True, width_min=12, width_max=100),
            Column("variant", "THE OTHER WAY (V)", lambda row: row.variant, wide=True, width_max=36),
            Column("kips", "KIPS", lambda row: row.kips, wide=True),
            Column("minutes", "MIN", lambda row: row.minutes, right=True, wide=True),
        )

    def key(self, row: LessonRow) -> Hashable:
        return row.id

    async def ask(self) -> Sequence[LessonRow]:
        return await asyncio.to_thread(_rows)

    def open(self, row: LessonRow) -> None:
        self.stoker.enter("lab", row.id)


def _rows() -> list[LessonRow]:
    from console.laboratory.lessons import lessons, read_progress

    done = read_progress()
    return [
        LessonRow(number, each.id, each.title, each.summary, each.minutes, ", ".join(each.kips), each.id in done and done[each.id].solved,
                  "" if each.variant is None else f"{'✓ ' if each.id in done and done[each.id].variant else ''}{each.variant.title}")
        for number, each in enumerate(lessons(), 1)
    ]  # fmt: skip
