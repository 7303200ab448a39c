"""Choosing one of many: what is typed narrows the list, Enter takes what the cursor is on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from console.errors import OperatorError
from tui.bindings import bindings_of
from tui.widgets.cells import harmless
from tui.widgets.line_input import LineInput
from tui.widgets.table import VirtualTable
from tui.widgets.table_model import Column, TableModel


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them. `value` is what choosing it gives."""

    name: str
    about: str
    value: str


class ChooserDialog(ModalScreen[str | None]):
    """Gives the value of the choice; None when it was left. `forget(choice)` removes one, where that can be done."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog", "chooser")
    DEFAULT_CSS = """
    ChooserDialog {
        align: center middle;
        & > Vertical {
            width: 94%; height: 80%; background: $surface; border: round $primary; padding: 0 1;
            border-title-color: $text-primary; border-title-style: bold;
        }
        Input { height: 1; border: none; padding: 0; width: 1fr; background: $boost; }
        Input:focus { border: none; background: $boost; }
        VirtualTable { background: $surface; }
        Static { color: $text-muted; height: 1; }
    }
    """

    def __init__(
        self, title: str, choices: Sequence[Choice], *, empty: str, forget: Callable[[Choice], None] | None = None
    ) -> None:
        super().__init__()
        self.list_title = title
        self.choices = list(choices)
        self.empty = empty
        self.forget = forget
        self.model: TableModel[Choice] = TableModel(
            (
                Column("name", "NAME", lambda choice: choice.name, style=lambda _: "name", width_max=30),
                Column("about", "", lambda choice: choice.about, flexible=True, width_max=400),
            ),
            lambda choice: (choice.name, choice.value),
        )

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = harmless(self.list_title).replace("[", "\\[")
            yield LineInput(placeholder="type to narrow the list")
            table: VirtualTable[Choice] = VirtualTable(self.model)
            table.can_focus = False
            yield table
            keys = "↑ ↓ move, Enter takes it, Esc leaves" + (", Ctrl-D forgets it" if self.forget else "")
            yield Static(keys, markup=False)

    @property
    def table(self) -> VirtualTable[Choice]:
        return self.query_one(VirtualTable)

    def on_mount(self) -> None:
        self.table.say(self.empty)
        self.table.set_rows(self.choices)
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self.model.set_filter(event.value)
        except OperatorError:
            # An expression that is not finished yet.
            return
        self.table.rearrange()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_confirm()

    def on_virtual_table_opened(self, event: VirtualTable.Opened) -> None:
        event.stop()
        self.action_confirm()

    def action_move(self, by: int) -> None:
        step = self.table.action_cursor_down if by > 0 else self.table.action_cursor_up
        for _ in range(abs(by)):
            step()

    def action_forget(self) -> None:
        choice = self.table.row
        if choice is None or self.forget is None:
            return
        self.forget(choice)
        self.choices.remove(choice)
        self.table.set_rows(self.choices)

    def action_confirm(self) -> None:
        choice = self.table.row
        if choice is not None:
            self.dismiss(choice.value)

    def action_cancel(self) -> None:
        self.dismiss(None)
