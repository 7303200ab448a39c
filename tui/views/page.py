"""What views that are a page of text have in common."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from console.errors import Blame, OperatorError
from tui.views.base import View
from tui.widgets.document import Document, DocumentLine
from tui.widgets.table_filter import Matcher, matcher


def error_lines(error: OperatorError) -> list[DocumentLine]:
    """An error as a page."""
    lines: list[DocumentLine] = [((f"  {error.title}", "bad"),)]
    lines += [((f"  {line}", ""),) for line in error.detail.splitlines()]
    lines += [((f"  {line}", "faint"),) for line in error.hint.splitlines()]
    return lines


def is_kept(line: DocumentLine, matches: Matcher) -> bool:
    """Whether a line is shown with that filter: what matches, and headings."""
    return bool(line) and (line[0][1] == "heading" or matches("".join(text for text, _ in line)))


class PageView(View):
    """A view that is one page; `lines` makes it."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._lines: Sequence[DocumentLine] | None = None
        """All of them; the filter hides some."""
        self._filter = ""
        self._matches: Matcher | None = None

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
            self._lines = found
            self._show()

    def _show(self) -> None:
        matches = self._matches
        self.document.set_lines([line for line in self._lines or () if matches is None or is_kept(line, matches)])

    @property
    def filter_text(self) -> str:
        return self._filter

    def set_filter(self, text: str) -> None:
        self._matches = matcher(text)
        self._filter = text if self._matches is not None else ""
        if self._lines is not None:
            self._show()

    def clear(self) -> bool:
        if not self._filter:
            return False
        self.set_filter("")
        return True

    def fail(self, error: OperatorError) -> None:
        # Of a cluster that is out of reach what was known stays to be seen; the header says that it is old.
        if self._lines is None or error.blame is not Blame.UNREACHABLE:
            self._lines = None
            self.document.set_lines(error_lines(error))

    def take_focus(self) -> None:
        self.document.focus()

    def copied(self) -> str:
        return self.document.text

    def saved(self) -> tuple[str, str]:
        return f"{'-'.join((self.place.view, *self.place.arguments))}.txt", self.document.text + "\n"
