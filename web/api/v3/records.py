"""Producing: records one after the other for as long as the connection lasts, or a batch of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from console.errors import OperatorError
from console.open_cluster import OpenCluster
from console.records.producer import RecordProducer
from console.records.producing import Delivery, NewRecord
from web.api.answers import to_json
from web.api.errors import ApiError, bad_request
from web.api.json_texts import JsonTexts
from web.api.limits import PRODUCE_BODY_BYTES_MAX, V3_BATCH_ENTRIES_MAX, V3_IN_FLIGHT_MAX
from web.api.names import ClusterId, TopicName
from web.api.operations import Asked, Call, operation
from web.api.reading import check_content
from web.api.refused import refused
from web.api.state import state_of
from web.api.two_way import TwoWay
from web.api.v3.errors import BATCH_ERROR, no_partition, no_payload, unprocessable
from web.api.v3.links import links_of
from web.api.v3.producing import (
    V3EntryBody,
    V3RecordBody,
    entry_refused,
    entry_written,
    new_record,
    not_produced,
    produced,
)
from web.api.v3.shapes import BatchFailure, BatchProduced, BatchSuccess, ProducedData
from web.security.bounds import BodyTooSlow

_TOPIC = "/v3/clusters/{cluster_id}/topics/{topic_name}"

_log = logging.getLogger(__name__)

SEPARATOR = b"\r\n"
"""Between reports, as Confluent's."""


class V3BatchBody(Asked, kw_only=True):
    """Records that are sent together."""

    entries: Annotated[
        list[V3EntryBody], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": V3_BATCH_ENTRIES_MAX})
    ]


class ProduceAsked(Asked, kw_only=True):
    """A topic for records."""

    cluster_id: ClusterId
    topic_name: TopicName


class BatchAsked(ProduceAsked, kw_only=True):
    """A topic, and records for it."""

    body: V3BatchBody


Report = Callable[[], Awaitable[ProducedData]]
"""Waits until it is known what became of a record."""


@operation(
    "POST",
    _TOPIC + "/records",
    tag="v3",
    summary="Produce records",
    changes=True,
    body_bytes_max=PRODUCE_BODY_BYTES_MAX,
    streamed=V3RecordBody,
    media={"application/json": ProducedData},
    statuses={422: "There is no record in the body.", 429: "Too many streams are open."},
)
async def produce_v3_records(call: Call, asked: ProduceAsked) -> Response:
    """One record, or any number of them one after the other, for as long as the connection is kept open (send the body in
    chunks). Each is answered by a report of its own, in the same order and as soon as it is known; the reports are
    JSON texts one after the other, too.

    The status is 200 whatever becomes of the records: that is in the `error_code` of each report, which is 200 for a
    record that was written. What is no JSON ends the body. The topic is created where the brokers create topics on first
    use, as with Kafka's own producers. The audit log has the number of records sent to a topic within a minute.
    """
    links = await links_of(call, asked.cluster_id)
    check_content(call.request)
    state_of(call.cluster).check_streams()
    texts = _Texts(call.request)
    if not await texts.begins():
        raise no_payload()
    return TwoWay(_reports(call.cluster, links.cluster_id, asked.topic_name, texts), "application/json")


