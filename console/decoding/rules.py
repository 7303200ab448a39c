"""Which format is wanted for which topic: `auto`, `json`, `avro,key=int64`, as operators write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from console.decoding.formats import FORMATS
from console.decoding.model import Part
from console.errors import OperatorError

AUTO = "auto"
KAFKA = "kafka"
BYTES = "bytes"
REGISTERED = {"avro": "AVRO", "protobuf": "PROTOBUF", "json-schema": "JSON"}
"""Formats whose schemas are in a registry, and the registry's word for them."""


def format_names() -> tuple[str, ...]:
    """What a rule may name."""
    return (AUTO, *FORMATS, *REGISTERED, KAFKA, BYTES)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The formats of one topic."""

    key: str = AUTO
    value: str = AUTO

    def of(self, part: Part) -> str:
        return self.key if part is Part.KEY else self.value


def parse_wanted(text: str) -> Wanted:
    """`FORMAT` (of the value), `key=FORMAT`, `value=FORMAT`, or both with a comma. Raises OperatorError."""
    wanted: dict[str, str] = {}
    for item in text.split(","):
        part, equals, name = item.strip().rpartition("=")
        _note(wanted, part.strip().lower() if equals else "value", name, text)
    return Wanted(**wanted)


def _note(wanted: dict[str, str], part: str, name: str, text: str) -> None:
    name = name.strip().lower()
    name = _ALIASES.get(name, name)
    if part not in ("key", "value") or part in wanted:
        what = f"{part!r} is said twice" if part in wanted else f"{part!r} is neither key nor value"
        raise OperatorError.words(f"decode {text!r}: {what}", "Like json, key=int64 or json,key=int64.")
    if name not in format_names():
        raise OperatorError.words(
            f"decode {text!r}: there is no format {name!r}", f"Formats: {', '.join(format_names())}."
        )
    wanted[part] = name


_ALIASES = {
    "utf8": "utf-8",
    "string": "utf-8",
    "text": "utf-8",
    "long": "int64",
    "messagepack": "msgpack",
    "jsonschema": "json-schema",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What is wanted everywhere, and for topics by name or pattern (`orders-*`); a name goes before patterns, and of
    patterns the longest."""

    everywhere: Wanted = Wanted()
    topics: Mapping[str, Wanted] | None = None

    def of(self, topic: str) -> Wanted:
        """What is wanted for `topic`."""
        if not self.topics:
            return self.everywhere
        exact = self.topics.get(topic)
        if exact is not None:
            return exact
        for pattern in sorted(self.topics, key=lambda each: (-len(each), each)):
            if fnmatchcase(topic, pattern):
                return self.topics[pattern]
        return self.everywhere


def parse_rules(topics: Mapping[str, str], everywhere: str = AUTO) -> Rules:
    """Rules from their texts. Raises OperatorError."""
    return Rules(parse_wanted(everywhere), {name: parse_wanted(text) for name, text in topics.items()})


def rules_with(words: Iterable[str], rules: Rules) -> Rules:
    """`rules`, and what `words` of a command line say instead: each is `FORMAT` (of values), `key=FORMAT` or
    `value=FORMAT` for all topics, or `TOPIC=FORMAT`, `TOPIC.key=FORMAT` or `TOPIC.value=FORMAT` for one (or a pattern).

    `json,key=int64` is two words in one, and what follows `TOPIC=json,` is of that topic too. What they do not speak of
    stays as it is. Raises OperatorError.
    """
    everywhere: dict[str, str] = {}
    topics: dict[str, dict[str, str]] = {}
    for word in words:
        chosen = everywhere
        for item in word.split(","):
            where, equals, name = item.rpartition("=")
            where = where.strip()
            topic, dot, part = where.rpartition(".")
            if not equals:
                part = "value"
            elif where.lower() in ("key", "value"):
                part = where.lower()
            elif dot and topic and part.lower() in ("key", "value"):
                chosen, part = topics.setdefault(topic, {}), part.lower()
            elif where:
                chosen, part = topics.setdefault(where, {}), "value"
            _note(chosen, part, name, word)
    changed = Rules(
        replace(rules.everywhere, **everywhere),
        {name: replace(wanted, **everywhere) for name, wanted in (rules.topics or {}).items()},
    )
    named = {topic: replace(changed.of(topic), **parts) for topic, parts in topics.items()}
    return Rules(changed.everywhere, {**(changed.topics or {}), **named})
