"""Help, generated from the tables of keys and commands: first what works where one came from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from console.contexts import contexts_file
from console.history.snapshot import Snapshot
from tui.aliases import INTO, VIEWS, Place, Problem, parse, view_class
from tui.bindings import KEYS, Key, key_text
from tui.views.base import TableView
from tui.widgets.table_model import Column

HEADINGS = {
    "everywhere": "everywhere",
    "table": "in tables",
    "page": "in pages",
    "log": "in the tail",
    "prompt": "in : and /",
    "dialog": "in dialogs",
    "form": "in forms",
    "chooser": "in lists",
    "row": "in a row",
}


@dataclass(frozen=True, slots=True)
class HelpRow:
    """One key, one command, or one setting."""

    scope: str
    key: str
    help: str
    id: str = ""
    """What `[tui.keys]` calls it."""
    place: Place | None = None
    """Where Enter goes."""


def key_rows(scopes: Sequence[str], chosen: Mapping[str, str], *, readonly: bool = False) -> list[HelpRow]:
    """The keys of these scopes, in this order; behind those of a view the letters of its columns."""
    rows: list[HelpRow] = []
    for scope in scopes:
        rows += [_row(key, chosen, readonly) for key in KEYS if key.scope == scope]
        rows += column_rows(scope)
    return rows


def help_rows(
    view: str, chosen: Mapping[str, str], aliases: Mapping[str, str], *, readonly: bool = False
) -> list[HelpRow]:
    """Everything: what works in the view, everywhere, commands, settings, and what works elsewhere."""
    here = [*view_class(view).scopes(), "everywhere", "prompt", "dialog", "form"]
    elsewhere = [scope for scope in dict.fromkeys(key.scope for key in KEYS) if scope not in here]
    return [
        *key_rows(list(dict.fromkeys(here)), chosen, readonly=readonly),
        *command_rows(aliases),
        *setting_rows(view),
        *key_rows(elsewhere, chosen, readonly=readonly),
    ]


def _row(key: Key, chosen: Mapping[str, str], readonly: bool) -> HelpRow:
    note = " (not here: read-only)" if key.changes and readonly else ""
    return HelpRow(
        HEADINGS.get(key.scope, f":{key.scope}"), key_text(chosen.get(key.id, key.keys)), f"{key.help}{note}", key.id
    )


def _columns(view: str) -> Sequence[Column[object]]:
    if view not in {each.name for each in VIEWS}:
        return ()
    found = view_class(view)
    if not issubclass(found, TableView):
        return ()
    columns: Sequence[Column[object]] = found.columns(found.__new__(found))
    return columns


def column_rows(view: str) -> list[HelpRow]:
    """The letters that sort a view's columns."""
    return [
        HelpRow(f":{view}", f"Shift-{column.letter}", f"Sort by {column.title}; again: from the other end")
        for column in _columns(view)
        if column.letter
    ]


def command_rows(aliases: Mapping[str, str]) -> list[HelpRow]:
    """The `:` commands, with all their names, and the person's own."""
    rows = []
    for view in VIEWS:
        argument = view.argument.upper() if view.argument else INTO.get(view.name, "").upper()
        argument = f"[{argument}]" if argument and (view.optional or not view.argument) else argument
        others = f" ({' '.join(f':{name}' for name in view.aliases)})" if view.aliases else ""
        place = None if view.argument and not view.optional else Place(view.name)
        rows.append(HelpRow("commands", f":{view.name} {argument}".rstrip(), f"{view.help}{others}", place=place))
    for name, line in aliases.items():
        found = parse(line)
        place = None if found is None or isinstance(found, Problem) else found
        rows.append(HelpRow("commands", f":{name}", f"Your own: {line}", place=place))
    rows.append(HelpRow("commands", ":quit", "Quit (:q)"))
    return rows


def setting_rows(view: str) -> list[HelpRow]:
    """What can be set, where, and how."""
    names = [column.name for column in _columns(view)]
    some = ", ".join(f'"{name}"' for name in names[:2])
    columns = f"{view} = [{some}]: of {', '.join(names)}" if names else 'topics = ["name", "size"]'
    rows = [
        ("[tui]", f"The part of {contexts_file()} that is this console's"),
        ("theme", 'theme = "stoker-light": how it looks; Ctrl-P, theme, tries them'),
        ("[tui.keys]", '"table.mark" = "m": other keys, by the names that stand here (Ctrl-W)'),
        ("[tui.aliases]", 'o = "topic orders": then :o goes there'),
        ("[tui.columns]", f"The columns of a view, in this order: {columns}"),
    ]
    return [HelpRow("settings", name, text) for name, text in rows]


class HelpView(TableView[HelpRow]):
    NAME = "help"
    NOUN = ("line",)

    def columns(self) -> Sequence[Column[HelpRow]]:
        return (
            Column("key", "KEY", lambda row: row.key, style=lambda _: "name", width_max=24),
            Column("help", "DOES", lambda row: row.help, flexible=True, width_max=200),
            Column("scope", "WHERE", lambda row: row.scope, style=lambda _: "faint"),
            Column("id", "NAME", lambda row: row.id, style=lambda _: "faint", wide=True),
        )

    def key(self, row: HelpRow) -> Hashable:
        return row

    async def ask(self) -> Sequence[HelpRow]:
        settings = self.stoker.settings
        known = {view.name for view in VIEWS}
        view = self.argument if self.argument in known else "topics"
        return help_rows(view, settings.keys, settings.aliases, readonly=self.source.readonly)

    def rows(self, snapshot: Snapshot) -> Sequence[HelpRow]:
        return []

    def open(self, row: HelpRow) -> None:
        if row.place is not None:
            self.stoker.jump(row.place.view, *row.place.arguments)
        else:
            super().open(row)
