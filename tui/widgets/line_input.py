"""One line to type into."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input

from tui.widgets.cells import masked


class LineInput(Input):
    """As Textual's, without a frame, and without a way to the screen for what a terminal would obey: names and values that
    are edited come from the cluster."""

    def __init__(
        self, value: str = "", *, placeholder: str = "", id: str | None = None, replaced: bool = False
    ) -> None:
        """`replaced`: what is typed first takes the place of all that stands there."""
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=replaced)

    @property
    def _value(self) -> Text:
        return Text(masked(self.value), no_wrap=True, overflow="ignore", end="")
