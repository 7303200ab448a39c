"""How many records there are: exactly where that can be known, "at most" where not.

Offsets count more than records: compaction leaves gaps, and transactions end in markers that take an offset. From the
offsets alone only an empty partition is certain. Counting reads the headers of all batches, which say how many records
each still holds (Kafka: DefaultRecordBatch.count), and decodes none of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from console.errors import operator_errors
from console.records.fetching import FetchLimits
from console.records.model import Visibility
from console.records.reader import RecordReader
from console.records.scope import Scope, find_bounds
from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition


@dataclass(frozen=True, slots=True)
class PartitionCount:
    """Of one partition. `records` is exact, or with `exact` false at most so many."""

    topic: str
    partition: int
    records: int
    exact: bool
    log_start_offset: int
    end_offset: int
    """Exclusive: high watermark, with read committed the last stable offset."""
    hidden: int | None = None
    """Markers and aborted records, where they were counted."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of several partitions, and what is missing."""

    partitions: tuple[PartitionCount, ...]
    missing: tuple[Missing, ...]

    @property
    def records(self) -> int:
        """Of all of them."""
        return sum(each.records for each in self.partitions)

    @property
    def exact(self) -> bool:
        """Whether `records` is exact: not when a partition is missing."""
        return not self.missing and all(each.exact for each in self.partitions)


async def records_at_most(client: ClusterClient, topics: Collection[str], *, read_committed: bool = False) -> Counts:
    """From the offsets alone, at once. Raises OperatorError."""
    scope = Scope(tuple(topics), visibility=Visibility(read_committed))
    found = await find_bounds(client, scope, partial=True)
    return Counts(
        tuple(
            PartitionCount(topic, partition, max(0, end - start), end <= start, start, end)
            for (topic, partition), (start, end) in found.values.items()
        ),
        found.missing,
    )


@dataclass(frozen=True, slots=True)
class CountStep:
    """How far counting is; `counts` come with the last step."""

    scanned: int
    to_scan: int
    bytes: int
    counts: Counts | None = None


async def count_records(
    client: ClusterClient, topics: Sequence[str], *, read_committed: bool = False
) -> AsyncIterator[CountStep]:
    """Counts by reading, up to where the topics end now. Raises OperatorError."""
    visibility = Visibility(read_committed)
    found = await find_bounds(client, Scope(tuple(topics), visibility=visibility), partial=True)
    bounds = found.values
    starts = {each: start for each, (start, _) in bounds.items()}
    ends = {each: end for each, (_, end) in bounds.items()}
    counted = dict.fromkeys(bounds, 0)
    hidden = dict.fromkeys(bounds, 0)
    # Damaged batches and offsets deleted under us make a count a guess.
    doubtful: dict[TopicPartition, None] = {}
    to_scan = sum(end - start for start, end in bounds.values())
    size = 0
    positions = dict(starts)
    with operator_errors("counting"):
        async with RecordReader(
            client, starts, ends, visibility=visibility, limits=FetchLimits(), headers_only=True
        ) as reader:
            async for chunk in reader.chunks():
                each = chunk.partition
                counted[each] += chunk.counted + len(chunk.records)
                hidden[each] += chunk.hidden
                size += chunk.size_bytes
                positions[each] = chunk.next_offset
                if chunk.damaged:
                    doubtful[each] = None
                yield CountStep(sum(positions.values()) - sum(starts.values()), to_scan, size)
            doubtful.update(dict.fromkeys(reader.skipped))
    yield CountStep(
        to_scan,
        to_scan,
        size,
        Counts(
            tuple(
                PartitionCount(*each, counted[each], each not in doubtful, *bounds[each], hidden[each])
                for each in bounds
            ),
            found.missing,
        ),
    )
