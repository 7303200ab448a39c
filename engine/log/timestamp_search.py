"""Finding records by time through the time index (Kafka: UnifiedLog.fetchOffsetByTimestamp, FileRecords)."""

from engine.log.batches import BatchSpan
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments
from engine.log.values import TimestampAndOffset
from engine.protocol.records.batch import parse_batch_header
from engine.protocol.records.record import decode_records


def offset_for_timestamp(segments: LogSegments, timestamp_ms: int, log_start_offset: int) -> TimestampAndOffset | None:
    """The first record at or behind `log_start_offset` that is not older than `timestamp_ms`."""
    for segment in segments:
        if segment.max_timestamp().timestamp_ms >= timestamp_ms:
            found = _search_segment(segment, timestamp_ms, log_start_offset)
            if found is not None:
                return found
    return None


def max_timestamp_and_offset(segments: LogSegments, log_start_offset: int) -> TimestampAndOffset | None:
    """The first record with the largest timestamp of all."""
    largest = max((segment.max_timestamp().timestamp_ms for segment in segments), default=-1)
    if largest < 0:
        return None
    return offset_for_timestamp(segments, largest, log_start_offset)


def _search_segment(segment: LogSegment, timestamp_ms: int, log_start_offset: int) -> TimestampAndOffset | None:
    # Everything up to the entry's offset is older, or as old, as the entry; so start at that very batch.
    start_offset = max(segment.indexes()[1].lookup(timestamp_ms - 1).offset, log_start_offset)
    for span in segment.spans_near(start_offset):
        if span.last_offset >= log_start_offset:
            found = _search_batch(segment, span, timestamp_ms, log_start_offset)
            if found is not None:
                return found
    return None


def _search_batch(
    segment: LogSegment, span: BatchSpan, timestamp_ms: int, log_start_offset: int
) -> TimestampAndOffset | None:
    header = parse_batch_header(segment.read_header(span))
    if header.max_timestamp < timestamp_ms:
        return None
    for record in decode_records(segment.read_span(span)):
        if record.timestamp >= timestamp_ms and record.offset >= log_start_offset:
            return TimestampAndOffset(record.timestamp, record.offset, header.partition_leader_epoch)
    return None
