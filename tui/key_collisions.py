"""Two actions on one key in the same place, because `[tui.keys]` put one of them there: one could never be reached."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module

from console.errors import OperatorError
from tui.aliases import VIEWS
from tui.bindings import KEYS, Key, key_text

DIALOGS = ("dialog", "form", "chooser", "row")
BESIDE = {"tail": "log", "produce": "form", "sql": "table"}
"""Whose keys work in a view too, where the view is neither a table nor a page."""


def check_collisions(chosen: Mapping[str, str], where: str) -> None:
    """`chosen`: keys by id, as the person set them. Raises OperatorError that names both actions."""
    for place, scopes in _places(chosen):
        found = _collision(chosen, scopes)
        if found is not None:
            each, one, other = found
            raise OperatorError.words(
                f"{where}: [tui.keys] puts two actions on {key_text(each)} {place}",
                f"{one.id} ({one.help}) and {other.id} ({other.help}).\nGive one of them another key.",
            )


def _collision(chosen: Mapping[str, str], scopes: Collection[str]) -> tuple[str, Key, Key] | None:
    taken: dict[str, Key] = {}
    for key in KEYS:
        if key.scope not in scopes:
            continue
        for each in _keys(chosen.get(key.id, key.keys)):
            other = taken.setdefault(each, key)
            # What is so by default is meant: a view's own r instead of everywhere's.
            meant = each in _keys(key.keys) and each in _keys(other.keys)
            if other is not key and not meant:
                return each, other, key
    return None


def _keys(keys: str) -> list[str]:
    return [each.strip() for each in keys.split(",")]


def _places(chosen: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where keys of several scopes work together, and could collide."""
    for view in VIEWS:
        # Views are imported late: only where there is something to find out.
        if _collision(chosen, (view.name, BESIDE.get(view.name, ""), "table", "page", "everywhere")) is not None:
            yield f"in :{view.name}", (view.name, _beside(view.name, view.where), "everywhere")
    for scope in DIALOGS:
        yield "in dialogs", ("dialog", scope)
    yield "in the command line", ("prompt",)


def _beside(name: str, where: str) -> str:
    if name in BESIDE:
        return BESIDE[name]
    from tui.views.base import TableView

    module, _, attribute = where.partition(":")
    return "table" if issubclass(getattr(import_module(module), attribute), TableView) else "page"
