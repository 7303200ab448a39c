"""Writes the tables of DEVIATIONS.md out of the handlers and of the table of configs.

`python -m engine.handlers.deviations` (`./dev deviations`) rewrites what stands between the markers; a test compares. So
what is said to be missing is what is missing: which keys no handler serves, what a handler's contract calls "Not
implemented", and which configs do not do here what they do in Kafka.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Final

from engine.config import BROKER_CONFIGS, GROUP_CONFIGS, TOPIC_CONFIGS, ConfigDefinition, Effect
from engine.handlers.registry import ListenerKind, handlers
from engine.net.dispatch import Handler
from engine.protocol.api import API_VERSIONS, ApiKey, ApiSpec

DEVIATIONS_PATH: Final = Path(__file__).parents[2] / "DEVIATIONS.md"

_NOT_IMPLEMENTED: Final = re.compile(r"^Not implemented: (?P<what>.*?)(?=\bKafka: |^- |\Z)", re.DOTALL | re.MULTILINE)
_CONTRACT: Final = re.compile(r"(?P<name>\w+) \(key (?P<key>\d+)\), v(?P<first>\d+)(?:-(?P<last>\d+))?\b")
# A module that serves several keys names them all at its top, and gives each its versions in a line of its own.
_SHARED: Final = r"^- (?:\w+, )*{name}(?:, \w+)*: v(?P<first>\d+)(?:-(?P<last>\d+))?\b"


def contract_problem(handler: Handler) -> str | None:
    """What is wrong with how a handler's module opens; None when it says name, key and versions rightly."""
    module = inspect.getmodule(handler.function)
    assert module is not None
    docstring = inspect.getdoc(module) or ""
    name = _name(handler.api_key)
    stated = _CONTRACT.match(docstring)
    if stated is not None:
        if (stated["name"], int(stated["key"])) != (name, int(handler.api_key)):
            return f"{module.__name__}: is about {stated[0]}, serves {name} (key {int(handler.api_key)})"
    else:
        stated = re.search(_SHARED.format(name=name), docstring, re.MULTILINE)
        if stated is None or f"{name} ({int(handler.api_key)})" not in " ".join(docstring.split()):
            return f"{module.__name__}: the docstring must open with '{name} (key {int(handler.api_key)}), vA-B'"
    versions = (int(stated["first"]), int(stated["last"] or stated["first"]))
    if versions != (handler.min_version, handler.max_version):
        return f"{module.__name__}: says {name} v{versions}, serves v{(handler.min_version, handler.max_version)}"
    return None


def not_implemented(handler: Handler) -> str:
    """What the contract of a handler says it lacks; "" when nothing, and for modules that serve several keys."""
    docstring = inspect.getdoc(inspect.getmodule(handler.function)) or ""
    found = _NOT_IMPLEMENTED.search(docstring)
    if found is None or _CONTRACT.match(docstring) is None:
        return ""
    what = " ".join(found["what"].split())
    return "" if re.match(r"(none|nothing)\b", what) else what


def _name(key: int) -> str:
    return API_VERSIONS[ApiKey(key)].request_name.removesuffix("Request")


def api_table() -> str:
    """One row for each API key: where Kafka serves it, where we do, and what is missing."""
    lines = ["| key | API | Kafka 4.3 | brokers | controllers | missing |", "|--:|---|---|---|---|---|"]
    for key, spec in API_VERSIONS.items():
        served = {kind: handlers(kind).get(key) for kind in ListenerKind}
        missing: list[str] = []
        cells: list[str] = []
        for kind in ListenerKind:
            handler = served[kind]
            in_kafka = kind.value in spec.listeners
            cells.append(
                f"{handler.min_version}-{handler.max_version}" if handler is not None else "no" if in_kafka else ""
            )
            if handler is not None:
                versions = _versions_missing(handler, spec)
                missing += [text for text in (versions, not_implemented(handler)) if text and text not in missing]
        if not any(served.values()):
            missing = ["all of it"]
        versions = f"{spec.min_version}-{spec.max_version}"
        lines.append(f"| {int(key)} | {_name(key)} | {versions} | {' | '.join(cells)} | {' '.join(missing)} |")
    return "\n".join(lines)


def _versions_missing(handler: Handler, spec: ApiSpec) -> str:
    parts = []
    if handler.min_version > spec.min_version:
        parts.append(f"versions before {handler.min_version}")
    if handler.max_version < spec.max_version:
        parts.append(f"versions after {handler.max_version}")
    return f"{' and '.join(parts)}." if parts else ""


def config_table() -> str:
    """The configs that do not do here what they do in Kafka, by what setting them does."""
    told = {
        Effect.REFUSED: "Refused unless left at the default, because accepting them would promise too much:",
        Effect.NOT_YET: "Part of what is not built yet. In a properties file: a warning; as a dynamic config: refused:",
        Effect.NO_EFFECT: "Without effect here, because there is nothing for them to steer. Accepted, with a warning:",
    }
    lines: list[str] = []
    for effect, sentence in told.items():
        lines += [f"**{sentence}**", ""]
        for kind, table in (("topic", TOPIC_CONFIGS), ("group", GROUP_CONFIGS), ("broker", BROKER_CONFIGS)):
            names = _names(table, effect)
            if names:
                lines += [f"- {kind}: {', '.join(names)}"]
        lines.append("")
    limited = [row for row in (*TOPIC_CONFIGS.values(), *BROKER_CONFIGS.values()) if row.available is not None]
    if limited:
        lines += ["**Only some values are available; others are refused:**", ""]
        lines += [f"- {row.name}: {', '.join(row.available or ())}" for row in limited]
    return "\n".join(lines).rstrip("\n")


def _names(table: dict[str, ConfigDefinition], effect: Effect) -> list[str]:
    """The names, with long families of one prefix drawn together: `ssl.*`."""
    families = ("ssl.", "sasl.", "remote.log.", "share.", "group.share.", "group.streams.", "delegation.token.")
    names: list[str] = []
    for name, row in table.items():
        if row.effect is not effect:
            continue
        family = next((prefix for prefix in families if table is BROKER_CONFIGS and name.startswith(prefix)), None)
        text = f"`{family}*`" if family is not None and effect is not Effect.REFUSED else f"`{name}`"
        if text not in names:
            names.append(text)
    return names


BLOCKS: Final = {"api keys": api_table, "configs": config_table}


def with_tables(text: str) -> str:
    """`text` of DEVIATIONS.md with every block between its markers written anew."""
    for name, table in BLOCKS.items():
        begin, end = f"<!-- {name}: written by ./dev deviations -->\n", f"<!-- {name}: end -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"{DEVIATIONS_PATH.name} has no block {name!r}")
        text = f"{before}{begin}\n{table()}\n\n{end}{after}"
    return text


def main() -> None:
    old = DEVIATIONS_PATH.read_text(encoding="utf-8")
    new = with_tables(old)
    if new != old:
        DEVIATIONS_PATH.write_text(new, encoding="utf-8")
    sys.stderr.write(f"{DEVIATIONS_PATH.name} {'written' if new != old else 'is as it should be'}\n")


if __name__ == "__main__":
    main()
