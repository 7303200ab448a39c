"""Tail: records as they arrive, for someone who may be slower than they are, and comes back where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from starlette.responses import StreamingResponse

from console.errors import operator_errors
from console.open_cluster import OpenCluster
from console.records.browse import BrowseRequest, Cursor, browse
from console.records.follow import FollowStep, follow
from console.records.model import ConsumedRecord
from console.records.positions import PositionKind, resolve_offsets
from console.records.scope import find_bounds
from console.records.stream import RecordStream, StreamRequest
from engine.types import TopicPartition
from web.api.errors import bad_request
from web.api.events import Event, stream_response, with_silences
from web.api.limits import (
    BROWSE_RECORDS_MAX,
    TAIL_AHEAD_BYTES_MAX,
    TAIL_BUFFER_BYTES_MAX,
    TAIL_BUFFER_RECORDS_MAX,
)
from web.api.names import Place, now_ms, place
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
from web.api.records.pages import bounded_cursor
from web.api.records.view import record_views
from web.api.state import state_of

EVENT_RECORDS_MAX = 1_000


class TailAsked(Asked, kw_only=True):
    """What to follow, and from where. Last-Event-ID goes before `start`."""

    topic: Topics
    start: Place = "end"
    partition: Partitions = ()
    key: Key | None = None
    all_partitions: AllPartitions = False
    filter: Filters = ()
    isolation: Isolation = "read_uncommitted"
    characters_max: Characters = 512
    interval_ms: Annotated[int, msgspec.Meta(ge=20, le=5_000, description="At least so long from event to event.")] = (
        100
    )
    values: Values = False


@operation(
    "GET",
    "/api/tail",
    tag="records",
    summary="Follow records",
    media={
        "text/event-stream": "Events `begin`, `records`, `silence`, `failed`; the id of each is where to go on.",
        "application/x-ndjson": "The same as lines of JSON, where Accept asks for it.",
    },
    statuses={429: "Too many streams are open."},
)
async def tail_records(call: Call, asked: TailAsked) -> StreamingResponse:
    """Of several topics at once, in the order in which they arrive.

    `begin` says from where (`offsets`) and what was deleted meanwhile (`lost`). `records` has at most 1,000, and exactly how
    many are not shown: `dropped` since the event before, `dropped_total` since `begin`. Whoever reads too slowly loses the
    oldest of what waits. `silence` comes when nothing else did for 15 s.
    """
    cluster = call.cluster
    matching = filter_of_words(asked.filter, cluster.decoder)
    last_id = call.request.headers.get("last-event-id")
    request = StreamRequest(
        asked.topic,
        partitions=asked.partition,
        key=None if asked.key is None else asked.key.encode(),
        all_partitions=asked.all_partitions,
        visibility=visibility(asked.isolation),
        filter=matching,
    )
    with state_of(cluster).stream():
        beginning = await _beginning(cluster, request, asked, last_id)
    return stream_response(call.request, _events(cluster, request, asked, beginning))


class _Beginning:
    """Where a tail begins, what is shown of before, and what is gone."""

    def __init__(self, starts: dict[TopicPartition, int], lost: int, records: list[ConsumedRecord]) -> None:
        self.starts = starts
        self.lost = lost
        self.records = records


async def _beginning(cluster: OpenCluster, request: StreamRequest, asked: TailAsked, last_id: str | None) -> _Beginning:
    """Raises OperatorError and ApiError, before the first byte is answered."""
    client = cluster.client
    if last_id:
        cursor = bounded_cursor(last_id, asked.topic)
        bounds = (await find_bounds(client, request.scope)).values
        offsets = {each: cursor.offsets.get(each, low) for each, (low, _) in bounds.items()}
        lost = sum(max(0, low - offsets[each]) for each, (low, _) in bounds.items())
        starts = {each: min(max(offsets[each], low), high) for each, (low, high) in bounds.items()}
        return _Beginning(starts, lost, [])
    start = place(asked.start)
    if start.kind is PositionKind.LAST:
        if start.value > BROWSE_RECORDS_MAX:
            raise bad_request(f"start: at most the last {BROWSE_RECORDS_MAX:,} records", "GET /api/records has pages.")
        page = await browse(
            client,
            BrowseRequest(
                asked.topic,
                limit=max(start.value, 1),
                partitions=asked.partition,
                key=request.key,
                all_partitions=asked.all_partitions,
                filter=request.filter,
                visibility=request.visibility,
            ),
        )
        records = list(reversed(page.records)) if start.value else []
        return _Beginning(dict(page.newer.offsets), 0, records)
    bounds = (await find_bounds(client, request.scope)).values
    with operator_errors("offsets"):
        return _Beginning(await resolve_offsets(client, start, bounds), 0, [])


async def _events(
    cluster: OpenCluster, request: StreamRequest, asked: TailAsked, beginning: _Beginning
) -> AsyncGenerator[Event, None]:
    with state_of(cluster).stream():
        positions = dict(beginning.starts)
        offsets = [[topic, partition, offset] for (topic, partition), offset in positions.items()]
        about = {
            "offsets": offsets,
            "lost": beginning.lost,
            "event_records_max": EVENT_RECORDS_MAX,
            "interval_ms": asked.interval_ms,
        }
        yield Event("begin", about, _id(positions))
        if beginning.records:
            yield Event("records", await _shown(cluster, asked, beginning.records, 0, 0), _id(positions))
        stream = RecordStream(request, now_ms(), starts=beginning.starts, ahead_bytes=TAIL_AHEAD_BYTES_MAX)
        steps = follow(
            cluster.client,
            request,
            now_ms(),
            records_max=TAIL_BUFFER_RECORDS_MAX,
            bytes_max=TAIL_BUFFER_BYTES_MAX,
            step_records_max=EVENT_RECORDS_MAX,
            stream=stream,
        )
        loop = asyncio.get_running_loop()
        async with aclosing(with_silences(steps)) as waiting:
            total = 0
            async for step in waiting:
                if step is None:
                    # Nothing waits: what the filter left out need not be looked at again either.
                    positions.update(stream.positions)
                    progress = stream.progress
                    counts = {"scanned": progress.scanned, "matched": progress.matched, "dropped_total": total}
                    yield Event("silence", counts, _id(positions))
                    continue
                told = loop.time()
                total = step.dropped_total
                _note(positions, step)
                yield Event("records", await _shown(cluster, asked, step.records, step.dropped, total), _id(positions))
                # An event for each record would be more than a page can take.
                await asyncio.sleep(max(0.0, told + asked.interval_ms / 1000 - loop.time()))


def _note(positions: dict[TopicPartition, int], step: FollowStep) -> None:
    for record in step.records:
        positions[TopicPartition(record.topic, record.partition)] = record.offset + 1


async def _shown(
    cluster: OpenCluster, asked: TailAsked, records: Any, dropped: int, dropped_total: int
) -> dict[str, Any]:
    views = await record_views(cluster.decoder, records, asked.characters_max, values=asked.values)
    return {"records": views, "dropped": dropped, "dropped_total": dropped_total}


def _id(positions: Mapping[TopicPartition, int]) -> str:
    return str(Cursor(positions, newest_first=False))
