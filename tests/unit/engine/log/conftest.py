"""A partition's log on the real disk, with a clock that the test sets, and batches to put in."""

import asyncio
import random
import struct
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.log import LogConfig, PartitionLog, RecoveryReport, open_log
from engine.log.values import AppendInfo, AppendOrigin
from engine.protocol.records.batch import iterate_batches, stamp
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.runtime.system_disk import SystemDisk
from engine.types import TopicPartition

T = TypeVar("T")

START_MS = 1_700_000_000_000
TOPIC_ID = bytes(range(1, 17))
ORDERS = TopicPartition("orders", 3)


class ManualClock:
    """Wall time that stands still until told."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.time_ms = now_ms

    def now_ms(self) -> int:
        return self.time_ms


class LogBench:
    """One partition's directory, opened and opened again; `log` is the log of the last `open`."""

    def __init__(self, root: Path, disk: Any = None) -> None:
        self.root = root
        self.directory = f"{root}/{ORDERS}"
        self.disk = disk or SystemDisk()
        self.clock = ManualClock()
        self.failures: list[Exception] = []
        self.report = RecoveryReport("")
        self.log: PartitionLog = None  # type: ignore[assignment]

    def open(self, **options: Any) -> PartitionLog:
        """Open the directory as after a kill, unless `had_clean_shutdown`. Configs may be given by name."""
        if self.log is not None and not self.log.closed:
            self.log.abandon()
        config_names = LogConfig.__dataclass_fields__
        configs = {name: options.pop(name) for name in list(options) if name in config_names}
        self.log, self.report = open_log(
            self.disk,
            self.clock,
            self.directory,
            ORDERS,
            options.pop("config", LogConfig(**configs)),
            topic_id=TOPIC_ID,
            randomness=random.Random(1),
            on_failure=lambda log, error: self.failures.append(error),
            **options,
        )
        return self.log

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def close(self) -> None:
        self.run(self.log.close())

    def batch(
        self,
        count: int = 1,
        *,
        value: bytes = b"v",
        key: bytes | None = None,
        timestamp_ms: int | None = None,
        base_offset: int = 0,
        epoch: int = -1,
        **options: Any,
    ) -> bytes:
        """A batch of `count` equal records, as a client would send it unless told otherwise."""
        time_ms = self.clock.time_ms if timestamp_ms is None else timestamp_ms
        records = [Record(base_offset + index, time_ms, key, value, []) for index in range(count)]
        return build_batch(records, base_offset=base_offset, leader_epoch=epoch, **options)

    def append(
        self, count: int = 1, *, epoch: int = 0, origin: AppendOrigin = AppendOrigin.CLIENT, **options: Any
    ) -> AppendInfo:
        """Append one batch of `count` records as the leader of `epoch`."""
        return self.append_bytes(self.batch(count, **options), epoch=epoch, origin=origin)

    def append_bytes(self, data: Any, *, epoch: int = 0, origin: AppendOrigin = AppendOrigin.CLIENT) -> AppendInfo:
        return self.log.append_as_leader(data, leader_epoch=epoch, now_ms=self.clock.time_ms, origin=origin)

    def append_marker(
        self, producer_id: int, *, commit: bool, producer_epoch: int = 0, coordinator_epoch: int = 0, epoch: int = 0
    ) -> AppendInfo:
        """End a transaction, as the transaction coordinator does."""
        record = Record(
            0, self.clock.time_ms, struct.pack(">hh", 0, int(commit)), struct.pack(">hi", 0, coordinator_epoch), []
        )
        data = build_batch(
            [record], producer_id=producer_id, producer_epoch=producer_epoch, is_transactional=True, is_control=True
        )
        return self.append_bytes(data, epoch=epoch, origin=AppendOrigin.COORDINATOR)

    def fetch(self, start: int, end: int | None = None) -> bytes:
        """What a follower would be sent: everything in [start, end), read bit by bit."""
        stop = self.log.log_end_offset if end is None else end
        parts = []
        while start < stop:
            result = self.log.read(start, 1 << 20, max_offset=stop)
            if not result.records:
                break
            parts.append(result.records)
            start = result.next_offset
        return b"".join(parts)

    def records(self, start: int | None = None) -> list[Record]:
        """Every record in the log from `start` on (its start unless given)."""
        first = self.log.log_start_offset if start is None else start
        data = self.fetch(first)
        found: list[Record] = []
        for position, _ in iterate_batches(data):
            found += [record for record in decode_records(data, position) if record.offset >= first]
        return found

    def offsets(self, start: int | None = None) -> list[int]:
        return [record.offset for record in self.records(start)]

    def spans(self) -> list[tuple[int, int]]:
        """First and last offset of every batch."""
        return [
            (header.base_offset, header.last_offset)
            for _, header in iterate_batches(self.fetch(self.log.log_start_offset))
        ]

    def files(self, suffix: str = "") -> list[str]:
        return sorted(path.name for path in Path(self.directory).iterdir() if path.name.endswith(suffix))

    def path(self, name: str) -> Path:
        return Path(self.directory) / name

    def segment_bases(self) -> list[int]:
        return [int(name[:20]) for name in self.files(".log")]


def stamped(data: bytes, base_offset: int, epoch: int) -> bytes:
    """The batch as its leader wrote it."""
    copy = bytearray(data)
    stamp(copy, 0, base_offset, epoch)
    return bytes(copy)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LogBench]:
    bench = LogBench(tmp_path)
    yield bench
    if bench.log is not None and not bench.log.closed:
        bench.log.abandon()


@pytest.fixture
def log(bench: LogBench) -> PartitionLog:
    """A new, empty log with Kafka's default configuration."""
    return bench.open()
