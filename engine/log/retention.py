"""Which segments of a log may go (Kafka: UnifiedLog.deleteOldSegments)."""

from collections.abc import Sequence

from engine.log.log_config import LogConfig
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments


def deletable_segments(
    segments: LogSegments,
    config: LogConfig,
    log_start_offset: int,
    high_watermark: int,
    log_end_offset: int,
    now_ms: int,
) -> Sequence[LogSegment]:
    """The oldest segments that retention no longer wants, in ascending order; nothing above the high watermark.

    A segment goes when the log start offset is past it; with cleanup.policy delete also while the log without it still
    has retention.bytes, and when its newest record is older than retention.ms. An empty last segment stays.
    """
    listed = list(segments)
    doomed: list[LogSegment] = []
    excess_bytes = segments.size - config.retention_bytes if config.delete and config.retention_bytes >= 0 else -1
    for index, segment in enumerate(listed):
        is_last = index + 1 == len(listed)
        next_base_offset = log_end_offset if is_last else listed[index + 1].base_offset
        if high_watermark < next_base_offset or (is_last and segment.size == 0):
            break
        size = segment.size
        is_before_start = not is_last and next_base_offset <= log_start_offset
        is_excess = excess_bytes - size >= 0
        if not (is_before_start or is_excess or _is_expired(segment, config, now_ms)):
            break
        excess_bytes -= size
        doomed.append(segment)
    return doomed


def _is_expired(segment: LogSegment, config: LogConfig, now_ms: int) -> bool:
    if not config.delete or config.retention_ms < 0:
        return False
    timestamp_ms = segment.max_timestamp().timestamp_ms
    # Records without timestamps age from when their segment was created or last opened; Kafka takes the file's time.
    return now_ms - (timestamp_ms if timestamp_ms >= 0 else segment.created_ms) > config.retention_ms
