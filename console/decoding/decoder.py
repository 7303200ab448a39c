"""Keys and values decoded: one at a time with everything there is to know, or columns of them at full speed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.decoding.choice import guess
from console.decoding.display import bytes_shown, shown
from console.decoding.formats import FORMATS, NUMBERS, Decode
from console.decoding.internal import INTERNAL_TOPICS, internal_value
from console.decoding.json_values import json_with_notes
from console.decoding.model import DECODED_BYTES_MAX, TEXT_CHARACTERS_MAX, Decoded, DecodeFailure, Part
from console.decoding.rules import AUTO, BYTES, KAFKA, REGISTERED, Rules
from console.decoding.wire_format import written_with

if TYPE_CHECKING:
    from console.decoding.registered import RegisteredSchemas
    from console.records.model import ConsumedRecord

SAMPLES_MAX = 100
_KAFKAS_OWN = "one of Kafka's own topics"
_AS_WRITTEN = frozenset({"utf-8", "json"})
"""Formats whose bytes are the best text for people: nothing is reformatted, so nothing is lost."""


class RecordDecoder:
    """Decodes by `rules`, and with the `schemas` of a registry where there is one."""

    def __init__(self, rules: Rules | None = None, schemas: RegisteredSchemas | None = None) -> None:
        self._rules = rules or Rules()
        self._schemas = schemas

    async def prepare(self, records: Iterable[ConsumedRecord]) -> None:
        """Asks the registry for the schemas that `records` need and that are not known yet; never raises."""
        if self._schemas is None:
            return
        wanted = []
        for record in records:
            rules = self._rules.of(record.topic)
            for part, data in ((Part.KEY, record.key), (Part.VALUE, record.value)):
                if data and _may_be_registered(record.topic, rules.of(part)):
                    wanted.append(written_with(data, part, record.headers))
        await self._schemas.prepare(wanted)

    def record(self, record: ConsumedRecord, *, whole: bool = False) -> tuple[Decoded, Decoded]:
        """Key and value of `record`, see `decode`. Schemas that `prepare` has not fetched count as errors."""
        return (
            self.decode(record.topic, Part.KEY, record.key, headers=record.headers, whole=whole),
            self.decode(record.topic, Part.VALUE, record.value, key=record.key, headers=record.headers, whole=whole),
        )

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
        if data is None:
            return Decoded("null", None, "null", "no bytes: a tombstone" if part is Part.VALUE else "no key", 0)
        wanted = self._rules.of(topic).of(part)
        if not data and wanted not in ("hex", "base64"):
            return Decoded("empty", "", "", "0 bytes", 0)
        characters_max = None if whole else TEXT_CHARACTERS_MAX
        if len(data) > DECODED_BYTES_MAX and not whole:
            text, _ = bytes_shown(data, characters_max)
            reason = f"{len(data):,} bytes: only the beginning is shown until the whole is asked for"
            return Decoded(BYTES, None, text, reason, len(data), is_preview=True)
        failed: str | None = None
        if _may_be_registered(topic, wanted):
            found = self._registered(part, data, headers, wanted, characters_max)
            if isinstance(found, Decoded):
                return found
            failed = found
            if wanted != AUTO:
                return _undecoded(data, characters_max, f"{wanted} was asked for", failed)
        try:
            name, value, reason = self._find(topic, part, data, key, wanted)
        except DecodeFailure as failure:
            reason = f"{wanted} was asked for" if wanted != AUTO else _KAFKAS_OWN
            return _undecoded(data, characters_max, reason, str(failure))
        if name == BYTES or (failed is not None and name not in NUMBERS):
            return _undecoded(data, characters_max, reason if failed is None else "it names a schema", failed)
        if failed is not None:
            # Numbers begin with zeros too.
            reason += f"; not by a schema: {failed}"
        text, is_preview = _text(name, value, data, characters_max)
        return Decoded(name, value, text, reason, len(data), is_preview=is_preview)

    def _registered(
        self,
        part: Part,
        data: bytes,
        headers: Sequence[tuple[str, bytes | None]],
        wanted: str,
        characters_max: int | None,
    ) -> Decoded | str | None:
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
        text, is_preview = _text(name, value, data, characters_max)
        reason = f"schema {written.identity} {where}"
        return Decoded(name, value, text, reason, len(data), schema=schema, is_preview=is_preview)

    def _find(self, topic: str, part: Part, data: bytes, key: bytes | None, wanted: str) -> tuple[str, Any, str]:
        if wanted == BYTES:
            return BYTES, None, "bytes were asked for"
        if wanted == KAFKA or (wanted == AUTO and topic in INTERNAL_TOPICS):
            if topic not in INTERNAL_TOPICS:
                raise DecodeFailure(f"{topic} is none of Kafka's own topics")
            return KAFKA, internal_value(topic, part, data, key), _KAFKAS_OWN
        if wanted == AUTO:
            return guess(data, part) or (BYTES, None, "looks like no known format")
        if wanted == "json":
            value, notes = json_with_notes(data)
            return wanted, value, "; ".join(["asked for", *notes])
        return wanted, FORMATS[wanted][0](data), "asked for"


def _may_be_registered(topic: str, wanted: str) -> bool:
    return wanted in REGISTERED or (wanted == AUTO and topic not in INTERNAL_TOPICS)


def _undecoded(data: bytes, characters_max: int | None, reason: str, error: str | None) -> Decoded:
    text, is_preview = bytes_shown(data, characters_max)
    value = base64.b64encode(data).decode("ascii")
    return Decoded(BYTES, value, text, reason, len(data), error, is_preview=is_preview)


def _text(name: str, value: Any, data: bytes, characters_max: int | None) -> tuple[str, bool]:
    if name in _AS_WRITTEN:
        return bytes_shown(data, characters_max) if name == "json" else shown(value, characters_max)
    if isinstance(value, str):
        return shown(value, characters_max)
    return shown(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")), characters_max)


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
            return ColumnDecoder(KAFKA, _KAFKAS_OWN, lambda data: internal_value(topic, part, data, None))
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
