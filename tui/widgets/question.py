"""Yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.bindings import bindings_of
from tui.widgets.cells import harmless


class QuestionDialog(ModalScreen[bool]):
    """Asks before something is done that is quickly undone by hand."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog")
    DEFAULT_CSS = """
    QuestionDialog {
        align: center middle;
        & > Vertical {
            width: 92%; max-width: 70; height: auto; background: $surface; border: round $primary; padding: 0 1;
            border-title-color: $text-primary; border-title-style: bold;
        }
        .buttons { height: 1; margin: 1 0 0 0; align-horizontal: right; }
        Button { height: 1; border: none; min-width: 12; margin: 0 0 0 2; }
    }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.question = title
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = harmless(self.question).replace("[", "\\[")
            yield Static(harmless(self.text), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel (Esc)", id="cancel", compact=True)
                yield Button("Yes (Ctrl-Y)", id="confirm", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#confirm").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "confirm")

    def action_confirm(self) -> None:
        self.dismiss(True)

    def action_cancel(self) -> None:
        self.dismiss(False)
