"""What `[tui]` of contexts.toml sets: theme, keys, aliases, columns.

[tui]
theme = "stoker-light"

[tui.keys]
"table.mark" = "m"

[tui.aliases]
o = "topic orders"

[tui.columns]
topics = ["name", "records", "rate"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.contexts import contexts_file
from console.errors import OperatorError
from tui.bindings import BY_ID


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it; empty where nothing is set."""

    theme: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys by id, see `tui.bindings`."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of columns by view."""


def load_settings() -> Settings:
    """Of the user; without a file there are none. Raises OperatorError for a file that makes no sense."""
    import tomllib

    path = contexts_file()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError.words(f"cannot read {path}", str(error)) from error
    return settings_from(data.get("tui", {}), str(path))


def settings_from(data: Any, where: str) -> Settings:
    """The table `[tui]`. Raises OperatorError naming what is wrong in it."""
    if not isinstance(data, dict):
        raise OperatorError.words(f"{where}: tui is no table")
    unknown = sorted(set(data) - {"theme", "keys", "aliases", "columns"})
    if unknown:
        raise OperatorError.words(f"{where}: [tui] has no setting {unknown[0]!r}", "theme, keys, aliases, columns.")
    theme = data.get("theme")
    if theme is not None and not isinstance(theme, str):
        raise OperatorError.words(f"{where}: [tui] theme is no text")
    keys = _texts(data.get("keys", {}), "keys", where)
    for name in keys:
        if name not in BY_ID:
            raise OperatorError.words(
                f"{where}: [tui.keys] has {name!r}, which is nothing", "`stoker tui`, then ?, names them all."
            )
    aliases = _texts(data.get("aliases", {}), "aliases", where)
    columns = data.get("columns", {})
    if not isinstance(columns, dict) or not all(
        isinstance(each, list) and all(isinstance(name, str) for name in each) for each in columns.values()
    ):
        raise OperatorError.words(f"{where}: [tui.columns] wants lists of names", 'topics = ["name", "records"]')
    if keys or aliases or columns:
        # Views are looked at: not at every start.
        from tui.key_collisions import check_collisions
        from tui.setting_checks import check_aliases, check_columns, check_key_names

        check_key_names(keys, where)
        check_collisions(keys, where)
        check_aliases(aliases, where)
        check_columns(columns, where)
    return Settings(theme, keys, aliases, {view: tuple(names) for view, names in columns.items()})


def _texts(data: Any, name: str, where: str) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise OperatorError.words(f"{where}: [tui.{name}] wants NAME = TEXT")
    return dict(data)
