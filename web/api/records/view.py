"""How a record looks in an answer: decoded, as text that does nothing on a screen, with its headers and its batch."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from console.decoding.decoder import RecordDecoder
from console.decoding.display import bytes_shown
from console.decoding.model import Decoded
from console.output.text import safe
from console.records.json_form import TIMESTAMP_TYPES
from console.records.model import ConsumedRecord
from console.services.partial import Missing

HEADERS_MAX = 1_000
"""Shown of one record."""
HEADER_CHARACTERS_MAX = 1_024


class PartView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key or value."""

    text: str
    """For people: what could act on a screen is written out (`\\u202e`). "null" and "" where there is nothing."""
    format: str
    """json, utf-8, avro, …; null where there is none, empty, bytes where nothing fits."""
    size_bytes: int
    is_preview: bool = False
    """`text` is the beginning only."""
    reason: str = ""
    """Why this format."""
    error: str | None = None
    """Why it could not be decoded as it should have been."""
    schema: dict[str, str | int] | None = None
    """The registered schema it was written with."""
    value: Any = None
    """Decoded, where asked for. Whole numbers beyond 2^53 are strings; of bytes it is their base64."""


class HeaderView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A header; both as text for people."""

    name: str
    text: str
    size_bytes: int
    is_null: bool = False
    is_preview: bool = False


class RecordView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record in a list."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    """ms since 1970"""
    timestamp_type: str
    """create_time or log_append_time"""
    key: PartView
    value: PartView
    headers: list[HeaderView]
    is_tombstone: bool = False
    """It has no value: compaction will forget its key."""
    aborted: bool = False
    """Of a transaction that was aborted."""
    control: str | None = None
    """What the broker wrote here by itself: commit, abort."""


class MissingView(msgspec.Struct, kw_only=True):
    """A part of the answer that nobody gave."""

    what: str
    reason: str


def missing_views(missing: Iterable[Missing]) -> list[MissingView]:
    return [MissingView(what=each.what, reason=each.reason) for each in missing]


async def record_views(
    decoder: RecordDecoder, records: Sequence[ConsumedRecord], characters_max: int, *, values: bool = False
) -> list[RecordView]:
    """Views of records, texts of at most `characters_max` characters; decoded values too, where asked for."""
    await decoder.prepare(records)
    return [record_view(decoder, each, characters_max, values=values) for each in records]


def record_view(
    decoder: RecordDecoder, record: ConsumedRecord, characters_max: int, *, values: bool = False, whole: bool = False
) -> RecordView:
    """One record; `whole` decodes what is large, too."""
    key, value = decoder.record(record, whole=whole)
    return RecordView(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp if record.timestamp >= 0 else None,
        timestamp_type=TIMESTAMP_TYPES[record.timestamp_type],
        key=_part(key, characters_max, values),
        value=_part(value, characters_max, values),
        headers=[_header(name, content) for name, content in record.headers[:HEADERS_MAX]],
        is_tombstone=record.value is None and (record.batch is None or record.batch.control is None),
        aborted=record.batch is not None and record.batch.aborted,
        control=record.batch.control if record.batch is not None else None,
    )


def _part(decoded: Decoded, characters_max: int, values: bool) -> PartView:
    text, is_preview = decoded.text, decoded.is_preview
    if len(text) > characters_max:
        text, is_preview = text[:characters_max] + "…", True
    schema = None
    if decoded.schema is not None:
        each = decoded.schema
        named = {
            "kind": each.kind, "id": each.id, "guid": each.guid, "name": each.name, "subject": each.subject,
            "version": each.version,
        }  # fmt: skip
        schema = {name: item for name, item in named.items() if item is not None}
    return PartView(
        text=text,
        format=decoded.format,
        size_bytes=decoded.size_bytes,
        is_preview=is_preview,
        reason=decoded.reason,
        error=decoded.error,
        schema=schema,
        value=decoded.value if values else None,
    )


def _header(name: str, content: bytes | None) -> HeaderView:
    text, is_preview = ("null", False) if content is None else bytes_shown(content, HEADER_CHARACTERS_MAX)
    shown = safe(name.encode(errors="surrogateescape").decode(errors="backslashreplace"))
    return HeaderView(
        name=shown[:HEADER_CHARACTERS_MAX],
        text=text,
        size_bytes=0 if content is None else len(content),
        is_null=content is None,
        is_preview=is_preview,
    )


class BytesView(msgspec.Struct, kw_only=True):
    """The beginning of a key or value, as it is."""

    base64: str
    shown_bytes: int
    size_bytes: int


def bytes_view(data: bytes | None, bytes_max: int) -> BytesView | None:
    """None for null."""
    if data is None:
        return None
    head = data[:bytes_max]
    return BytesView(base64=base64.b64encode(head).decode(), shown_bytes=len(head), size_bytes=len(data))
