"""Which records are meant, as words: what `:records`, `:tail` and `:search` take, what their form asks, and what the
console's readers are then told.

    orders                       a topic, or several by commas
    orders 3                     one partition; 0,3 several
    orders from=5m grep='a|b'    any of the names below, values with spaces in quotes
    orders alice                 other words: text that key, value or a header must have
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.records.browse import BrowseRequest, Cursor
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.model import Visibility
from console.records.positions import BEGINNING, END, Position, parse_position
from console.records.search import SearchRequest
from console.records.stream import StreamRequest
from tui.widgets.form import Field

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

VISIBLE = {
    "": Visibility(),
    "all": Visibility(),
    "committed": Visibility(read_committed=True),
    "aborted": Visibility(read_committed=True, aborted=True),
    "markers": Visibility(markers=True),
}
_HELP = {
    "start": "end, beginning, -N, an offset, a time (12:00), an age (5m)",
    "until": "The same; empty: where the topic ends",
    "partitions": "Numbers by commas; empty: all",
    "key": "This key, in the partition where it belongs",
    "grep": "A regex in key, value or a header",
    "contains": "Text in key, value or a header",
    "header": "NAME or NAME=VALUE",
    "json": "PATH=VALUE in the value, as customer.id=42",
    "where": "SQL: value->>'$.id' = '7' and partition < 3",
    "show": "all, committed, aborted, markers",
    "decode": "json, avro, int64, … or key=int64; empty: auto",
}
_LABELS = {
    "start": "From",
    "grep": "Matches",
    "contains": "Contains",
    "json": "JSON",
    "where": "Where",
    "show": "Show",
    "decode": "Decode as",
}


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """The words, each as it was typed; "" where nothing was said."""

    topics: tuple[str, ...] = ()
    partitions: str = ""
    start: str = ""
    until: str = ""
    key: str = ""
    grep: str = ""
    contains: str = ""
    header: str = ""
    json: str = ""
    where: str = ""
    show: str = ""
    decode: str = ""

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> RecordQuery:
        """Of a place's arguments: one is a line of words, several are words. Raises OperatorError."""
        words = list(arguments)
        if len(words) == 1:
            try:
                words = shlex.split(words[0])
            except ValueError as error:
                raise OperatorError.words(f"cannot read {words[0]!r}: {error}") from error
        if not words:
            raise OperatorError.words("which topic?", ":records TOPIC")
        known = {"from": "start", "partition": "partitions"} | {name: name for name in _NAMES}
        found: dict[str, str] = {}
        text: list[str] = []
        for word in words[1:]:
            name, separator, value = word.partition("=")
            if separator and name in known:
                found[known[name]] = value
            elif "partitions" not in found and not text and _is_numbers(word):
                found["partitions"] = word
            else:
                text.append(word)
        if text:
            found["contains"] = " ".join(text)
        return cls(tuple(dict.fromkeys(name for name in words[0].split(",") if name)), **found)

    @property
    def text(self) -> str:
        """The words, for a command line."""
        return " ".join([shlex.quote(",".join(self.topics)), *self.conditions])

    @property
    def conditions(self) -> list[str]:
        """All but the topics, as they are typed."""
        shown = {"start": "from", "partitions": "partition"}
        return [
            f"{shown.get(name, name)}={shlex.quote(value)}" for name in _NAMES if (value := str(getattr(self, name)))
        ]

    def with_values(self, values: dict[str, Any]) -> RecordQuery:
        """As the form was filled in."""
        texts: dict[str, Any] = {name: str(value) for name, value in values.items()}
        return replace(self, **texts)

    # for the readers; all raise OperatorError for words that make no sense

    def filter(self, decoder: RecordDecoder) -> RecordFilter:
        conditions = []
        if self.grep:
            conditions.append(Condition(Part.ANY, Match.REGEX, self.grep))
        if self.contains:
            conditions.append(
                Condition(Part.ANY, Match.CONTAINS, self.contains, ignore_case=self.contains == self.contains.lower())
            )
        if self.header:
            name, separator, value = self.header.partition("=")
            match = Match.EQUALS if separator else Match.PRESENT
            conditions.append(Condition(Part.HEADERS, match, value, header=name))
        if self.json:
            path, separator, value = self.json.partition("=")
            if not separator or not path:
                raise OperatorError.words(f"json={self.json} should be PATH=VALUE")
            conditions.append(Condition(Part.VALUE, Match.JSON, value, path=path))
        chosen = RecordFilter(tuple(conditions), self.where or None, decoder)
        chosen.matcher()
        return chosen

    def key_bytes(self, decoder: RecordDecoder) -> bytes | None:
        if not self.key:
            return None
        from console.decoding.formats import encode_word

        formats = {decoder.wanted(topic).key for topic in self.topics}
        return encode_word(formats.pop() if len(formats) == 1 else "utf-8", self.key)

    @property
    def partition_numbers(self) -> tuple[int, ...]:
        words = [word for word in self.partitions.replace(" ", ",").split(",") if word]
        if not all(word.isascii() and word.isdecimal() for word in words):
            raise OperatorError.words(f"{self.partitions!r} are no partitions", "Numbers, by commas.")
        return tuple(sorted({int(word) for word in words}))

    @property
    def visibility(self) -> Visibility:
        found = VISIBLE.get(self.show.lower())
        if found is None:
            raise OperatorError.words(
                f"cannot show {self.show!r}", f"One of {', '.join(name for name in VISIBLE if name)}."
            )
        return found

    def begin(self, now_ms: int, otherwise: Position) -> Position:
        return parse_position(self.start, now_ms) if self.start else otherwise

    def end(self, now_ms: int) -> Position | None:
        return parse_position(self.until, now_ms) if self.until else None

    def browse(
        self, decoder: RecordDecoder, now_ms: int, limit: int, *, newest_first: bool, cursor: Cursor | None = None
    ) -> BrowseRequest:
        return BrowseRequest(
            self.topics,
            self.begin(now_ms, END if newest_first else BEGINNING),
            newest_first,
            limit,
            self.partition_numbers,
            self.key_bytes(decoder),
            False,
            self.filter(decoder),
            self.visibility,
            cursor,
        )

    def stream(self, decoder: RecordDecoder, now_ms: int, *, follow: bool, count: int | None = None) -> StreamRequest:
        return StreamRequest(
            self.topics,
            self.begin(now_ms, END if follow else BEGINNING),
            None if follow else self.end(now_ms),
            exit_at_end=not follow,
            partitions=self.partition_numbers,
            key=self.key_bytes(decoder),
            visibility=self.visibility,
            count=count,
            filter=self.filter(decoder),
        )

    def search(self, decoder: RecordDecoder, now_ms: int, limit: int) -> SearchRequest:
        return SearchRequest(
            self.topics,
            self.filter(decoder),
            self.key_bytes(decoder),
            False,
            self.begin(now_ms, BEGINNING),
            self.end(now_ms),
            self.partition_numbers,
            self.visibility,
            limit,
        )

    # the form

    def fields(self, decoder_of: Any, now_ms: int, *names: str) -> list[Field]:
        """A field for each of `names`; `decoder_of(words)` makes a decoder, so that bad formats are told at once."""

        def judge(name: str) -> Any:
            def parse(text: str) -> str:
                words = RecordQuery(self.topics, **{name: text})
                try:
                    words.begin(now_ms, END), words.end(now_ms), words.partition_numbers, words.visibility
                    words.filter(decoder_of(words.decode))
                except OperatorError as error:
                    raise ValueError(f"{error.title}. {error.hint}".strip(". ")) from error
                return text

            return parse

        return [
            Field(name, _LABELS.get(name, name.capitalize()), str(getattr(self, name)), _HELP[name], judge(name))
            for name in names
        ]


_NAMES = tuple(field.name for field in fields(RecordQuery))[1:]


def _is_numbers(word: str) -> bool:
    return all(each.isascii() and each.isdecimal() for each in word.split(","))


def key_to_search(query: RecordQuery) -> bool:
    """Whether anything narrows it: a search for everything is browsing."""
    return any((query.key, query.grep, query.contains, query.header, query.json, query.where))
