"""Keys and values decoded: one at a time with everything there is to know, or columns of them at full speed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.decoding.choice import guess
from console.decoding.display import bytes_shown, shown
from console.decoding.formats import FORMATS, Decode
from console.decoding.internal import INTERNAL_TOPICS, internal_value
from console.decoding.json_values import json_with_notes
from console.decoding.model import DECODED_BYTES_MAX, TEXT_CHARACTERS_MAX, Decoded, DecodeFailure, Part
from console.decoding.rules import AUTO, BYTES, KAFKA, Rules

SAMPLES_MAX = 100
_KAFKAS_OWN = "one of Kafka's own topics"
_AS_WRITTEN = frozenset({"utf-8", "json"})
"""Formats whose bytes are the best text for people: nothing is reformatted, so nothing is lost."""


class RecordDecoder:
    """Decodes by `rules`."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()

    def decode(
        self, topic: str, part: Part, data: bytes | None, *, key: bytes | None = None, whole: bool = False
    ) -> Decoded:
        """What `data` says; never raises for what is in it.

        `key` is the record's, which values of Kafka's own topics need. `whole`: text of any length and values of any
        size, where otherwise what is large is shown by its beginning.
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
        try:
            name, value, reason = self._find(topic, part, data, key, wanted)
        except DecodeFailure as failure:
            reason = f"{wanted} was asked for" if wanted != AUTO else _KAFKAS_OWN
            return _undecoded(data, characters_max, reason, str(failure))
        if name == BYTES:
            return _undecoded(data, characters_max, reason, None)
        text, is_preview = _text(name, value, data, characters_max)
        return Decoded(name, value, text, reason, len(data), is_preview=is_preview)

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
    if wanted == BYTES:
        return ColumnDecoder(BYTES, "asked for", _bytes_text)
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
