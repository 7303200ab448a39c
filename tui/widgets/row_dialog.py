"""One row of a result in full: each column below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.bindings import bindings_of
from tui.widgets.cells import harmless
from tui.widgets.document import DocumentLine
from tui.widgets.lazy_lines import Chapters, TextLines, lines_of
from tui.widgets.long_document import LongDocument

CHARACTERS_MAX = 1_000_000


class RowDialog(ModalScreen[None]):
    """Shows names, types and values; c copies the values."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog", "row")
    DEFAULT_CSS = """
    RowDialog {
        align: center middle;
        & > Vertical {
            width: 94%; height: auto; max-height: 90%; background: $surface; border: round $primary; padding: 0 1;
            border-title-color: $text-primary; border-title-style: bold;
        }
        LongDocument { background: $surface; height: auto; max-height: 100%; }
    }
    """

    def __init__(self, title: str, cells: Sequence[tuple[str, str, str]]) -> None:
        """`cells`: name, type, value."""
        super().__init__()
        self.row_title = title
        self.cells = cells

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = harmless(self.row_title).replace("[", "\\[")
            yield LongDocument()

    def on_mount(self) -> None:
        chapters: list[Sequence[DocumentLine]] = []
        columns = max(20, self.app.size.width * 94 // 100 - 10)
        for name, kind, value in self.cells:
            chapters.append([((harmless(name), "heading"), (f"  {harmless(kind)}", "faint"))])
            chapters.append(TextLines(lines_of(value[:CHARACTERS_MAX], columns), json=value[:1] in ("{", "[")))
        document = self.query_one(LongDocument)
        document.set_lazy(Chapters(chapters))
        document.focus()

    def action_copy_row(self) -> None:
        self.app.copy_to_clipboard("\n".join(value for _, _, value in self.cells))

    def action_confirm(self) -> None:
        self.dismiss(None)

    def action_cancel(self) -> None:
        self.dismiss(None)
