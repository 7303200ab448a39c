"""Two actions on one key in the same place, because `[tui.keys]` put one of them there: one could never be reached."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from console.errors import OperatorError
from tui.aliases import VIEWS, view_class
from tui.bindings import BY_ID, KEYS, Key, key_text

DIALOGS = ("dialog", "form", "chooser", "row")


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
    for name in chosen:
        for each in _keys(chosen[name]):
            title = _sorted_by(each, BY_ID[name].scope)
            if title is not None:
                view, column = title
                raise OperatorError.words(
                    f"{where}: [tui.keys] puts two actions on {key_text(each)} in :{view}",
                    f"{name} ({BY_ID[name].help}) and sorting by {column}.\nGive it another key.",
                )


def _sorted_by(key: str, scope: str) -> tuple[str, str] | None:
    """A view of that scope, and the column of it that is sorted by with that key."""
    if len(key) != 1 or not key.isupper() or scope in ("page", "log", "prompt", *DIALOGS):
        return None
    for view in VIEWS:
        found = view_class(view.name)
        if scope in (*found.scopes(), "everywhere") and hasattr(found, "columns"):
            for column in found.columns(found.__new__(found)):
                if column.letter == key:
                    return view.name, column.title
    return None


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
        if _collision(chosen, (view.name, "log", "form", "table", "page", "everywhere")) is not None:
            yield f"in :{view.name}", (*view_class(view.name).scopes(), "everywhere")
    for scope in DIALOGS:
        yield "in dialogs", ("dialog", scope)
    yield "in the command line", ("prompt",)
