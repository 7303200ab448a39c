"""`/topics/{topic}/produce`: one record as a form. `?again=PARTITION-OFFSET` begins with a record that there is.

A value that is too large for a form stays with the record it is of (`value_of`): it is sent as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.errors import OperatorError
from console.records.json_form import encode_bytes
from console.records.model import ConsumedRecord
from console.records.producing import NewRecord
from engine.protocol.records.compression import Compression
from web.api.records.sending import send
from web.ask import Ask
from web.page import Page, PageRoute
from web.pages.records.asked import read_asked, tabs
from web.pages.records.browsing import crumbs
from web.pages.records.record import found_record

EDITED_BYTES_MAX = 512 * 1024
"""Larger values are not put into the form."""
HEADERS_MAX = 1_000
CODECS = tuple(each.name.lower() for each in Compression)
ENCODINGS = (("utf-8", "Text"), ("base64", "Base64"), ("hex", "Hexadecimal"))


@dataclass(slots=True)
class Typed:
    """The form's fields, as they were typed."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


async def produce(ask: Ask) -> Page | Response:
    topic = ask.part("topic")
    if not ask.is_post:
        values = {
            "key_encoding": "utf-8",
            "value_encoding": "utf-8",
            "compression": "none",
            "partition": ask.get("partition"),
        }
        if again := ask.get("again"):
            values |= form_of(await _record_at(ask, topic, again, "again"), again)
        return _page(ask, topic, Typed(values))
    typed = Typed(await ask.form())
    record = await _read(ask, topic, typed)
    if not typed.errors and record is not None:
        codec = Compression[typed.values.get("compression", "none").upper()]
        try:
            answers = await send(ask.cluster, topic, [record], compression=codec)
        except OperatorError as error:
            answers = [error]
        answer = answers[0]
        if isinstance(answer, OperatorError):
            typed.errors[_field_of(answer)] = f"{answer.title}. {answer.detail or answer.hint}".strip()
        else:
            place = f"{answer.partition}-{answer.offset}"
            again = f"&again={place}" if typed.values.get("stay") else ""
            return RedirectResponse(f"{ask.path()}?sent={quote(place)}{again}", 303)
    return _page(ask, topic, typed)


def _field_of(error: OperatorError) -> str:
    return "partition" if "has no partition" in error.title else ""


def form_of(record: ConsumedRecord, place: str) -> dict[str, str]:
    """The fields that say the same as `record`; not its time, and not its partition."""
    values: dict[str, str] = {"headers": _headers_text(record.headers)}
    for name, data in (("key", record.key), ("value", record.value)):
        if data is None:
            values[f"no_{name}"] = "on"
        elif len(data) > EDITED_BYTES_MAX:
            values[f"{name}_of"] = place
        else:
            text, encoding = encode_bytes(data)
            # A form turns line ends into CR LF and back; what has CR would not survive it.
            if text is not None and encoding == "utf-8" and "\r" in text:
                text, encoding = base64.b64encode(data).decode(), "base64"
            values[name], values[f"{name}_encoding"] = text or "", encoding or "utf-8"
    return values


def _headers_text(headers: list[tuple[str, bytes | None]]) -> str:
    lines = []
    for name, content in headers:
        text, encoding = encode_bytes(content)
        plain = text is not None and encoding == "utf-8" and text.isprintable()
        if content is None:
            lines.append(name)
        elif plain and text is not None and not text.startswith("base64:"):
            lines.append(f"{name}: {text}")
        else:
            lines.append(f"{name}: base64:{base64.b64encode(content).decode()}")
    return "\n".join(lines)


async def _record_at(ask: Ask, topic: str, place: str, name: str) -> ConsumedRecord:
    match = re.fullmatch(r"(\d{1,10})-(\d{1,19})", place, re.ASCII)
    if match is None or int(match[1]) >= 2**31 or int(match[2]) >= 2**63:
        raise HTTPException(400, f"{name} is PARTITION-OFFSET, not {place[:40]!r}")
    return await found_record(ask, topic, int(match[1]), int(match[2]))


