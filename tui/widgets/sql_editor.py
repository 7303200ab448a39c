"""The editor for statements: words of SQL in colours, and what may be typed next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import TextArea

from console.sql.completing import KEYWORDS, WORD, candidates
from console.sql.lexing import tokens
from tui.widgets.cells import masked
from tui.widgets.roles import role_style

if TYPE_CHECKING:
    from console.sql.catalog import TableName

SHOWN_MAX = 40
_KEYWORDS = frozenset(KEYWORDS)


def spans(sql: str) -> list[list[tuple[int, int, str]]]:
    """For each line of a statement what is coloured: begin, end, and "keyword", "text", "number", "comment" or
    "parameter"."""
    lines: list[list[tuple[int, int, str]]] = [[]]
    at = 0
    for kind, text in tokens(sql):
        role = {"number": "number", "parameter": "parameter"}.get(kind, "")
        if kind == "text":
            role = "name" if text.startswith('"') else "text"
        elif kind == "word" and text.lower() in _KEYWORDS:
            role = "keyword"
        elif kind == "space" and text.strip():
            role = "comment"
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append([])
                at = 0
            if role and piece:
                lines[-1].append((at, at + len(piece), role))
            at += len(piece)
    return lines


def suggestions(before: str, statement: str, tables: Sequence[TableName]) -> tuple[str, list[tuple[str, str]]]:
    """The word that is being typed at the end of `before`, and what it may become, each with a word about it. Words of SQL
    only once a letter of them is there."""
    word = ""
    for match in WORD.finditer(before):
        if match.end() == len(before):
            word = match.group()
    wanted = word.lower().lstrip('"')
    found = [
        (text, about)
        for text, about in candidates(before[: len(before) - len(word)], statement, tables)
        if text.lower().lstrip('"').startswith(wanted) and (word or about != "SQL") and text != word
    ]
    return word, found[:SHOWN_MAX]


class SqlEditor(TextArea):
    """`tables` are what can be completed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sql--keyword", "sql--text", "sql--name", "sql--number", "sql--comment", "sql--parameter",
    }  # fmt: skip
    DEFAULT_CSS = """
    SqlEditor {
        border: none; border-left: outer $border; padding: 0 1 0 0; background: $background; color: $foreground;
        &:focus { border: none; border-left: outer $primary; background: $surface; }
        & > .sql--keyword { color: $text-primary; text-style: bold; }
        & > .sql--text { color: $text-success; }
        & > .sql--name { color: $text-secondary; }
        & > .sql--number { color: $text-accent; }
        & > .sql--parameter { color: $text-accent; text-style: bold; }
        & > .sql--comment { color: $text-muted; }
    }
    """

    class Suggested(Message):
        """What may be typed next is something else now."""

        def __init__(self, words: list[tuple[str, str]]) -> None:
            super().__init__()
            self.words = words

    def __init__(self, text: str = "") -> None:
        super().__init__(
            text,
            tab_behavior="focus",
            show_line_numbers=False,
            soft_wrap=True,
            highlight_cursor_line=False,
        )
        self.tables: Sequence[TableName] = ()
        self._coloured: tuple[str, list[list[tuple[int, int, str]]]] = ("", [[]])
        self._cycle: list[tuple[str, str]] = []
        self._cycled: tuple[str, str] = ("", "")
        """The text before the cursor after a completion, and the word that it put there."""

    def get_line(self, line_index: int) -> Text:
        line = Text(masked(self.document.get_line(line_index)), end="", no_wrap=True)
        text = self.text
        if self._coloured[0] != text:
            self._coloured = (text, spans(text))
        lines = self._coloured[1]
        if line_index < len(lines):
            for begin, end, role in lines[line_index]:
                line.stylize(role_style(self, f"sql--{role}"), begin, end)
        return line

    @property
    def is_free(self) -> bool:
        """Whether nothing is typed yet: then `:` and `?` are keys, for no statement begins with them."""
        return not self.text

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        return not (self.is_free and character in (":", "?")) and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "?" and self.is_free:
            # Not for the editor: it goes on to the application.
            event.prevent_default()

    @property
    def before(self) -> str:
        """The text up to the cursor."""
        return self.get_text_range((0, 0), self.cursor_location)

    def on_text_area_selection_changed(self) -> None:
        self.suggest()

    def suggest(self) -> None:
        """Tells what may come next."""
        before = self.before
        if before == self._cycled[0]:
            return
        _, self._cycle = suggestions(before, self.text, self.tables)
        self.post_message(self.Suggested(list(self._cycle)))

    def complete(self) -> None:
        """The next that fits; again: the one after it."""
        before = self.before
        if before != self._cycled[0]:
            word, self._cycle = suggestions(before, self.text, self.tables)
        else:
            word = self._cycled[1]
        if not self._cycle:
            return
        chosen = self._cycle.pop(0)
        self._cycle.append(chosen)
        row, column = self.cursor_location
        self._cycled = (before[: len(before) - len(word)] + chosen[0], chosen[0])
        self.replace(chosen[0], (row, column - len(word)), (row, column))
        self.post_message(self.Suggested(list(self._cycle)))
