"""Producing, with headers, partition, timestamp and tombstones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from console.errors import OperatorError
from console.records.json_form import record_from_json
from console.records.producing import NewRecord
from console.services.topics import existing_topic
from engine.protocol.records.compression import Compression
from web.api.answers import to_json
from web.api.errors import Failure, api_error, bad_request
from web.api.limits import PRODUCE_BODY_BYTES_MAX, PRODUCE_RECORDS_MAX
from web.api.names import Int32, TimeMs, TopicName
from web.api.operations import Asked, Call, operation
from web.api.records.sending import deliver
from web.api.state import state_of

Encoding = Literal["utf-8", "base64"]


class HeaderBody(Asked, kw_only=True):
    """A header; a value of null is null."""

    key: Annotated[str, msgspec.Meta(max_length=32_767)]
    value: str | None = None
    encoding: Encoding | None = None
    key_encoding: Encoding | None = None


class RecordBody(Asked, kw_only=True):
    """A record, in the form in which records are exported. Without value, or with null, it is a tombstone."""

    key: Annotated[Any, msgspec.Meta(description="Text, null, or any JSON, which is sent as its text.")] = None
    value: Annotated[Any, msgspec.Meta(description="As `key`.")] = None
    headers: Annotated[tuple[HeaderBody, ...], msgspec.Meta(max_length=1_000)] = ()
    partition: Int32 | None = None
    timestamp: TimeMs | None = None
    key_encoding: Encoding | None = None
    value_encoding: Encoding | None = None


class RecordsBody(Asked, kw_only=True):
    """Records to send to one topic."""

    records: Annotated[tuple[RecordBody, ...], msgspec.Meta(min_length=1, max_length=PRODUCE_RECORDS_MAX)]
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    acks: Annotated[Literal["all", "leader"], msgspec.Meta(description="Who has it before it counts.")] = "all"


class ProduceAsked(Asked, kw_only=True):
    """A topic, and records for it."""

    topic_name: TopicName
    body: RecordsBody


class ProducedView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a record is, or why it is not. `offset` is -1 where the broker did not say."""

    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    error: Failure | None = None


class ProducedRecords(msgspec.Struct, kw_only=True):
    """What became of the records, in their order."""

    records: list[ProducedView]
    acknowledged: int
    failed: int
    records_max: int


@operation(
    "POST",
    "/api/topics/{topic_name}/records",
    tag="records",
    summary="Produce records",
    changes=True,
    body_bytes_max=PRODUCE_BODY_BYTES_MAX,
)
async def produce_records(call: Call, asked: ProduceAsked) -> ProducedRecords:
    """All of them are checked before the first is sent. The audit log has the number of all that is sent to
    the topic within a minute, not what is in them."""
    body = asked.body
    acks = -1 if body.acks == "all" else 1
    records = [_new(index, each) for index, each in enumerate(body.records)]
    compression = Compression[body.compression.upper()]
    cluster, topic = call.cluster, asked.topic_name
    await existing_topic(cluster.client, topic)
    async with state_of(cluster).senders.producer(cluster, topic, compression=compression, acks=acks) as producer:
        await producer.prepare(topic)
        found = await deliver(producer, topic, records)
    views = []
    for each in found:
        if isinstance(each, OperatorError):
            views.append(ProducedView(error=api_error(each).failure))
        else:
            views.append(ProducedView(partition=each.partition, offset=each.offset, timestamp=each.timestamp))
    failed = sum(each.error is not None for each in views)
    return ProducedRecords(
        records=views, acknowledged=len(views) - failed, failed=failed, records_max=PRODUCE_RECORDS_MAX
    )


def _new(index: int, body: RecordBody) -> NewRecord:
    """Raises ApiError."""
    data: dict[str, Any] = msgspec.to_builtins(body)
    data["headers"] = list(data["headers"])
    for name in ("key", "value"):
        if not isinstance(data[name], str | None):
            if data[f"{name}_encoding"] is not None:
                raise bad_request(f"body.records[{index}]: {name}_encoding goes with text")
            data[name] = to_json(data[name], exact=False).decode()
    try:
        return record_from_json(data)
    except OperatorError as error:
        raise bad_request(f"body.records[{index}]: {error.title}", error.hint) from error
