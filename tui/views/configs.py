"""Configuration of a topic, a broker, all brokers or a group: values, where they come from, what they mean; edit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from console.changes.kinds import AlterConfig
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.services.configs import ConfigEntry, Resource, ResourceType
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.cells import harmless
from tui.widgets.form import Field, FormDialog
from tui.widgets.row_dialog import RowDialog
from tui.widgets.table import VirtualTable
from tui.widgets.table_model import Column, Sort

_TYPES = {
    "topic": ResourceType.TOPIC,
    "broker": ResourceType.BROKER,
    "group": ResourceType.GROUP,
    "logger": ResourceType.BROKER_LOGGER,
    "client-metrics": ResourceType.CLIENT_METRICS,
}


def resource_named(text: str) -> Resource:
    """ "topic orders", "broker 1", "broker default" (what all brokers share), "group billing". Raises OperatorError."""
    kind, _, name = text.strip().partition(" ")
    name = name.strip()
    if kind in _TYPES and kind == "broker" and name in ("", "default"):
        return Resource(ResourceType.BROKER, "")
    if kind not in _TYPES or not name or (kind in ("broker", "logger") and not name.isdecimal()):
        raise OperatorError.words(
            f"cannot read {text!r}", "Write topic NAME, broker ID, broker default, group NAME, logger ID."
        )
    return Resource(_TYPES[kind], name)


def source_words(entry: ConfigEntry) -> str:
    return entry.source.name.removesuffix("_CONFIG").lower().replace("_", " ")


def _documentation(entry: ConfigEntry) -> str:
    text = entry.documentation or "The broker has no documentation of it."
    return " ".join(text.replace("<code>", "`").replace("</code>", "`").split())


class ConfigsView(TableView[ConfigEntry]):
    NAME = "configs"
    NOUN = ("property", "properties")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("configs")
    SORT = Sort("name", False)
    EMPTY: ClassVar[tuple[str, ...]] = ("Nothing is configured here.",)
    DEFAULT_CSS = """
    ConfigsView #meaning { height: 4; padding: 0 1; background: $surface; color: $foreground; }
    """
    has_faults = True

    def columns(self) -> Sequence[Column[ConfigEntry]]:
        return (
            Column("name", "PROPERTY", lambda row: row.name, letter="N", width_max=60,
                   style=lambda row: "warning" if row.is_override else "name"),
            Column("value", "VALUE", self._value, letter="V", flexible=True, width_min=8, width_max=200,
                   style=lambda row: "faint" if row.value is None else ""),
            Column("source", "FROM", source_words, letter="F", flexible=True, style=lambda row: "warning" if row.is_override else "faint"),
            Column("type", "TYPE", lambda row: row.type, letter="T", wide=True),
            Column("changeable", "CHANGEABLE", lambda row: "no" if row.is_read_only else "yes", wide=True),
        )  # fmt: skip

    @staticmethod
    def _value(row: ConfigEntry) -> str:
        return "(hidden)" if row.is_sensitive else "-" if row.value is None else row.value

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Static(id="meaning", markup=False)

    @property
    def resource(self) -> Resource:
        return resource_named(self.argument or "broker default")

    def key(self, row: ConfigEntry) -> Hashable:
        return row.name

    def fault(self, row: ConfigEntry) -> bool:
        """Ctrl-Z: what was set here, rather than what is wrong."""
        return row.is_override

    async def ask(self) -> Sequence[ConfigEntry]:
        return (await self.source.config(self.resource)).entries

    def rows(self, snapshot: Snapshot) -> Sequence[ConfigEntry]:
        return ()

    async def load(self) -> None:
        await super().load()
        self._explain()

    def on_virtual_table_moved(self, event: VirtualTable.Moved) -> None:
        super().on_virtual_table_moved(event)
        self._explain()

    def _explain(self) -> None:
        entry = self.table.row
        plain = "" if entry is None else _documentation(entry)
        title = "" if entry is None else f"{entry.name} · {entry.type} · {source_words(entry)}\n"
        self.query_one("#meaning", Static).update(Content(harmless(title.rstrip()) + "\n" + harmless(plain)))

    def action_whole_row(self) -> None:
        entry = self.table.row
        if entry is None:
            return
        cells = [(column.title, "", column.text(column.value(entry))) for column in self.model.columns]
        documentation = _documentation(entry)
        self.stoker.push_screen(RowDialog(entry.name, [*cells, ("DOCUMENTATION", "", documentation)]))

    def status(self) -> str:
        own = sum(row.is_override for row in self.model.rows)
        return f"{own} set here · {super().status()}"

    def open(self, row: ConfigEntry) -> None:
        self.action_edit()

    def action_edit(self) -> None:
        entry = self.table.row
        if entry is None:
            return
        if entry.is_read_only:
            self.stoker.say(f"{entry.name} cannot be changed while the broker runs.")
            return
        resource = self.resource

        def done(values: dict[str, Any] | None) -> None:
            if values is not None:
                self.stoker.change([AlterConfig(resource, {entry.name: values["value"]})])

        field = Field("value", "Value", "" if entry.value is None else entry.value, f"{entry.type}. {entry.documentation or ''}"[:600])  # fmt: skip
        self.stoker.push_screen(FormDialog(f"{entry.name} of {resource}", [field]), done)

    def action_unset(self) -> None:
        own = {row.name: None for row in self.chosen if row.is_override}
        if not own:
            self.stoker.say("That was not set here: there is nothing to unset.")
            return
        self.stoker.change([AlterConfig(self.resource, own)])
