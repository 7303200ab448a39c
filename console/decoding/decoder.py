"""Keys and values decoded: one at a time with everything there is to know, or columns of them at full speed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.decoding.choice import guess
from console.decoding.display import bytes_shown, shown
from console.decoding.formats import FORMATS, NUMBERS, Decode
from console.decoding.json_values import json_with_notes
from console.decoding.model import (
    DECODED_BYTES_MAX,
    INTERNAL_TOPICS,
    TEXT_CHARACTERS_MAX,
    Decoded,
    DecodeFailure,
    Found,
    Part,
)
from console.decoding.rules import AUTO, BYTES, KAFKA, REGISTERED, Rules, Wanted
from console.decoding.wire_format import Written, written_with

if TYPE_CHECKING:
    from console.decoding.registered import RegisteredSchemas
    from console.records.model import ConsumedRecord

SAMPLES_MAX = 100
_KAFKAS_OWN = "one of Kafka's own topics"
_AS_WRITTEN = frozenset({"utf-8", "json"})
"""Formats whose bytes are the best text for people: nothing is reformatted, so nothing is lost."""


class RecordDecoder:
    """Decodes by `rules`, and with the `schemas` of a registry where there is one.

    `always`: decoding was asked for, so that what is plain text is looked into as well (see `is_asked`).
    """

    def __init__(
        self, rules: Rules | None = None, schemas: RegisteredSchemas | None = None, *, always: bool = False
    ) -> None:
        self._rules = rules or Rules()
        self._schemas = schemas
        self._always = always
        self._asked: dict[str, bool] = {}

    @property
    def schemas(self) -> RegisteredSchemas | None:
        """Of the registry; None when none is configured."""
        return self._schemas

    def wanted(self, topic: str) -> Wanted:
        """The formats that the rules name for `topic`."""
        return self._rules.of(topic)

    def is_asked(self, topic: str) -> bool:
        """Whether every key and value of `topic` is to be decoded: a format was named for it, a registry is there, or it
        is one of Kafka's own. Otherwise text is taken as it is, and only what is no text is looked into: what is no
        UTF-8, or has zero bytes."""
        asked = self._asked.get(topic)
        if asked is None:
            asked = self._always or self._schemas is not None or topic in INTERNAL_TOPICS
            asked = self._asked[topic] = asked or self._rules.of(topic) != Wanted()
        return asked

    async def prepare(self, records: Iterable[ConsumedRecord]) -> None:
        """Asks the registry for the schemas that `records` need and that are not known yet; never raises."""
        if self._schemas is not None:
            await self._schemas.prepare(
                written
                for record in records
                for written in self.schemas_of(record.topic, record.key, record.value, record.headers)
            )

    def schemas_of(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> Iterator[Written | None]:
        """How a record refers to schemas that decoding it will need."""
        wanted = self._rules.of(topic)
        if key and _may_be_registered(topic, wanted.key):
            yield written_with(key, Part.KEY, headers)
        if value and _may_be_registered(topic, wanted.value):
            yield written_with(value, Part.VALUE, headers)

    def record(self, record: ConsumedRecord, *, whole: bool = False) -> tuple[Decoded, Decoded]:
        """Key and value of `record`, see `decode`. Schemas that `prepare` has not fetched count as errors."""
        return (
            self.decode(record.topic, Part.KEY, record.key, headers=record.headers, whole=whole),
            self.decode(record.topic, Part.VALUE, record.value, key=record.key, headers=record.headers, whole=whole),
        )

    def part(self, record: ConsumedRecord, part: Part, *, whole: bool = False) -> Decoded:
        """One of the two."""
        data = record.key if part is Part.KEY else record.value
        return self.decode(record.topic, part, data, key=record.key, headers=record.headers, whole=whole)

    def decode(
        self,
        topic: str,
        part: Part,
        data: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        whole: bool = False,
    ) -> Decoded:
        """What `data` says; never raises for what is in it.

        `key` and `headers` are the record's: values of Kafka's own topics need the key, and a header may name the
        schema. `whole`: text of any length and values of any size, where otherwise what is large is shown by its
        beginning.
        """
        characters_max = None if whole else TEXT_CHARACTERS_MAX
        if data is not None and len(data) > DECODED_BYTES_MAX and not whole:
            text, _ = bytes_shown(data, characters_max)
            reason = f"{len(data):,} bytes: only the beginning is shown until the whole is asked for"
            return Decoded(BYTES, None, text, reason, len(data), is_preview=True)
        name, value, reason, error, schema = self.find(topic, part, data, key=key, headers=headers)
        if data is None:
            return Decoded(name, None, "null", reason, 0)
        if name == BYTES:
            text, is_preview = bytes_shown(data, characters_max)
            value = base64.b64encode(data).decode("ascii")
        elif data:
            text, is_preview = _text(name, value, data, characters_max)
        else:
            text, is_preview = "", False
        return Decoded(name, value, text, reason, len(data), error, schema, is_preview)

    def find(
        self,
        topic: str,
        part: Part,
        data: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> Found:
        """As `decode`, whatever the size, and without anything for display; the value of "bytes" is None."""
        if data is None:
            return Found("null", None, "no bytes: a tombstone" if part is Part.VALUE else "no key")
        wanted = self._rules.of(topic).of(part)
        if not data and wanted not in ("hex", "base64"):
            return Found("empty", "", "0 bytes")
        failed: str | None = None
        if _may_be_registered(topic, wanted):
            found = self._registered(part, data, headers, wanted)
            if isinstance(found, Found):
                return found
            failed = found
            if wanted != AUTO:
                return Found(BYTES, None, f"{wanted} was asked for", failed)
        try:
            name, value, reason = self._unregistered(topic, part, data, key, wanted)
        except DecodeFailure as failure:
            return Found(BYTES, None, f"{wanted} was asked for" if wanted != AUTO else _KAFKAS_OWN, str(failure))
        if name == BYTES or (failed is not None and name not in NUMBERS):
            return Found(BYTES, None, reason if failed is None else "it names a schema", failed)
        if failed is not None:
            # Numbers begin with zeros too.
            reason += f"; not by a schema: {failed}"
        return Found(name, value, reason)

    def _registered(
        self, part: Part, data: bytes, headers: Sequence[tuple[str, bytes | None]], wanted: str
    ) -> Found | str | None:
        """The record by its registered schema; why it could not be; None when it does not seem to have one."""
        written = written_with(data, part, headers)
        if written is None:
            return None if wanted == AUTO else "it names no schema: neither 0x00 and an id at its start nor a header"
        if self._schemas is None:
            if wanted == AUTO and not written.in_header and guess(data, part) is not None:
                return None
            return f"it names schema {written.identity}, and no schema registry is configured"
        try:
            value, schema = self._schemas.decode(written)
        except DecodeFailure as failure:
            return str(failure)
        name = next((name for name, kind in REGISTERED.items() if kind == schema.kind), schema.kind)
        if wanted not in (AUTO, name):
            return f"schema {written.identity} is {schema.kind}"
        where = "in a header" if written.in_header else "before the data"
        return Found(name, value, f"schema {written.identity} {where}", schema=schema)

    def _unregistered(
        self, topic: str, part: Part, data: bytes, key: bytes | None, wanted: str
    ) -> tuple[str, Any, str]:
        if wanted == BYTES:
            return BYTES, None, "bytes were asked for"
        if wanted == KAFKA or (wanted == AUTO and topic in INTERNAL_TOPICS):
            if topic not in INTERNAL_TOPICS:
                raise DecodeFailure(f"{topic} is none of Kafka's own topics")
            return KAFKA, _internal(topic, part, data, key), _KAFKAS_OWN
        if wanted == AUTO:
            return guess(data, part) or (BYTES, None, "looks like no known format")
        if wanted == "json":
            value, notes = json_with_notes(data)
            return wanted, value, "; ".join(["asked for", *notes])
        return wanted, FORMATS[wanted][0](data), "asked for"


def _internal(topic: str, part: Part, data: bytes, key: bytes | None) -> dict[str, Any]:
    # Kafka's messages take a while to load, and are seldom looked at.
    from console.decoding.internal import internal_value

    return internal_value(topic, part, data, key)


def _may_be_registered(topic: str, wanted: str) -> bool:
    return wanted in REGISTERED or (wanted == AUTO and topic not in INTERNAL_TOPICS)


def text_of(found: Found, data: bytes) -> str | None:
    """All that was found as one text, as it is displayed but with nothing made harmless: for filters and columns that are
    text. None where nothing could be decoded."""
    if found.format in _AS_WRITTEN:
        return data.decode(errors="replace")
    if found.format == BYTES or found.value is None:
        return None
    return found.value if isinstance(found.value, str) else json_text(found.value)


def json_text(value: Any) -> str:
    """A decoded structure or number as JSON: integers of any size are whole."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _text(name: str, value: Any, data: bytes, characters_max: int | None) -> tuple[str, bool]:
    if name in _AS_WRITTEN:
        return bytes_shown(data, characters_max) if name == "json" else shown(value, characters_max)
    if isinstance(value, str):
        return shown(value, characters_max)
    return shown(json_text(value), characters_max)


