"""The line at the bottom where commands (`:`) and filters (`/`) are typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from tui.bindings import bindings_of
from tui.widgets.bars import Bar, Line, Part
from tui.widgets.cells import harmless
from tui.widgets.line_input import LineInput

HISTORY_MAX = 100
COMPLETIONS_MAX = 40
"""So many are looked at for the line above; Tab goes through all."""


class _Completion(Suggester):
    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        found = (each for each in self.complete(value) if each.startswith(value) and each != value)
        # A name that cannot be shown as it is, is for Tab only.
        return next((each for each in found if each == harmless(each)), None)


class PromptInput(LineInput):
    """The text of it; what it stands for is the prompt's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("prompt")

    @property
    def _prompt(self) -> Prompt:
        return next(each for each in self.ancestors if isinstance(each, Prompt))

    def action_complete(self) -> None:
        self._prompt.complete_next()

    def action_older(self) -> None:
        self._prompt.recall(-1)

    def action_newer(self) -> None:
        self._prompt.recall(1)

    def action_abandon(self) -> None:
        self._prompt.abandon()


class Prompt(Vertical):
    """Asks for one line. Hidden until `ask`; tells what was typed, and what it is at each letter. Above the line stands what
    it could become, or what it means."""

    DEFAULT_CSS = """
    Prompt { height: 2; display: none; background: $surface; }
    Prompt > Horizontal { height: 1; }
    Prompt Static { width: auto; color: $text-accent; text-style: bold; padding: 0 0 0 1; }
    Prompt PromptInput { border: none; height: 1; padding: 0; width: 1fr; background: $surface; }
    Prompt PromptInput:focus { border: none; background: $surface; }
    """

    class Typed(Message):
        """The line as it is now."""

        def __init__(self, sign: str, text: str) -> None:
            super().__init__()
            self.sign = sign
            self.text = text

    class Entered(Typed):
        """Enter."""

    class Abandoned(Message):
        """Esc."""

        def __init__(self, sign: str) -> None:
            super().__init__()
            self.sign = sign

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sign = ""
        self._history: dict[str, list[str]] = {}
        self._at = 0
        self._complete: Callable[[str], list[str]] = lambda _: []
        self._about: Callable[[str], str] = lambda _: ""
        self._cycle: list[str] = []
        self._cycled = ""

    def compose(self) -> ComposeResult:
        yield Bar()
        with Horizontal():
            yield Static(":")
            yield PromptInput()

    @property
    def input(self) -> PromptInput:
        return self.query_one(PromptInput)

    def ask(
        self,
        sign: str,
        text: str = "",
        *,
        complete: Callable[[str], list[str]] | None = None,
        about: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`complete(line)`: what it could become; `about(line)`: what it means."""
        self.sign = sign
        self._complete = complete or (lambda _: [])
        self._about = about
        self._cycle, self._cycled = [], ""
        self._at = len(self._history.get(sign, []))
        self.query_one(Static).update(sign)
        line = self.input
        line.suggester = _Completion(self._complete) if complete else None
        with line.prevent(Input.Changed):
            line.value = text
        line.cursor_position = len(text)
        self._show(text)
        self.display = True
        # At once: letters that are typed right behind the sign belong here.
        self.screen.set_focus(line)

    def close(self) -> None:
        self.display = False

    def on_descendant_blur(self) -> None:
        # Not when only the terminal's window lost it.
        if self.app.app_focus:
            self.close()

    def abandon(self) -> None:
        self.close()
        self.post_message(self.Abandoned(self.sign))

    def complete_next(self) -> None:
        """The next way the line could go on; again: the one after it."""
        line = self.input
        if not self._cycle or line.value != self._cycled:
            self._cycle = self._complete(line.value)
        if self._cycle:
            self._cycled = self._cycle.pop(0)
            self._cycle.append(self._cycled)
            line.value = self._cycled
            line.cursor_position = len(line.value)

    def recall(self, by: int) -> None:
        """What was entered before, with that sign."""
        history = self._history.get(self.sign, [])
        self._at = max(0, min(self._at + by, len(history)))
        line = self.input
        line.value = history[self._at] if self._at < len(history) else ""
        line.cursor_position = len(line.value)

    def _show(self, text: str) -> None:
        """What the line could become; where it is whole already, what it means."""
        found = self._complete(text)[:COMPLETIONS_MAX]
        parts: list[Part] = []
        if found and found != [text]:
            before = text.rpartition(" ")[0]
            shown = [harmless(each.removeprefix(before).strip()) for each in found]
            parts = [(" Tab ", "key"), (shown[0], ""), *((f"  {each}", "faint") for each in shown[1:])]
        elif about := self._about(text):
            parts = [(f" {about}", "faint")]
        self.query_one(Bar).set_lines(Line(tuple(parts)))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self._show(event.value)
            self.post_message(self.Typed(self.sign, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value
        history = self._history.setdefault(self.sign, [])
        if text.strip() and (not history or history[-1] != text):
            history.append(text)
            del history[:-HISTORY_MAX]
        self.close()
        self.post_message(self.Entered(self.sign, text))
