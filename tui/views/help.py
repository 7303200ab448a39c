"""Help, generated from the tables of keys and commands: first what works where one came from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib import import_module

from console.history.snapshot import Snapshot
from tui.aliases import INTO, VIEWS, named
from tui.bindings import KEYS, Key, key_text
from tui.views.base import TableView
from tui.widgets.table_model import Column

HEADINGS = {
    "everywhere": "everywhere",
    "table": "in tables",
    "prompt": "in : and /",
    "dialog": "in dialogs",
    "form": "in forms",
}


@dataclass(frozen=True, slots=True)
class HelpRow:
    """One key, or one command."""

    scope: str
    key: str
    help: str
    id: str
    """What `[tui.keys]` calls it."""


def key_rows(view: str, chosen: dict[str, str]) -> list[HelpRow]:
    """All keys: first those of the view, its columns, then what works everywhere, then the other views'."""
    scopes = list(
        dict.fromkeys([view, "table", "everywhere", "prompt", "dialog", "form", *(key.scope for key in KEYS)])
    )
    rows: list[HelpRow] = []
    for scope in scopes:
        rows += [_row(key, chosen) for key in KEYS if key.scope == scope]
        if scope == view:
            rows += column_rows(view)
    return rows


def _row(key: Key, chosen: dict[str, str]) -> HelpRow:
    note = " (not while read-only)" if key.changes else ""
    return HelpRow(
        HEADINGS.get(key.scope, f":{key.scope}"), key_text(chosen.get(key.id, key.keys)), f"{key.help}{note}", key.id
    )


def column_rows(view: str) -> list[HelpRow]:
    """The letters that sort a view's columns."""
    if view not in {each.name for each in VIEWS}:
        return []
    where, _, name = named(view).where.partition(":")
    found = getattr(import_module(where), name)
    if not issubclass(found, TableView):
        return []
    columns: Sequence[Column[object]] = found.columns(found.__new__(found))
    return [
        HelpRow(f":{view}", f"Shift-{column.letter}", f"Sort by {column.title}; again: the other way round", "")
        for column in columns
        if column.letter
    ]


def command_rows() -> list[HelpRow]:
    """The `:` commands."""
    rows = []
    for view in VIEWS:
        names = " ".join(f":{name}" for name in (view.name, *view.aliases))
        argument = f" {view.argument.upper()}" if view.argument else f" [{INTO[view.name].upper()}]" if view.name in INTO else ""  # fmt: skip
        rows.append(HelpRow("commands", f"{names}{argument}", view.help, ""))
    rows.append(HelpRow("commands", ":q :quit", "Quit", ""))
    return rows


class HelpView(TableView[HelpRow]):
    NAME = "help"

    def columns(self) -> Sequence[Column[HelpRow]]:
        return (
            Column("key", "KEY", lambda row: row.key, style=lambda _: "name", width_max=34),
            Column("help", "DOES", lambda row: row.help, flexible=True, width_max=200),
            Column("scope", "WHERE", lambda row: row.scope, style=lambda _: "faint"),
            Column("id", "NAME", lambda row: row.id, style=lambda _: "faint", wide=True),
        )

    def key(self, row: HelpRow) -> Hashable:
        return row

    async def ask(self) -> Sequence[HelpRow]:
        return [*key_rows(self.argument or "topics", dict(self.stoker.settings.keys)), *command_rows()]

    def rows(self, snapshot: Snapshot) -> Sequence[HelpRow]:
        return []
