"""SQL over the cluster: an editor, what a statement would read before it is read, and its rows as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from console.errors import OperatorError
from console.output.text import size
from console.sql.export import FORMATS, export
from console.sql.results import Progress, SqlLimits, SqlPlan, Statistics
from console.sql.saved import remember
from tui.aliases import Place
from tui.bindings import Key, bindings_of
from tui.views.page import error_lines
from tui.views.record_export import file_field
from tui.views.record_rows import counted
from tui.views.sql_export import HeldRows
from tui.views.sql_kept import KeepsStatements
from tui.views.sql_plan import plan_lines, plan_words
from tui.views.sql_state import state_line
from tui.widgets.bars import Bar, Line, Part
from tui.widgets.cells import harmless
from tui.widgets.document import Document, DocumentLine
from tui.widgets.form import FormDialog
from tui.widgets.question import QuestionDialog
from tui.widgets.result_chart import ResultChart, picture_of
from tui.widgets.result_order import ResultOrder
from tui.widgets.result_rows import ArrowRows, ResultModel, ResultRow, value_text
from tui.widgets.row_dialog import RowDialog
from tui.widgets.sql_editor import SqlEditor
from tui.widgets.table import VirtualTable

ROWS_MAX = 500_000
PAGE_ROWS = 2_000
ASK_RECORDS = 5_000_000
ASK_BYTES = 1024**3
"""A statement that would read more is asked about first."""
PAINT_SECONDS = 0.1
LIMITS = SqlLimits(rows_max=ROWS_MAX, time_ms=None, page_rows=PAGE_ROWS)


class SqlView(KeepsStatements, can_focus=True):
    NAME = "sql"
    BESIDE = "table"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("sql")
    DEFAULT_CSS = """
    SqlView {
        SqlEditor { height: 30%; min-height: 4; max-height: 14; }
        #suggestions { background: $panel; }
        #state { background: $background; }
        ResultChart, Document { display: none; }
        &.chart { & ResultChart { display: block; } & VirtualTable { display: none; } }
        &.page { & Document { display: block; } & VirtualTable { display: none; } }
    }
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.rows: ArrowRows | None = None
        self.statistics: Statistics | None = None
        self.plan: SqlPlan | None = None
        self.progress: Progress | None = None
        self.running = ""
        """What is done: "planning", "reading", "running" where no topic is read, "exporting"; "" for nothing."""
        self.ended_ms: int | None = None
        """How long that ran which was ended by Esc; None when nothing was."""
        self._began = 0.0
        self._ticks: Timer | None = None
        self.statement = ""
        """The one that ran last."""
        self._worker: Worker[None] | None = None
        self._suggested: list[tuple[str, str]] = []
        self._known = False
        self.model: ResultModel = ResultModel(())
        self.order: ResultOrder | None = None
        """That is being made of many rows."""
        self._order_wanted = False

    def compose(self) -> ComposeResult:
        yield SqlEditor(" ".join(self.place.arguments))
        yield Bar(id="suggestions")
        yield Bar(id="state")
        table: VirtualTable[ResultRow] = VirtualTable(self.model)
        yield table
        yield ResultChart()
        yield Document()

    @property
    def table(self) -> VirtualTable[ResultRow]:
        return self.query_one(VirtualTable)

    def on_mount(self) -> None:
        self.table.say(
            "F5 runs the statement, F6 says what it would read, Tab completes.", "F8 history, F9 saved, F1 all keys."
        )
        self._say()
        if self.editor.text:
            self.editor.move_cursor(self.editor.document.end)

    async def load(self) -> None:
        if self._known:
            return
        self.editor.tables = await self.source.cluster.sql.catalog.tables()
        self._known = True
        self.editor.suggest()

    def fail(self, error: OperatorError) -> None:
        self._page(error_lines(error))

    # the lines between the editor and the result

    def on_sql_editor_suggested(self, event: SqlEditor.Suggested) -> None:
        event.stop()
        self._suggested = event.words
        parts: list[Part] = []
        if event.words:
            parts.append((" Tab ", "key"))
            for word, about in event.words:
                parts += [(harmless(word), ""), (f" {harmless(about)}  ", "faint")] if about != "SQL" else [(f"{word}  ", "faint")]  # fmt: skip
        self.query_one("#suggestions", Bar).set_lines(Line(tuple(parts)))

    def _say(self) -> None:
        """Plan, progress, or how it went."""
        if self.is_mounted:
            self.query_one("#state", Bar).set_lines(state_line(self))
            self.stoker.show_bars()

    def _mode(self, mode: str) -> None:
        """ "chart", "page", or "" for the table."""
        focused = not self.editor.has_focus and self.screen.focused is not None
        self.set_class(mode == "chart", "chart")
        self.set_class(mode == "page", "page")
        if focused:
            self._focus_result()

    def _focus_result(self) -> None:
        if self.has_class("page"):
            self.query_one(Document).focus()
        elif self.has_class("chart"):
            self.focus()
        else:
            self.table.focus()

    def _page(self, lines: Sequence[DocumentLine]) -> None:
        self.query_one(Document).set_lines(lines)
        self._mode("page")

    # running

    def action_run(self) -> None:
        statement = self.chosen_statement()
        if statement:
            self._begin(self._run(statement))

    def action_explain(self) -> None:
        statement = self.chosen_statement()
        if statement:
            self._begin(self._explain(statement))

    @property
    def running_ms(self) -> int:
        return round((asyncio.get_running_loop().time() - self._began) * 1000)

    def _begin(self, work: Any) -> None:
        self.ended_ms = None
        self._began = asyncio.get_running_loop().time()
        if self._ticks is None:
            self._ticks = self.set_interval(1.0, self._say)
        self._worker = self.run_worker(self._guarded(work), group="run", exclusive=True)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except OperatorError as error:
            self.statistics = None
            self._page(error_lines(error))
        finally:
            # One that was called off says nothing of the one that was begun in its stead.
            if self._worker is get_current_worker():
                self.running = ""
                self.progress = None
                if self._ticks is not None:
                    self._ticks.stop()
                    self._ticks = None
            if self.is_attached:
                self._say()

    async def _explain(self, statement: str) -> None:
        self.running = "planning"
        self.statistics = None
        self._say()
        self.plan = await self.source.cluster.sql.explain(statement, None, LIMITS)
        self._page(plan_lines(self.plan))

    async def _run(self, statement: str) -> None:
        service = self.source.cluster.sql
        self.statement, self.rows, self.statistics, self.plan = statement, None, None, None
        self.running = "planning"
        self._say()
        # A statement that cannot be planned cannot be run either: then running says why.
        with contextlib.suppress(OperatorError):
            self.plan = await service.explain(statement, None, LIMITS)
        plan = self.plan
        if plan is not None and (plan.records > ASK_RECORDS or (plan.bytes or 0) > ASK_BYTES):
            question = QuestionDialog("Run it?", f"It would read {plan_words(plan)}. Conditions on partition, offset or timestamp, or a LIMIT, make that less.")  # fmt: skip
            if not await self.stoker.push_screen_wait(question):
                return
        self.running = "running" if plan is not None and not plan.scans else "reading"
        remember(statement, self.source.now_ms())
        self._say()
        clock = asyncio.get_running_loop().time
        painted = 0.0
        async with service.run(statement, None, LIMITS, on_progress=self._on_progress) as result:
            rows = ArrowRows(result.columns)
            await self._show_columns(rows)
            async for page in result:
                rows.add(page)
                if clock() - painted >= PAINT_SECONDS:
                    self._show_rows(rows)
                    painted = clock()
        self.statistics = result.statistics
        self._show_rows(rows)
        if not len(rows):
            self.table.say("No rows.")
        if self.editor.has_focus and len(rows) and self.stoker.view is self and len(self.stoker.screen_stack) == 1:
            self._focus_result()

    def _on_progress(self, progress: Progress) -> None:
        self.progress = progress
        self._say()

    async def _show_columns(self, rows: ArrowRows) -> None:
        """A table for these columns in place of the old one."""
        self.rows = rows
        self._stop_arranging()
        self.model = ResultModel(rows.columns)
        self.model.arrange_beside = self._arrange
        old = self.table
        had_focus = old.has_focus
        table: VirtualTable[ResultRow] = VirtualTable(self.model)
        await self.mount(table, after=old)
        await old.remove()
        table.say("Waiting for the first row …")
        self._mode("")
        if had_focus:
            table.focus()

    def _show_rows(self, rows: ArrowRows) -> None:
        self.table.set_rows(rows)
        if self.has_class("chart"):
            self.query_one(ResultChart).set_picture(picture_of(rows))
        self._say()

    # many rows filtered and sorted beside the keys

    def _arrange(self) -> None:
        self._order_wanted = True
        if self.order is None:
            self.order = self.model.to_arrange()
            self.run_worker(self._arranging(self.model), group="arrange", exclusive=True)
        elif self.order.meant != (self.model.filter_text, self.model.sort):
            self.order.stopped = True

    async def _arranging(self, model: ResultModel) -> None:
        while self._order_wanted and model is self.model:
            self._order_wanted = False
            order = self.order = model.to_arrange()
            making = asyncio.ensure_future(asyncio.to_thread(order.make))
            try:
                while not making.done():
                    await asyncio.wait([making], timeout=PAINT_SECONDS)
                    self._say()
            finally:
                order.stopped = True
            numbers = making.result()
            if numbers is not None and order.meant == (model.filter_text, model.sort):
                model.take(numbers)
                self.table.rearrange()
        self.order = None
        self._say()

    def _stop_arranging(self) -> None:
        """What is being made is not wanted any more."""
        self._order_wanted = False
        if self.order is not None:
            self.order.stopped = True
            self.order = None
            self.workers.cancel_group(self, "arrange")

    # what the app asks

    def take_focus(self) -> None:
        if self.rows is None:
            self.editor.focus()
        else:
            self._focus_result()

    @property
    def filter_text(self) -> str:
        return self.model.filter_text

    def set_filter(self, text: str) -> None:
        if not text:
            self._stop_arranging()
        self.model.set_filter(text)
        if self.rows is not None and self.model.filter_text:
            self.table.say(f"Nothing matches {text}.", "Esc shows all rows.")
        self.table.rearrange()

    def clear(self) -> bool:
        if self.running and self._worker is not None:
            self.ended_ms = self.running_ms
            self._worker.cancel()
            self.table.say("Ended: no row had come yet.")
            return True
        if self.order is not None:
            self._stop_arranging()
            self.model.give_up()
            self._say()
            return True
        if self.model.filter_text or self.model.marked:
            self.model.marked.clear()
            self.set_filter("")
            return True
        if self.editor.has_focus:
            self._focus_result()
            return True
        if self.has_class("chart") or (self.has_class("page") and self.rows is not None):
            self._mode("")
            return True
        return False

    def status(self) -> str:
        if self.rows is None:
            return self.running
        shown, there = len(self.model), len(self.rows)
        place = f"row {self.table.cursor + 1:,} of {shown:,}" if shown else "no rows"
        return place if shown == there else f"{place} ({there:,} in all)"

    def offers(self, key: Key) -> bool:
        if self.editor.has_focus:
            return key.scope != "table" and super().offers(key)
        return key.id not in ("sql.complete", "table.faults", "table.wide") and super().offers(key)

    def copied(self) -> str:
        if self.editor.has_focus:
            return self.editor.selected_text or self.editor.text
        chosen = self.table.chosen if self.rows is not None else []
        kinds = range(len(self.model.columns))
        return "\n".join("\t".join(value_text(row.cell(at)) for at in kinds) for row in chosen)

    def on_virtual_table_moved(self, event: VirtualTable.Moved) -> None:
        event.stop()
        self.stoker.show_bars()

    def on_virtual_table_opened(self, event: VirtualTable.Opened) -> None:
        event.stop()
        row = event.table.row
        if isinstance(row, ResultRow) and self.rows is not None:
            cells = [
                (column.name, column.type, value_text(row.cell(at), None))
                for at, column in enumerate(self.rows.columns)
            ]
            self.stoker.push_screen(RowDialog(f"Row {row.number + 1:,}", cells))

    # keys

    def action_complete(self) -> None:
        if self.editor.has_focus:
            self.editor.complete()
        else:
            self.screen.focus_next()

    def action_switch(self) -> None:
        if self.editor.has_focus:
            self._focus_result()
        else:
            self.editor.focus()

    def action_chart(self) -> None:
        if self.has_class("chart"):
            self._mode("")
            return
        self.query_one(ResultChart).set_picture(picture_of(self.rows))
        self._mode("chart")
        if self.editor.has_focus and self.rows is not None:
            self._focus_result()

    def action_export(self) -> None:
        if self.rows is None:
            self.stoker.say("There is no result to export.")
            return
        rows = self.rows
        cut = self.statistics is None or bool(self.statistics.truncated)
        about = "The statement is run again, without a limit." if cut else f"{counted(len(rows), 'row')}, as they are."
        field = file_field(self.stoker.directory, "result.csv", FORMATS)

        def filled(values: dict[str, Any] | None) -> None:
            if values is not None:
                self._begin(self._export(None if cut else rows, self.statement, values["file"]))

        self.stoker.push_screen(FormDialog(f"Export: {about}", [field], done="Export"), filled)

    async def _export(self, rows: ArrowRows | None, statement: str, path: Any) -> None:
        before = self.statistics
        self.running = "exporting"
        self._say()
        kind = path.suffix[1:].lower()
        if rows is not None:
            held = HeldRows(rows)
            written, number = await export(held, kind, str(path)), held.statistics.rows  # type: ignore[arg-type]
        else:
            limits = SqlLimits(rows_max=None, bytes_max=None, time_ms=None, page_rows=PAGE_ROWS)
            async with self.source.cluster.sql.run(statement, None, limits, on_progress=self._on_progress) as result:
                written, number = await export(result, kind, str(path)), result.statistics.rows
        self.statistics = before
        self.stoker.say(f"{counted(number, 'row')}, {size(written)}, in {path}")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if not self.editor.has_focus:
            self.query_one("#suggestions", Bar).set_lines(Line(()))
        self.stoker.show_bars()

    on_descendant_blur = on_descendant_focus

    def on_text_area_changed(self) -> None:
        # An empty editor leaves some keys to the application.
        self.stoker.show_bars()
