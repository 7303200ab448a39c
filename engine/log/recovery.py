"""Bringing the files of a log back into a state that can be trusted, after a stop that was not clean.

What survives is every whole, valid batch before the first damage. Segments that lie wholly before the recovery point were
synced together with their indexes and are not read; from the segment of the recovery point on, each is read through:
checksums and offsets are verified, indexes, leader epochs, transaction index and producer state are made anew, and at the
first damage the log is cut and all later segments go (Kafka: LogLoader.recoverLog, LogSegment.recover).

Two things count as damage that Kafka lets pass, because a power cut can undo a truncation or a removal that was not synced
and so bring back what another leader had overwritten: a leader epoch lower than the one before, and, in a log without
the gaps of compaction, offsets missing between two segments.

A batch's checksum does not cover its base offset and length (bytes 0 to 11), nor its leader epoch (12 to 15). A wrong
base offset is noticed where it breaks the order: below what is due, not below the next batch's, or out of the segment's
range. The last batch of a log has no next one; there a gap is damage unless the topic is compacted. Not noticed: a gap
among the gaps of compaction, and anything in segments not read through (reading notices there: `segment`).

Of a wrong leader epoch the epoch checkpoint tells, which was synced with everything before the recovery point. Behind that
point a later epoch before an earlier one leaves open which of the two is wrong: neither was promised to be there, so both
go. An epoch that nobody was ever given is noticed by the leader (`engine.broker.fetcher`). Not noticed: an epoch of what
was never synced that has become another one of the log's, in the right order.
"""

from engine.log.batches import DamagedBatch, scan_batches
from engine.log.leader_epoch_cache import LeaderEpochCache
from engine.log.producer_snapshots import DamagedSegment, ProducerSnapshots, apply_batch, rebuild_producers
from engine.log.producer_state import ProducerStateManager
from engine.log.segment import LogSegment
from engine.log.segments import LogSegments
from engine.log.values import NO_LEADER_EPOCH, RecoveryReport
from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import BatchHeader

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
    is_compacted: bool = False,
) -> int:
    """Recover every segment from the one of `recovery_point` on. Returns the log end offset.

    Producer state is complete afterwards. `segments` must not be empty.
    """
    known = epochs.copy()
    while True:
        report.recovered_segments.clear()
        report.recovered_bytes = 0
        recovery = _Recovery(producers, epochs, report, recovery_point, known, is_compacted)
        try:
            return _recover(recovery, segments, snapshots, log_start_offset, now_ms)
        except _EpochInDoubt as doubt:
            # Producers have seen what goes now: cut, and begin again.
            segment, position = doubt.segment, doubt.position
            report.reasons.append(f"segment {segment.base_offset}: {doubt}; cut at offset {doubt.offset}")
            report.truncated_at_offset = doubt.offset
            report.truncated_bytes += doubt.segment_bytes - position
            segment.end_rebuild(position, cut=True)
            _remove(segments, [each for each in segments if each.base_offset > segment.base_offset], report)


def _recover(
    recovery: "_Recovery", segments: LogSegments, snapshots: ProducerSnapshots, log_start_offset: int, now_ms: int
) -> int:
    producers, report, recovery_point = recovery.producers, recovery.report, recovery.recovery_point
    suspects = segments.between(recovery_point, segments.active.base_offset + 1)
    suspects = _with_overwritten_predecessors(segments, suspects)
    while True:
        first = suspects[0]
        # Snapshots behind this point speak of records that may be gone.
        snapshots.remove_above(first.base_offset)
        try:
            report.reasons += rebuild_producers(
                producers,
                snapshots,
                segments,
                log_start_offset=log_start_offset,
                end_offset=first.base_offset,
                now_ms=now_ms,
            )
            break
        except DamagedSegment as damage:
            report.reasons.append(str(damage))
            suspects = segments.between(damage.base_offset, segments.active.base_offset + 1)
    recovery.next_offset = first.base_offset
    for index, segment in enumerate(suspects):
        is_cut_off = recovery.does_not_follow(segment)
        if not is_cut_off:
            recovery.next_offset = producers.map_end_offset = max(recovery.next_offset, segment.base_offset)
            snapshots.take(producers)
        following = suspects[index + 1].base_offset if index + 1 < len(suspects) else None
        if is_cut_off or recovery.recover(segment, following):
            _remove(segments, suspects[index if is_cut_off else index + 1 :], report)
            break
    return recovery.next_offset


def _remove(segments: LogSegments, gone: list[LogSegment], report: RecoveryReport) -> None:
    """Remove segments behind a cut, the last one first."""
    for segment in reversed(gone):
        report.deleted_segments.insert(0, segment.base_offset)
        segments.remove(segment)
        segment.rename_to_deleted()


def _with_overwritten_predecessors(segments: LogSegments, suspects: list[LogSegment]) -> list[LogSegment]:
    """Add the segments before the suspects that reach into the next one, or end in a later epoch than it begins with.

    That is so when a power cut has undone a truncation at the recovery point, or below it when it is stale.
    """
    before = segments.between(0, suspects[0].base_offset)
    while before:
        end = before[-1].last_batch()
        begin = next(suspects[0].spans(), None)
        reaches_in = end is not None and end.last_offset >= suspects[0].base_offset
        is_later = end is not None and begin is not None and 0 <= begin.leader_epoch < end.leader_epoch
        if not (reaches_in or is_later):
            break
        suspects = [before.pop(), *suspects]
    return suspects


