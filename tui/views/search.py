"""Search: all records of topics that fit, found in the order of time, with progress, an exact account, and going on later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.worker import Worker, get_current_worker

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.output.text import count, duration, size
from console.records.search import SearchStep, resume_search, search
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.record_access import SEARCH_FIELDS
from tui.views.record_export import RecordExport
from tui.views.record_query import RecordQuery, key_to_search
from tui.views.record_rows import RecordRow, counted, record_columns
from tui.views.words import rate
from tui.widgets.bars import Bar, Line, Part
from tui.widgets.cells import harmless
from tui.widgets.progress import progress_parts
from tui.widgets.table_model import Column

MATCHES_AT_ONCE = 5_000
"""Then it waits to be told to go on."""
MATCHES_KEPT_MAX = 20_000
BYTES_KEPT_MAX = 128 * 1024 * 1024


class SearchView(RecordExport, TableView[RecordRow]):
    NAME = "search"
    NOUN = ("match", "matches")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("search")
    EMPTY: ClassVar[tuple[str, ...]] = ("Nothing was found.", "f looks for something else.")
    DEFAULT_CSS = """
    SearchView Bar { background: $background; }
    """

    def __init__(self, place: Place) -> None:
        self.words = self.words_of(place.arguments)
        super().__init__(place)
        self.found: list[RecordRow] = []
        self.step: SearchStep | None = None
        """The newest."""
        self.let_go = 0
        """Matches that were let go, the oldest first, because there are too many to keep."""
        self.running = False
        self._bytes = 0
        self._begun = False
        self._searching: Worker[None] | None = None

    def columns(self) -> Sequence[Column[RecordRow]]:
        return record_columns(with_topic=len(self.words.topics) > 1)

    def key(self, row: RecordRow) -> Hashable:
        return row.place

    def rows(self, snapshot: Snapshot) -> Sequence[RecordRow]:
        return self.found

    def compose(self) -> ComposeResult:
        yield Bar(id="progress")
        yield from super().compose()

    # searching

    async def load(self) -> None:
        if self.bad_words is not None:
            raise self.bad_words
        if self._begun:
            return
        self._begun = True
        if key_to_search(self.words):
            self.begin()
        else:
            self.table.say("What is to be found? f asks for it.")
            self._show_progress()
            self.action_which()

    def begin(self) -> None:
        self.found = []
        self._bytes = self.let_go = 0
        self.step = None
        self._error = None
        self.table.set_rows([])
        self.table.say("Searching …")
        self._go(None)

    def _go(self, token: str | None) -> None:
        self.running = True
        self._searching = self.run_worker(self._search(token), group="search", exclusive=True)

    async def _search(self, token: str | None) -> None:
        try:
            decoder, now_ms = self.decoder, self.source.now_ms()
            steps: AsyncIterator[SearchStep]
            if token is None:
                steps = search(self.client, self.words.search(decoder, now_ms, MATCHES_AT_ONCE), now_ms)
            else:
                steps = resume_search(
                    self.client, token, now_ms, limit=MATCHES_AT_ONCE, trusted=True, decoder=decoder
                )  # fmt: skip
            async for step in steps:
                await decoder.prepare(step.records)
                self._take(step, [RecordRow(record, decoder) for record in step.records])
        except OperatorError as error:
            if self.found:
                self.stoker.tell(error)
            else:
                self.fail(error)
        finally:
            # One that was called off says nothing of the one that was begun in its stead.
            if self._searching is get_current_worker():
                self.running = False
            if self.is_attached:
                self._show_progress()
                self.stoker.show_bars()

    def _take(self, step: SearchStep, rows: list[RecordRow]) -> None:
        self.step = step
        if rows:
            self.found += rows
            self._bytes += sum(row.size_bytes for row in rows)
            gone = max(0, len(self.found) - MATCHES_KEPT_MAX)
            while self._bytes > BYTES_KEPT_MAX and gone < len(self.found) - 1:
                self._bytes -= self.found[gone].size_bytes
                gone += 1
            if gone:
                del self.found[:gone]
                self.let_go += gone
            self.table.set_rows(list(self.found))
        if step.finished:
            self._say(known=True)
        self._show_progress()
        self.stoker.show_bars()

    def _show_progress(self) -> None:
        if not self.is_mounted:
            return
        step = self.step
        if step is None:
            self.query_one("#progress", Bar).set_lines(Line(((" " + harmless(self.status_words() or "no words yet"), "faint"),)))  # fmt: skip
            return
        parts: list[Part] = progress_parts(step.scanned, step.to_scan, done=step.finished)
        parts.append(
            (f" {counted(step.matched, 'match', 'matches')} in {count(step.scanned)} of {count(step.to_scan)}", "")
        )
        for number, what in (
            (step.undecodable, "undecodable"), (step.hidden, "hidden"), (step.skipped, "deleted before"),
            (self.let_go, "matches let go"),
        ):  # fmt: skip
            if number:
                parts.append((f" · {count(number)} {what}", "warning"))
        right: list[Part] = [(f"{rate(step.rate)}/s · {size(step.bytes)} ", "faint")]
        if self.running and step.seconds_left is not None:
            right.append((f"{duration(round(step.seconds_left) * 1000)} left ", ""))
        elif not self.running and not step.finished:
            right.append(("stopped: p goes on ", "warning"))
        self.query_one("#progress", Bar).set_lines(Line(tuple(parts), tuple(right)))

    def _say(self, *, known: bool = False) -> None:
        if (
            self._begun
            and not self.found
            and self._error is None
            and not (self.step is not None and self.step.finished)
        ):
            return
        super()._say(known=known)

    def status(self) -> str:
        words = self.status_words()
        parts = [super().status(), words if len(words) <= 40 else words[:39] + "…"]
        if self.exporting:
            parts.append(self.exporting)
        return " · ".join(part for part in parts if part)

    def clear(self) -> bool:
        if self.stop_export():
            return True
        if self.running:
            self.action_stop()
            return True
        return super().clear()

    # keys

    def open(self, row: RecordRow) -> None:
        self.open_record(row.record)

    def action_which(self) -> None:
        self.ask_query(f"Search {', '.join(self.words.topics)}", SEARCH_FIELDS, "Search")

    def action_stop(self) -> None:
        """Stops, or goes on where it was."""
        if self.running and self._searching is not None:
            self._searching.cancel()
        elif self.step is not None and not self.step.finished:
            self._go(self.step.token)
        else:
            self.stoker.say("Everything was looked at; f looks for something else.")

    def action_again(self) -> None:
        if key_to_search(self.words):
            self.begin()

    def action_produce(self) -> None:
        for row in self.chosen[:1]:
            self.go_produce(row.record)

    def export_query(self) -> RecordQuery:
        return self.words
