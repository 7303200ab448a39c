"""`__cluster_metadata-0` on disk: a `PartitionLog` and its snapshots, as the quorum wants them (Kafka: KafkaMetadataLog).

The log is recovered from its beginning at every start, as Kafka does: snapshots keep it short. Retention is by snapshot:
the log before the oldest snapshot kept is removed; the newest snapshot always stays.
"""

from dataclasses import dataclass

from engine.controller.raft_snapshots import PartialSnapshot, RaftSnapshots, SnapshotReader
from engine.errors import InvariantViolation
from engine.log import AppendOrigin, LogConfig, LogStartOffsetReason, PartitionLog, open_log
from engine.protocol.buffers import Buffer
from engine.protocol.messages import LeaderChangeMessage
from engine.protocol.records.control import ControlType, build_control_batch
from engine.raft.log import epoch_end
from engine.raft.types import METADATA_TOPIC_ID
from engine.runtime.runtime import Runtime
from engine.types import CLUSTER_METADATA, OffsetAndEpoch


@dataclass(frozen=True, slots=True)
class RaftLogSettings:
    """Sizes in bytes, times in milliseconds; the defaults are Kafka's (MetadataLogConfig)."""

    segment_bytes: int = 1024 * 1024 * 1024
    segment_ms: int = 7 * 24 * 60 * 60 * 1000
    batch_bytes_max: int = 8 * 1024 * 1024
    retention_bytes: int = 100 * 1024 * 1024
    """metadata.max.retention.bytes: log and snapshots together; -1 keeps everything."""
    retention_ms: int = 7 * 24 * 60 * 60 * 1000
    """metadata.max.retention.ms: age of a snapshot; -1 keeps everything."""
    file_delete_delay_ms: int = 60_000


