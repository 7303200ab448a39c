"""Named clusters: switch, add, change, remove."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType

from console.contexts import Context, Contexts, check_context_name, load_contexts, save_contexts
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.views.words import pairs
from tui.widgets.form import Field, FormDialog
from tui.widgets.table_model import Column, Sort


@dataclass(frozen=True, slots=True)
class ContextRow:
    context: Context
    shown: bool
    """Whether it is the one on the screen."""
    is_default: bool
    """Whether commands take it when nothing else is said."""


def _said(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """A check of the console as a field wants it."""

    def parse(text: str) -> Any:
        try:
            return check(text)
        except OperatorError as error:
            raise ValueError(f"{error.title}. {error.hint}".strip(". ")) from error

    return parse


def _new_name(text: str) -> str:
    name = check_context_name(text)
    if name in load_contexts().contexts:
        raise ValueError(f"there is a context {name} already: e changes it")
    return name


def _servers(text: str) -> str:
    from console.client_config import client_config

    if not text:
        raise ValueError("HOST:PORT, several by commas")
    client_config(text, {})
    return text


def _properties(text: str) -> str | None:
    from console.client_config import load_client_properties

    if not text:
        return None
    path = Path(text).expanduser().resolve()
    load_client_properties(str(path))
    return str(path)


def _registry(text: str) -> str | None:
    from console.schema_registry.config import registry_config

    if text and registry_config(text).user is not None:
        raise ValueError("user and password go into the properties file: schema.registry.basic.auth.user.info")
    return text or None


def _decode(text: str) -> dict[str, str]:
    from console.decoding.rules import parse_rules

    found = pairs(text)
    parse_rules(found)
    return found


def _yes(text: str) -> bool:
    if text.lower() not in ("", "yes", "no", "y", "n"):
        raise ValueError("yes or no")
    return text.lower().startswith("y")


def context_fields(context: Context | None = None) -> list[Field]:
    """All that a context has; its name only when it is a new one."""
    known = context or Context("", "")
    decode = " ".join(f"{topic}={shlex.quote(formats)}" for topic, formats in known.decode.items())
    fields = [
        Field("servers", "Bootstrap servers", known.bootstrap_servers, "HOST:PORT, several by commas", _said(_servers)),
        Field("properties", "Properties file", known.command_config or "", "Of a Kafka client (security, timeouts); may be empty", _said(_properties)),
        Field("registry", "Schema registry", known.schema_registry or "", "URL; may be empty", _said(_registry)),
        Field("decode", "Decoding", decode, "TOPIC=FORMAT orders-*=key=int64,json; empty: found out", _said(_decode)),
        Field("readonly", "Read-only", "yes" if known.readonly else "no", "yes: refuse every change", _yes, replaced=True),
    ]  # fmt: skip
    name = Field("name", "Name", help="Letters, digits, '.', '_' and '-'", parse=_said(_new_name))
    return fields if context is not None else [name, *fields]


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
        def filled(values: dict[str, Any] | None) -> None:
            if values is not None:
                self._keep(Context(values["name"], ""), values)

        self.stoker.push_screen(FormDialog("Add a context", context_fields(), done="Add"), filled)

    def action_edit(self) -> None:
        for row in self.chosen[:1]:
            context = row.context

            def filled(values: dict[str, Any] | None, context: Context = context) -> None:
                if values is not None:
                    self._keep(context, values)

            self.stoker.push_screen(
                FormDialog(f"Change context {context.name}", context_fields(context), done="Save"), filled
            )

    def _keep(self, context: Context, values: dict[str, Any]) -> None:
        context = replace(
            context,
            bootstrap_servers=values["servers"],
            command_config=values["properties"],
            readonly=values["readonly"],
            schema_registry=values["registry"],
            decode=values["decode"],
        )
        self._write(lambda known: replace(known, contexts={**known.contexts, context.name: context}))

    def action_use(self) -> None:
        """Which one commands take when nothing else is said; again: none."""
        for row in self.chosen[:1]:
            name = None if row.is_default else row.context.name
            self._write(lambda known, name=name: replace(known, current=name))  # type: ignore[misc]

    def _write(self, change: Callable[[Contexts], Contexts]) -> None:
        try:
            save_contexts(change(load_contexts()))
        except OperatorError as error:
            self.stoker.tell(error)
        self.reload()

    def action_remove(self) -> None:
        for row in self.chosen[:1]:
            name = row.context.name
            text = f"{row.context.bootstrap_servers} itself stays as it is."
            self.stoker.ask_first(f"Remove context {name}?", text, partial(self._remove, name))

    def _remove(self, name: str) -> None:
        def without(known: Contexts) -> Contexts:
            rest = {each: context for each, context in known.contexts.items() if each != name}
            return Contexts(rest, known.current if known.current in rest else None)

        self._write(without)
