"""Compaction: of each key the last record stays (KIP-58; Kafka: LogCleaner, Cleaner, LogCleanerManager).

A run takes the log with the largest share of dirty bytes, maps the keys of its dirty part to their last offsets
(`cleaner_map`), and copies all closed segments below the end of the map, group by group, leaving out what a later
record has replaced (`cleaner_copy`). Each group becomes one segment, which takes the place of its sources like this:

    write and sync <base>.log.cleaned and its indexes    a crash leaves rubbish, removed at the next start
    rename them to .swap, sync the directory              from here on a crash is finished at the next start (`opening`)
    rename the sources to .deleted, sync the directory    readers have the new segment by now
    rename .swap to the proper names

Only closed segments are read, so it happens in slices beside the event loop; whatever touches the log happens on the
loop, and gives up when the log was truncated, deleted or trimmed by retention meanwhile. Everything that is compacted
lies below the checkpointed recovery point, so that recovery never takes leader epochs or producers from batches that
are gone.

    cleaner-offset-checkpoint   where the dirty part of each log begins; a log that is in it may have gaps

One log is cleaned at a time. A log that cannot be read is marked, reported and left alone; the others go on.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import KafkaError
from engine.log.cleaner_copy import CleaningCounts, LastRecord, RecordFilter, copy_segments
from engine.log.cleaner_map import OffsetMap, SegmentSource, fill_offset_map
from engine.log.cleaner_range import CleanableRange, cleanable_range, group_segments, is_due
from engine.log.cleaner_transactions import CleanedTransactions
from engine.log.file_names import CLEANED_SUFFIX, LOG_SUFFIX
from engine.log.log_manager import LogManager
from engine.log.open_files import OpenFiles
from engine.log.partition_log import PartitionLog
from engine.log.segment import LogSegment
from engine.log.transaction_index import AbortedTransactionEntry
from engine.runtime.clock import Clock
from engine.runtime.disk import Disk, StorageError
from engine.types import TopicPartition

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CleanerSettings:
    """Kafka's log.cleaner.* (CleanerConfig)."""

    map_bytes: int = 128 * 1024 * 1024
    """Memory for the keys of one run, as Python needs it: some 190 bytes for a short key, where Kafka needs 24."""
    io_bytes_per_second_max: float = float("inf")
    slice_bytes: int = 512 * 1024
    """Read between two turns of the loop."""


class CleaningReport(CleaningCounts):
    """What a run did to which log. Times in seconds of the loop's clock."""

    def __init__(self, topic_partition: TopicPartition, first_dirty_offset: int) -> None:
        super().__init__()
        self.topic_partition = topic_partition
        self.first_dirty_offset = first_dirty_offset
        self.end_offset = first_dirty_offset
        """Where the dirty part begins now."""
        self.map_bytes_read = 0
        self.elapsed_s = 0.0


class _GivenUp(Exception):
    """The log changed under the run."""


class LogCleaner:
    """Compacts the logs of one `LogManager`. It has no task: `clean_all_due` is called every log.cleaner.backoff.ms."""

    def __init__(self, disk: Disk, clock: Clock, logs: LogManager, settings: CleanerSettings | None = None) -> None:
        self._disk = disk
        self._clock = clock
        self._logs = logs
        self.settings = settings or CleanerSettings()
        """May be replaced at any time; a run keeps those it began with, but for the rate."""
        self.uncleanable: dict[TopicPartition, tuple[PartitionLog, str]] = {}
        """The logs a run failed on, and why, until they are opened anew."""
        self.last_report: CleaningReport | None = None

    async def clean_all_due(self) -> int:
        """Run on the dirtiest log until none is due; returns how many runs there were."""
        runs = 0
        while (log := self.dirtiest(self._clock.now_ms())) is not None:
            if await self.clean(log) is None and log.topic_partition not in self.uncleanable:
                break
            runs += 1
        return runs

    def dirtiest(self, now_ms: int) -> PartitionLog | None:
        """The log whose run is due and has the largest share of dirty bytes (Kafka: grabFilthiestCompactedLog)."""
        best: PartitionLog | None = None
        best_ratio = -1.0
        for key, log in self._logs.logs.items():
            if not log.config.compact or log.is_offline or log.closed:
                continue
            failed = self.uncleanable.get(key)
            if failed is not None:
                if failed[0] is log:
                    continue
                del self.uncleanable[key]
            try:
                cleanable = cleanable_range(log, now_ms)
            except StorageError as error:
                log.report_failure(error)
                continue
            if is_due(cleanable, log) and cleanable.dirty_ratio > best_ratio:
                best, best_ratio = log, cleanable.dirty_ratio
        return best

    async def clean(self, log: PartitionLog) -> CleaningReport | None:
        """One run on one log, due or not. None when there was nothing to do, or it was given up or failed."""
        now_ms = self._clock.now_ms()
        try:
            cleanable = cleanable_range(log, now_ms)
            if cleanable.first_dirty_offset >= cleanable.end_offset:
                return None
            run = _Run(self, self._disk, self._logs, log, cleanable, now_ms)
            report = await run.clean()
        except _GivenUp as reason:
            logger.info("%s: compaction given up: %s", log.topic_partition, reason)
            return None
        except KafkaError as error:
            logger.info("%s: compaction given up: %s", log.topic_partition, error.message)
            return None
        except StorageError as error:
            log.report_failure(error)
            return None
        except Exception as error:
            logger.exception("%s cannot be compacted and is left alone from now on", log.topic_partition)
            self.uncleanable[log.topic_partition] = (log, f"{type(error).__name__}: {error}")
            return None
        self.last_report = report
        logger.info(
            "%s: compacted [%d, %d): %d of %d bytes and %d of %d records are left after %.1f s",
            report.topic_partition,
            report.first_dirty_offset,
            report.end_offset,
            report.bytes_written,
            report.bytes_read,
            report.records_written,
            report.records_read,
            report.elapsed_s,
        )
        return report