class RaftLog:
    """Implements `engine.raft.log.MetadataLog`; see there."""

    def __init__(
        self, runtime: Runtime, log: PartitionLog, snapshots: RaftSnapshots, settings: RaftLogSettings
    ) -> None:
        self._clock = runtime.clock
        self._settings = settings
        self.log = log
        self.snapshots = snapshots
        self._download: PartialSnapshot | None = None
        self._snapshot_created_ms: dict[OffsetAndEpoch, int] = {}

    @classmethod
    def open(cls, runtime: Runtime, directory: str, settings: RaftLogSettings) -> "RaftLog":
        """Open or make `directory`. Raises StorageError, KafkaError."""
        config = LogConfig(
            segment_bytes=settings.segment_bytes,
            segment_ms=settings.segment_ms,
            max_message_bytes=settings.batch_bytes_max + 1024,
            retention_bytes=-1,
            retention_ms=-1,
            file_delete_delay_ms=settings.file_delete_delay_ms,
        )
        runtime.disk.make_directories(directory)
        snapshots = RaftSnapshots(runtime.disk, directory)
        log, _ = open_log(runtime.disk, runtime.clock, directory, CLUSTER_METADATA, config, topic_id=METADATA_TOPIC_ID)
        opened = cls(runtime, log, snapshots, settings)
        earliest = snapshots.earliest
        if earliest is not None and log.log_start_offset < earliest.offset <= log.log_end_offset:
            log.update_high_watermark(earliest.offset)
            log.increment_log_start_offset(earliest.offset, LogStartOffsetReason.SNAPSHOT_GENERATED)
        return opened

    # --- the log

    @property
    def start_offset(self) -> int:
        return self.log.log_start_offset

    @property
    def end_offset(self) -> int:
        return self.log.log_end_offset

    @property
    def last_epoch(self) -> int:
        epoch = self.log.latest_epoch
        if epoch >= 0:
            return epoch
        latest = self.snapshots.latest
        return latest.epoch if latest is not None else 0

    def append_as_leader(self, records: Buffer, epoch: int) -> int:
        """`records` already have the offsets that follow the end of the log, and `epoch`."""
        self.log.append_as_leader(
            records, leader_epoch=epoch, now_ms=self._clock.now_ms(), origin=AppendOrigin.RAFT_LEADER
        )
        return self.log.log_end_offset

    def append_leader_change(self, message: LeaderChangeMessage, epoch: int) -> int:
        batch = build_control_batch(
            ControlType.LEADER_CHANGE,
            message,
            offset=self.end_offset,
            timestamp=self._clock.now_ms(),
            leader_epoch=epoch,
        )
        return self.append_as_leader(batch, epoch)

    def append_as_follower(self, records: Buffer) -> int:
        self.log.append_as_follower(records)
        return self.log.log_end_offset

    def read(self, offset: int, max_bytes: int) -> bytes:
        return self.log.read(offset, max_bytes, max_offset=self.log.log_end_offset).records

    def end_offset_for_epoch(self, epoch: int) -> OffsetAndEpoch:
        return epoch_end(
            [(entry.epoch, entry.start_offset) for entry in self.log.leader_epochs.entries()],
            epoch,
            end_offset=self.end_offset,
            last_epoch=self.last_epoch,
            earliest_snapshot_id=self.earliest_snapshot_id,
        )

    def truncate_to(self, offset: int) -> None:
        if offset < self.log.log_start_offset:
            raise InvariantViolation(f"truncate {self.log.topic_partition} to {offset}, before its start")
        self.log.truncate_to(offset)

    def update_high_watermark(self, offset: int) -> None:
        self.log.update_high_watermark(offset)

    async def flush(self) -> None:
        await self.log.flush()

    async def close(self) -> None:
        self._drop_download()
        self.snapshots.close()
        await self.log.close()

    def abandon(self) -> None:
        """Close files and nothing else, as a crash would."""
        if self._download is not None:
            self._download.file.close()
            self._download = None
        self.snapshots.close()
        self.log.abandon()

    # --- snapshots

    @property
    def latest_snapshot_id(self) -> OffsetAndEpoch | None:
        return self.snapshots.latest

    @property
    def earliest_snapshot_id(self) -> OffsetAndEpoch | None:
        return self.snapshots.earliest

    def snapshot_size(self, snapshot_id: OffsetAndEpoch) -> int | None:
        return self.snapshots.sizes.get(snapshot_id)

    def read_snapshot(self, snapshot_id: OffsetAndEpoch, position: int, max_bytes: int) -> bytes:
        return self.snapshots.read(snapshot_id, position, max_bytes)

    def snapshot_reader(self, snapshot_id: OffsetAndEpoch) -> SnapshotReader:
        return self.snapshots.reader(snapshot_id)

    def start_download(self, snapshot_id: OffsetAndEpoch) -> None:
        self._drop_download()
        self._download = self.snapshots.create(snapshot_id)

    def append_download(self, snapshot_id: OffsetAndEpoch, data: Buffer) -> int:
        download = self._download
        if download is None or download.snapshot_id != snapshot_id:
            raise InvariantViolation(f"a piece of snapshot {snapshot_id} while {download} is being downloaded")
        return download.append(data)

    async def freeze_download(self, snapshot_id: OffsetAndEpoch) -> None:
        download = self._download
        if download is None or download.snapshot_id != snapshot_id:
            raise InvariantViolation(f"snapshot {snapshot_id} is not being downloaded")
        self._download = None
        await self.snapshots.freeze(download)
        self._snapshot_created_ms[snapshot_id] = self._clock.now_ms()

    def truncate_fully_to_latest_snapshot(self) -> bool:
        latest = self.snapshots.latest
        if latest is None or (latest.epoch, latest.offset) <= (max(self.log.latest_epoch, 0), self.end_offset):
            return False
        self.log.truncate_fully_and_start_at(latest.offset)
        for snapshot_id in list(self.snapshots.sizes):
            if snapshot_id < latest:
                self._remove_snapshot(snapshot_id)
        return True

    def can_snapshot(self, snapshot_id: OffsetAndEpoch) -> bool:
        """Whether our own snapshot of everything before that offset would be new, committed and true to the log
        (Kafka: KafkaMetadataLog.createNewSnapshot)."""
        offset, epoch = snapshot_id
        if snapshot_id in self.snapshots.sizes or not self.start_offset <= offset <= self.log.high_watermark:
            return False
        end_offset, found_epoch = self.end_offset_for_epoch(epoch)
        return found_epoch == epoch and offset <= end_offset

    def note_snapshot(self, snapshot_id: OffsetAndEpoch) -> None:
        """Our own snapshot is complete."""
        self._snapshot_created_ms[snapshot_id] = self._clock.now_ms()

    def clean(self) -> bool:
        """Remove old snapshots, and the log before the oldest that is kept, by size and age; whether anything went
        (Kafka: KafkaMetadataLog.maybeClean). The newest snapshot always stays."""
        settings = self._settings
        now_ms = self._clock.now_ms()
        cleaned = False
        while len(self.snapshots.sizes) > 1:
            oldest, following = list(self.snapshots.sizes)[:2]
            total_bytes = self.log.size + sum(self.snapshots.sizes.values())
            age_ms = now_ms - self._snapshot_created_ms.setdefault(oldest, now_ms)
            too_large = 0 <= settings.retention_bytes < total_bytes
            too_old = 0 <= settings.retention_ms < age_ms
            if not (too_large or too_old) or following.offset > self.log.high_watermark:
                break
            self._remove_snapshot(oldest)
            if following.offset > self.log.log_start_offset:
                self.log.increment_log_start_offset(following.offset, LogStartOffsetReason.SNAPSHOT_GENERATED)
                self.log.delete_old_segments(now_ms)
            cleaned = True
        self.log.remove_deleted_files(now_ms)
        return cleaned

    def _remove_snapshot(self, snapshot_id: OffsetAndEpoch) -> None:
        self.snapshots.remove(snapshot_id)
        self._snapshot_created_ms.pop(snapshot_id, None)

    def _drop_download(self) -> None:
        if self._download is not None:
            self.snapshots.abandon(self._download)
            self._download = None
