"""Which records: what pages, search, tail and export have in common."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

import msgspec

from console.decoding.decoder import RecordDecoder
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.model import Visibility
from web.api.errors import bad_request
from web.api.limits import TEXT_CHARACTERS_MAX
from web.api.names import PartitionId, TopicName
from web.api.operations import Asked

Topics = Annotated[tuple[TopicName, ...], msgspec.Meta(min_length=1, max_length=100, description="Which topics.")]
Partitions = Annotated[
    tuple[PartitionId, ...], msgspec.Meta(max_length=10_000, description="Only these; all when there are none.")
]
Text = Annotated[str, msgspec.Meta(max_length=10_000)]
Filters = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=10_000)], ...],
    msgspec.Meta(
        max_length=20,
        description="Conditions, all of which hold: [!]PART OP TEXT, PART is key, value, any, header:NAME or a JSON path "
        "into the value ($.order.id); OP is = (equals), ~ (contains), ~~ (RE2), ? (is there). `any~error`, "
        "`$.status=paid`, `!header:trace?`.",
    ),
]
Isolation = Annotated[
    Literal["read_uncommitted", "read_committed"],
    msgspec.Meta(description="read_committed leaves out what was aborted or is not committed yet."),
]
Characters = Annotated[
    int, msgspec.Meta(ge=0, le=TEXT_CHARACTERS_MAX, description="Characters of each key and value at most.")
]


Key = Annotated[
    str, msgspec.Meta(max_length=10_000, description="Only records with this key, in the partition where it belongs.")
]
AllPartitions = Annotated[bool, msgspec.Meta(description="Look for the key in all partitions.")]
Values = Annotated[bool, msgspec.Meta(description="Decoded values too, not only their text.")]


class ConditionBody(Asked, kw_only=True):
    """One condition. `path` is for json, `header` narrows `headers` to those of that name."""

    part: Literal["key", "value", "headers", "any"] = "any"
    match: Literal["contains", "equals", "regex", "json", "present"] = "contains"
    text: Text = ""
    path: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    header: Text | None = None
    ignore_case: bool = False
    negate: bool = False


Conditions = Annotated[tuple[ConditionBody, ...], msgspec.Meta(max_length=20, description="All of them hold.")]


def filter_of(conditions: tuple[ConditionBody, ...], decoder: RecordDecoder | None = None) -> RecordFilter:
    """SQL expressions are not taken: they would run in this process. /api/sql has one of its own for them."""
    return _sensible(RecordFilter(tuple(_condition(each) for each in conditions), decoder=decoder))


def _condition(each: ConditionBody) -> Condition:
    return Condition(
        Part(each.part), Match(each.match), each.text, each.path, each.header, each.ignore_case, each.negate
    )


_OPERATORS = {"~~": Match.REGEX, "~": Match.CONTAINS, "=": Match.EQUALS, "?": Match.PRESENT}


def filter_of_words(words: tuple[str, ...], decoder: RecordDecoder | None = None) -> RecordFilter:
    """The same from the query: see `Filters`. Raises ApiError."""
    return _sensible(RecordFilter(tuple(_parse(each) for each in words), decoder=decoder))


def _sensible(found: RecordFilter) -> RecordFilter:
    """Raises OperatorError for expressions that make no sense, before anything is asked of the cluster."""
    found.matcher()
    return found


def _parse(word: str) -> Condition:
    negate = word.startswith("!")
    rest = word[1:] if negate else word
    at, operator = _first_operator(rest)
    if at <= 0:
        raise bad_request(
            f"cannot read the filter {word[:100]!r}", "Like any~error, key=42, $.status=paid, header:trace?."
        )
    where, text = rest[:at], rest[at + len(operator) :]
    match = _OPERATORS[operator]
    if match is Match.PRESENT and text:
        raise bad_request(f"cannot read the filter {word[:100]!r}: nothing follows ?")
    if where.startswith("$"):
        if match is not Match.EQUALS:
            raise bad_request(f"cannot read the filter {word[:100]!r}: a path goes with = only")
        return Condition(Part.VALUE, Match.JSON, text, where, negate=negate)
    if where.startswith("header:") and len(where) > len("header:"):
        return Condition(Part.HEADERS, match, text, header=where.removeprefix("header:"), negate=negate)
    if where not in ("key", "value", "headers", "any"):
        raise bad_request(f"cannot read the filter {word[:100]!r}: {where[:50]!r} is no part of a record")
    return Condition(Part(where), match, text, negate=negate)


def _first_operator(text: str) -> tuple[int, str]:
    """Where the first operator is, and which; -1 when there is none. `~~` is not two."""
    places = [(text.find(each), -len(each), each) for each in _OPERATORS if each in text]
    if not places:
        return -1, ""
    at, _, operator = min(places)
    return at, operator


class KeyBody(Asked, kw_only=True):
    """A key: text, or bytes in base64."""

    text: Text | None = None
    base64: Text | None = None


def key_bytes(key: KeyBody | None) -> bytes | None:
    """Raises ApiError."""
    if key is None:
        return None
    if (key.text is None) == (key.base64 is None):
        raise bad_request("a key has either text or base64")
    if key.text is not None:
        return key.text.encode()
    try:
        return base64.b64decode(key.base64 or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"the key is not base64: {error}") from error


def visibility(isolation: str, *, aborted: bool = False, markers: bool = False) -> Visibility:
    """`aborted` shows those of aborted transactions, marked, and `markers` where transactions ended."""
    return Visibility(isolation == "read_committed" or aborted, aborted, markers)
