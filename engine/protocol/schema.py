"""The notation of `schemas/*.txt`, and what it says as objects.

One file holds the request and response of an API key (`00_produce.txt`) or one family of records
(`metadata_records.txt`). `#` starts a comment; after a field it is the field's documentation. A message begins at the
left edge:

    KIND NAME [key N] versions RANGE flexible FROM [listeners A,B] [latest-unstable]

    request ProduceRequest key 0 versions 3-13 flexible 9+ listeners broker
    coordinator-value OffsetCommitValue key 1 versions 0-4 flexible 4+

KIND is request, response, header, data, metadata (a record of the metadata log; the key is its type),
coordinator-key or coordinator-value (a record of a coordinator's topic; the key is its type). RANGE is `3`, `3-13` or
`9+`. `flexible none` says that no version has compact lengths and tagged fields (KIP-482). `latest-unstable` marks the
newest version as not to be advertised (Kafka: latestVersionUnstable). Then its fields in wire order, two spaces deeper
than the struct they belong to:

    NAME: TYPE [@RANGE] [tag N] [ignorable] [inflexible] [= DEFAULT]  # what it means

- TYPE: bool int8 int16 uint16 int32 uint32 int64 float64 uuid string bytes records, the name of a struct, or one of
  these in brackets for an array. A struct's own fields follow it, two spaces deeper; without them it is one that a
  `struct NAME [@RANGE]` block of the same message defines.
- `?` after TYPE: may be null in every version that has the field; `?7+`: from version 7 on.
- `@RANGE`: the versions that have the field; without it those of the enclosing struct.
- `tag N`: a tagged field, in all of its versions: written only when it differs from its default.
- `ignorable`: a value set in a version without the field is dropped; otherwise that is an error unless it is the default.
- `inflexible`: classic encoding even in flexible versions (the client id of the request header).
- `= DEFAULT`: null, true, false or a number. Else 0, false, "", empty, the zero uuid; null for `records`
  that may be null; a struct of defaults for a struct.
"""

import os
import re
from functools import cache

import msgspec

from engine.protocol.errors import Blame, UnsupportedVersionError
from engine.protocol.index import MESSAGE_FILES

SCHEMA_DIRECTORY = os.path.join(os.path.dirname(__file__), "schemas")

