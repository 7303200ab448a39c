"""A form: fields with what they mean, and what is wrong with what was typed next to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui.bindings import bindings_of
from tui.widgets.cells import harmless
from tui.widgets.line_input import LineInput


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `parse` gives the value, or raises ValueError with what is wrong, as a sentence without full stop.
    `replaced`: what is typed takes the place of what stands there, as of a word or a number that is rather chosen than edited.
    """

    name: str
    label: str
    value: str = ""
    help: str = ""
    parse: Callable[[str], Any] = str
    replaced: bool = False


def move_field(screen: Screen[Any], by: int) -> None:
    """To the next widget that takes keys, or the one before; at once, not with the next message."""
    if by > 0:
        screen.focus_next()
    else:
        screen.focus_previous()


def goes_to_next(focused: Widget | None, fields: Iterable[Widget]) -> bool:
    """Whether Enter there goes on to another field."""
    *others, _ = fields
    return focused in others


class FormDialog(ModalScreen[dict[str, Any] | None]):
    """Asks for the fields; gives the parsed values by name, None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog", "form")
    DEFAULT_CSS = """
    FormDialog {
        align: center middle;
        & > Vertical {
            width: 92%; max-width: 90; height: auto; max-height: 95%;
            background: $surface; border: round $primary; padding: 0 1;
            border-title-color: $text-primary; border-title-style: bold;
        }
        VerticalScroll { height: auto; max-height: 1fr; margin: 0 0 1 0; scrollbar-size: 1 1; }
        .field { height: 1; }
        .label { width: 20; color: $text-secondary; }
        Input { height: 1; border: none; padding: 0 1; width: 1fr; background: $boost; }
        Input:focus { border: none; background: $background; }
        .help { color: $text-muted; margin: 0 0 0 20; height: auto; padding: 0 1 0 0; }
        .help.bad { color: $text-error; text-style: bold; }
        .buttons { dock: bottom; height: 1; margin: 0 1; align-horizontal: right; }
        Button { height: 1; border: none; min-width: 12; margin: 0 0 0 2; }
    }
    """

    def __init__(self, title: str, fields: Sequence[Field], *, done: str = "Preview") -> None:
        super().__init__()
        self.form_title = title
        self.fields = tuple(fields)
        self.done = done

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = harmless(self.form_title).replace("[", "\\[")
            with VerticalScroll(can_focus=False):
                for field in self.fields:
                    with Horizontal(classes="field"):
                        yield Static(Content(field.label), classes="label")
                        yield LineInput(field.value, id=f"field-{field.name}", replaced=field.replaced)
                    yield Static(Content(harmless(field.help)), classes="help", id=f"help-{field.name}")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (Esc)", id="cancel", compact=True)
                yield Button(f"{self.done} (Ctrl-Y)", id="confirm", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def _check(self, field: Field) -> tuple[bool, Any]:
        note = self.query_one(f"#help-{field.name}", Static)
        try:
            value = field.parse(self.query_one(f"#field-{field.name}", Input).value.strip())
        except ValueError as error:
            note.update(Content(harmless(str(error))))
            note.add_class("bad")
            return False, None
        note.update(Content(harmless(field.help)))
        note.remove_class("bad")
        return True, value

    def on_input_changed(self, event: Input.Changed) -> None:
        name = (event.input.id or "").removeprefix("field-")
        field = next(field for field in self.fields if field.name == name)
        # A field is judged while it is typed only where it was found wrong before.
        if self.query_one(f"#help-{name}", Static).has_class("bad"):
            self._check(field)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # In the last field Enter is the field's own: letters that are on their way to it come first.
        return action != "enter_field" or goes_to_next(self.focused, self.query(Input))

    def action_field(self, by: int) -> None:
        move_field(self, by)

    def action_enter_field(self) -> None:
        move_field(self, 1)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_confirm()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "confirm":
            self.action_confirm()
        else:
            self.dismiss(None)

    def action_confirm(self) -> None:
        checked = {field.name: self._check(field) for field in self.fields}
        wrong = next((name for name, (good, _) in checked.items() if not good), None)
        if wrong is not None:
            self.query_one(f"#field-{wrong}", Input).focus()
            return
        self.dismiss({name: value for name, (_, value) in checked.items()})

    def action_cancel(self) -> None:
        self.dismiss(None)
