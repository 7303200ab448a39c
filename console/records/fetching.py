"""One fetch from one broker: the request, and the records in its answer that a reader may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.records.batch_decoding import DECODER
from console.records.model import ALL_RECORDS, BatchFacts, Damaged, Visibility
from console.records.sieve import BatchSieve
from engine.net.cluster_client import Versioned
from engine.net.cluster_view import TopicView
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.messages import FetchRequest
from engine.protocol.records.batch import (
    HEADER_BYTES,
    BatchHeader,
    TimestampType,
    codec_of,
    iterate_batches,
    verify_crc,
)
from engine.protocol.records.compression import DECOMPRESSED_BYTES_MAX, decompress
from engine.protocol.records.control import ControlType, decode_control_key
from engine.protocol.records.record import Record
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition

UNPACKED_BYTES_MAX = 64 * 1024 * 1024
"""Keys and values of compressed batches that one fetch unpacks of a partition; the batch that passes it is the last one
taken. A mebibyte on the wire can stand for many gigabytes: what is left is fetched again when somebody wants more."""


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
    hidden_at: list[tuple[int, int]] = field(default_factory=list)
    """First offset and count of the batches that `hidden` counts."""
    batches: list[tuple[int, BatchFacts]] = field(default_factory=list)
    """Where in `records` a batch begins, and what it is."""
    damaged: list[Damaged] = field(default_factory=list)
    """Batches whose records cannot be read; they are moved past."""
    counted: int = 0
    """Records that a reader of headers only did not decode."""
    size_bytes: int = 0
    """Of the batches as they were sent."""
    last_timestamp: int = -1
    """Of the last record that went by, visible or not; -1 none."""

    def hide(self, header: BatchHeader) -> None:
        """Counts a batch that is left out."""
        self.hidden += header.records_count
        self.hidden_at.append((header.base_offset, header.records_count))

    def cut(self, stop: int) -> None:
        """Leaves out what is at `stop` and beyond."""
        records = self.records
        while records and records[-1].offset >= stop:
            records.pop()
        while self.batches and self.batches[-1][0] >= len(records):
            self.batches.pop()
        self.next_offset = min(self.next_offset, stop)


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
    response: Any,
    topics: Mapping[str, TopicView],
    positions: Mapping[TopicPartition, int],
    visibility: Visibility = ALL_RECORDS,
    *,
    headers_only: bool = False,
    sieve: BatchSieve | None = None,
) -> Iterable[Chunk]:
    """A chunk for each partition in the answer, without the records of batches that do not pass the `sieve`. Raises
    ProtocolError where no batch can be told from another."""
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
                chunk.size_bytes = len(data.records)
                aborted = data.aborted_transactions or () if visibility.read_committed else ()
                _read_batches(chunk, data.records, aborted, visibility, headers_only, sieve)
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


def _read_batches(
    chunk: Chunk,
    data: Any,
    aborted: Sequence[Any],
    visibility: Visibility,
    headers_only: bool,
    sieve: BatchSieve | None,
) -> None:
    state = _Aborted(sorted((each.first_offset, each.producer_id) for each in aborted))
    first = chunk.next_offset
    unpacked = 0
    # The last batch may be cut: brokers fill the answer up to its limit to the byte.
    for position, header in iterate_batches(data, allow_partial_tail=True):
        state.enter(header.last_offset)
        if header.next_offset <= first:
            continue
        if unpacked > UNPACKED_BYTES_MAX:
            return
        chunk.next_offset = header.next_offset
        chunk.last_timestamp = header.max_timestamp
        control = None
        if header.is_control:
            ended = header.producer_id in state.inside
            if not visibility.markers and not ended:
                chunk.hide(header)
                continue
            records = _decode(chunk, data, position, header)
            kind = _control_type(records)
            if kind is ControlType.ABORT:
                state.inside.discard(header.producer_id)
            if not visibility.markers:
                chunk.hide(header)
                continue
            is_aborted, control = False, "unknown" if kind is None else kind.name.lower()
        else:
            is_aborted = header.is_transactional and header.producer_id in state.inside
            if is_aborted and not visibility.aborted:
                chunk.hide(header)
                continue
            if headers_only and header.base_offset >= first:
                chunk.counted += header.records_count
                continue
            if (
                sieve is not None
                and sieve.applies(chunk.partition.topic)
                and _is_refused(sieve, data, position, header)
            ):
                chunk.timestamp_type = header.timestamp_type
                continue
            records = _decode(chunk, data, position, header)
            if codec_of(header):
                unpacked += sum([len(each.key or b"") + len(each.value or b"") for each in records])
        chunk.timestamp_type = header.timestamp_type
        if records and records[0].offset < first:
            records = [record for record in records if record.offset >= first]
        if records:
            chunk.batches.append((len(chunk.records), BatchFacts.of(header, aborted=is_aborted, control=control)))
            chunk.records.extend(records)


def _is_refused(sieve: BatchSieve, data: Any, position: int, header: BatchHeader) -> bool:
    """Whether no record of the batch is wanted; false for a damaged one, which is then told of."""
    if not verify_crc(data, position, header):
        return False
    payload = memoryview(data)[position + HEADER_BYTES : position + header.size_bytes]
    try:
        return not sieve.may_match(bytes(decompress(codec_of(header), payload, DECOMPRESSED_BYTES_MAX)))
    except ProtocolError:
        return False


def _decode(chunk: Chunk, data: Any, position: int, header: BatchHeader) -> list[Record]:
    """The records of a batch, none when it is damaged: one bad batch must not hide all that follow."""
    reason = "its checksum does not match"
    if verify_crc(data, position, header):
        try:
            return DECODER.decode(data, position, header)
        except ProtocolError as error:
            reason = str(error)
    topic, partition = chunk.partition
    chunk.damaged.append(
        Damaged(topic, partition, header.base_offset, header.last_offset, header.records_count, reason)
    )
    return []


def _control_type(records: Sequence[Record]) -> ControlType | None:
    try:
        return decode_control_key(records[0].key) if records else None
    except ProtocolError:
        return None