class _EpochInDoubt(Exception):
    """One of two batches that were never synced has a wrong leader epoch. Where the first of them begins."""

    def __init__(self, segment: LogSegment, segment_bytes: int, position: int, offset: int, text: str) -> None:
        super().__init__(f"at byte {position}: {text}")
        self.segment = segment
        self.segment_bytes = segment_bytes
        self.position = position
        self.offset = offset


class _Recovery:
    """What is known while segment after segment is read through. `known` are the epochs of the checkpoint."""

    def __init__(
        self,
        producers: ProducerStateManager,
        epochs: LeaderEpochCache,
        report: RecoveryReport,
        recovery_point: int,
        known: LeaderEpochCache,
        may_have_gaps: bool,
    ) -> None:
        self.producers = producers
        self.report = report
        self.recovery_point = recovery_point
        self._epochs = epochs
        self._known = known
        self._is_compacted = self._may_have_gaps = may_have_gaps
        self._latest_epoch_position = -1
        """Where in the present segment the latest epoch begins, -1 when it began before."""
        self._segment_bytes = 0
        self.next_offset = 0

    def does_not_follow(self, segment: LogSegment) -> bool:
        """Whether the segment begins inside of what came before, or behind a hole that compaction does not explain."""
        base_offset = segment.base_offset
        if base_offset == self.next_offset or (base_offset > self.next_offset and self._may_have_gaps):
            return False
        self.report.reasons.append(f"segment {base_offset} comes where offset {self.next_offset} was due")
        self.report.truncated_at_offset = self.next_offset
        return True

    def recover(self, segment: LogSegment, following: int | None) -> bool:
        """Read one segment through and cut it at the first damage. Whether anything was cut.

        `following` is where the next segment begins; None for the last.
        """
        producers, epochs, report = self.producers, self._epochs, self.report
        size = self._segment_bytes = segment.size
        valid_bytes = 0
        self._latest_epoch_position = -1
        report.recovered_segments.append(segment.base_offset)
        epochs.truncate_from_end(segment.base_offset)
        segment.begin_rebuild()
        segment.reset_transactions()
        try:
            for position, header, data in scan_batches(segment.file(), 0, size):
                self._check(segment, position, header)
                if header.base_offset > self.next_offset:
                    end = position + header.size_bytes
                    self._check_gap(position, header, _base_offset_at(segment, end) if end < size else following)
                segment.account(header.last_offset, header.max_timestamp, position, header.size_bytes)
                if header.partition_leader_epoch > epochs.latest_epoch:
                    epochs.assign(header.partition_leader_epoch, header.base_offset)
                    self._latest_epoch_position = position
                apply_batch(producers, header, data, segment)
                self.next_offset = producers.map_end_offset = header.next_offset
                valid_bytes = position + header.size_bytes
        except (DamagedBatch, ProtocolError) as damage:
            report.reasons.append(f"segment {segment.base_offset}: {damage}; cut at offset {self.next_offset}")
        report.recovered_bytes += valid_bytes
        truncated_bytes = size - valid_bytes
        if truncated_bytes:
            report.truncated_bytes += truncated_bytes
            report.truncated_at_offset = self.next_offset
        segment.end_rebuild(valid_bytes, cut=truncated_bytes > 0)
        return truncated_bytes > 0

    def _check(self, segment: LogSegment, position: int, header: BatchHeader) -> None:
        """Raise DamagedBatch when the batch, whole as it is, cannot come after the ones before it."""
        if header.base_offset < self.next_offset:
            raise DamagedBatch(position, f"offset {header.base_offset} where {self.next_offset} was due")
        if header.last_offset_delta < 0 or header.last_offset - segment.base_offset > INT_MAX:
            raise DamagedBatch(position, f"last offset {header.last_offset} is beyond what the segment can hold")
        self._check_epoch(segment, position, header)

    def _check_epoch(self, segment: LogSegment, position: int, header: BatchHeader) -> None:
        offset, epoch, latest = header.base_offset, header.partition_leader_epoch, self._epochs.latest_epoch
        if epoch == NO_LEADER_EPOCH:
            return  # of a log that is older than leader epochs
        if epoch < 0:
            raise DamagedBatch(position, f"leader epoch {epoch} was never given to anybody")
        known = self._known.epoch_for_offset(offset) if offset < self.recovery_point else NO_LEADER_EPOCH
        if known not in (epoch, NO_LEADER_EPOCH):
            raise DamagedBatch(position, f"offset {offset} is of leader epoch {epoch} instead of {known}")
        if epoch < latest:
            text = f"offset {offset} of leader epoch {epoch} comes after epoch {latest}"
            begins_at = self._epochs.entries()[-1].start_offset
            if self._latest_epoch_position >= 0 and begins_at >= self.recovery_point:
                raise _EpochInDoubt(segment, self._segment_bytes, self._latest_epoch_position, begins_at, text)
            raise DamagedBatch(position, text)

    def _check_gap(self, position: int, header: BatchHeader, following: int | None) -> None:
        """Raise DamagedBatch when offsets are missing before the batch and compaction does not explain it.

        `following` is the base offset of what comes next; None when nothing does.
        """
        is_out_of_order = following is not None and following < header.next_offset
        if is_out_of_order or (following is None and not self._is_compacted):
            raise DamagedBatch(position, f"offset {header.base_offset} where {self.next_offset} was due")
        self._may_have_gaps = True


def _base_offset_at(segment: LogSegment, position: int) -> int:
    return int.from_bytes(segment.file().pread(8, position), signed=True)
