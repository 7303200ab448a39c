"""One fetch from one broker: the request, and the records in its answer that a reader may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.net.cluster_client import Versioned
from engine.net.cluster_view import TopicView
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest
from engine.protocol.records.batch import TimestampType, iterate_batches
from engine.protocol.records.control import ControlType, decode_control_key
from engine.protocol.records.record import Record, decode_records
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much one fetch may bring and how long it may wait for it (Kafka: fetch.max.bytes and its kin)."""

    max_wait_ms: int = 500
    min_bytes: int = 1
    max_bytes: int = 16 * 1024 * 1024
    partition_max_bytes: int = 1024 * 1024


@dataclass(slots=True)
class Chunk:
    """What one fetch brought of one partition, in the order of offsets."""

    partition: TopicPartition
    records: list[Record]
    next_offset: int
    """Where to go on; beyond the last record when batches without visible records follow."""
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int
    timestamp_type: TimestampType = TimestampType.CREATE_TIME
    error: ErrorCode = ErrorCode.NONE
    hidden: int = 0
    """Control records and records of aborted transactions that were left out."""


def fetch_request(
    topics: Mapping[str, TopicView],
    positions: Mapping[TopicPartition, int],
    limits: FetchLimits,
    *,
    isolation: int,
) -> Versioned:
    """The request for those partitions, all led by one broker and of known `topics`, without a fetch session."""
    by_topic: dict[str, list[TopicPartition]] = {}
    for partition in positions:
        by_topic.setdefault(partition.topic, []).append(partition)
    ids = {name: topics[name].topic_id for name in by_topic}

    def build(version: int) -> FetchRequest:
        fetched = []
        for name, partitions in by_topic.items():
            wanted = []
            for partition in partitions:
                known = topics[name].partition(partition.partition)
                wanted.append(
                    FetchRequest.FetchPartition(
                        partition=partition.partition,
                        # Fences us when leadership moved since our metadata (KIP-320).
                        current_leader_epoch=known.leader_epoch if known is not None else -1,
                        fetch_offset=positions[partition],
                        partition_max_bytes=limits.partition_max_bytes,
                    )
                )
            fetched.append(
                FetchRequest.FetchTopic(topic_id=ids[name], partitions=wanted)
                if version >= 13
                else FetchRequest.FetchTopic(topic=name, partitions=wanted)
            )
        return FetchRequest(
            max_wait_ms=limits.max_wait_ms,
            min_bytes=limits.min_bytes,
            max_bytes=limits.max_bytes,
            isolation_level=isolation,
            topics=fetched,
        )

    return Versioned(FetchRequest, build, ceiling=12 if ZERO_UUID in ids.values() else 32767)


def read_fetch_response(
    response: Any, topics: Mapping[str, TopicView], positions: Mapping[TopicPartition, int], *, read_committed: bool
) -> Iterable[Chunk]:
    """A chunk for each partition in the answer. Raises ProtocolError for batches that are damaged."""
    names = {topic.topic_id: name for name, topic in topics.items()}
    for topic in response.responses:
        name = topic.topic or names.get(bytes(topic.topic_id), "")
        for data in topic.partitions:
            partition = TopicPartition(name, data.partition_index)
            if partition not in positions:
                continue
            chunk = Chunk(
                partition,
                [],
                positions[partition],
                data.high_watermark,
                data.last_stable_offset,
                data.log_start_offset,
                error=ErrorCode.of(data.error_code),
            )
            if chunk.error == ErrorCode.NONE and data.records:
                aborted = data.aborted_transactions or () if read_committed else ()
                _read_batches(chunk, data.records, aborted)
            yield chunk


@dataclass(slots=True)
class _Aborted:
    """Which producers are inside of an aborted transaction while batches go by (Kafka: CompletedFetch)."""

    ahead: list[tuple[int, int]] = field(default_factory=list)
    """First offset and producer id, ascending."""
    inside: set[int] = field(default_factory=set)

    def enter(self, last_offset: int) -> None:
        while self.ahead and self.ahead[0][0] <= last_offset:
            self.inside.add(self.ahead.pop(0)[1])


def _read_batches(chunk: Chunk, data: Any, aborted: Sequence[Any]) -> None:
    state = _Aborted(sorted((each.first_offset, each.producer_id) for each in aborted))
    first = chunk.next_offset
    # The last batch may be cut: brokers fill the answer up to its limit to the byte.
    for position, header in iterate_batches(data, allow_partial_tail=True):
        state.enter(header.last_offset)
        if header.next_offset <= first:
            continue
        chunk.next_offset = header.next_offset
        if header.is_control:
            chunk.hidden += header.records_count
            if header.producer_id in state.inside and header.records_count:
                marker = decode_records(data, position)[0]
                if decode_control_key(marker.key) is ControlType.ABORT:
                    state.inside.discard(header.producer_id)
            continue
        if header.is_transactional and header.producer_id in state.inside:
            chunk.hidden += header.records_count
            continue
        chunk.timestamp_type = header.timestamp_type
        records = decode_records(data, position)
        if records and records[0].offset < first:
            records = [record for record in records if record.offset >= first]
        chunk.records.extend(records)
