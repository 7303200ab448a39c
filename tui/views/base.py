"""What all views have in common, and what tables have."""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.worker import Worker

from console.errors import Blame, OperatorError, operator_errors
from console.history.snapshot import Snapshot
from console.output.text import plural
from tui.aliases import Place
from tui.widgets.table import VirtualTable
from tui.widgets.table_model import Column, Row, Sort, TableModel

if TYPE_CHECKING:
    from tui.app import StokerApp
    from tui.bindings import Key
    from tui.source import Source


def bug(error: Exception) -> OperatorError:
    """What should never have happened, for people."""
    return OperatorError(
        f"this failed: {type(error).__name__}: {error}",
        "Everything else goes on. This should not have happened.",
        "`stoker tui --debug` ends where it happens, and says where that is.",
    )


class View(Widget):
    """Fills the screen between header and footer. `NAME` is its name in `tui.aliases` and the scope of its keys."""

    NAME: ClassVar[str] = ""
    ALSO: ClassVar[tuple[str, ...]] = ()
    """Other views whose keys it has too."""
    BESIDE: ClassVar[str] = "page"
    """The scope of the keys of what it consists of: they work in it too."""
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    View { width: 100%; height: 1fr; layout: vertical; }
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self._reload_wanted = False
        self._reloading = False

    @classmethod
    def scopes(cls) -> list[str]:
        """Of the keys that work in it, but for those that work everywhere."""
        return [cls.NAME, *cls.ALSO, cls.BESIDE]

    @property
    def stoker(self) -> StokerApp:
        return cast("StokerApp", self.app)

    @property
    def source(self) -> Source:
        return self.stoker.source

    @property
    def argument(self) -> str:
        """What it is of: the topic, the group; "" for lists."""
        return self.place.arguments[0] if self.place.arguments else ""

    def run_worker(self, work: Any, *arguments: Any, **options: Any) -> Worker[Any]:
        """As Textual's, but what fails in it is told and leaves the application as it is."""
        return super().run_worker(self._told(work), *arguments, **options)

    async def _told(self, work: Awaitable[Any]) -> Any:
        try:
            with operator_errors(self.NAME):
                return await work
        except OperatorError as error:
            self.stoker.tell(error)
        except Exception as error:
            if self.stoker.ends_on_failure:
                raise
            self.stoker.tell(bug(error))

    # what the app calls

    def reload(self) -> None:
        """Shows what is known now: when the view is shown, after each look at the cluster, after a change.

        What is being loaded is finished first, and loaded once more then: a cluster that answers more slowly than it is
        looked at would never be seen otherwise.
        """
        self._reload_wanted = True
        if not self._reloading:
            self._reloading = True
            self.run_worker(self._reload(), group="reload")

    async def _reload(self) -> None:
        try:
            while self._reload_wanted:
                self._reload_wanted = False
                try:
                    await self.load()
                except OperatorError as error:
                    self.fail(error)
                except Exception as error:
                    # One view that has a bug must not take the others with it.
                    if self.stoker.ends_on_failure:
                        raise
                    self.fail(bug(error))
                self.stoker.show_bars()
        finally:
            self._reloading = False

    async def load(self) -> None:
        """Brings what is shown up to date. May raise OperatorError, which `fail` then shows."""

    def fail(self, error: OperatorError) -> None:
        """Something could not be asked."""
        self.stoker.tell(error)

    def take_focus(self) -> None:
        """When the view is shown."""
        self.focus()

    def set_filter(self, text: str) -> None:
        """From `/`. Raises OperatorError for a bad expression."""

    @property
    def filter_text(self) -> str:
        return ""

    def clear(self) -> bool:
        """Esc: takes back what narrows the view (filter, marks); false when there was nothing."""
        return False

    def status(self) -> str:
        """For the line under the breadcrumbs: how many of what."""
        return ""

    def offers(self, key: Key) -> bool:
        """Whether that key does something as the view is now: else the footer does not offer it."""
        return key.id != "everywhere.filter" or self.can_be_filtered

    @property
    def can_be_filtered(self) -> bool:
        """Whether `/` does something."""
        return type(self).set_filter is not View.set_filter

    def copied(self) -> str:
        """What `c` takes."""
        return ""

    def saved(self) -> tuple[str, str]:
        """What Ctrl-S writes: name of the file, and text. An empty name: nothing to save."""
        return "", ""


def _saved(column: Column[Row], row: Row) -> Any:
    """A cell for a file: numbers and texts as they are, anything else as it is shown."""
    value = column.value(row)
    return "" if value is None else value if isinstance(value, (int, float, str)) else column.text(value)


