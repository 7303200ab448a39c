"""When a node writes a snapshot of the metadata it has (KIP-630, KIP-876; Kafka: SnapshotGenerator).

Every node does so for itself, controllers and brokers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.config import BrokerConfig
from engine.metadata.image import MetadataImage
from engine.metadata.snapshot import image_records
from engine.protocol.message import Message
from engine.types import OffsetAndEpoch

WriteSnapshot = Callable[[OffsetAndEpoch, Sequence[Message], int], object]
"""(offset and epoch of the last record in it (inclusive), records, append time of that record in ms): starts writing."""


class SnapshotSchedule:
    """Writes once the log has grown by `bytes_max` since the last snapshot, or by anything in `interval_max_ms`.

    (Kafka: metadata.log.max.record.bytes.between.snapshots, metadata.log.max.snapshot.interval.ms; 0 turns the latter
    off.) `now_ms` is a monotonic clock.
    """

    def __init__(
        self,
        write: WriteSnapshot,
        now_ms: Callable[[], int],
        *,
        bytes_max: int = 20 * 1024 * 1024,
        interval_max_ms: int = 3_600_000,
    ) -> None:
        self._write = write
        self._now_ms = now_ms
        self._bytes_max = bytes_max
        self._interval_max_ms = interval_max_ms
        self._bytes = 0
        self._last_ms: int | None = None

    @classmethod
    def from_config(cls, config: BrokerConfig, write: WriteSnapshot, now_ms: Callable[[], int]) -> SnapshotSchedule:
        """As the node's properties have it."""
        return cls(
            write,
            now_ms,
            bytes_max=config.get_int("metadata.log.max.record.bytes.between.snapshots"),
            interval_max_ms=config.get_int("metadata.log.max.snapshot.interval.ms"),
        )

    def loaded(self) -> None:
        """A snapshot was read: count from there."""
        self._bytes = 0
        self._last_ms = self._now_ms()

    def committed(self, image: MetadataImage, size_bytes: int, timestamp_ms: int) -> None:
        """`size_bytes` more were committed, which led to `image`; the last batch was appended at `timestamp_ms`."""
        self._bytes += size_bytes
        now_ms = self._now_ms()
        if self._last_ms is None:
            self._last_ms = now_ms  # the interval starts with the process
        grown = self._bytes >= self._bytes_max
        aged = self._interval_max_ms > 0 and self._bytes > 0 and now_ms - self._last_ms >= self._interval_max_ms
        if (grown or aged) and image.offset >= 0:
            self._bytes = 0
            self._last_ms = now_ms
            self._write(OffsetAndEpoch(image.offset, image.epoch), list(image_records(image)), timestamp_ms)