async def _read(ask: Ask, topic: str, typed: Typed) -> NewRecord | None:
    """The record that the form describes; None, and errors, when it does not."""
    values, errors = typed.values, typed.errors
    parts: dict[str, bytes | None] = {}
    for name in ("key", "value"):
        if values.get(f"no_{name}"):
            parts[name] = None
        elif place := values.get(f"{name}_of"):
            found = await _record_at(ask, topic, place, f"{name}_of")
            parts[name] = found.key if name == "key" else found.value
        else:
            parts[name] = _bytes(values.get(name, ""), values.get(f"{name}_encoding", "utf-8"), name, errors)
    if parts["key"] == b"" and not values.get("empty_key"):
        parts["key"] = None
    headers = read_headers(values.get("headers", ""), errors)
    partition = _number(values.get("partition", ""), 2**31 - 1, "partition", "A number, or nothing.", errors)
    timestamp = _time(values.get("timestamp", ""), errors)
    if values.get("compression", "none") not in CODECS:
        errors["compression"] = "There is no such codec."
    if errors:
        return None
    return NewRecord(parts["key"], parts["value"], headers, partition, timestamp)


def _bytes(text: str, encoding: str, name: str, errors: dict[str, str]) -> bytes:
    try:
        if encoding == "base64":
            return base64.b64decode("".join(text.split()), validate=True)
        if encoding == "hex":
            return bytes.fromhex("".join(text.split()))
        return text.encode()
    except (binascii.Error, ValueError) as error:
        errors[name] = f"This is not {'base64' if encoding == 'base64' else 'hexadecimal'}: {error}."
        return b""


def read_headers(text: str, errors: dict[str, str]) -> list[tuple[str, bytes | None]]:
    """A header a line: `name: text`, `name: base64:…`, `name` alone for null."""
    headers: list[tuple[str, bytes | None]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name.strip():
            errors["headers"] = f"Line {number} has no name before the colon."
        elif not colon:
            headers.append((name.strip(), None))
        elif value.startswith("base64:"):
            try:
                headers.append((name.strip(), base64.b64decode(value.removeprefix("base64:"), validate=True)))
            except (binascii.Error, ValueError):
                errors["headers"] = f"Line {number} is not base64."
        else:
            headers.append((name.strip(), value.encode()))
    if len(headers) > HEADERS_MAX:
        errors["headers"] = f"At most {HEADERS_MAX:,} headers."
    return headers


def _number(text: str, most: int, name: str, words: str, errors: dict[str, str]) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > most:
        errors[name] = words
        return None
    return int(text)


def _time(text: str, errors: dict[str, str]) -> int | None:
    text = text.strip()
    if not text or text.isdecimal():
        return _number(text, 2**53 - 1, "timestamp", "Milliseconds since 1970, or 2026-05-01T12:00.", errors)
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        errors["timestamp"] = "Milliseconds since 1970, or a time like 2026-05-01T12:00 (local, unless it has a zone)."
        return None


def _page(ask: Ask, topic: str, typed: Typed) -> Page:
    asked = read_asked(ask)
    sent: dict[str, Any] | None = None
    if match := re.fullmatch(r"(\d{1,10})-(\d{1,19})", ask.get("sent"), re.ASCII):
        sent = {
            "partition": int(match[1]),
            "offset": int(match[2]),
            "href": ask.url("topics", topic, "records", int(match[1]), int(match[2])),
        }
    return Page(
        "Produce",
        "pages/produce.html",
        {"values": typed.values, "errors": typed.errors},
        crumbs=crumbs(ask, topic, records=True),
        view={
            "asked": asked,
            "tabs": tabs(ask, asked),
            "values": typed.values,
            "errors": typed.errors,
            "sent": sent,
            "encodings": ENCODINGS,
            "codecs": [(each, each) for each in CODECS],
        },
        status=422 if typed.errors else 200,
        live=False,
    )


PAGES = (PageRoute("/topics/{topic}/produce", produce, methods=("GET", "POST"), suffixes=("json",)),)
