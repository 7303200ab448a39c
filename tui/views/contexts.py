"""Named clusters: switch, add, remove."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from textual.binding import BindingType

from console.contexts import Context, Contexts, check_context_name, load_contexts, save_contexts
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.form import Field, FormDialog
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class ContextRow:
    context: Context
    shown: bool
    """Whether it is the one on the screen."""
    is_default: bool
    """Whether commands take it when nothing else is said."""


def _name(text: str) -> str:
    try:
        return check_context_name(text)
    except OperatorError as error:
        raise ValueError(f"{error.title}. {error.hint}") from error


def _servers(text: str) -> str:
    from console.client_config import client_config

    try:
        client_config(text, {})
    except OperatorError as error:
        raise ValueError(error.title) from error
    if not text:
        raise ValueError("HOST:PORT, several by commas")
    return text


def _yes(text: str) -> bool:
    if text.lower() not in ("", "yes", "no", "y", "n"):
        raise ValueError("yes or no")
    return text.lower().startswith("y")


class ContextsView(TableView[ContextRow]):
    NAME = "contexts"
    NOUN = ("context",)
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("contexts")
    SORT = Sort("name", False)
    EMPTY: ClassVar[tuple[str, ...]] = (
        "No cluster has a name yet.",
        "n gives one a name; so does `stoker contexts add`.",
    )

    def columns(self) -> Sequence[Column[ContextRow]]:
        return (
            Column("shown", "", lambda row: "●" if row.shown else "", style=lambda _: "good"),
            Column("name", "CONTEXT", lambda row: row.context.name, letter="N", style=lambda _: "name"),
            Column("servers", "BOOTSTRAP SERVERS", lambda row: row.context.bootstrap_servers, flexible=True, width_max=160, letter="B"),
            Column("readonly", "READ-ONLY", lambda row: "yes" if row.context.readonly else "-", style=lambda row: "warning" if row.context.readonly else "faint"),
            Column("default", "DEFAULT", lambda row: "yes" if row.is_default else "-", style=lambda row: "" if row.is_default else "faint"),
            Column("registry", "SCHEMA REGISTRY", lambda row: row.context.schema_registry, wide=True),
            Column("properties", "PROPERTIES", lambda row: row.context.command_config, wide=True),
        )  # fmt: skip

    def key(self, row: ContextRow) -> Hashable:
        return row.context.name

    async def ask(self) -> Sequence[ContextRow]:
        known = load_contexts()
        here = self.source.name
        return [ContextRow(each, name == here, name == known.current) for name, each in known.contexts.items()]

    def rows(self, snapshot: Snapshot) -> Sequence[ContextRow]:
        return ()

    def open(self, row: ContextRow) -> None:
        self.stoker.use_context(row.context.name)

    def action_new(self) -> None:
        fields = [
            Field("name", "Name", help="Letters, digits, '.', '_' and '-'", parse=_name),
            Field("servers", "Bootstrap servers", help="HOST:PORT, several by commas", parse=_servers),
            Field("properties", "Properties file", help="Of a Kafka client (security, timeouts); may be empty"),
            Field("readonly", "Read-only", "no", "yes: refuse every change", _yes),
        ]
        self.stoker.push_screen(FormDialog("Add a context", fields, done="Add"), self._add)

    def _add(self, values: dict[str, Any] | None) -> None:
        if values is None:
            return
        context = Context(values["name"], values["servers"], values["properties"] or None, values["readonly"])
        try:
            known = load_contexts()
            save_contexts(replace(known, contexts={**known.contexts, context.name: context}))
        except OperatorError as error:
            self.stoker.tell(error)
        self.reload()

    def action_remove(self) -> None:
        for row in self.chosen[:1]:
            name = row.context.name
            text = f"{row.context.bootstrap_servers} itself stays as it is."
            self.stoker.ask_first(f"Remove context {name}?", text, partial(self._remove, name))

    def _remove(self, name: str) -> None:
        try:
            known = load_contexts()
            rest = {each: context for each, context in known.contexts.items() if each != name}
            save_contexts(Contexts(rest, known.current if known.current in rest else None))
        except OperatorError as error:
            self.stoker.tell(error)
        self.reload()
