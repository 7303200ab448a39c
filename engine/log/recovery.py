"""Bringing the files of a log back into a state that can be trusted, after a stop that was not clean.

What survives is every whole, valid batch before the first damage. Segments that lie wholly before the recovery point were
synced together with their indexes and are not read; from the segment of the recovery point on, each is read through:
checksums and offsets are verified, indexes, leader epochs, transaction index and producer state are made anew, and at the
first damage the log is cut and all later segments go (Kafka: LogLoader.recoverLog, LogSegment.recover).
"""

from engine.log.batches import DamagedBatch, scan_batches
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.producer_snapshots import ProducerSnapshots, apply_batch, rebuild_producers
from engine.log.producer_state import ProducerStateManager
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments
from engine.log.values import RecoveryReport
from engine.protocol.errors import ProtocolError

INT_MAX = 2**31 - 1


def recover_segments(
    segments: LogSegments,
    snapshots: ProducerSnapshots,
    producers: ProducerStateManager,
    epochs: LeaderEpochCache,
    report: RecoveryReport,
    *,
    recovery_point: int,
    log_start_offset: int,
    now_ms: int,
) -> int:
    """Recover every segment from the one of `recovery_point` on. Returns the log end offset.

    Producer state is complete afterwards. `segments` must not be empty.
    """
    suspects = segments.between(recovery_point, segments.active.base_offset + 1)
    first = suspects[0]
    # Snapshots behind this point speak of records that may be gone.
    snapshots.remove_above(first.base_offset)
    report.reasons += rebuild_producers(
        producers,
        snapshots,
        segments,
        log_start_offset=log_start_offset,
        end_offset=first.base_offset,
        now_ms=now_ms,
    )
    next_offset = first.base_offset
    for index, segment in enumerate(suspects):
        next_offset = max(next_offset, segment.base_offset)
        producers.map_end_offset = next_offset
        snapshots.take(producers)
        next_offset, is_damaged = _recover_segment(segment, next_offset, producers, epochs, report)
        if is_damaged:
            for later in reversed(suspects[index + 1 :]):
                report.deleted_segments.insert(0, later.base_offset)
                segments.remove(later)
                later.rename_to_deleted()
            break
    return next_offset


def _recover_segment(
    segment: LogSegment,
    next_offset: int,
    producers: ProducerStateManager,
    epochs: LeaderEpochCache,
    report: RecoveryReport,
) -> tuple[int, bool]:
    """Read one segment through and cut it at the first damage. Returns the next offset and whether anything was cut."""
    size = segment.size
    valid_bytes = 0
    report.recovered_segments.append(segment.base_offset)
    epochs.truncate_from_end(segment.base_offset)
    segment.begin_rebuild()
    segment.reset_transactions()
    try:
        for position, header, data in scan_batches(segment.file(), 0, size):
            if header.base_offset < next_offset:
                raise DamagedBatch(position, f"offset {header.base_offset} where {next_offset} was due")
            if header.last_offset - segment.base_offset > INT_MAX or header.last_offset_delta < 0:
                raise DamagedBatch(position, f"last offset {header.last_offset} is beyond what the segment can hold")
            segment.account(header.last_offset, header.max_timestamp, position, header.size_bytes)
            if header.partition_leader_epoch > epochs.latest_epoch:
                epochs.assign(header.partition_leader_epoch, header.base_offset)
            apply_batch(producers, header, data, segment)
            next_offset = producers.map_end_offset = header.next_offset
            valid_bytes = position + header.size_bytes
    except (DamagedBatch, ProtocolError) as damage:
        report.reasons.append(f"segment {segment.base_offset}: {damage}; cut at offset {next_offset}")
    report.recovered_bytes += valid_bytes
    truncated_bytes = size - valid_bytes
    if truncated_bytes:
        report.truncated_bytes += truncated_bytes
        report.truncated_at_offset = next_offset
    segment.end_rebuild(valid_bytes, cut=truncated_bytes > 0)
    return next_offset, truncated_bytes > 0