class TableView(View, Generic[Row]):
    """A view that is one table."""

    BESIDE: ClassVar[str] = "table"
    SORT: ClassVar[Sort | None] = None
    EMPTY: ClassVar[tuple[str, ...]] = ("Nothing here.",)
    NOUN: ClassVar[tuple[str, ...]] = ("row",)
    """What a row is, for the status; and several, where that is not one with an s."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.model: TableModel[Row] = TableModel(
            self.columns(), self.key, fault=self.fault if self.has_faults else None, sort=self.SORT
        )
        self._error: OperatorError | None = None

    # what a view says of itself

    def columns(self) -> Sequence[Column[Row]]:
        raise NotImplementedError

    def key(self, row: Row) -> Hashable:
        """What tells the row apart, through refreshes."""
        raise NotImplementedError

    has_faults: ClassVar[bool] = False

    def fault(self, row: Row) -> bool:
        """Whether it is not as it should be (Ctrl-Z)."""
        return False

    def rows(self, snapshot: Snapshot) -> Sequence[Row]:
        """Of a snapshot."""
        raise NotImplementedError

    async def ask(self) -> Sequence[Row] | None:
        """The rows; None while nothing is known. By default those of the snapshot."""
        if self.source.snapshot is not None:
            return self.rows(self.source.snapshot)
        if self.source.failure is not None:
            raise self.source.failure
        return None

    def open(self, row: Row) -> None:
        """Enter: by default the row in full, with what was cut and the columns that are not shown."""
        self.action_whole_row()

    def action_whole_row(self) -> None:
        from tui.widgets.row_dialog import RowDialog

        row = self.table.row
        if row is not None:
            cells = [(column.title, "", column.text(column.value(row))) for column in self.model.columns]
            self.stoker.push_screen(RowDialog(self.table.text_of(row), [cell for cell in cells if cell[0]]))

    def action_describe(self) -> None:
        """As Enter."""
        row = self.table.row
        if row is not None:
            self.open(row)

    # how it does it

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.model, shown=self.stoker.settings.columns.get(self.NAME, ()))

    @property
    def table(self) -> VirtualTable[Row]:
        return cast("VirtualTable[Row]", self.query_one(VirtualTable))

    def on_mount(self) -> None:
        self._say()

    async def load(self) -> None:
        rows = await self.ask()
        self._error = None
        if rows is not None:
            self.table.set_rows(rows)
        self._say(known=rows is not None)

    def fail(self, error: OperatorError) -> None:
        self._error = error
        if error.blame is not Blame.UNREACHABLE:
            # What was known is not so any more.
            self.table.set_rows([])
        self._say()

    def _say(self, *, known: bool = False) -> None:
        """Instead of rows: why there are none."""
        table = self.table
        if self._error is not None:
            if self.model.rows:
                # What was known stays to be seen; the header says that it is old.
                return
            lines = [self._error.title, *self._error.detail.splitlines(), *self._error.hint.splitlines()]
            table.say(*lines, bad=True)
        elif self.model.rows:
            what = "is not as it should be" if self.model.faults_only else f"matches {self.model.filter_text}"
            hidden = len(self.model.rows)
            verb = "is" if hidden == 1 else "are"
            table.say(f"Nothing {what}.", f"{plural(hidden, *self.NOUN)} {verb} hidden; Esc shows what there is.")
        elif known:
            table.say(*self.EMPTY)
        elif not table.message:
            table.say(f"Asking {self.source.address} …")

    def take_focus(self) -> None:
        self.table.focus()

    @property
    def filter_text(self) -> str:
        return self.model.filter_text

    def set_filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._say(known=True)
        self.table.rearrange()

    def clear(self) -> bool:
        model = self.model
        if not (model.filter_text or model.faults_only or model.marked):
            return False
        model.marked.clear()
        model.faults_only = False
        self.set_filter("")
        return True

    def offers(self, key: Key) -> bool:
        if key.of_row and not len(self.model):
            return False
        return self.has_faults if key.id == "table.faults" else super().offers(key)

    def status(self) -> str:
        shown, there = len(self.model), len(self.model.rows)
        text = plural(there, *self.NOUN)
        text = text if shown == there else f"{shown:,} of {text}"
        if self.model.marked:
            text += f" · {len(self.model.marked):,} marked"
        if self.model.faults_only:
            text += " · faults only"
        return text

    @property
    def chosen(self) -> list[Row]:
        return self.table.chosen

    def on_virtual_table_opened(self, event: VirtualTable.Opened) -> None:
        event.stop()
        row: Any = event.table.row
        if row is not None:
            self.open(row)

    def on_virtual_table_moved(self, event: VirtualTable.Moved) -> None:
        event.stop()
        self._say(known=True)
        self.stoker.show_bars()

    def copied(self) -> str:
        return "\n".join(self.table.text_of(row) for row in self.chosen)

    def saved(self) -> tuple[str, str]:
        import csv
        import io

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in self.model.columns])
        for at in range(len(self.model)):
            row = self.model.row(at)
            writer.writerow([_saved(column, row) for column in self.model.columns])
        name = "-".join((self.place.view, *self.place.arguments))
        return f"{name}.csv", out.getvalue()
