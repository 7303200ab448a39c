"""A page of any length: its lines are made when they come into sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.geometry import Size

from tui.widgets.cells import cells
from tui.widgets.document import Document, DocumentLine

TEXT_LINES_MAX = 50_000
MEASURED_LINES = 500


class LongDocument(Document):
    """As `Document`, but what it is given is kept as it is, and must be harmless already."""

    def set_lazy(self, lines: Sequence[DocumentLine], width: int | None = None) -> None:
        """`width`: of the widest line; by default that of a sample."""
        self.lines: Any = lines
        if width is None:
            step = max(1, len(lines) // MEASURED_LINES)
            width = max((sum(cells(text) for text, _ in lines[at]) for at in range(0, len(lines), step)), default=1)
        self.virtual_size = Size(width + 2, len(lines))
        self.refresh()

    @property
    def text(self) -> str:
        """The first of the lines: for the clipboard."""
        shown = (self.lines[at] for at in range(min(len(self.lines), TEXT_LINES_MAX)))
        return "\n".join("".join(text for text, _ in line).rstrip() for line in shown)
