"""Records as JSON objects, out and in again: what `tail -o jsonl` writes, `produce --json` reads.

Bytes that are UTF-8 are strings; anything else is base64, and says so in `key_encoding`, `value_encoding` or a header's
`encoding`, so that every record survives the way there and back.

What a decoder reads stands beside them: `value_decoded` (structure, as JSON has it), `value_format`, `value_reason` and,
where a registry has one, `value_schema`; the same of the key; `decode_error` where something could not be decoded.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.records.model import ConsumedRecord
from console.records.producing import NewRecord

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

TIMESTAMP_TYPES = ("create_time", "log_append_time")

_INPUT_KEYS = frozenset({"key", "value", "headers", "partition", "timestamp", "key_encoding", "value_encoding"})
DECODED_KEYS = (
    *(f"{part}_{what}" for part in ("key", "value") for what in ("decoded", "format", "reason", "schema")),
    "decode_error",
)
"""What only a decoder adds."""
_OUTPUT_ONLY_KEYS = frozenset({"topic", "offset", "timestamp_type", "aborted", *DECODED_KEYS})


def encode_bytes(data: bytes | None) -> tuple[str | None, str | None]:
    """`data` as text, and how: "utf-8" or "base64"; None and None for null."""
    if data is None:
        return None, None
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii"), "base64"


def record_to_json(record: ConsumedRecord, decoder: RecordDecoder | None = None) -> dict[str, Any]:
    """The record as an object of plain values, keys in a fixed order; `control` and `aborted` only where they are so.

    `decoder` adds `DECODED_KEYS`: of topics that it was asked for (`RecordDecoder.is_asked`) for every key and value, of
    others for those that are no text: no UTF-8, or with zero bytes. Schemas must have been prepared.
    """
    key, key_encoding = encode_bytes(record.key)
    value, value_encoding = encode_bytes(record.value)
    headers = []
    for name, content in record.headers:
        text, encoding = encode_bytes(content)
        header = {"key": name, "value": text, "encoding": encoding}
        if not name.isascii() and (raw := name.encode(errors="surrogateescape")).decode(errors="replace") != name:
            header["key"] = base64.b64encode(raw).decode("ascii")
            header["key_encoding"] = "base64"
        headers.append(header)
    row = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestamp_type": TIMESTAMP_TYPES[record.timestamp_type],
        "key": key,
        "value": value,
        "headers": headers,
        "key_encoding": key_encoding,
        "value_encoding": value_encoding,
    }
    if record.batch is not None and record.batch.control is not None:
        row["control"] = record.batch.control
    elif decoder is not None:
        asked = decoder.is_asked(record.topic)
        # Said twice (`_is_plain`), because calls are what takes time here.
        if (
            asked
            or (key is not None and (key_encoding != "utf-8" or "\0" in key))
            or (value is not None and (value_encoding != "utf-8" or "\0" in value))
        ):
            _add_decoded(row, record, decoder, asked)
    if record.batch is not None and record.batch.aborted:
        row["aborted"] = True
    return row


def _is_plain(text: str | None, encoding: str | None) -> bool:
    return text is None or (encoding == "utf-8" and "\0" not in text)


def _add_decoded(row: dict[str, Any], record: ConsumedRecord, decoder: RecordDecoder, asked: bool) -> None:
    from console.decoding.model import Part

    errors = []
    for part in Part:
        name = part.value
        data = record.key if part is Part.KEY else record.value
        if not data or (not asked and _is_plain(row[name], row[f"{name}_encoding"])):
            continue
        found = decoder.find(record.topic, part, data, key=record.key, headers=record.headers)
        row[f"{name}_decoded"] = found.value
        row[f"{name}_format"] = found.format
        row[f"{name}_reason"] = found.reason
        if found.schema is not None:
            row[f"{name}_schema"] = found.schema.to_json()
        if found.error is not None or found.format == "bytes":
            errors.append(f"{name}: {found.error or found.reason}")
    if errors:
        row["decode_error"] = "; ".join(errors)


def json_line(row: dict[str, Any]) -> bytes:
    """The object as one line; integers of any size are written whole."""
    import msgspec

    try:
        return msgspec.json.encode(row)
    except OverflowError:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def record_from_json(text: str | bytes | dict[str, Any]) -> NewRecord:
    """The record that a JSON object describes, in its text or decoded.

    `key` and `value` may be strings, null, or any JSON (sent as its text); `headers` an object, or a list of objects
    with key and value; `partition` and `timestamp` (ms) numbers. `topic`, `offset` and `timestamp_type` are passed over.
    Raises OperatorError.
    """
    try:
        data = text if isinstance(text, dict) else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise OperatorError("not a JSON object", hint='Like {"key": "k", "value": "v", "headers": {"h": "x"}}.')
    if data.get("control") is not None:
        raise OperatorError(f"a control record ({data['control']}), which only brokers write")
    unknown = sorted(set(data) - {"control"} - _INPUT_KEYS - _OUTPUT_ONLY_KEYS)
    if unknown:
        raise OperatorError(f"unknown key {unknown[0]!r}", hint=f"Known: {', '.join(sorted(_INPUT_KEYS))}.")
    for name in ("partition", "timestamp"):
        number = data.get(name)
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise OperatorError(f"{name} is not a whole number")
    return NewRecord(
        _decode(data.get("key"), data.get("key_encoding"), "key"),
        _decode(data.get("value"), data.get("value_encoding"), "value"),
        _headers(data.get("headers")),
        data.get("partition"),
        data.get("timestamp"),
    )


def _headers(headers: Any) -> list[tuple[str, bytes | None]]:
    if headers is None:
        return []
    if isinstance(headers, dict):
        return [(_header_name(name, None), _decode(value, None, f"header {name}")) for name, value in headers.items()]
    if isinstance(headers, list) and all(
        isinstance(each, dict) and isinstance(each.get("key"), str) for each in headers
    ):
        return [
            (
                _header_name(each["key"], each.get("key_encoding")),
                _decode(each.get("value"), each.get("encoding"), f"header {each['key']}"),
            )
            for each in headers
        ]
    raise OperatorError("headers are neither an object nor a list of objects with key and value")


def _header_name(name: str, encoding: Any) -> str:
    data = _decode(name, encoding, "header name")
    assert data is not None
    return data.decode(errors="surrogateescape")


def _decode(value: Any, encoding: Any, what: str) -> bytes | None:
    if value is None:
        return None
    if encoding == "base64":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise OperatorError(f"{what} is not base64: {error}") from error
    if encoding not in (None, "utf-8"):
        raise OperatorError(f"{what}: unknown encoding {encoding!r}", hint="utf-8 or base64.")
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise OperatorError(f"{what} cannot be written in UTF-8: {error.reason}") from error
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
