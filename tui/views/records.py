"""Records of a topic or several: the newest first or from anywhere, page after page, filtered where they are read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.worker import Worker, get_current_worker

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.output.text import count
from console.records.browse import Cursor, browse
from console.records.positions import END, PositionKind
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.record_access import BROWSE_FIELDS, RecordAccess
from tui.views.record_export import RecordExport
from tui.views.record_pages import RecordPages
from tui.views.record_query import RecordQuery
from tui.views.record_rows import RecordRow, counted, record_columns
from tui.widgets.table import VirtualTable
from tui.widgets.table_model import Column

PAGE_RECORDS = 100
AHEAD = 5
"""Rows before the end at which the next page is read."""


class RecordsView(RecordExport, RecordAccess, TableView[RecordRow]):
    NAME = "records"
    NOUN = ("record",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("records")
    EMPTY: ClassVar[tuple[str, ...]] = (
        "No records here.",
        "i produces one; f asks for others; o reads from the beginning.",
    )

    def __init__(self, place: Place) -> None:
        self.words = self.words_of(place.arguments)
        super().__init__(place)
        self.newest_first: bool | None = None
        """None: as the words say."""
        self.pages: RecordPages | None = None
        self._rows: dict[Hashable, RecordRow] = {}
        self._reading = ""
        self._reader: Worker[None] | None = None
        self._ends: dict[Any, int] = {}
        """Where the partitions ended when the newest page was read."""

    def columns(self) -> Sequence[Column[RecordRow]]:
        return record_columns(with_topic=len(self.words.topics) > 1)

    def key(self, row: RecordRow) -> Hashable:
        return row.place

    def rows(self, snapshot: Snapshot) -> Sequence[RecordRow]:
        return list(self._rows.values())

    # reading

    async def load(self) -> None:
        if self.bad_words is not None:
            raise self.bad_words
        if self.pages is None and not self._reading:
            self.begin()

    def begin(self) -> None:
        """The first page."""
        self.pages = None
        self._rows = {}
        self._error = None
        self.table.set_rows([])
        self.table.say(f"Reading {', '.join(self.words.topics)} …")
        self._read("first")

    def _read(self, where: str) -> None:
        self._reading = where
        self._reader = self.run_worker(self._take(where), group="page", exclusive=True)

    async def _take(self, where: str) -> None:
        try:
            await self._page(where)
            self._error = None
        except OperatorError as error:
            if self._rows:
                self.stoker.tell(error)
            else:
                self.fail(error)
        finally:
            # One that was called off says nothing of the one that was begun in its stead.
            if self._reader is get_current_worker():
                self._reading = ""
            self.stoker.show_bars()

    async def _page(self, where: str) -> None:
        decoder, query = self.decoder, self.words
        cursor: Cursor | None = None
        if where == "first":
            begin = query.begin(self.source.now_ms(), END)
            newest_first = begin == END or begin.kind is PositionKind.LAST
            pages = RecordPages(newest_first=newest_first if self.newest_first is None else self.newest_first)
        else:
            assert self.pages is not None
            pages = self.pages
            cursor = pages.above if where == "above" else pages.below
            if cursor is None:
                return
        request = query.browse(
            decoder, self.source.now_ms(), PAGE_RECORDS, newest_first=pages.newest_first, cursor=cursor
        )
        page = await browse(self.client, request)
        await decoder.prepare(page.records)
        added = pages.add(page, at_top=where == "above")
        self.pages = pages
        if where == "first" or page.newest_first != pages.newest_first or not pages.newest_first:
            self._ends = {each: end for each, (_, end) in page.bounds.items()}
        rows = {}
        for record in pages.records:
            row = RecordRow(record, decoder)
            rows[row.place] = self._rows.get(row.place, row)
        self._rows = rows
        self.table.set_rows(list(rows.values()))
        for missing in page.missing:
            self.stoker.say(f"missing: {missing}")
        if not page.complete and not added:
            self.stoker.say(f"Looked at {counted(pages.looked_at, 'record')} so far; > looks on, s searches all of it.")
        self._say(known=True)

    def on_virtual_table_moved(self, event: VirtualTable.Moved) -> None:
        super().on_virtual_table_moved(event)
        # With a filter or an order on the table, its end is not where the records end.
        if self._reading or self.pages is None or self.model.filter_text or self.model.sort is not None:
            return
        if event.table.cursor >= len(self.model) - AHEAD and self.pages.below is not None:
            self.action_below(quiet=True)

    def status(self) -> str:
        parts = [super().status()]
        if self._reading:
            parts.append("reading")
        elif self.pages is not None:
            parts.append("newest first" if self.pages.newest_first else "oldest first")
            if new := self._new():
                parts.append(f"{count(new)} new: r")
            if self.pages.undecodable:
                parts.append(f"{count(self.pages.undecodable)} undecodable")
        if words := self.status_words():
            parts.append(words if len(words) <= 40 else words[:39] + "…")
        if self.exporting:
            parts.append(self.exporting)
        return " · ".join(parts)

    def _new(self) -> int:
        """Records that arrived since the newest page was read."""
        snapshot = self.source.snapshot
        if snapshot is None:
            return 0
        return sum(
            max(0, snapshot.offsets[each][1] - end) for each, end in self._ends.items() if each in snapshot.offsets
        )

    def clear(self) -> bool:
        return self.stop_export() or super().clear()

    # keys

    def open(self, row: RecordRow) -> None:
        self.open_record(row.record)

    def action_which(self) -> None:
        self.ask_query(f"Records of {', '.join(self.words.topics)}", BROWSE_FIELDS, "Show")

    def action_below(self, *, quiet: bool = False) -> None:
        if self.pages is None or self.pages.below is None:
            if not quiet:
                self.stoker.say("There are no more.")
        elif not self._reading:
            self._read("below")

    def action_above(self) -> None:
        if self.pages is None or self.pages.above is None:
            self.stoker.say("There are no more.")
        elif not self._reading:
            self._read("above")

    def action_order(self) -> None:
        """The other way round, from the other end."""
        self.newest_first = not (self.pages.newest_first if self.pages is not None else True)
        self.words = self.words.with_values({"start": "", "until": ""})
        self.begin()

    def action_again(self) -> None:
        self.begin()

    def action_tail(self) -> None:
        self.stoker.enter("tail", self.topic_words())

    def action_search(self) -> None:
        self.stoker.enter("search", self.words.text)

    def action_produce(self) -> None:
        self.go_produce()

    def action_like(self) -> None:
        for row in self.chosen[:1]:
            self.go_produce(row.record)

    def export_query(self) -> RecordQuery:
        return self.words