PRIMITIVES = frozenset(
    ["bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "uuid", "string", "bytes", "records"],
)


class Versions(msgspec.Struct, frozen=True):
    """A range of versions; both ends belong to it."""

    lowest: int
    highest: int

    def __contains__(self, version: int) -> bool:
        return self.lowest <= version <= self.highest


class FieldSchema(msgspec.Struct):
    """One field of a struct."""

    name: str
    type_name: str
    """A primitive, or the name of a struct; of the element when `is_array`."""
    is_array: bool
    versions: Versions
    nullable: Versions | None
    """Versions in which it may be null."""
    tag: int | None
    ignorable: bool
    inflexible: bool
    default: int | bool | str | None
    """"" stands for the natural default of the type; None for null."""
    documentation: str
    struct: "StructSchema | None" = None

    def is_nullable(self, version: int) -> bool:
        return self.nullable is not None and version in self.nullable


class StructSchema(msgspec.Struct):
    """A struct: the top of a message, or nested in one."""

    name: str
    versions: Versions
    fields: list[FieldSchema] = msgspec.field(default_factory=list)


class MessageSchema(msgspec.Struct):
    """A message with everything in it."""

    kind: str
    name: str
    key: int | None
    versions: Versions
    flexible_from: int | None
    """First version with compact lengths and tagged fields; None when there is none."""
    listeners: tuple[str, ...]
    latest_unstable: bool
    root: StructSchema
    structs: dict[str, StructSchema] = msgspec.field(default_factory=dict)
    """The nested structs by name; one comes after those it uses."""

    def is_flexible(self, version: int) -> bool:
        return self.flexible_from is not None and version >= self.flexible_from

    def check_version(self, version: int) -> None:
        """Raises UnsupportedVersionError for a version that does not exist."""
        if version not in self.versions:
            raise UnsupportedVersionError(
                Blame.LOCAL,
                f"there is no such version, only {self.versions.lowest} to {self.versions.highest}",
                message_name=self.name,
                version=version,
            )


class SchemaError(Exception):
    """The schema text does not follow its notation: a defect of this package."""


_HEAD = re.compile(
    r"(?P<kind>request|response|header|data|metadata|coordinator-key|coordinator-value) (?P<name>\w+)"
    r"(?: key (?P<key>\d+))? versions (?P<versions>[\d+-]+) flexible (?P<flexible>none|\d+\+)"
    r"(?: listeners (?P<listeners>[\w,]+))?(?P<unstable> latest-unstable)?"
)
_STRUCT = re.compile(r"struct (?P<name>\w+)(?: @(?P<versions>[\d+-]+))?")
_FIELD = re.compile(
    r"(?P<name>\w+): (?P<array>\[)?(?P<type>\w+)\]?(?P<nullable>\?[\d+-]*)?(?: @(?P<versions>[\d+-]+))?"
    r"(?: tag (?P<tag>\d+))?(?P<ignorable> ignorable)?(?P<inflexible> inflexible)?(?: = (?P<default>\S+))?"
    r"(?: +# (?P<documentation>.*))?"
)


def parse_message_head(line: str) -> MessageSchema | None:
    """The message that `line` begins, still without fields; None when it begins none."""
    match = _HEAD.fullmatch(line)
    if match is None:
        return None
    versions = _range(match["versions"], Versions(0, 0))
    flexible = match["flexible"]
    return MessageSchema(
        kind=match["kind"],
        name=match["name"],
        key=None if match["key"] is None else int(match["key"]),
        versions=versions,
        flexible_from=None if flexible == "none" else int(flexible[:-1]),
        listeners=tuple(match["listeners"].split(",")) if match["listeners"] else (),
        latest_unstable=match["unstable"] is not None,
        root=StructSchema(match["name"], versions),
    )


def parse_message(text: str) -> MessageSchema:
    """The message written in `text`: its head and the indented lines below."""
    head, *lines = text.splitlines()
    message = parse_message_head(head)
    if message is None:
        raise SchemaError(f"not the head of a message: {head!r}")
    inline: dict[str, StructSchema] = {}
    uses: list[FieldSchema] = []
    stack: list[StructSchema] = [message.root]
    last_field: FieldSchema | None = None
    for line in lines:
        body = line.lstrip(" ")
        depth = (len(line) - len(body)) // 2
        if (match := _STRUCT.fullmatch(body)) is not None:
            common = StructSchema(match["name"], _range(match["versions"], message.versions))
            inline[common.name] = common
            stack = [message.root, common]
            last_field = None
            continue
        match = _FIELD.fullmatch(body)
        if match is None:
            raise SchemaError(f"{message.name}: cannot read {line!r}")
        if depth > len(stack):
            if last_field is None or depth != len(stack) + 1:
                raise SchemaError(f"{message.name}: wrong depth of {line!r}")
            nested = StructSchema(last_field.type_name, last_field.versions)
            inline[nested.name] = nested
            stack.append(nested)
        del stack[depth:]
        last_field = _field(match, stack[-1].versions)
        stack[-1].fields.append(last_field)
        if last_field.type_name not in PRIMITIVES:
            uses.append(last_field)
    for used in uses:
        if used.type_name not in inline:
            raise SchemaError(f"{message.name}: no struct {used.type_name}")
        used.struct = inline[used.type_name]
    _order_structs(message.root, message.structs)
    return message


def _field(match: re.Match[str], outer: Versions) -> FieldSchema:
    versions = _range(match["versions"], outer)
    nullable = match["nullable"]
    default: int | bool | str | None
    match match["default"]:
        case None:
            default = None if match["type"] == "records" and nullable is not None else ""
        case "null":
            default = None
        case "true" | "false" as word:
            default = word == "true"
        case number:
            default = int(number)
    return FieldSchema(
        name=match["name"],
        type_name=match["type"],
        is_array=match["array"] is not None,
        versions=versions,
        nullable=None if nullable is None else _range(nullable[1:] or None, versions),
        tag=None if match["tag"] is None else int(match["tag"]),
        ignorable=match["ignorable"] is not None,
        inflexible=match["inflexible"] is not None,
        default=default,
        documentation=match["documentation"] or "",
    )


def _order_structs(struct: StructSchema, into: dict[str, StructSchema]) -> None:
    for used in struct.fields:
        if used.struct is not None and used.struct.name not in into:
            _order_structs(used.struct, into)
            into[used.struct.name] = used.struct


def _range(text: str | None, outer: Versions) -> Versions:
    if not text:
        return outer
    if text.endswith("+"):
        return Versions(int(text[:-1]), outer.highest)
    lowest, _, highest = text.partition("-")
    return Versions(int(lowest), int(highest or lowest))


def schema_files() -> list[str]:
    """The stems of all files, in their order."""
    return sorted(name[:-4] for name in os.listdir(SCHEMA_DIRECTORY) if name.endswith(".txt"))


@cache
def texts_in(stem: str) -> dict[str, str]:
    """The text of every message of one file, by its name."""
    with open(os.path.join(SCHEMA_DIRECTORY, f"{stem}.txt"), encoding="ascii") as file:
        lines = file.read().splitlines()
    texts: dict[str, str] = {}
    block: list[str] = []
    for line in [*lines, ""]:
        if line and not line.startswith("#"):
            block.append(line)
        elif block:
            texts[block[0].split(" ", 2)[1]] = "\n".join(block)
            block = []
    return texts


@cache
def message_texts() -> dict[str, str]:
    """The text of every message by its name, in the order of the files. Reads all files, parses none."""
    return {name: text for stem in schema_files() for name, text in texts_in(stem).items()}


@cache
def message_schema(name: str) -> MessageSchema:
    """The schema of the message called `name`. Reads its file only. Raises KeyError when there is none."""
    return parse_message(texts_in(MESSAGE_FILES[name])[name])


def family_heads(family: str) -> list[MessageSchema]:
    """The messages of one file, by the stem of its name, without their fields."""
    heads = (parse_message_head(text.partition("\n")[0]) for text in texts_in(family).values())
    return [head for head in heads if head is not None]
