"""Producing: one record, or a batch of them."""

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
from web.api.limits import PRODUCE_BODY_BYTES_MAX, V3_BATCH_ENTRIES_MAX
from web.api.names import ClusterId, Int32, TopicName
from web.api.operations import Asked, Call, operation
from web.api.records.sending import send
from web.api.v3.links import links_of
from web.api.v3.shapes import BatchFailure, BatchProduced, BatchSuccess, ProducedData, WrittenPart

_TOPIC = "/v3/clusters/{cluster_id}/topics/{topic_name}"


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

    partition_id: Int32 | None = None
    headers: Annotated[tuple[V3HeaderBody, ...], msgspec.Meta(max_length=1_000)] = ()
    key: V3PartBody | None = None
    value: V3PartBody | None = None
    timestamp: Annotated[str, msgspec.Meta(max_length=40, description="ISO 8601")] | None = None


class V3EntryBody(V3RecordBody, kw_only=True):
    """A record of a batch; `id` says in the answer which it was."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class V3BatchBody(Asked, kw_only=True):
    """Records that are sent together."""

    entries: Annotated[list[V3EntryBody], msgspec.Meta(min_length=1, max_length=V3_BATCH_ENTRIES_MAX)]


class ProduceAsked(Asked, kw_only=True):
    """A topic, and a record for it."""

    cluster_id: ClusterId
    topic_name: TopicName
    body: V3RecordBody


class BatchAsked(Asked, kw_only=True):
    """A topic, and records for it."""

    cluster_id: ClusterId
    topic_name: TopicName
    body: V3BatchBody


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


def _new(record: V3RecordBody) -> NewRecord:
    headers = [
        (each.name, None if each.value is None else _base64(each.value, f"header {each.name!r}"))
        for each in record.headers
    ]
    timestamp = None if record.timestamp is None else _time_ms(record.timestamp)
    return NewRecord(_part(record.key, "key"), _part(record.value, "value"), headers, record.partition_id, timestamp)


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


@operation(
    "POST",
    _TOPIC + "/records",
    tag="v3",
    summary="Produce a record",
    changes=True,
    body_bytes_max=PRODUCE_BODY_BYTES_MAX,
)
async def produce_v3_record(call: Call, asked: ProduceAsked) -> ProducedData:
    """One record per request; `records:batch` takes many. Several JSON texts in one body are not taken."""
    links = await links_of(call, asked.cluster_id)
    new = _new(asked.body)
    (found,) = await send(call.cluster, asked.topic_name, [new])
    if isinstance(found, OperatorError):
        raise found
    return ProducedData(
        error_code=200,
        cluster_id=links.cluster_id,
        topic_name=found.topic,
        partition_id=found.partition,
        offset=found.offset,
        timestamp=_time_text(found.timestamp),
        key=_written(asked.body.key, new.key),
        value=_written(asked.body.value, new.value),
    )


@operation(
    "POST",
    _TOPIC + "/records:batch",
    tag="v3",
    summary="Produce records",
    status=207,
    changes=True,
    body_bytes_max=PRODUCE_BODY_BYTES_MAX,
)
async def produce_v3_batch(call: Call, asked: BatchAsked) -> BatchProduced:
    """Each entry succeeds or fails by itself; those that make no sense are not sent."""
    links = await links_of(call, asked.cluster_id)
    entries = asked.body.entries
    if len({each.id for each in entries}) < len(entries):
        raise bad_request("body.entries: every id must be another one")
    failures: dict[str, ApiError] = {}
    wanted: list[tuple[V3EntryBody, NewRecord]] = []
    for each in entries:
        try:
            wanted.append((each, _new(each)))
        except ApiError as error:
            failures[each.id] = error
    found = await send(call.cluster, asked.topic_name, [new for _, new in wanted])
    successes = []
    for (entry, new), outcome in zip(wanted, found, strict=True):
        if isinstance(outcome, ProducedRecord):
            successes.append(
                BatchSuccess(
                    id=entry.id,
                    cluster_id=links.cluster_id,
                    topic_name=outcome.topic,
                    partition_id=outcome.partition,
                    offset=outcome.offset,
                    timestamp=_time_text(outcome.timestamp),
                    key=_written(entry.key, new.key),
                    value=_written(entry.value, new.value),
                )
            )
        else:
            failures[entry.id] = api_error(outcome)
    return BatchProduced(
        successes=successes,
        failures=[
            BatchFailure(
                id=each.id,
                error_code=failures[each.id].failure.error_code,
                message=f"{failures[each.id].failure.message} {failures[each.id].failure.detail}".strip(),
            )
            for each in entries
            if each.id in failures
        ],
    )
