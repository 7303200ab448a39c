"""What a node does from time to time: flush, retention, checkpoints (Kafka: LogManager's scheduler)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from engine.config import BrokerConfig
from engine.log import CleanerSettings, LogCleaner, LogManager
from engine.runtime import Runtime

logger = logging.getLogger(__name__)

CLEANER_BACKOFF_MS_MIN = 100
_CLEANER_SLICE_BYTES_MIN = 64 * 1024


def cleaner_settings(config: BrokerConfig) -> CleanerSettings:
    """What log.cleaner.* says."""
    memory_bytes = config.get_int("log.cleaner.dedupe.buffer.size")
    return CleanerSettings(
        map_bytes=int(memory_bytes * config.get_double("log.cleaner.io.buffer.load.factor")),
        io_bytes_per_second_max=config.get_double("log.cleaner.io.max.bytes.per.second"),
        slice_bytes=max(config.get_int("log.cleaner.io.buffer.size"), _CLEANER_SLICE_BYTES_MIN),
    )


class HouseKeeping:
    """One task per concern, at Kafka's intervals."""

    def __init__(self, current_config: Callable[[], BrokerConfig], logs: LogManager, runtime: Runtime) -> None:
        """`current_config` gives the configuration with what was changed dynamically; intervals are read once."""
        self._tasks: list[asyncio.Task[None]] = []
        self._current_config = current_config
        self.cleaner: LogCleaner | None = None
        """None when log.cleaner.enable=false."""
        config, clock = current_config(), runtime.clock

        async def retention() -> Any:
            await logs.run_retention(clock.now_ms())
            await logs.purge_deleted(clock.now_ms())

        self._every(config.get_int("log.flush.scheduler.interval.ms"), lambda: logs.flush_due(clock.now_ms()), 1_000)
        self._every(config.get_int("log.retention.check.interval.ms"), retention, 300_000)
        self._every(config.get_int("log.flush.offset.checkpoint.interval.ms"), logs.checkpoint_recovery_points, 60_000)
        self._every(
            config.get_int("log.flush.start.offset.checkpoint.interval.ms"), logs.checkpoint_log_start_offsets, 60_000
        )
        self._every(
            config.get_int("replica.high.watermark.checkpoint.interval.ms"), logs.checkpoint_high_watermarks, 5_000
        )

        self._every(
            config.get_int("producer.id.expiration.check.interval.ms"),
            lambda: logs.expire_producers(clock.now_ms()),
            600_000,
        )
        if config.get_bool("log.cleaner.enable"):
            self.cleaner = cleaner = LogCleaner(runtime.disk, clock, logs)
            self._tasks.append(asyncio.get_running_loop().create_task(self._compact(cleaner)))

    async def _compact(self, cleaner: LogCleaner) -> None:
        """Compact what is due, every log.cleaner.backoff.ms (Kafka: LogCleaner.CleanerThread)."""
        while True:
            config = self._current_config()
            await asyncio.sleep(max(config.get_int("log.cleaner.backoff.ms"), CLEANER_BACKOFF_MS_MIN) / 1000)
            cleaner.settings = cleaner_settings(self._current_config())
            try:
                await cleaner.clean_all_due()
            except Exception:
                logger.exception("compaction failed; it goes on")

    def _every(self, interval_ms: int, work: Callable[[], Awaitable[Any]], interval_ms_max: int) -> None:
        """Run `work` every `interval_ms`, but at least every `interval_ms_max`: some of Kafka's defaults mean "never"
        (log.flush.scheduler.interval.ms), and a check that finds nothing to do costs nothing."""
        self._tasks.append(
            asyncio.get_running_loop().create_task(self._run(min(interval_ms, interval_ms_max) / 1000, work))
        )

    async def _run(self, interval_s: float, work: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                await work()
            except Exception:
                logger.exception("housekeeping failed; it goes on")

    def kill(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        self.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)
