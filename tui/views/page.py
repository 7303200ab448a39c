"""What views that are a page of text have in common."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from console.errors import OperatorError
from tui.views.base import View
from tui.widgets.document import Document, DocumentLine


def error_lines(error: OperatorError) -> list[DocumentLine]:
    """An error as a page."""
    lines: list[DocumentLine] = [((f"  {error.title}", "bad"),)]
    lines += [((f"  {line}", ""),) for line in error.detail.splitlines()]
    lines += [((f"  {line}", "faint"),) for line in error.hint.splitlines()]
    return lines


class PageView(View):
    """A view that is one page; `lines` makes it."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._known = False

    async def lines(self) -> Sequence[DocumentLine] | None:
        """The page; None while nothing is known. May raise OperatorError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield Document()

    @property
    def document(self) -> Document:
        return self.query_one(Document)

    def on_mount(self) -> None:
        self.document.set_lines([((f"  Asking {self.source.address} …", "faint"),)])

    async def load(self) -> None:
        found = await self.lines()
        if found is not None:
            self._known = True
            self.document.set_lines(found)

    def fail(self, error: OperatorError) -> None:
        # What was known stays to be seen; the header says that it is old.
        if not self._known:
            self.document.set_lines(error_lines(error))

    def take_focus(self) -> None:
        self.document.focus()

    def copied(self) -> str:
        return self.document.text

    def saved(self) -> tuple[str, str]:
        return f"{'-'.join((self.place.view, *self.place.arguments))}.txt", self.document.text + "\n"