class _Texts:
    """The JSON texts of a body, as they come."""

    def __init__(self, request: Request) -> None:
        self._pieces = _pieces(request)
        self._first = b""

    async def begins(self) -> bool:
        """Whether there is anything. Raises ApiError."""
        async for piece in self._pieces:
            if piece.strip():
                self._first = piece
                return True
        return False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Raises ApiError where it is no JSON, too large, or does not come."""
        texts = JsonTexts(PRODUCE_BODY_BYTES_MAX)
        for text in texts.feed(self._first):
            yield text
        async for piece in self._pieces:
            for text in texts.feed(piece):
                yield text
        texts.finish()


async def _pieces(request: Request) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in request.stream():
            yield piece
    except BodyTooSlow as error:
        raise ApiError(408, "no record came for too long", hint="Connect again.") from error
    except ClientDisconnect as error:
        raise bad_request("the body ended early") from error


async def _reports(cluster: OpenCluster, cluster_id: str, topic: str, texts: _Texts) -> AsyncGenerator[bytes, None]:
    """What became of each record. As many as that may wait for their acknowledgement; then no more is read."""
    waiting: asyncio.Queue[Report | None] = asyncio.Queue(V3_IN_FLIGHT_MAX)
    with state_of(cluster).stream():
        reader = asyncio.create_task(_read(cluster, cluster_id, topic, texts, waiting))
        try:
            while (report := await waiting.get()) is not None:
                yield to_json(await report(), exact=False) + SEPARATOR
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


async def _read(
    cluster: OpenCluster, cluster_id: str, topic: str, texts: _Texts, waiting: asyncio.Queue[Report | None]
) -> None:
    """Sends records as they come, and puts their reports, in order; None at the end."""
    try:
        async with state_of(cluster).senders.producer(cluster, topic) as producer:
            sender = _Sender(producer, topic)
            try:
                async for text in texts:
                    await waiting.put(await _report(sender, cluster_id, text))
            except ApiError as error:
                # What was taken before is sent all the same.
                await waiting.put(_known(not_produced(error)))
    except OperatorError as error:
        await waiting.put(_known(not_produced(error)))
    except Exception as error:
        _log.exception("producing to %s failed", topic)
        failure = ApiError(500, "this should not have happened", detail=type(error).__name__)
        await waiting.put(_known(not_produced(failure)))
    await waiting.put(None)


class _Sender:
    """Sends records to one topic, which it learns about when it first has to."""

    def __init__(self, producer: RecordProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._partition_count = 0

    async def send(self, asked: V3RecordBody) -> tuple[NewRecord, Delivery]:
        """Raises ApiError and OperatorError."""
        new = new_record(asked)
        if not self._partition_count or (new.partition or 0) >= self._partition_count:
            self._partition_count = len((await self._producer.prepare(self._topic)).partitions)
        if new.partition is not None and not 0 <= new.partition < self._partition_count:
            raise no_partition(self._topic, new.partition)
        return new, await self._producer.send(self._topic, new)


async def _report(sender: _Sender, cluster_id: str, text: bytes) -> Report:
    try:
        asked = _decode(text)
        new, delivery = await sender.send(asked)
    except (ApiError, OperatorError) as error:
        return _known(not_produced(error))

    async def report() -> ProducedData:
        try:
            return produced(cluster_id, asked, new, await delivery.result())
        except OperatorError as error:
            return not_produced(error)

    return report


def _decode(text: bytes) -> V3RecordBody:
    """Raises ApiError."""
    try:
        return msgspec.json.decode(text, type=V3RecordBody)
    except msgspec.ValidationError as error:
        raise refused(error, V3RecordBody) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"this is not JSON: {error}") from error


def _known(data: ProducedData) -> Report:
    async def report() -> ProducedData:
        return data

    return report


@operation(
    "POST",
    _TOPIC + "/records:batch",
    tag="v3",
    summary="Produce a batch of records",
    status=207,
    changes=True,
    body_bytes_max=PRODUCE_BODY_BYTES_MAX,
    statuses={422: "There is no batch, or its ids are not distinct."},
)
async def produce_v3_batch(call: Call, asked: BatchAsked) -> BatchProduced:
    """Each entry succeeds or fails by itself; those that make no sense are not sent."""
    links = await links_of(call, asked.cluster_id)
    entries = asked.body.entries
    if not entries:
        raise unprocessable("Empty batch.", BATCH_ERROR)
    if len(entries) > V3_BATCH_ENTRIES_MAX:
        raise unprocessable(f"Too many entries in batch: at most {V3_BATCH_ENTRIES_MAX:,}", BATCH_ERROR)
    if len({each.id for each in entries}) < len(entries):
        raise unprocessable("Batch entry IDs are not distinct.", BATCH_ERROR)
    outcomes: dict[str, BatchSuccess | BatchFailure] = {}
    waiting: list[tuple[V3EntryBody, NewRecord, Delivery]] = []
    async with state_of(call.cluster).senders.producer(call.cluster, asked.topic_name) as producer:
        sender = _Sender(producer, asked.topic_name)
        for each in entries:
            try:
                waiting.append((each, *await sender.send(each)))
            except (ApiError, OperatorError) as error:
                outcomes[each.id] = entry_refused(each.id, error)
        for entry, new, delivery in waiting:
            try:
                outcomes[entry.id] = entry_written(links.cluster_id, entry, new, await delivery.result())
            except OperatorError as error:
                outcomes[entry.id] = entry_refused(entry.id, error)
    found = [outcomes[each.id] for each in entries]
    return BatchProduced(
        successes=[each for each in found if isinstance(each, BatchSuccess)],
        failures=[each for each in found if isinstance(each, BatchFailure)],
    )
