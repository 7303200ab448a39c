"""Which records are wanted: conditions on key, value and headers that can be written down, and what they become.

Regular expressions are RE2's (google-re2): their time is linear in the length of a value, so that no expression can hang
the console; there are no look-arounds and no back-references. They, and text, are compared in UTF-8 with the raw bytes.
JSON paths decode the value; what is no JSON is counted as undecodable, and does not match.

With a `decoder` that has something to say of a topic (`RecordDecoder.is_asked`), conditions look at its keys and values as
decoded: JSON paths at Avro, text at what is displayed. What cannot be decoded is compared as bytes; when these do not match
it counts as undecodable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from console.errors import OperatorError
from console.records.model import ConsumedRecord

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

JSON_BYTES_MAX = 16 * 1024 * 1024
"""Values above are not decoded for a JSON path: they count as undecodable."""

_REGEX_MEMORY_BYTES = 16 * 1024 * 1024


class Part(Enum):
    """Where a condition looks."""

    KEY = "key"
    VALUE = "value"
    HEADERS = "headers"
    ANY = "any"
    """Key, value, or a header as name=value."""


class Match(Enum):
    """How text is compared."""

    CONTAINS = "contains"
    EQUALS = "equals"
    REGEX = "regex"
    JSON = "json"
    """`path` leads to a value equal to `text`: as JSON ("3", "null", "\\"a\\"") or, when it is none, as a string."""
    PRESENT = "present"
    """There is a key (a value, a header of that name), whatever it holds."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `header` narrows `part` HEADERS to the headers of that name, compared by their values."""

    part: Part
    match: Match
    text: str = ""
    path: str = ""
    header: str | None = None
    ignore_case: bool = False
    negate: bool = False
    raw: bool = False
    """Compare the bytes as they are, whatever they may be decoded to."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for tokens and saved filters."""
        return {**asdict(self), "part": self.part.value, "match": self.match.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Condition:
        """The opposite. Raises OperatorError."""
        try:
            return cls(**{**data, "part": Part(data["part"]), "match": Match(data["match"])})
        except (KeyError, TypeError, ValueError) as error:
            raise OperatorError.words(f"not a condition: {error}") from error


class Matcher(Protocol):
    """Conditions made ready for one reading."""

    undecodable: list[int]
    """Offsets of the records of the last `select` that could not be decided: what was to be looked at is no JSON, …"""

    def select(self, records: list[ConsumedRecord]) -> list[ConsumedRecord]:
        """Those that match, in the same order."""


Test = Callable[[ConsumedRecord], bool | None]
"""Whether a record matches; None when it could not be decoded."""


class ConditionMatcher:
    """All of some conditions."""

    def __init__(self, conditions: Sequence[Condition], decoder: RecordDecoder | None = None) -> None:
        self.undecodable: list[int] = []
        # What costs least, and mostly decides, first.
        ordered = sorted(conditions, key=_cost)
        self._tests = [_compile(each, None) for each in ordered]
        self._decoder = decoder
        self.takes_records = decoder is None
        """`select` takes records of the engine as well: it looks at nothing but key, value and headers."""
        self._decoded_tests = [] if decoder is None else [_compile(each, decoder) for each in ordered]

    def select(self, records: list[Any]) -> list[Any]:
        self.undecodable = []
        tests, decoder = self._tests, self._decoder
        if decoder is not None and any(map(decoder.is_asked, {record.topic for record in records})):
            tests = self._decoded_tests
        for test in tests:
            taken = []
            for record in records:
                verdict = test(record)
                if verdict:
                    taken.append(record)
                elif verdict is None:
                    self.undecodable.append(record.offset)
            records = taken
        return records


def _cost(condition: Condition) -> int:
    return (Match.PRESENT, Match.EQUALS, Match.CONTAINS, Match.REGEX, Match.JSON).index(condition.match)


def _compile(condition: Condition, decoder: RecordDecoder | None) -> Test:
    if condition.match is Match.JSON:
        test = _json_test(condition, decoder)
    else:
        test = _bytes_test(condition)
        if decoder is not None and condition.match is not Match.PRESENT and not condition.raw:
            test = _decoded_test(condition, decoder, test)
    if not condition.negate:
        return test

    def opposite(record: ConsumedRecord) -> bool | None:
        verdict = test(record)
        return None if verdict is None else not verdict

    return opposite


def _bytes_test(condition: Condition) -> Test:
    holds = _comparison(condition)
    part, name = condition.part, condition.header
    if part is Part.KEY:
        return lambda record: record.key is not None and holds(record.key)
    if part is Part.VALUE:
        return lambda record: record.value is not None and holds(record.value)
    if part is Part.HEADERS and name is not None:
        return lambda record: any(each == name and holds(content or b"") for each, content in record.headers)
    if part is Part.HEADERS:
        return lambda record: any(holds(_header_text(*header)) for header in record.headers)
    return lambda record: bool(
        (record.value is not None and holds(record.value))
        or (record.key is not None and holds(record.key))
        or any(holds(_header_text(*header)) for header in record.headers)
    )


def _decoded_test(condition: Condition, decoder: RecordDecoder, raw: Test) -> Test:
    """As `_bytes_test`, with the text of what was decoded."""
    from console.decoding.decoder import text_of
    from console.decoding.model import Part as Half

    halves = {Part.KEY: (Half.KEY,), Part.VALUE: (Half.VALUE,), Part.ANY: (Half.VALUE, Half.KEY)}.get(condition.part)
    if halves is None:
        return raw
    holds, looks_at_headers = _comparison(condition), condition.part is Part.ANY

    def test(record: ConsumedRecord) -> bool | None:
        if not decoder.is_asked(record.topic):
            return raw(record)
        is_whole = True
        for half in halves:
            data = record.key if half is Half.KEY else record.value
            if data is None:
                continue
            found = decoder.find(record.topic, half, data, key=record.key, headers=record.headers)
            text = text_of(found, data)
            is_whole = is_whole and found.error is None
            if holds(data if text is None else text.encode(errors="replace")):
                return True
        if looks_at_headers and any(holds(_header_text(*header)) for header in record.headers):
            return True
        return False if is_whole else None

    return test


def _header_text(name: str, content: bytes | None) -> bytes:
    return name.encode(errors="surrogateescape") + b"=" + (content or b"")


def _comparison(condition: Condition) -> Callable[[bytes], bool]:
    if condition.match is Match.PRESENT:
        return lambda data: True
    if condition.match is Match.REGEX:
        return compile_regex(condition.text, ignore_case=condition.ignore_case)
    wanted = condition.text.encode(errors="surrogateescape")
    if condition.ignore_case:
        # Of what is not ASCII, RE2 knows the cases.
        text = re.escape(condition.text)
        return compile_regex(f"^(?:{text})$" if condition.match is Match.EQUALS else text, ignore_case=True)
    if condition.match is Match.EQUALS:
        return lambda data: data == wanted
    return lambda data: wanted in data


def compile_regex(text: str, *, ignore_case: bool = False) -> Callable[[bytes], bool]:
    """Whether RE2's expression `text` is found in bytes. Raises OperatorError for an expression that makes no sense."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    options.max_mem = _REGEX_MEMORY_BYTES
    options.dot_nl = True
    options.never_capture = True
    try:
        search = re2.compile(text, options).search
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else error
        raise OperatorError.words(
            f"cannot read the expression {text!r}: {reason}",
            "RE2's syntax: no look-arounds, no back-references; everything else is as in Perl.",
        ) from error
    if not ignore_case and _SIMPLE.fullmatch(text):
        search = re.compile(text.encode()).search
    return lambda data: search(data) is not None


_SIMPLE = re.compile(r"(?:[\w :/=,\"'@#%&;<>!~|]|\\[.\-\[\]{}()*+?|^$/\\]|\[\w+(?:-\w+)?\])+", re.ASCII)
"""Expressions without repetition, classes of bytes or anything else in which Python's re differs from RE2: they are linear
in both, and re takes a tenth of the time for short values."""

_STEP = re.compile(r"\.?([^.\[\]\"']+)|\[(\d+)\]|\[(?:\"([^\"]*)\"|'([^']*)')\]")
ABSENT = object()


def parse_path(text: str) -> tuple[str | int, ...]:
    """ "$.order.items[0].id" (the "$." may be left out) as its steps. Raises OperatorError."""
    rest = text.removeprefix("$")
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            raise OperatorError.words(f"cannot read the path {text!r}", "Like order.items[0].id or $['odd name'].id.")
        name, index, double, single = found.groups()
        steps.append(
            int(index) if index is not None else next(each for each in (name, double, single) if each is not None)
        )
        position = found.end()
    return tuple(steps)


def follow_path(data: Any, steps: Sequence[str | int]) -> Any:
    """What the steps lead to in decoded JSON, ABSENT when they lead nowhere."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(data, list) or step >= len(data):
                return ABSENT
            data = data[step]
        elif isinstance(data, dict) and step in data:
            data = data[step]
        else:
            return ABSENT
    return data


def _json_test(condition: Condition, decoder: RecordDecoder | None) -> Test:
    import msgspec

    from console.decoding.model import Part as Half

    steps = parse_path(condition.path)
    decode = msgspec.json.Decoder().decode
    plain = condition.text
    try:
        expected = decode(plain.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        expected = plain
    half = Half.KEY if condition.part is Part.KEY else Half.VALUE
    whole_key = half is Half.KEY

    def decoded(record: ConsumedRecord, data: bytes) -> Any:
        if decoder is None:
            return ABSENT
        name, value, _, error, _ = decoder.find(record.topic, half, data, key=record.key, headers=record.headers)
        return ABSENT if error is not None or name in _NO_STRUCTURE else value

    def test(record: ConsumedRecord) -> bool | None:
        data = record.key if whole_key else record.value
        if data is None:
            return False
        if len(data) > JSON_BYTES_MAX:
            return None
        if decoder is not None and decoder.is_asked(record.topic):
            content = decoded(record, data)
        else:
            try:
                content = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                content = decoded(record, data)
        if content is ABSENT:
            return None
        found = follow_path(content, steps)
        # In Python True equals 1, in JSON it does not.
        return found == plain or (found == expected and isinstance(found, bool) == isinstance(expected, bool))

    return test


_NO_STRUCTURE = frozenset({"bytes", "utf-8", "empty", "hex", "base64"})
"""Formats in which no path leads anywhere."""


class AllMatchers:
    """What several matchers agree on, asked one after the other."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self.undecodable: list[int] = []
        self._matchers = matchers

    def select(self, records: list[ConsumedRecord]) -> list[ConsumedRecord]:
        self.undecodable = []
        for matcher in self._matchers:
            if records:
                records = matcher.select(records)
                self.undecodable += matcher.undecodable
        return records


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What records must be: all `conditions` hold, and the SQL expression `where` (see `where`) is true."""

    conditions: tuple[Condition, ...] = ()
    where: str | None = None
    decoder: RecordDecoder | None = field(default=None, compare=False, repr=False)
    """How keys and values are read; not part of what is written down. None: as bytes, and JSON."""

    def with_key(self, key: bytes) -> RecordFilter:
        """The same, and the key is this one, byte for byte."""
        text = key.decode(errors="surrogateescape")
        return replace(self, conditions=(Condition(Part.KEY, Match.EQUALS, text, raw=True), *self.conditions))

    def matcher(self) -> Matcher | None:
        """Ready for one reading; None when everything matches. Raises OperatorError for what makes no sense."""
        matchers: list[Matcher] = []
        if self.conditions:
            matchers.append(ConditionMatcher(self.conditions, self.decoder))
        if self.where is not None:
            from console.records.where import WhereMatcher

            matchers.append(WhereMatcher(self.where, self.decoder))
        if len(matchers) < 2:
            return matchers[0] if matchers else None
        return AllMatchers(matchers)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for tokens and saved filters."""
        return {"conditions": [each.to_json() for each in self.conditions], "where": self.where}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, trusted: bool = False) -> RecordFilter:
        """The opposite. `where` is taken only from who is `trusted` to run SQL here. Raises OperatorError."""
        where = data.get("where")
        if where is not None and not trusted:
            raise OperatorError.words("SQL expressions are not taken from here")
        conditions = tuple(Condition.from_json(each) for each in data.get("conditions", ()))
        return cls(conditions, None if where is None else str(where))


EVERYTHING = RecordFilter()
