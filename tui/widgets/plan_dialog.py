"""What a change would do, before it is done: difference, risks, the command that does the same, and a last question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from console.changes.door import Plan
from tui.bindings import bindings_of
from tui.widgets.cells import harmless
from tui.widgets.line_input import LineInput

SHOWN_MAX = 200
SIGNS = {"+": "$text-success", "-": "$text-error", "~": "$text-warning"}


class PlanDialog(ModalScreen[bool]):
    """Shows one plan, or several that go together; true when the operator wants it done.

    Where something is lost for good, its name (of several: "delete" and how many) is to be typed first.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog")
    DEFAULT_CSS = """
    PlanDialog {
        align: center middle;
        & > Vertical {
            width: 92%; max-width: 100; height: auto; max-height: 92%;
            background: $surface; border: round $primary; padding: 0 1;
            border-title-color: $text-primary; border-title-style: bold;
        }
        &.destroys > Vertical { border: round $error; border-title-color: $text-error; }
        VerticalScroll { height: auto; max-height: 1fr; scrollbar-size: 1 1; }
        .typed { height: auto; margin: 1 0 0 0; }
        Input { height: 1; border: none; padding: 0 1; background: $boost; }
        Input:focus { border: none; background: $background; }
        .buttons { height: 1; margin: 1 0 0 0; align-horizontal: right; }
        Button { height: 1; border: none; min-width: 12; margin: 0 0 0 2; }
    }
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        super().__init__()
        self.plans = tuple(plans)
        destroyed = [plan.destroys for plan in self.plans if plan.destroys is not None]
        self.to_type = "" if not destroyed else destroyed[0] if len(destroyed) == 1 else f"delete {len(destroyed)}"
        self.can_be_done = all(plan.blocked is None for plan in self.plans) and any(
            plan.difference for plan in self.plans
        )
        self.set_class(bool(destroyed), "destroys")

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = harmless(
                self.plans[0].subject if len(self.plans) == 1 else f"{len(self.plans)} changes"
            ).replace("[", "\\[")
            with VerticalScroll(can_focus=False):
                yield Static(self._text())
            if self.can_be_done and self.to_type:
                yield Static(
                    Content.from_markup("Type [b]$name[/] to do it:", name=harmless(self.to_type)), classes="typed"
                )
                yield LineInput()
            with Horizontal(classes="buttons"):
                yield Button("Cancel (Esc)" if self.can_be_done else "Close (Esc)", id="cancel", compact=True)
                if self.can_be_done:
                    yield Button(
                        "Do it (Ctrl-Y)",
                        id="confirm",
                        variant="error" if self.to_type else "primary",
                        disabled=bool(self.to_type),
                        compact=True,
                    )

    def on_mount(self) -> None:
        # Enter at once must not destroy: there the field has the focus, and elsewhere the button.
        target = self.query("Input, #confirm, #cancel").first()
        if self.can_be_done:
            target = self.query("Input").first() if self.to_type else self.query_one("#confirm")
        target.focus()

    def _text(self) -> Content:
        lines: list[Content] = []

        def add(markup: str, **values: str) -> None:
            lines.append(Content.from_markup(markup, **{name: harmless(text) for name, text in values.items()}))

        shown = 0
        for plan in self.plans:
            if plan.blocked is not None:
                add("[$text-error b]$title[/]", title=plan.blocked.title)
                for text in (*plan.blocked.detail.splitlines(), *plan.blocked.hint.splitlines()):
                    add("[$text-muted]$text[/]", text=text)
            if not plan.difference:
                add("$subject is like that already.", subject=plan.subject)
            for each in plan.difference[: max(0, SHOWN_MAX - shown)]:
                shown += 1
                add(f"[{SIGNS.get(each.sign, '$foreground')}]$text[/]", text=str(each))
        total = sum(len(plan.difference) for plan in self.plans)
        if total > shown:
            add(f"[$text-muted]… and {total - shown:,} more[/]")
        losses = [plan.loss for plan in self.plans if plan.loss]
        for loss in losses[:10]:
            add("[$text-error b]$text.[/]", text=loss)
        for risk in list(dict.fromkeys(risk for plan in self.plans for risk in plan.risks))[:20]:
            add("[$text-warning]! $text[/]", text=risk)
        for note in list(dict.fromkeys(plan.undo_note for plan in self.plans if plan.undo_note))[:3]:
            add("[$text-muted]Undo: $text.[/]", text=note)
        add("")
        for plan in self.plans[:5]:
            for line in plan.command.splitlines()[:5]:
                add("[$text-muted]$$ [/]$text", text=line)
        return Content("\n").join(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#confirm", Button).disabled = event.value.strip() != self.to_type

    def on_input_submitted(self) -> None:
        self.action_confirm()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "confirm":
            self.action_confirm()
        else:
            self.dismiss(False)

    def action_confirm(self) -> None:
        if self.can_be_done and not self.query_one("#confirm", Button).disabled:
            self.dismiss(True)

    def action_cancel(self) -> None:
        self.dismiss(False)
