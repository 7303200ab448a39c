"""How a record looks in an answer: decoded, as text that does nothing on a screen, with its headers and its batch."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from console.decoding.decoder import RecordDecoder
from console.records.decoded import ShownHeader, ShownPart, ShownRecord, show_records
from console.records.json_form import TIMESTAMP_TYPES
from console.records.model import ConsumedRecord
from console.services.partial import Missing
from web.api.limits import RECORD_VALUE_BYTES_MAX

HEADERS_MAX = 1_000
"""Shown of one record."""


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
    """Decoded, where asked for and not too large. Whole numbers beyond 2^53 are strings; of bytes it is their base64."""


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
    """The first of them: 100 in a list, 1,000 in a record in full."""
    headers_count: int = 0
    """Of all of them."""
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
    return [record_view(each, characters_max, values=values) for each in await show_records(records, decoder)]


def record_view(shown: ShownRecord, characters_max: int, *, values: bool = False) -> RecordView:
    """One record."""
    record = shown.record
    return RecordView(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp if record.timestamp >= 0 else None,
        timestamp_type=TIMESTAMP_TYPES[record.timestamp_type],
        key=_part(shown.key, characters_max, values),
        value=_part(shown.value, characters_max, values),
        headers=[_header(each) for each in shown.headers[:HEADERS_MAX]],
        headers_count=shown.headers_count,
        is_tombstone=record.value is None and shown.control is None,
        aborted=shown.is_aborted,
        control=shown.control,
    )


def _part(part: ShownPart, characters_max: int, values: bool) -> PartView:
    text, is_preview = part.text, part.is_truncated
    if len(text) > characters_max:
        text, is_preview = text[:characters_max] + "…", True
    schema = None
    if part.schema is not None:
        schema = {name: each for name, each in asdict(part.schema).items() if each is not None}
    return PartView(
        text=text,
        format=part.format,
        size_bytes=part.size_bytes,
        is_preview=is_preview,
        reason=part.reason,
        error=part.error,
        schema=schema,
        value=part.value if values and part.size_bytes <= RECORD_VALUE_BYTES_MAX else None,
    )


def _header(header: ShownHeader) -> HeaderView:
    return HeaderView(
        name=header.name,
        text="null" if header.text is None else header.text,
        size_bytes=header.size_bytes,
        is_null=header.text is None,
        is_preview=header.is_truncated,
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