class _Run:
    """One run on one log."""

    def __init__(
        self,
        cleaner: LogCleaner,
        disk: Disk,
        logs: LogManager,
        log: PartitionLog,
        cleanable: CleanableRange,
        now_ms: int,
    ) -> None:
        self._cleaner = cleaner
        self._settings = cleaner.settings
        self._disk = disk
        self._logs = logs
        self._log = log
        self._now_ms = now_ms
        self._truncations = log.truncations
        self._start_offset = cleanable.first_dirty_offset
        self._end_offset = cleanable.end_offset
        self._loop = asyncio.get_running_loop()
        self._report = CleaningReport(log.topic_partition, cleanable.first_dirty_offset)

    async def clean(self) -> CleaningReport:
        log, report = self._log, self._report
        started_s = self._loop.time()
        await self._prepare()
        offset_map = await self._build_map()
        end_offset = offset_map.latest_offset + 1
        if end_offset > self._start_offset:
            segments = log.segments.between(0, min(end_offset, self._end_offset))
            config = log.config
            transactions = CleanedTransactions(self._aborted_from(0))
            for group in group_segments(segments, config.segment_bytes, config.segment_index_bytes, self._end_offset):
                await self._clean_group(group, offset_map, transactions)
            await self._disk.fsync_directory(log.directory)
            self._check(())
            log.cleaner_offset = report.end_offset = end_offset
            await self._logs.checkpoint_cleaner_offsets()
        report.elapsed_s = self._loop.time() - started_s
        return report

    async def _prepare(self) -> None:
        """What has to be on the disk first: that this log may have gaps, and everything that will be read."""
        log = self._log
        log.cleaner_offset = self._start_offset
        await self._logs.checkpoint_cleaner_offsets()
        if log.recovery_point < self._end_offset:
            await log.flush(self._end_offset)
        if log.recovery_point_checkpointed < self._end_offset:
            await self._logs.checkpoint_recovery_points()
        self._check(())
        if log.recovery_point_checkpointed < self._end_offset:
            raise _GivenUp("the recovery point could not be moved")

    async def _build_map(self) -> OffsetMap:
        log = self._log
        offset_map = OffsetMap(self._settings.map_bytes)
        segments = log.segments.between(self._start_offset, self._end_offset)
        sources = _sources(segments, self._end_offset)
        first = segments[0].find(self._start_offset)
        sources[0] = sources[0]._replace(position=sources[0].size if first is None else first.position)
        transactions = CleanedTransactions(self._aborted_from(self._start_offset))
        filling = fill_offset_map(
            self._disk, sources, self._start_offset, offset_map, transactions, self._settings.slice_bytes
        )
        await self._drain(filling, segments, counts_as_map=True)
        return offset_map

    def _aborted_from(self, start_offset: int) -> list[AbortedTransactionEntry]:
        """The aborted transactions that overlap [start_offset, end of the run); their markers may be behind its end."""
        return [
            entry
            for segment in self._log.segments
            if segment.has_transaction_index
            for entry in segment.aborted_transactions()
            if entry.last_offset >= start_offset and entry.first_offset < self._end_offset
        ]

    async def _clean_group(
        self, group: list[LogSegment], offset_map: OffsetMap, transactions: CleanedTransactions
    ) -> None:
        log, report, disk = self._log, self._report, self._disk
        self._check(group)
        target = LogSegment(
            disk,
            OpenFiles(),
            log.directory,
            group[0].base_offset,
            log.config,
            created_ms=group[-1].created_ms,
            file_suffix=CLEANED_SUFFIX,
        )
        target.unlink_files()  # of a run that was given up
        target.removed = False
        target.file()
        is_in_place = False
        try:
            record_filter = RecordFilter(
                offset_map,
                transactions,
                self._last_records(),
                report,
                upper_bound_offset=self._end_offset,
                delete_retention_ms=log.config.delete_retention_ms,
                now_ms=self._now_ms,
            )
            successor = log.segments.higher(group[-1].base_offset)
            assert successor is not None
            sources = _sources(group, successor.base_offset)
            copying = copy_segments(
                disk, sources, target, record_filter, transactions, report, self._settings.slice_bytes
            )
            await self._drain(copying, group)
            await target.flush()
            await disk.fsync_directory(log.directory)
            self._check(group)
            target.abandon()
            log.begin_swap(target)
            is_in_place = True
            await disk.fsync_directory(log.directory)
            self._check_is_whole()
            replacement = self._reopened(target)
            log.replace_segments(group, replacement, self._now_ms)
            await disk.fsync_directory(log.directory)
            log.end_swap(replacement)
        finally:
            if not is_in_place:
                self._discard(target)

    def _reopened(self, target: LogSegment) -> LogSegment:
        """The finished segment, as one of the log."""
        return LogSegment.open_existing(
            self._disk,
            self._log.open_files,
            self._log.directory,
            target.base_offset,
            self._log.config,
            created_ms=target.created_ms,
            has_transaction_index=target.has_transaction_index,
            file_suffix=target.file_suffix,
        )

    def _discard(self, target: LogSegment) -> None:
        """Remove what was not finished; where that fails the next start or the next run does it."""
        try:
            target.unlink_files()
        except StorageError as error:
            logger.debug("%s: unfinished files stay for now: %s", self._log.topic_partition, error)

    def _last_records(self) -> dict[int, LastRecord]:
        return {
            producer_id: LastRecord(entry.last_data_offset, entry.producer_epoch)
            for producer_id, entry in self._log.producers.producers.items()
        }

    def _check_is_whole(self) -> None:
        log = self._log
        if log.closed or log.is_offline:
            raise _GivenUp("the log is closed")
        if log.truncations != self._truncations:
            raise _GivenUp("the log was truncated")

    def _check(self, segments: "list[LogSegment] | tuple[()]") -> None:
        self._check_is_whole()
        if any(segment.removed for segment in segments):
            raise _GivenUp("retention removed some of it")
        if not self._log.config.compact:
            raise _GivenUp("cleanup.policy changed")

    async def _drain(self, work: Iterator[int], sources: list[LogSegment], *, counts_as_map: bool = False) -> None:
        """Do the work slice by slice away from the loop, at the rate that is allowed."""
        try:
            while (done_bytes := await self._slice(work)) >= 0:
                if counts_as_map:
                    self._report.map_bytes_read += done_bytes
                self._check(sources)
                rate = self._cleaner.settings.io_bytes_per_second_max
                if done_bytes > rate / 1e6:
                    await asyncio.sleep(done_bytes / rate)
        except StorageError:
            self._check(sources)  # a file that was renamed under the run is no fault of the disk
            raise

    async def _slice(self, work: Iterator[int]) -> int:
        def run_one() -> int:
            return next(work, -1)

        task = asyncio.ensure_future(self._disk.run_blocking(run_one))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # The thread still writes: nobody may close its files before it is done.
            await asyncio.wait({task})
            raise


def _sources(segments: list[LogSegment], end_offset: int) -> list[SegmentSource]:
    """All of the segments; the last one ends at `end_offset`."""
    ends = [segment.base_offset for segment in segments[1:]] + [end_offset]
    return [
        SegmentSource(segment.path(LOG_SUFFIX), 0, segment.size, end)
        for segment, end in zip(segments, ends, strict=True)
    ]
