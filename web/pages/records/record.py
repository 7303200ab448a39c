"""`/topics/{topic}/records/{partition}/{offset}`: one record with everything that is known of it.

The page has the beginning of key and value; what is large is fetched by the page's script, in pieces (`record.js`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException

from console.decoding.model import Part
from console.records.browse import find_record
from console.records.decoded import ShownPart, ShownRecord, show_records
from console.records.model import ConsumedRecord, Visibility
from web.ask import Ask
from web.page import Page, PageRoute
from web.pages.records.asked import address, read_asked, tabs
from web.pages.records.browsing import crumbs

FIRST_BYTES = 2_048
"""Of key and value, in the page's hexadecimal."""
WHOLE_BYTES_MAX = 256 * 1024
"""What is larger comes in pieces; the page has its beginning."""
PATH = "/topics/{topic}/records/{partition}/{offset}"


def place_of(ask: Ask) -> tuple[str, int, int]:
    """Topic, partition and offset of the address. Raises HTTPException."""
    numbers = []
    for name, bound in (("partition", 2**31), ("offset", 2**63)):
        text = ask.part(name)
        if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) >= bound:
            raise HTTPException(404, f"{text[:40]!r} is no {name}")
        numbers.append(int(text))
    return ask.part("topic"), numbers[0], numbers[1]


async def found_record(ask: Ask, topic: str, partition: int, offset: int) -> ConsumedRecord:
    """That record, transaction markers included. Raises HTTPException 404 and OperatorError."""
    visible = Visibility(read_committed=False, markers=True)
    found = await find_record(ask.cluster.client, topic, partition, offset, visibility=visible)
    if found is None:
        raise HTTPException(
            404,
            f"There is no record at offset {offset} of {topic}-{partition}: it was compacted, deleted, or is to come.",
        )
    return found


async def record(ask: Ask) -> Page:
    """The page; its `.json` has key and value as far as they are shown."""
    topic, partition, offset = place_of(ask)
    found = await found_record(ask, topic, partition, offset)
    small = len(found.key or b"") + len(found.value or b"") <= WHOLE_BYTES_MAX
    shown = (await show_records([found], ask.cluster.decoder, whole=small))[0]
    parts = await asyncio.to_thread(lambda: [_part(found, shown, each) for each in (Part.KEY, Part.VALUE)])
    batch = found.batch
    data: dict[str, Any] = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": found.timestamp if found.timestamp >= 0 else None,
        "timestamp_type": found.timestamp_type.name.lower(),
        "is_tombstone": found.value is None and shown.control is None,
        "aborted": shown.is_aborted,
        "control": shown.control,
        "headers": [
            {"name": each.name, "text": each.text, "size_bytes": each.size_bytes, "is_truncated": each.is_truncated}
            for each in shown.headers
        ],
        "headers_count": shown.headers_count,
        "key": _json(shown.key),
        "value": _json(shown.value),
        "batch": None
        if batch is None
        else {
            "base_offset": batch.base_offset,
            "leader_epoch": batch.leader_epoch,
            "producer_id": batch.producer_id,
            "producer_epoch": batch.producer_epoch,
            "sequence": batch.sequence(offset),
            "is_transactional": batch.is_transactional,
            "compression": batch.compression,
            "size_bytes": batch.size_bytes,
        },
    }
    asked = read_asked(ask)
    return Page(
        f"{topic}-{partition} @ {offset}",
        "pages/record.html",
        data,
        crumbs=crumbs(ask, topic, records=True),
        view={
            "asked": asked,
            "tabs": tabs(ask, asked),
            "parts": parts,
            "api": f"{ask.base}/api/topics/{topic}/partitions/{partition}/records/{offset}",
            "before": ask.url("topics", topic, "records", partition, offset - 1) if offset else "",
            "after": ask.url("topics", topic, "records", partition, offset + 1),
            "around": address(ask.url("topics", topic, "records"), {"partition": partition, "start": offset}),
            "again": address(ask.url("topics", topic, "produce"), {"again": f"{partition}-{offset}"}),
        },
        live=False,
    )


def _part(found: ConsumedRecord, shown: ShownRecord, part: Part) -> dict[str, Any]:
    data = found.key if part is Part.KEY else found.value
    each = shown.key if part is Part.KEY else shown.value
    raw = data or b""
    return {
        "name": part.value,
        "title": part.value.capitalize(),
        "shown": each,
        "is_null": data is None,
        "schema": None if each.schema is None else each.schema.to_json(),
        "hex": hex_lines(raw[:FIRST_BYTES]),
        "hex_bytes": min(len(raw), FIRST_BYTES),
        # JSON as it was written is the tree's source; of other formats what they decode to is.
        "source": "raw" if each.format in ("json", "utf-8", "bytes") or each.is_truncated else "text",
        "text": each.text,
        "is_tree": _looks_like_tree(each, raw),
    }


def _looks_like_tree(part: ShownPart, raw: bytes) -> bool:
    if part.format in ("json", "utf-8") or part.is_truncated:
        return raw[:64].lstrip()[:1] in (b"{", b"[")
    return part.format not in ("bytes", "null", "empty") and part.text[:1] in ("{", "[")


def _json(part: ShownPart) -> dict[str, Any]:
    return {
        "text": part.text,
        "format": part.format,
        "reason": part.reason,
        "error": part.error,
        "size_bytes": part.size_bytes,
        "is_truncated": part.is_truncated,
        "schema": None if part.schema is None else part.schema.to_json(),
    }


def hex_lines(data: bytes) -> str:
    """Sixteen bytes a line: offset, hexadecimal, and what is printable ASCII."""
    lines = []
    for start in range(0, len(data), 16):
        piece = data[start : start + 16]
        pairs = " ".join(f"{byte:02x}" for byte in piece)
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        lines.append(f"{start:08x}  {pairs:<47}  {text}")
    return "\n".join(lines)


PAGES = (PageRoute(PATH, record, suffixes=("json",)),)
