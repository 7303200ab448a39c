"""One line for what is done to the laboratory's world, with what it could become below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.bindings import bindings_of
from tui.widgets.cells import cells, fitted, harmless
from tui.widgets.line_input import LineInput

SHOWN = 12
Complete = Callable[[str], Awaitable[list[tuple[str, str]]]]
"""What a line could become, each with a word on what it is; "" for none."""


class ActionInput(LineInput):
    """Tab completes instead of leaving."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("prompt")

    def _dialog(self) -> ActionDialog:
        dialog = self.screen
        assert isinstance(dialog, ActionDialog)
        return dialog

    async def action_complete(self) -> None:
        await self._dialog().complete_next()

    def action_older(self) -> None:
        self._dialog().recall(-1)

    def action_newer(self) -> None:
        self._dialog().recall(1)

    def action_abandon(self) -> None:
        self._dialog().dismiss(None)


class ActionDialog(ModalScreen[str | None]):
    """Gives the line, or None when it was left. `history`: what was done before, the newest last. `typed`: what stands
    in it when it opens."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("dialog")
    DEFAULT_CSS = """
    ActionDialog { align: center bottom; }
    ActionDialog > Vertical {
        width: 100%; height: auto; background: $surface; border: round $primary; padding: 0 1; margin: 0 0 1 0;
        border-title-color: $text-primary; border-title-style: bold;
    }
    ActionDialog Input { height: 1; border: none; padding: 0; background: $boost; }
    ActionDialog Input:focus { border: none; }
    ActionDialog Static { color: $text-muted; height: auto; max-height: 12; }
    """

    def __init__(self, title: str, complete: Complete, history: list[str], typed: str = "") -> None:
        super().__init__()
        self._title = title
        self._complete = complete
        self._typed = typed
        self._history = history
        self._at = len(history)
        self._cycle: list[str] = []
        self._cycled = ""

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            yield ActionInput(self._typed)
            yield Static()

    async def on_mount(self) -> None:
        self.query_one(Input).focus()
        await self._show(self._typed)

    async def _show(self, line: str) -> None:
        found = (await self._complete(line))[:SHOWN]
        wide = max((cells(each) for each, _ in found), default=0)
        lines = [f"{fitted(harmless(each), wide)}  {harmless(words)}".rstrip() for each, words in found]
        self.query_one(Static).update(Content("\n".join(lines)))

    async def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        await self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)

    async def complete_next(self) -> None:
        """The next way the line could go on."""
        line = self.query_one(Input)
        if not self._cycle or line.value != self._cycled:
            self._cycle = [each for each, _ in await self._complete(line.value)]
        if self._cycle:
            self._cycled = self._cycle.pop(0)
            self._cycle.append(self._cycled)
            line.value = self._cycled
            line.cursor_position = len(line.value)

    def recall(self, by: int) -> None:
        """What was done before."""
        self._at = max(0, min(self._at + by, len(self._history)))
        line = self.query_one(Input)
        line.value = self._history[self._at] if self._at < len(self._history) else ""
        line.cursor_position = len(line.value)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_confirm(self) -> None:
        self.dismiss(self.query_one(Input).value.strip() or None)
