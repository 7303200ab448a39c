"""Statements that are kept: saved ones by name (TOML in the config folder), and the history (JSON lines in the state folder).

Both are the user's own and shared by every face. The history holds the last HISTORY_MAX statements, once each.
"""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.errors import OperatorError
from console.platform_dirs import config_dir, state_dir

HISTORY_MAX = 1_000
_NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A statement with a name; `about` says what it is for."""

    name: str
    sql: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class PastQuery:
    """A statement that was run, ms since 1970."""

    sql: str
    at_ms: int


def saved_file() -> Path:
    return config_dir() / "queries.toml"


def history_file() -> Path:
    return state_dir() / "sql_history.jsonl"


def load_saved() -> dict[str, SavedQuery]:
    """By name. Raises OperatorError for a file that cannot be read."""
    path = saved_file()
    try:
        parsed = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise OperatorError(f"cannot read {path}", str(error)) from error
    found = {}
    for name, table in sorted(parsed.get("queries", {}).items()):
        if isinstance(table, dict) and isinstance(table.get("sql"), str):
            found[name] = SavedQuery(name, table["sql"], str(table.get("about", "")))
    return found


def saved(name: str) -> SavedQuery:
    """The one of that name. Raises OperatorError when there is none."""
    queries = load_saved()
    if name not in queries:
        names = ", ".join(queries) or "none yet"
        raise OperatorError.words(f"no statement is saved as {name!r}", f"Saved are: {names}.")
    return queries[name]


def save(query: SavedQuery) -> None:
    """Keeps it, in place of one of the same name. Raises OperatorError."""
    if not query.name.strip() or len(query.name) > _NAME_MAX:
        raise OperatorError.words(f"a name has between 1 and {_NAME_MAX} characters")
    _write({**load_saved(), query.name: query})


def remove(name: str) -> None:
    """Forgets it. Raises OperatorError when there is none of that name."""
    saved(name)
    _write({key: query for key, query in load_saved().items() if key != name})


def _write(queries: Mapping[str, SavedQuery]) -> None:
    lines = ["# Statements saved by `stoker sql`."]
    for name in sorted(queries):
        query = queries[name]
        lines += ["", f"[queries.{_text(name)}]", f"sql = {_text(query.sql)}"]
        if query.about:
            lines.append(f"about = {_text(query.about)}")
    _replace(saved_file(), "\n".join(lines) + "\n")


def _text(value: str) -> str:
    # JSON's escapes are TOML's, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load_history() -> list[PastQuery]:
    """Oldest first; lines that are no JSON are skipped."""
    try:
        lines = history_file().read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines[-2 * HISTORY_MAX :]:
        try:
            entry = json.loads(line)
            found.append(PastQuery(str(entry["sql"]), int(entry["at_ms"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found[-HISTORY_MAX:]


def remember(sql: str, now_ms: int | None = None) -> None:
    """Adds it to the history. A history that cannot be written is no reason to fail."""
    if not sql.strip():
        return
    entry = PastQuery(sql.strip(), int(time.time() * 1000) if now_ms is None else now_ms)
    past = [each for each in load_history() if each.sql != entry.sql]
    lines = [json.dumps({"sql": each.sql, "at_ms": each.at_ms}) for each in [*past, entry][-HISTORY_MAX:]]
    try:
        _replace(history_file(), "\n".join(lines) + "\n")
    except OperatorError:
        return


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Statements hold what people look for in their data.
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OperatorError(f"cannot write {path}", error.strerror or str(error)) from error
