"""Searching topics: the ends are fixed when it begins, everything that goes by is accounted for, and it can be resumed.

Whoever stops iterating stops the search; the `token` of any step goes on from there, in another process as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError, operator_errors
from console.records.filters import EVERYTHING, RecordFilter
from console.records.model import ALL_RECORDS, ConsumedRecord, Damaged, Visibility
from console.records.positions import BEGINNING, Position, PositionKind, resolve_offsets
from console.records.scope import Scope, find_bounds
from console.records.stream import RecordStream, StreamProgress, StreamRequest
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

STEP_SECONDS = 0.1
STEP_RECORDS_MAX = 1_000
_TOKEN_VERSION = 1
_COUNTED = ("scanned", "matched", "bytes", "hidden", "skipped", "undecodable")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to look for, and where. With a `start` of LAST it is the last so many of each partition."""

    topics: Sequence[str]
    filter: RecordFilter = EVERYTHING
    key: bytes | None = None
    all_partitions: bool = False
    start: Position = BEGINNING
    until: Position | None = None
    """Exclusive. None: where the partitions end when the search begins."""
    partitions: Sequence[int] = ()
    visibility: Visibility = ALL_RECORDS
    limit: int | None = None
    """Stop after so many matches."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, but for `start` and `until`, which are offsets by then, and `limit`, which is for one time."""
        return {
            "topics": list(self.topics),
            "filter": self.filter.to_json(),
            "key": None if self.key is None else self.key.decode(errors="surrogateescape"),
            "all_partitions": self.all_partitions,
            "partitions": list(self.partitions),
            "visibility": [self.visibility.read_committed, self.visibility.aborted, self.visibility.markers],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, trusted: bool = False) -> SearchRequest:
        """The opposite; `trusted` as in RecordFilter.from_json."""
        return cls(
            tuple(map(str, data["topics"])),
            RecordFilter.from_json(data["filter"], trusted=trusted),
            None if data["key"] is None else str(data["key"]).encode(errors="surrogateescape"),
            bool(data["all_partitions"]),
            partitions=tuple(map(int, data["partitions"])),
            visibility=Visibility(*map(bool, data["visibility"])),
        )


@dataclass(frozen=True, slots=True)
class SearchStep:
    """What was found since the last step, and how far the search is: counts are those of the whole search."""

    records: tuple[ConsumedRecord, ...]
    scanned: int
    """Offsets gone by."""
    to_scan: int
    """Offsets between the starts and the ends, as fixed when it began."""
    matched: int
    undecodable: int
    """Records that could not be decided, see `filters`, and those of damaged batches."""
    hidden: int
    skipped: int
    """Offsets that were deleted before they could be read."""
    bytes: int
    rate: float
    """Offsets a second."""
    seconds_left: float | None
    """None while it cannot be told."""
    finished: bool
    """Everything up to the ends was looked at."""
    damaged: tuple[Damaged, ...]
    token: str
    """Goes on after `records`."""


async def search(client: ClusterClient, request: SearchRequest, now_ms: int) -> AsyncIterator[SearchStep]:
    """Steps, at least one, with the matches in the order of time. Raises OperatorError."""
    with operator_errors(f"topic {', '.join(request.topics)}"):
        scope = Scope(request.topics, request.partitions, request.key, request.all_partitions, request.visibility)
        bounds = (await find_bounds(client, scope)).values
        starts = await resolve_offsets(client, request.start, bounds)
        ends = {each: end for each, (_, end) in bounds.items()}
        if request.until is not None:
            if request.until.kind is PositionKind.TIMESTAMP and request.until.value > now_ms:
                raise OperatorError.words(
                    f"{request.until} is in the future", "A search ends where the topics end now."
                )
            ends = await resolve_offsets(client, request.until, bounds)
    ranges = {each: (start, max(start, ends[each])) for each, start in starts.items()}
    async for step in _search(client, request, ranges, StreamProgress(), now_ms):
        yield step


async def resume_search(
    client: ClusterClient,
    token: str,
    now_ms: int,
    *,
    limit: int | None = None,
    trusted: bool = False,
    decoder: RecordDecoder | None = None,
) -> AsyncIterator[SearchStep]:
    """Goes on with a search, to the ends that it was begun with or until `limit` more matches. The token does not say how
    keys and values are read: `decoder` does.

    `trusted`: the token may hold an SQL expression, which is run here. Raises OperatorError.
    """
    import json

    try:
        data = json.loads(token)
        if data["version"] != _TOKEN_VERSION:
            raise ValueError(f"version {data['version']}")
        request = SearchRequest.from_json(data["request"], trusted=trusted)
        request = replace(request, limit=limit, filter=replace(request.filter, decoder=decoder))
        ranges = {
            TopicPartition(topic, int(number)): (int(start), int(end)) for topic, number, start, end in data["left"]
        }
        counts = {name: int(value) for name, value in data["counts"].items()}
        progress = StreamProgress(to_scan=counts["scanned"])
        for name in _COUNTED:
            setattr(progress, name, counts[name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OperatorError.words(f"not a search that can be resumed: {error}") from error
    async for step in _search(client, request, ranges, progress, now_ms):
        yield step


async def _search(
    client: ClusterClient,
    request: SearchRequest,
    ranges: dict[TopicPartition, tuple[int, int]],
    progress: StreamProgress,
    now_ms: int,
) -> AsyncIterator[SearchStep]:
    stream = RecordStream(
        StreamRequest(
            request.topics,
            exit_at_end=True,
            key=request.key,
            visibility=request.visibility,
            count=request.limit,
            filter=request.filter,
        ),
        now_ms,
        progress,
        ranges,
    )
    clock = asyncio.get_running_loop().time
    began = told = clock()
    before = progress.scanned
    found: list[ConsumedRecord] = []

    def step(*, finished: bool) -> SearchStep:
        seconds = max(clock() - began, 1e-6)
        rate = (progress.scanned - before) / seconds
        left = max(0, progress.to_scan - progress.scanned)
        positions = stream.positions
        return SearchStep(
            tuple(found),
            progress.scanned,
            progress.to_scan,
            progress.matched,
            progress.undecodable,
            progress.hidden,
            progress.skipped,
            progress.bytes,
            rate,
            0.0 if finished else left / rate if rate > 0 else None,
            finished,
            tuple(progress.damaged),
            _token(
                request,
                {each: (positions.get(each, start), end) for each, (start, end) in ranges.items()},
                progress,
                stream.ahead(),
            ),
        )

    async for records in stream.steps(client):
        found.extend(records)
        if len(found) >= STEP_RECORDS_MAX or clock() - told >= STEP_SECONDS:
            told = clock()
            yield step(finished=False)
            found = []
    yield step(finished=all(stream.positions.get(each, start) >= end for each, (start, end) in ranges.items()))


def _token(
    request: SearchRequest,
    left: Mapping[TopicPartition, tuple[int, int]],
    progress: StreamProgress,
    ahead: tuple[int, int],
) -> str:
    import json

    # What was scanned ahead of what was given out will be scanned, and counted, again.
    counts = {name: getattr(progress, name) for name in _COUNTED}
    counts["scanned"] = progress.to_scan - sum(end - start for start, end in left.values())
    counts["hidden"] -= ahead[0]
    counts["undecodable"] -= ahead[1]
    return json.dumps(
        {
            "version": _TOKEN_VERSION,
            "request": request.to_json(),
            "left": [[topic, partition, *span] for (topic, partition), span in left.items()],
            "counts": counts,
        },
        separators=(",", ":"),
    )
