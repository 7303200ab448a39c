"""Which lessons somebody has done: a small JSON file. A damaged or unknown one counts as empty, and is not touched
until the next lesson is solved."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

FILE_NAME = "lessons.json"
_VERSION = 1
_BYTES_MAX = 1 << 20


class Done(msgspec.Struct, frozen=True):
    """What was done of one lesson."""

    solved: bool = False
    predicted: bool | None = None
    """Whether the first prediction was right; None when none was made."""
    variant: bool = False
    """Whether its variant was played too."""


class _File(msgspec.Struct):
    version: int
    lessons: dict[str, Done]


class Progress:
    """The file at `path`, read when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Done]:
        """Lesson id -> what was done of it."""
        try:
            if self._path.stat().st_size > _BYTES_MAX:
                return {}
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError, RecursionError, UnicodeError):
            return {}
        return found.lessons if found.version == _VERSION else {}

    def note(
        self, lesson_id: str, *, solved: bool = False, predicted: bool | None = None, variant: bool = False
    ) -> None:
        """Add to what is known; nothing that was reached is taken back. OSError when it cannot be written."""
        known = self.read()
        old = known.get(lesson_id, Done())
        known[lesson_id] = Done(
            old.solved or solved,
            old.predicted if old.predicted is not None else predicted,
            old.variant or variant,
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(_File(_VERSION, known)), indent=2))
            temporary.replace(self._path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
