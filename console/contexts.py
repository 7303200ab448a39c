"""Named clusters in a TOML file in the platform's configuration folder.

current = "staging"

[contexts.staging]
bootstrap_servers = "kafka-1:9092,kafka-2:9092"
command_config = "/home/me/staging.properties"
readonly = true
schema_registry = "https://registry:8081"

[contexts.staging.decode]
orders = "json,key=int64"
"metrics-*" = "msgpack"
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.errors import OperatorError
from console.platform_dirs import config_dir

_FILE_NAME = "contexts.toml"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Context:
    """One cluster under a name."""

    name: str
    bootstrap_servers: str
    command_config: str | None = None
    """Path of a Kafka client properties file."""
    readonly: bool = False
    schema_registry: str | None = None
    """URL; what to sign in with is in the properties file (`schema.registry.basic.auth.user.info`, …)."""
    decode: dict[str, str] = field(default_factory=dict)
    """Formats by topic name or pattern, see `console.decoding.rules`."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """All of them by name, and the one in use."""

    contexts: dict[str, Context]
    current: str | None

    def get(self, name: str) -> Context:
        """Raises OperatorError when there is none of that name."""
        if name not in self.contexts:
            known = ", ".join(self.contexts) or "none"
            raise OperatorError.words(
                f"there is no context {name!r}", f"Contexts: {known}. `stoker contexts add` makes one."
            )
        return self.contexts[name]


def contexts_file() -> Path:
    return config_dir() / _FILE_NAME


def load_contexts() -> Contexts:
    """The contexts of the user; none when there is no file. Raises OperatorError for a file that cannot be read."""
    import tomllib

    path = contexts_file()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Contexts({}, None)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError.words(f"cannot read {path}", str(error)) from error
    return _contexts(data, path)


def _contexts(data: dict[str, Any], path: Path) -> Contexts:
    found = {}
    for name, entry in sorted(data.get("contexts", {}).items()):
        unknown = set(entry) - {"bootstrap_servers", "command_config", "readonly", "schema_registry", "decode"}
        if unknown or not isinstance(entry.get("bootstrap_servers"), str):
            what = f"unknown setting {sorted(unknown)[0]!r}" if unknown else "no bootstrap_servers"
            raise OperatorError.words(f"{path}: context {name!r} has {what}")
        registry = entry.get("schema_registry")
        decode = entry.get("decode", {})
        if registry is not None and (not isinstance(registry, str) or "@" in registry):
            raise OperatorError.words(
                f"{path}: context {name!r}: schema_registry is no URL without user and password",
                "What to sign in with belongs in its command_config: schema.registry.basic.auth.user.info=USER:PASSWORD.",
            )
        if not isinstance(decode, dict) or not all(isinstance(each, str) for each in decode.values()):
            raise OperatorError.words(f"{path}: context {name!r}: decode is no table of topics and formats")
        found[name] = Context(
            name,
            entry["bootstrap_servers"],
            entry.get("command_config"),
            bool(entry.get("readonly", False)),
            registry,
            decode,
        )
    current = data.get("current")
    return Contexts(found, current if current in found else None)


def save_contexts(contexts: Contexts) -> None:
    """Writes the file anew, whole or not at all; other tables in it ([tui]) stay as they are. Raises OperatorError."""
    lines = []
    others = _other_tables()
    if contexts.current is not None:
        lines += [f"current = {_quoted(contexts.current)}", ""]
    for name, context in sorted(contexts.contexts.items()):
        lines += [f"[contexts.{_quoted(name)}]", f"bootstrap_servers = {_quoted(context.bootstrap_servers)}"]
        if context.command_config:
            lines.append(f"command_config = {_quoted(context.command_config)}")
        if context.readonly:
            lines.append("readonly = true")
        if context.schema_registry:
            lines.append(f"schema_registry = {_quoted(context.schema_registry)}")
        if context.decode:
            lines += ["", f"[contexts.{_quoted(name)}.decode]"]
            lines += [f"{_quoted(topic)} = {_quoted(formats)}" for topic, formats in sorted(context.decode.items())]
        lines.append("")
    lines += others
    path = contexts_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        temporary.write_text("\n".join(lines), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OperatorError(f"cannot write {path}", error.strerror or str(error)) from error


def _other_tables() -> list[str]:
    """The lines of tables that are not contexts. Raises OperatorError when they cannot be told apart."""
    import tomllib

    path = contexts_file()
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError.words(f"cannot read {path}", str(error)) from error
    kept: list[str] = []
    is_other = False
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            is_other = not re.match(r"\s*\[+\s*[\"']?contexts\b", line)
        if is_other:
            kept.append(line)
    wanted = {name: value for name, value in data.items() if name not in ("contexts", "current")}
    try:
        found = tomllib.loads("\n".join(kept))
    except tomllib.TOMLDecodeError:
        found = {}
    if found != wanted:
        raise OperatorError.words(
            f"cannot change {path}", "Settings that are no contexts belong into tables at its end."
        )
    return [*kept, ""] if kept else []


def check_context_name(name: str) -> str:
    """The name, when it is one. Raises OperatorError."""
    if not _NAME.fullmatch(name):
        raise OperatorError.words(
            f"{name!r} cannot be the name of a context", "Letters, digits, '.', '_' and '-' only."
        )
    return name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
