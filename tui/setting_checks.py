"""What `[tui]` of contexts.toml says is held against what there is: a name that is nothing is told, with those that are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from textual.keys import Keys

from console.errors import OperatorError
from tui.aliases import VIEWS, Problem, parse, view_class
from tui.bindings import is_typed

MODIFIERS = frozenset({"ctrl", "shift", "alt", "meta", "super", "hyper"})
_NAMED = frozenset(each.value for each in Keys)


def check_key_names(keys: Mapping[str, str], where: str) -> None:
    """Keys by id. Raises OperatorError for one that no terminal sends."""
    for name, text in keys.items():
        for each in text.split(","):
            if not _is_key(each.strip()):
                raise OperatorError.words(
                    f"{where}: [tui.keys] {name} has {each.strip()!r}, which is no key",
                    "As m, G, ?, ctrl+n, f5, enter, space, pagedown; several by commas.",
                )


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if not set(modifiers) <= MODIFIERS:
        return False
    return len(last) == 1 or last in _NAMED or is_typed(last) or bool(re.fullmatch(r"f\d{1,2}", last)) or _is_sign(last)


def _is_sign(name: str) -> bool:
    """ "number_sign": Textual calls signs as Unicode does."""
    try:
        sign = unicodedata.lookup(name.replace("_", " ").upper())
    except KeyError:
        return False
    return name == name.lower() and len(sign) == 1 and sign < "\u0250"


def check_aliases(aliases: Mapping[str, str], where: str) -> None:
    """Lines by alias. Raises OperatorError for one that leads nowhere."""
    for name, line in aliases.items():
        if not name or len(name.split()) != 1:
            raise OperatorError.words(f"{where}: [tui.aliases] {name!r} should be one word")
        # What is typed behind the alias may be what the command needs.
        found = parse(line)
        if isinstance(found, Problem) and isinstance(parse(f"{line} x"), Problem):
            raise OperatorError.words(f"{where}: [tui.aliases] {name} = {line!r}: {found.text}")


def check_columns(columns: Mapping[str, Sequence[str]], where: str) -> None:
    """Names of columns by view. Raises OperatorError for a view that has none, and for a column that it has not."""
    from tui.views.base import TableView

    for view, names in columns.items():
        tables = [each.name for each in VIEWS if issubclass(view_class(each.name), TableView)]
        if view not in tables:
            raise OperatorError.words(
                f"{where}: [tui.columns] has {view!r}, which is no view with columns", f"{', '.join(tables)}."
            )
        known = column_names(view)
        for name in names:
            if name not in known:
                raise OperatorError.words(
                    f"{where}: [tui.columns] {view} has {name!r}, which is no column of it", f"{', '.join(known)}."
                )


def column_names(view: str) -> list[str]:
    """Of a view that is a table; of records also that of the topic, which several topics have."""
    from tui.views.record_rows import record_columns

    if view in ("records", "search"):
        return [column.name for column in record_columns(with_topic=True)]
    found = view_class(view)
    columns = found.columns(found.__new__(found))  # type: ignore[attr-defined]
    return [column.name for column in columns]
