"""Search: the ends are fixed when it begins, everything that goes by is accounted for, and it can be resumed."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from starlette.responses import StreamingResponse

from console.open_cluster import OpenCluster
from console.records.search import SearchRequest, SearchStep, resume_search, search
from web.api.errors import bad_request
from web.api.events import Event, stream_response, with_silences
from web.api.limits import SEARCH_RECORDS_MAX
from web.api.names import Place, now_ms, place
from web.api.operations import Asked, Call, operation
from web.api.records.asked import (
    AllPartitions,
    Characters,
    Conditions,
    Filters,
    Isolation,
    Key,
    KeyBody,
    Partitions,
    Topics,
    Values,
    filter_of,
    filter_of_words,
    key_bytes,
    visibility,
)
from web.api.records.view import record_views
from web.api.state import state_of

Limit = Annotated[int, msgspec.Meta(ge=1, le=SEARCH_RECORDS_MAX, description="Matches; the token goes on after them.")]
Token = Annotated[str, msgspec.Meta(min_length=2, max_length=900_000)]

_MEDIA = {
    "text/event-stream": "Events `progress` and `failed`; the id of each is the token to go on with.",
    "application/x-ndjson": "The same as lines of JSON, where Accept asks for it.",
}
_STATUSES = {429: "Too many streams are open."}


class SearchAsked(Asked, kw_only=True):
    """What to look for. Last-Event-ID goes before all of it."""

    topic: Topics
    filter: Filters = ()
    key: Key | None = None
    all_partitions: AllPartitions = False
    start: Place = "beginning"
    until: Place | None = None
    partition: Partitions = ()
    isolation: Isolation = "read_uncommitted"
    limit: Limit = 100
    characters_max: Characters = 512
    values: Values = False


class SearchBody(Asked, kw_only=True):
    """What to look for, or the `token` of a search that goes on (with `limit`, and nothing else)."""

    topics: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    conditions: Conditions = ()
    key: KeyBody | None = None
    all_partitions: AllPartitions = False
    start: Place = "beginning"
    until: Place | None = None
    partitions: Partitions = ()
    isolation: Isolation = "read_uncommitted"
    token: Token | None = None
    limit: Limit = 100
    characters_max: Characters = 512
    values: Values = False


class SearchPosted(Asked, kw_only=True):
    """The same in a body, for what is too long for an address."""

    body: SearchBody


@operation("GET", "/api/search", tag="records", summary="Search records", media=_MEDIA, statuses=_STATUSES)
async def search_records(call: Call, asked: SearchAsked) -> StreamingResponse:
    """Events `progress` with the matches since the one before, and the account of the whole: scanned, to_scan, matched,
    undecodable, hidden, skipped, damaged. The last one has `finished`: whether all was looked at, or `limit` ended it.

    Closing the connection ends the search.
    """
    token = call.request.headers.get("last-event-id")
    if token:
        return await _resumed(call, token, asked.limit, asked.characters_max, asked.values)
    request = SearchRequest(
        asked.topic,
        filter_of_words(asked.filter, call.cluster.decoder),
        None if asked.key is None else asked.key.encode(),
        asked.all_partitions,
        place(asked.start),
        None if asked.until is None else place(asked.until),
        asked.partition,
        visibility(asked.isolation),
        asked.limit,
    )
    return await _begun(call, request, asked.characters_max, asked.values)


@operation("POST", "/api/search", tag="records", summary="Search records, or go on", media=_MEDIA, statuses=_STATUSES)
async def search_records_by_body(call: Call, asked: SearchPosted) -> StreamingResponse:
    """As the other. Several times the same search with a `token` finds every match once."""
    body = asked.body
    if body.token is not None:
        if replace_needed := [each for each in ("topics", "conditions", "partitions") if getattr(body, each)]:
            raise bad_request(f"body: {replace_needed[0]} is in the token already")
        return await _resumed(call, body.token, body.limit, body.characters_max, body.values)
    if not body.topics:
        raise bad_request("body: topics is missing")
    request = SearchRequest(
        _topics(body.topics),
        filter_of(body.conditions, call.cluster.decoder),
        key_bytes(body.key),
        body.all_partitions,
        place(body.start),
        None if body.until is None else place(body.until),
        body.partitions,
        visibility(body.isolation),
        body.limit,
    )
    return await _begun(call, request, body.characters_max, body.values)


_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def _topics(names: Any) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise bad_request(f"not the name of a topic: {str(name)[:100]!r}")
    return tuple(names)


async def _begun(call: Call, request: SearchRequest, characters_max: int, values: bool) -> StreamingResponse:
    steps = search(call.cluster.client, request, now_ms())
    return await _answered(call, steps, characters_max, values)


async def _resumed(call: Call, token: str, limit: int, characters_max: int, values: bool) -> StreamingResponse:
    _check_token(token)
    steps = resume_search(call.cluster.client, token, now_ms(), limit=limit, decoder=call.cluster.decoder)
    return await _answered(call, steps, characters_max, values)


def _check_token(token: str) -> None:
    """A token comes from whoever has it: its numbers are looked at before they go to a broker. Raises ApiError."""
    try:
        data = msgspec.json.decode(token, type=dict[str, Any])
        _topics(data["request"]["topics"])
        left = msgspec.convert(data["left"], type=list[tuple[str, int, int, int]])
        msgspec.convert(data["counts"], type=dict[str, Annotated[int, msgspec.Meta(ge=-(2**53), le=2**62)]])
        msgspec.convert(data["request"]["partitions"], type=Partitions)
        names = set(data["request"]["topics"])
    except (msgspec.MsgspecError, UnicodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise bad_request(f"not a search that can be resumed: {str(error)[:200]}") from error
    for topic, partition, start, end in left:
        if topic not in names or not 0 <= partition < 2**31 or not 0 <= start <= end < 2**63:
            raise bad_request(f"not a search that can be resumed: {topic[:100]}-{partition}")


async def _answered(call: Call, steps: Any, characters_max: int, values: bool) -> StreamingResponse:
    """With the first step in hand, so that what is wrong is an error and not an event."""
    source = _events(call.cluster, steps, characters_max, values)
    first = await anext(source)
    return stream_response(call.request, _with_first(first, source))


async def _with_first(first: Event, source: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    async with aclosing(source):
        yield first
        async for event in source:
            yield event


async def _events(
    cluster: OpenCluster, steps: AsyncGenerator[SearchStep, None], characters_max: int, values: bool
) -> AsyncGenerator[Event, None]:
    with state_of(cluster).stream():
        latest: SearchStep | None = None
        async with aclosing(with_silences(steps)) as waiting:
            async for step in waiting:
                if step is None:
                    if latest is None:
                        continue
                    step = replace(latest, records=())
                latest = step
                yield await _progress(cluster, step, characters_max, values)


async def _progress(cluster: OpenCluster, step: SearchStep, characters_max: int, values: bool) -> Event:
    said = {
        "records": await record_views(cluster.decoder, step.records, characters_max, values=values),
        "scanned": step.scanned,
        "to_scan": step.to_scan,
        "matched": step.matched,
        "undecodable": step.undecodable,
        "hidden": step.hidden,
        "skipped": step.skipped,
        "bytes": step.bytes,
        "offsets_per_second": round(step.rate, 1),
        "seconds_left": None if step.seconds_left is None else round(step.seconds_left, 1),
        "finished": step.finished,
        "damaged": [str(each) for each in step.damaged],
        "token": step.token,
    }
    return Event("progress", said, step.token)