@dataclass(frozen=True, slots=True)
class ColumnDecoder:
    """One format for all keys or values of a topic, settled beforehand: for SQL, search and whatever reads millions."""

    format: str
    reason: str
    decode: Decode
    """Raises DecodeFailure."""

    def column(self, data: Sequence[bytes | None]) -> tuple[list[Any], dict[int, str]]:
        """The values, None for None, and by index why one could not be decoded: that one is its bytes as text."""
        decode = self.decode
        values: list[Any] = []
        append = values.append
        errors: dict[int, str] = {}
        for each in data:
            if each is None:
                append(None)
                continue
            try:
                append(decode(each))
            except DecodeFailure as failure:
                errors[len(values)] = str(failure)
                append(bytes_shown(each, None)[0])
        return values, errors


def decoder_for(topic: str, part: Part, samples: Sequence[bytes | None], rules: Rules | None = None) -> ColumnDecoder:
    """The decoder for a whole column, by the rules, or by what the first `SAMPLES_MAX` samples look like together.

    Values of Kafka's own topics need their keys and are decoded one by one (`RecordDecoder`): here they are bytes.
    """
    wanted = (rules or Rules()).of(topic).of(part)
    if wanted in FORMATS:
        return ColumnDecoder(wanted, "asked for", FORMATS[wanted][0])
    if wanted == KAFKA or (wanted == AUTO and topic in INTERNAL_TOPICS):
        if part is Part.KEY:
            return ColumnDecoder(KAFKA, _KAFKAS_OWN, lambda data: _internal(topic, part, data, None))
        return ColumnDecoder(BYTES, "values of this topic are read with their keys", _bytes_text)
    if wanted == BYTES or wanted in REGISTERED:
        reason = "asked for" if wanted == BYTES else "registered schemas are read record by record"
        return ColumnDecoder(BYTES, reason, _bytes_text)
    looked_at = [each for each in samples if each][:SAMPLES_MAX]
    found: dict[str, int] = {}
    for each in looked_at:
        guessed = guess(each[:DECODED_BYTES_MAX], part)
        name = guessed[0] if guessed is not None else BYTES
        found[name] = found.get(name, 0) + 1
    if not found:
        return ColumnDecoder("utf-8", "nothing to judge by", FORMATS["utf-8"][0])
    of = f"of {len(looked_at)} samples" if len(looked_at) > 1 else "of one sample"
    if len(found) == 1:
        name = next(iter(found))
        return ColumnDecoder(name, f"all {of}", FORMATS[name][0] if name in FORMATS else _bytes_text)
    seen = ", ".join(f"{count} {name}" for name, count in sorted(found.items(), key=lambda each: (-each[1], each[0])))
    if BYTES not in found and found.keys() <= {"utf-8", "json"}:
        return ColumnDecoder("utf-8", f"{seen} {of}: text is common to all", FORMATS["utf-8"][0])
    return ColumnDecoder(AUTO, f"{seen} {of}: each is decoded by itself", lambda data: _each(data, part))


def _bytes_text(data: bytes) -> str:
    return bytes_shown(data, None)[0]


def _each(data: bytes, part: Part) -> Any:
    guessed = guess(data, part) if data else None
    return guessed[1] if guessed is not None else _bytes_text(data)
