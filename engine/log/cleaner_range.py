"""Which part of a log compaction may touch, whether it is due, and which segments become one.

(KIP-58, KIP-354; Kafka: LogCleanerManager.cleanableOffsets, LogToClean, Cleaner.groupSegmentsBySize.)
"""

import logging
from typing import NamedTuple

from engine.log.log_config import LONG_MAX
from engine.log.partition_log import PartitionLog
from engine.log.segment import INT_MAX, LogSegment
from engine.runtime import safeguards

logger = logging.getLogger(__name__)


class CleanableRange(NamedTuple):
    """What a run on a log would do. Offsets; bytes of whole segments."""

    first_dirty_offset: int
    """Everything before it was compacted among itself."""
    end_offset: int
    """Exclusive; always where a segment begins."""
    clean_bytes: int
    dirty_bytes: int
    overdue_ms: int
    """For how long max.compaction.lag.ms has been exceeded; 0 when it is not (KIP-354)."""

    @property
    def dirty_ratio(self) -> float:
        """Share of the dirty bytes; 0 for an empty log."""
        total_bytes = self.clean_bytes + self.dirty_bytes
        return self.dirty_bytes / total_bytes if total_bytes else 0.0


def cleanable_range(log: PartitionLog, now_ms: int) -> CleanableRange:
    """The dirty part that may be compacted now: segments that are closed, wholly below the last stable offset
    (KAFKA-13194), and all older than min.compaction.lag.ms. Raises StorageError."""
    config, segments = log.config, log.segments
    first_dirty_offset = _first_dirty_offset(log)
    active = segments.active
    dirty = [segment for segment in segments.between(first_dirty_offset, active.base_offset) if segment is not active]
    bound = active.base_offset
    if safeguards.cleaner_stops_at_high_watermark:
        bound = min(bound, log.last_stable_offset)
    if config.min_compaction_lag_ms > 0:
        youngest_ms = now_ms - config.min_compaction_lag_ms
        young = (segment.base_offset for segment in dirty if segment.max_timestamp().timestamp_ms > youngest_ms)
        bound = min(bound, next(young, bound))
    bound = max(bound, first_dirty_offset)
    covering = segments.floor(bound)
    end_offset = active.base_offset if bound >= active.base_offset or covering is None else covering.base_offset
    cleanable = segments.between(min(first_dirty_offset, end_offset), end_offset)
    overdue_ms = 0
    if config.max_compaction_lag_ms < LONG_MAX:
        timestamps = [timestamp for segment in dirty if (timestamp := segment.first_timestamp_ms()) > 0]
        overdue_ms = max(now_ms - config.max_compaction_lag_ms - min(timestamps), 0) if timestamps else 0
    return CleanableRange(
        first_dirty_offset,
        end_offset,
        clean_bytes=sum(segment.size for segment in segments.between(0, first_dirty_offset)),
        dirty_bytes=sum(segment.size for segment in cleanable),
        overdue_ms=overdue_ms,
    )


def _first_dirty_offset(log: PartitionLog) -> int:
    start_offset = log.log_start_offset
    checkpoint = log.cleaner_offset
    if checkpoint is None:
        return start_offset
    if checkpoint > log.log_end_offset:
        logger.warning(
            "%s: compaction was at offset %d, but the log ends at %d; it begins anew",
            log.topic_partition,
            checkpoint,
            log.log_end_offset,
        )
        return start_offset
    return max(checkpoint, start_offset)


def is_due(cleanable: CleanableRange, log: PartitionLog) -> bool:
    """Whether there is enough to do for a run: min.cleanable.dirty.ratio is exceeded, or max.compaction.lag.ms is."""
    if not cleanable.dirty_bytes or cleanable.first_dirty_offset >= cleanable.end_offset:
        return False
    return cleanable.overdue_ms > 0 or cleanable.dirty_ratio > log.config.min_cleanable_dirty_ratio


def group_segments(
    segments: list[LogSegment], segment_bytes_max: int, index_bytes_max: int, end_offset: int
) -> list[list[LogSegment]]:
    """Adjacent segments that together would not exceed a segment's size, index size and range of offsets.

    `end_offset` is where the last of them ends at most. Sizes are those before compaction.
    """
    groups: list[list[LogSegment]] = []
    log_bytes = offset_entries = time_entries = 0
    for number, segment in enumerate(segments):
        offset_index, time_index = segment.indexes()
        ends_at = segments[number + 1].base_offset if number + 1 < len(segments) else end_offset
        if (
            groups
            and log_bytes + segment.size <= segment_bytes_max
            and (offset_entries + len(offset_index)) * 8 <= index_bytes_max
            and (time_entries + len(time_index)) * 12 <= index_bytes_max
            and (segment.size == 0 or ends_at - 1 - groups[-1][0].base_offset <= INT_MAX)
        ):
            groups[-1].append(segment)
        else:
            groups.append([segment])
            log_bytes = offset_entries = time_entries = 0
        log_bytes += segment.size
        offset_entries += len(offset_index)
        time_entries += len(time_index)
    return groups
