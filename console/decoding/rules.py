"""Which format is wanted for which topic: `auto`, `json`, `avro,key=int64`, as operators write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    wanted = {"key": AUTO, "value": AUTO}
    given: set[str] = set()
    for item in text.split(","):
        part, equals, name = item.strip().rpartition("=")
        part = part.strip().lower() if equals else "value"
        name = name.strip().lower()
        name = _ALIASES.get(name, name)
        if part not in wanted or part in given:
            what = f"{part!r} is said twice" if part in given else f"{part!r} is neither key nor value"
            raise OperatorError.words(f"decode {text!r}: {what}", "Like json, key=int64 or json,key=int64.")
        if name not in format_names():
            raise OperatorError.words(
                f"decode {text!r}: there is no format {name!r}", f"Formats: {', '.join(format_names())}."
            )
        given.add(part)
        wanted[part] = name
    return Wanted(**wanted)


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
