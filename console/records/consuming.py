"""From chunks to the records that are wanted, counting everything that goes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.records.fetching import Chunk
from console.records.filters import ConditionMatcher, RecordFilter
from console.records.model import ConsumedRecord, Damaged
from engine.types import TopicPartition

_DAMAGED_TOLD_MAX = 100


@dataclass(slots=True)
class ReadCounts:
    """What went by; kept up to date while it is read. scanned = matched + what the filter refused + hidden + holes."""

    scanned: int = 0
    """Offsets gone by."""
    matched: int = 0
    bytes: int = 0
    """Of the batches, as they were sent."""
    hidden: int = 0
    """Control records and records of aborted transactions."""
    skipped: int = 0
    """Offsets that were deleted before they could be read."""
    undecodable: int = 0
    """Records the filter could not decide on, because it could not decode them, and those of damaged batches."""
    damaged: list[Damaged] = field(default_factory=list)
    """The first hundred batches that cannot be read."""


class ChunkConsumer:
    """One reading's filter and counts. `positions` is the next offset of each partition."""

    def __init__(self, counts: ReadCounts, filter: RecordFilter) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self._counts = counts
        self._matcher = filter.matcher()
        self._decoder = filter.decoder if self._matcher is not None else None
        self._ahead: dict[TopicPartition, deque[tuple[int, int, int]]] = {}
        """Offset, hidden and undecodable records of what `forget` did not pass yet."""

    def begin(self, starts: Mapping[TopicPartition, int]) -> None:
        """What follows begins there."""
        self.positions.update(starts)

    def forget(self, partition: TopicPartition, position: int) -> None:
        """What is before `position` will not be read again."""
        events = self._ahead.get(partition)
        while events and events[0][0] < position:
            events.popleft()

    def ahead(self, positions: Mapping[TopicPartition, int]) -> tuple[int, int]:
        """Hidden and undecodable records at `positions` and beyond: resumed there, they will be counted again."""
        hidden = undecodable = 0
        for partition, events in self._ahead.items():
            position = positions[partition]
            for offset, more_hidden, more_undecodable in events:
                if offset >= position:
                    hidden += more_hidden
                    undecodable += more_undecodable
        return hidden, undecodable

    async def prepare(self, chunk: Chunk) -> None:
        """Has the filter's decoder ask for the schemas that `take` will need; quick when it has no schema registry."""
        decoder = self._decoder
        if decoder is not None and decoder.schemas is not None:
            topic = chunk.partition.topic
            await decoder.schemas.prepare(
                written
                for record in chunk.records
                for written in decoder.schemas_of(topic, record.key, record.value, record.headers)
            )

    def take(self, chunk: Chunk) -> list[ConsumedRecord]:
        """The records of the chunk that match."""
        counts, matcher = self._counts, self._matcher
        topic, partition = chunk.partition
        counts.hidden += chunk.hidden
        counts.scanned += max(0, chunk.next_offset - self.positions[chunk.partition])
        self.positions[chunk.partition] = chunk.next_offset
        for damaged in chunk.damaged:
            counts.undecodable += damaged.records_count
            if len(counts.damaged) < _DAMAGED_TOLD_MAX:
                counts.damaged.append(damaged)
        counts.bytes += chunk.size_bytes
        records: list[ConsumedRecord] = []
        undecodable: list[int] = []
        early = matcher if isinstance(matcher, ConditionMatcher) and matcher.takes_records else None
        kind = chunk.timestamp_type
        starts = [*(start for start, _ in chunk.batches), len(chunk.records)]
        for index, (start, facts) in enumerate(chunk.batches):
            found = chunk.records[start : starts[index + 1]]
            if early is not None:
                found = early.select(found)
                undecodable += early.undecodable
            records += [
                ConsumedRecord(topic, partition, offset, timestamp, kind, key, value, headers, facts)
                for offset, timestamp, key, value, headers in found
            ]
        events = [(offset, count, 0) for offset, count in chunk.hidden_at]
        events += [(damaged.base_offset, 0, damaged.records_count) for damaged in chunk.damaged]
        if matcher is not None:
            if early is None:
                records = matcher.select(records)
                undecodable = matcher.undecodable
            counts.undecodable += len(undecodable)
            events += [(offset, 0, 1) for offset in undecodable]
        if events:
            self._ahead.setdefault(chunk.partition, deque()).extend(sorted(events))
        return records
