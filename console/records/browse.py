"""Pages of records: from the oldest, the newest, an offset or a time, and on from there in either direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.errors import OperatorError, operator_errors
from console.records.consuming import ReadCounts
from console.records.filters import EVERYTHING, RecordFilter
from console.records.model import ALL_RECORDS, ConsumedRecord, Visibility
from console.records.paging import PageReader
from console.records.positions import BEGINNING, END, Position, PositionKind, resolve_offsets
from console.records.scope import Scope, find_bounds
from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

PAGE_RECORDS_MAX = 1_000
SCAN_MAX = 200_000
"""Offsets looked at for one page, about."""
_PATIENCE_MS = 10_000
"""For a leader that went away while the page was read."""
PAGE_BYTES_MAX = 32 * 1024 * 1024
"""Of the records of one page, about; one record is always shown."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: the first offset not before it of each partition, and which way it goes."""

    offsets: Mapping[TopicPartition, int]
    newest_first: bool

    def __str__(self) -> str:
        """For a link: "n" or "o" (newest or oldest first), then topic:partition:offset, joined by commas; an offset alone
        is that of the partition after the one before, since there may be thousands of them."""
        places = ["n" if self.newest_first else "o"]
        expected: tuple[str, int] | None = None
        for (topic, partition), offset in self.offsets.items():
            places.append(str(offset) if (topic, partition) == expected else f"{topic}:{partition}:{offset}")
            expected = (topic, partition + 1)
        return ",".join(places)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The opposite. Raises OperatorError."""
        direction, *places = text.split(",")
        offsets: dict[TopicPartition, int] = {}
        try:
            for place in places:
                if ":" in place or not offsets:
                    topic, number, offset = place.rsplit(":", 2)
                    partition = TopicPartition(topic, int(number))
                else:
                    partition, offset = TopicPartition(partition.topic, partition.partition + 1), place
                offsets[partition] = int(offset)
        except ValueError as error:
            raise OperatorError.words(f"not a cursor: {text[:200]!r}") from error
        if direction not in ("n", "o") or not offsets:
            raise OperatorError.words(f"not a cursor: {text[:200]!r}")
        return cls(offsets, direction == "n")


@dataclass(frozen=True, slots=True)
class BrowseRequest:
    """What to show. `start` END is the newest page; any other place is where the page begins, oldest first.

    `newest_first` reads backwards from `start` (exclusive) instead, and is implied by END and LAST.
    """

    topics: Sequence[str]
    start: Position = END
    newest_first: bool = False
    limit: int = 50
    """Records, 1 to PAGE_RECORDS_MAX."""
    partitions: Sequence[int] = ()
    key: bytes | None = None
    all_partitions: bool = False
    filter: RecordFilter = EVERYTHING
    visibility: Visibility = ALL_RECORDS
    cursor: Cursor | None = None
    """Goes on from another page, instead of `start` and `newest_first`."""
    scan_max: int = SCAN_MAX

    @property
    def scope(self) -> Scope:
        """Which partitions that means."""
        return Scope(self.topics, self.partitions, self.key, self.all_partitions, self.visibility)


@dataclass(frozen=True, slots=True)
class Page:
    """`records` in the order of time, the newest first when `newest_first`; within a partition always by offset."""

    records: tuple[ConsumedRecord, ...]
    newest_first: bool
    older: Cursor | None
    """The page before the oldest record here; None when there is nothing older."""
    newer: Cursor
    """The page after the newest record here; what arrives later will be on it."""
    complete: bool
    """False when the page ended at `scan_max` or PAGE_BYTES_MAX before it was full: the next page goes on from there."""
    bounds: Mapping[TopicPartition, tuple[int, int]]
    """Log start and end (exclusive) of each partition when the page was read."""
    counts: ReadCounts = field(default_factory=ReadCounts)
    missing: tuple[Missing, ...] = ()
    """Partitions that did not answer."""


async def browse(client: ClusterClient, request: BrowseRequest) -> Page:
    """One page. Raises OperatorError; partitions without a leader that answers are named in `missing` instead."""
    limit = max(1, min(request.limit, PAGE_RECORDS_MAX))
    found = await find_bounds(client, request.scope, partial=True)
    bounds = found.values
    newest_first, places = await _places(client, request, bounds)
    ranges = {
        each: (start, min(max(places.get(each, end), start), end))
        if newest_first
        else (min(max(places.get(each, start), start), end), end)
        for each, (start, end) in bounds.items()
    }
    wanted = request.filter if request.key is None else request.filter.with_key(request.key)
    pages = PageReader(
        client,
        ranges,
        newest_first=newest_first,
        filter=wanted,
        visibility=request.visibility,
        window=limit,
        unreachable_timeout_ms=_PATIENCE_MS,
    )
    with operator_errors(f"topic {', '.join(request.topics)}"):
        records = await pages.take(limit, request.scan_max, PAGE_BYTES_MAX)
    left = pages.remaining()
    begin = {each: left[each][1] if newest_first else start for each, (start, _) in ranges.items()}
    end = {each: stop if newest_first else left[each][0] for each, (_, stop) in ranges.items()}
    older = any(begin[each] > bounds[each][0] for each in bounds)
    return Page(
        tuple(records),
        newest_first,
        Cursor(begin, newest_first=True) if older else None,
        Cursor(end, newest_first=False),
        pages.exhausted or len(records) == limit,
        bounds,
        pages.counts,
        found.missing,
    )


async def _places(
    client: ClusterClient, request: BrowseRequest, bounds: Mapping[TopicPartition, tuple[int, int]]
) -> tuple[bool, Mapping[TopicPartition, int]]:
    """Which way to read, and from where."""
    if request.cursor is not None:
        return request.cursor.newest_first, request.cursor.offsets
    start = request.start
    if start.kind is PositionKind.LAST:
        return True, {each: end for each, (_, end) in bounds.items()}
    with operator_errors("offsets"):
        places = await resolve_offsets(client, start, bounds)
    return request.newest_first or start == END, places


async def find_record(
    client: ClusterClient, topic: str, partition: int, offset: int, *, visibility: Visibility = ALL_RECORDS
) -> ConsumedRecord | None:
    """The record at that place; None when there is none any more, or it is hidden."""
    request = BrowseRequest(
        (topic,), Position(PositionKind.OFFSET, offset), limit=1, partitions=(partition,), visibility=visibility
    )
    page = await browse(client, replace(request, scan_max=1))
    if page.missing:
        raise OperatorError(str(page.missing[0]))
    return page.records[0] if page.records and page.records[0].offset == offset else None


OLDEST = BEGINNING
NEWEST = END
