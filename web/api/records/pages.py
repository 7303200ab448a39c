"""Pages of records, and one record in full."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from console.open_cluster import OpenCluster
from console.records.browse import BrowseRequest, Cursor, browse, find_record
from console.records.decoded import show_record
from console.records.model import ConsumedRecord, Visibility
from web.api.answers import NEVER_KEPT, view_of
from web.api.errors import bad_request, not_found
from web.api.limits import (
    BROWSE_RECORDS_MAX,
    CURSOR_CHARACTERS_MAX,
    RECORD_BYTES_SHOWN_MAX,
    RECORD_DECODED_BYTES_MAX,
    RECORD_TEXT_CHARACTERS_MAX,
)
from web.api.names import Offset, PartitionId, Place, TopicName, place
from web.api.operations import Asked, Call, operation
from web.api.records.asked import (
    AllPartitions,
    Characters,
    Filters,
    Isolation,
    Key,
    Partitions,
    Topics,
    Values,
    filter_of_words,
    visibility,
)
from web.api.records.view import (
    BytesView,
    MissingView,
    RecordView,
    bytes_view,
    missing_views,
    record_view,
    record_views,
)


class BrowseAsked(Asked, kw_only=True):
    """Which page."""

    topic: Topics
    start: Place = "end"
    newest_first: Annotated[bool, msgspec.Meta(description="Backwards from `start`; implied by `end`.")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=BROWSE_RECORDS_MAX, description="Records of the page.")] = 50
    partition: Partitions = ()
    key: Key | None = None
    all_partitions: AllPartitions = False
    filter: Filters = ()
    isolation: Isolation = "read_uncommitted"
    aborted: Annotated[bool, msgspec.Meta(description="Those of aborted transactions too, marked.")] = False
    markers: Annotated[bool, msgspec.Meta(description="Where transactions ended, too.")] = False
    cursor: (
        Annotated[
            str, msgspec.Meta(max_length=CURSOR_CHARACTERS_MAX, description="`older` or `newer` of another page.")
        ]
        | None
    ) = None
    characters_max: Characters = 512
    values: Values = False


class BoundsView(msgspec.Struct, kw_only=True):
    """How far a partition reached when the page was read; the end is exclusive."""

    topic: str
    partition: int
    log_start_offset: int
    end_offset: int


class RecordsPage(msgspec.Struct, kw_only=True):
    """A page, in the order of time."""

    records: list[RecordView]
    newest_first: bool
    older: str | None
    """The cursor of the page before; null when there is nothing older."""
    newer: str
    """The cursor of the page after; what arrives later is on it."""
    is_complete: bool
    """False when so much was looked at that the page ended before it was full: the next one goes on."""
    limit_max: int
    scanned: int
    matched: int
    hidden: int
    undecodable: int
    damaged: list[str]
    bounds: list[BoundsView]
    missing: list[MissingView]


@operation("GET", "/api/records", tag="records", summary="Browse records")
async def browse_records(call: Call, asked: BrowseAsked) -> RecordsPage:
    """One page, of one topic or of several merged by time: the newest, or from a place on."""
    return await records_page(call.cluster, asked)


async def records_page(cluster: OpenCluster, asked: BrowseAsked) -> RecordsPage:
    """The same for who has the cluster in hand. Raises OperatorError and ApiError."""
    request = BrowseRequest(
        asked.topic,
        place(asked.start),
        asked.newest_first,
        asked.limit,
        asked.partition,
        None if asked.key is None else asked.key.encode(),
        asked.all_partitions,
        filter_of_words(asked.filter, cluster.decoder),
        visibility(asked.isolation, aborted=asked.aborted, markers=asked.markers),
        None if asked.cursor is None else bounded_cursor(asked.cursor, asked.topic),
    )
    page = await browse(cluster.client, request)
    views = await record_views(cluster.decoder, page.records, asked.characters_max, values=asked.values)
    counts = page.counts
    return RecordsPage(
        records=views,
        newest_first=page.newest_first,
        older=None if page.older is None else str(page.older),
        newer=str(page.newer),
        is_complete=page.complete,
        limit_max=BROWSE_RECORDS_MAX,
        scanned=counts.scanned,
        matched=counts.matched,
        hidden=counts.hidden,
        undecodable=counts.undecodable,
        damaged=[str(each) for each in counts.damaged],
        bounds=[
            BoundsView(topic=each.topic, partition=each.partition, log_start_offset=start, end_offset=end)
            for each, (start, end) in page.bounds.items()
        ],
        missing=missing_views(page.missing),
    )


def bounded_cursor(text: str, topics: tuple[str, ...]) -> Cursor:
    """Raises ApiError, also when it is of other topics or out of bounds."""
    cursor = Cursor.parse(text)
    for (topic, partition), offset in cursor.offsets.items():
        if topic not in topics or not 0 <= partition < 2**31 or not 0 <= offset < 2**63:
            raise bad_request(f"the cursor is not of these topics: {topic[:100]}-{partition}")
    return cursor


class RecordAsked(Asked, kw_only=True):
    """Which record."""

    topic_name: TopicName
    partition_id: PartitionId
    offset: Offset
    text_max: Annotated[
        int, msgspec.Meta(ge=0, le=RECORD_TEXT_CHARACTERS_MAX, description="Characters of key and value at most.")
    ] = 65_536
    bytes_max: Annotated[
        int, msgspec.Meta(ge=0, le=RECORD_BYTES_SHOWN_MAX, description="Bytes of key and value, in base64.")
    ] = 4_096
    values: Values = True


class BatchView(msgspec.Struct, kw_only=True):
    """The batch a record came in; -1 where there is no such thing."""

    base_offset: int
    leader_epoch: int
    producer_id: int
    producer_epoch: int
    sequence: int
    is_transactional: bool
    compression: str
    size_bytes: int


class WholeRecord(msgspec.Struct, kw_only=True):
    """A record with everything that is known of it. `key_bytes` and `value_bytes` are null for null."""

    record: RecordView
    key_bytes: BytesView | None
    value_bytes: BytesView | None
    batch: BatchView | None
    text_max: int
    bytes_max: int


async def _found(call: Call, asked: RecordAsked | RawAsked) -> ConsumedRecord:
    visible = Visibility(read_committed=False, markers=True)
    where = (asked.topic_name, asked.partition_id, asked.offset)
    record = await find_record(call.cluster.client, *where, visibility=visible)
    if record is None:
        raise not_found(f"there is no record at offset {asked.offset} of {asked.topic_name}-{asked.partition_id}")
    return record


_RECORD = "/api/topics/{topic_name}/partitions/{partition_id}/records/{offset}"


@operation("GET", _RECORD, tag="records", summary="One record in full")
async def get_record(call: Call, asked: RecordAsked) -> WholeRecord:
    """Texts up to `text_max` characters, and the beginning of key and value as bytes; `raw` gives all of them. `value`
    is there up to a mebibyte."""
    record = await _found(call, asked)
    decoder = call.cluster.decoder
    await decoder.prepare([record])
    # Twenty megabytes of JSON take a second: not on the loop that everybody shares.
    is_small = max(len(record.key or b""), len(record.value or b"")) <= RECORD_DECODED_BYTES_MAX
    shown = await asyncio.to_thread(show_record, record, decoder, whole=is_small)
    view = record_view(shown, asked.text_max, values=asked.values)
    batch = record.batch
    return WholeRecord(
        record=view,
        key_bytes=bytes_view(record.key, asked.bytes_max),
        value_bytes=bytes_view(record.value, asked.bytes_max),
        batch=None if batch is None else view_of(BatchView, batch, sequence=batch.sequence(record.offset)),
        text_max=RECORD_TEXT_CHARACTERS_MAX,
        bytes_max=RECORD_BYTES_SHOWN_MAX,
    )


class RawAsked(Asked, kw_only=True):
    """Which record, and which half of it."""

    topic_name: TopicName
    partition_id: PartitionId
    offset: Offset
    part: Annotated[Literal["key", "value"], msgspec.Meta(description="Which half.")] = "value"


@operation(
    "GET",
    _RECORD + "/raw",
    tag="records",
    summary="The bytes of a key or value",
    media={"application/octet-stream": "As they were produced. A file, never a page."},
)
async def get_record_bytes(call: Call, asked: RawAsked) -> Response:
    """404 where there is no such record, or it has no key (a value): null is not empty."""
    record = await _found(call, asked)
    data = record.key if asked.part == "key" else record.value
    if data is None:
        raise not_found(f"this record has no {asked.part}")
    name = f"{asked.topic_name}-{asked.partition_id}-{asked.offset}.{asked.part}"
    headers = {**NEVER_KEPT, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)
