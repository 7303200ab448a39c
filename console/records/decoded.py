"""Records ready for display, for every face that is not a terminal line: what the web and the TUI put into their cells.

The contract: `show_records` takes raw records, as `browse`, `search` and `follow` give them, and a `RecordDecoder`
(`console.target.Target.decoder`, `OpenCluster.decoder`), and returns one `ShownRecord` for each, in the same order.

- It never raises for what is in a record or for a schema registry that does not answer: the bytes are shown, with `error`.
- Every `text`, name and error is harmless on a terminal: control characters, escape sequences and direction marks are
  written out (`console.output.text.safe`). It is not HTML: a template still has to escape it.
- Text is cut at `model.TEXT_CHARACTERS_MAX` characters, and what is larger than `model.DECODED_BYTES_MAX` is not decoded:
  `is_truncated` says so, `whole=True` shows all of it. At most `HEADERS_MAX` headers are shown; `headers_count` counts all.
- `value` has what JSON can hold, for trees and for copying; it is not made harmless. Integers are whole: JavaScript loses
  those beyond 2^53, `text` does not.
- The registry is asked at most once for each schema, all records of a call together; nothing else is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.decoding.decoder import RecordDecoder
from console.decoding.display import bytes_shown
from console.decoding.model import TEXT_CHARACTERS_MAX, Decoded, SchemaUsed
from console.output.text import safe
from console.records.model import ConsumedRecord

HEADERS_MAX = 100
_HEADER_CHARACTERS_MAX = 1_000
_ERROR_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A key or value."""

    text: str
    """For display; "null" and "" for none and for empty, which `format` tells apart from such text."""
    format: str
    """One of `decoding.formats`, "avro", "protobuf", "json-schema", "kafka", or "null", "empty", "bytes"."""
    reason: str
    """Why that format."""
    error: str | None
    """Why it could not be decoded as it should have been; then it is shown as bytes."""
    size_bytes: int
    is_truncated: bool
    value: Any
    """The structure, base64 of "bytes"; None where only the beginning was looked at."""
    schema: SchemaUsed | None


@dataclass(frozen=True, slots=True)
class ShownHeader:
    """A header. `text` is None for null."""

    name: str
    text: str | None
    size_bytes: int
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record; `record` is the raw one, for its place, time, batch and bytes."""

    record: ConsumedRecord
    key: ShownPart
    value: ShownPart
    headers: tuple[ShownHeader, ...]
    headers_count: int
    is_aborted: bool
    control: str | None
    """ "commit", "abort", … for what the broker wrote by itself."""


async def show_records(
    records: Sequence[ConsumedRecord], decoder: RecordDecoder, *, whole: bool = False
) -> list[ShownRecord]:
    """The records, decoded and ready for display; see the module for what is promised."""
    await decoder.prepare(records)
    return [_shown(record, decoder, whole) for record in records]


def show_record(record: ConsumedRecord, decoder: RecordDecoder, *, whole: bool = False) -> ShownRecord:
    """One record whose schemas were prepared (`RecordDecoder.prepare`). Waits for nothing, so that what is large can be
    shown by a thread."""
    return _shown(record, decoder, whole)


def _shown(record: ConsumedRecord, decoder: RecordDecoder, whole: bool) -> ShownRecord:
    control = record.batch.control if record.batch is not None else None
    key, value = decoder.record(record, whole=whole)
    headers = record.headers if whole else record.headers[:HEADERS_MAX]
    return ShownRecord(
        record,
        _part(key),
        _part(value),
        tuple(_header(name, content, whole) for name, content in headers),
        len(record.headers),
        record.batch is not None and record.batch.aborted,
        control,
    )


def _part(decoded: Decoded) -> ShownPart:
    error = decoded.error
    return ShownPart(
        decoded.text,
        decoded.format,
        safe(decoded.reason[:_ERROR_CHARACTERS_MAX]),
        None if error is None else safe(error[:_ERROR_CHARACTERS_MAX]),
        decoded.size_bytes,
        decoded.is_preview,
        decoded.value,
        decoded.schema,
    )


def _header(name: str, content: bytes | None, whole: bool) -> ShownHeader:
    characters_max = None if whole else min(_HEADER_CHARACTERS_MAX, TEXT_CHARACTERS_MAX)
    shown_name = safe(name if whole else name[:_HEADER_CHARACTERS_MAX])
    if content is None:
        return ShownHeader(shown_name, None, 0, False)
    text, is_cut = bytes_shown(content, characters_max)
    return ShownHeader(shown_name, text, len(content), is_cut)
