"""A record as Confluent's clients send it, and what they are told of it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from console.errors import OperatorError
from console.records.producing import NewRecord, ProducedRecord
from web.api.answers import to_json
from web.api.errors import ApiError, api_error, bad_request
from web.api.operations import Asked
from web.api.v3.errors import as_confluent
from web.api.v3.shapes import BatchFailure, BatchSuccess, ProducedData, WrittenPart


class V3PartBody(Asked, kw_only=True):
    """A key or value: BINARY is base64, STRING text, JSON any JSON. Schemas of a registry are not taken here."""

    type: Literal["BINARY", "JSON", "STRING"] | None = None
    data: Any = None


class V3HeaderBody(Asked, kw_only=True):
    """A header; the value is base64."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32_767)]
    value: str | None = None


class V3RecordBody(Asked, kw_only=True):
    """A record. Without `value`, or with null in it, it is a tombstone."""

    partition_id: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    headers: Annotated[tuple[V3HeaderBody, ...], msgspec.Meta(max_length=1_000)] = ()
    key: V3PartBody | None = None
    value: V3PartBody | None = None
    timestamp: Annotated[str, msgspec.Meta(max_length=40, description="ISO 8601")] | None = None


class V3EntryBody(V3RecordBody, kw_only=True):
    """A record of a batch; `id` says in the answer which it was."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


def new_record(record: V3RecordBody) -> NewRecord:
    """Raises ApiError."""
    headers = [
        (each.name, None if each.value is None else _base64(each.value, f"header {each.name!r}"))
        for each in record.headers
    ]
    timestamp = None if record.timestamp is None else _time_ms(record.timestamp)
    return NewRecord(_part(record.key, "key"), _part(record.value, "value"), headers, record.partition_id, timestamp)


def _part(part: V3PartBody | None, what: str) -> bytes | None:
    if part is None or part.data is None:
        return None
    match part.type:
        case "JSON":
            return to_json(part.data, exact=False)
        case "STRING":
            if not isinstance(part.data, str):
                raise bad_request(f"{what}: the data of a STRING is text")
            return part.data.encode()
        case "BINARY":
            return _base64(part.data, what)
    raise bad_request(
        f"{what}: its type is missing", "BINARY, JSON or STRING; schemas of a registry are not taken here."
    )


def _base64(data: Any, what: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise bad_request(f"{what} is not base64: {error}") from error


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        ms = round((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"timestamp: {text!r} is not a time in ISO 8601") from error
    if ms < 0:
        raise bad_request(f"timestamp: {text!r} is before 1970")
    return ms


def _time_text(ms: int) -> str | None:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _written(part: V3PartBody | None, data: bytes | None) -> WrittenPart | None:
    if data is None or part is None:
        return None
    return WrittenPart(size=len(data), type=part.type)


def _where(cluster_id: str, asked: V3RecordBody, new: NewRecord, found: ProducedRecord) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id,
        "topic_name": found.topic,
        "partition_id": found.partition,
        "offset": found.offset,
        "timestamp": _time_text(found.timestamp),
        "key": _written(asked.key, new.key),
        "value": _written(asked.value, new.value),
    }


def produced(cluster_id: str, asked: V3RecordBody, new: NewRecord, found: ProducedRecord) -> ProducedData:
    """The report of a record that was written."""
    return ProducedData(error_code=200, **_where(cluster_id, asked, new, found))


def entry_written(cluster_id: str, asked: V3EntryBody, new: NewRecord, found: ProducedRecord) -> BatchSuccess:
    """The same of an entry of a batch."""
    return BatchSuccess(id=asked.id, **_where(cluster_id, asked, new, found))


def not_produced(error: ApiError | OperatorError) -> ProducedData:
    """The report of a record that was not written."""
    failure = as_confluent(api_error(error) if isinstance(error, OperatorError) else error).failure
    return ProducedData(error_code=failure.error_code, message=failure.message)


def entry_refused(name: str, error: ApiError | OperatorError) -> BatchFailure:
    """The same of an entry of a batch."""
    failure = as_confluent(api_error(error) if isinstance(error, OperatorError) else error).failure
    return BatchFailure(id=name, error_code=failure.error_code, message=failure.message)
