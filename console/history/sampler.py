"""The sampler: every few seconds one pass over the cluster, kept in the history and ready as metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from console.errors import OperatorError
from console.history.isr_changes import IsrChanges
from console.history.model import HistoryLimits
from console.history.snapshot import Snapshot, take_snapshot
from console.history.store import History
from console.lag.tracker import LagTracker
from console.local_machine import LocalUsage, local_usage
from console.metrics.exposition import render
from console.metrics.families import Family, families, families_when_down
from console.metrics.request_rates import Figures, RequestTracker
from console.platform_dirs import data_dir
from engine.net.cluster_client import ClusterClient
from engine.runtime import Clock, SystemClock

INTERVAL_MS = 5_000

_INLINE_OFFSETS_MAX = 2_000
"""So many offsets of groups are worked through on the event loop; more go to a thread."""


def history_file(cluster_id: str | None) -> Path:
    """Where the history of a cluster is kept."""
    safe = "".join(
        character if character.isalnum() or character in "-_" else "_" for character in cluster_id or "unknown"
    )
    return data_dir() / "history" / f"{safe}.duckdb"


class Sampler:
    """Samples a cluster until it is stopped. One per cluster and process; use as an async context manager.

    Without a history (another process writes it, or there is no disk) everything but the past works: `history_error`
    says why. A pass that fails leaves `latest` as it was, and `failure` says why; the next one tries again.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        interval_ms: int = INTERVAL_MS,
        history_path: Callable[[str | None], Path | None] = history_file,
        limits: HistoryLimits | None = None,
        pids: Callable[[], Mapping[int, int] | None] = lambda: None,
        requests: Callable[[], Awaitable[Figures]] | None = None,
        clock: Clock | None = None,
        threads: bool = True,
    ) -> None:
        """`history_path(cluster_id)` None: keep no history. `pids()` by node id, None when no node runs here.
        `requests()`: what the brokers have answered, where they can be asked.
        `threads=False` keeps everything on the event loop, for virtual time (no history then)."""
        self.interval_ms = interval_ms
        self.latest: Snapshot | None = None
        self.families: list[Family] = []
        """Of the latest snapshot."""
        self.tracker = LagTracker()
        self.request_rates = RequestTracker()
        self.isr_changes = IsrChanges()
        self.history: History | None = None
        self.history_error: OperatorError | None = None
        self.failure: OperatorError | None = None
        """Why the last pass failed; None when it did not."""
        self.passes = 0
        self._client = client
        self._history_path = history_path
        self._limits = limits
        self._pids = pids
        self._requests = requests
        self._clock = clock or SystemClock()
        self._threads = threads
        self._look_for_history_at_ms = 0
        self._task: asyncio.Task[None] | None = None
        self._passed: asyncio.Event = asyncio.Event()

    async def __aenter__(self) -> Sampler:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self) -> None:
        """Begins to sample in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends the pass under way and closes the history. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self.history is not None:
            history, self.history = self.history, None
            await history.close()

    async def next_pass(self) -> None:
        """Returns when the pass under way, or the next one, is over."""
        await self._passed.wait()

    def metrics(self) -> list[Family]:
        """The latest snapshot as metrics, none before the first; while the cluster does not answer only that."""
        if self.failure is None:
            return self.families
        return families_when_down(None if self.latest is None else self.latest.at_ms)

    def metrics_text(self) -> str:
        """The same for Prometheus."""
        return render(self.metrics())

    async def sample(self) -> Snapshot:
        """One pass now. Raises OperatorError when nobody answers; a history that fails is only told."""
        usage = await self._local_usage()
        requests = None if self._requests is None else await self._requests()
        snapshot = await take_snapshot(self._client, self._clock.now_ms(), usage=usage, requests=requests)
        offsets = sum(len(group.committed) for group in snapshot.groups.values())
        if self._threads and offsets > _INLINE_OFFSETS_MAX:
            found = await asyncio.to_thread(self._digest, snapshot)
        else:
            found = self._digest(snapshot)
        self.latest, self.families = snapshot, found
        await self._keep(snapshot, found)
        return snapshot

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            began = loop.time()
            try:
                await self.sample()
                self.failure = None
            except OperatorError as error:
                self.failure = error
            except Exception as error:  # A pass that fails unforeseen must not be the last one.
                self.failure = OperatorError("sampling failed", f"{type(error).__name__}: {error}")
            self.passes += 1
            passed, self._passed = self._passed, asyncio.Event()
            passed.set()
            # However large the cluster is, at least two thirds of the time belong to others.
            now = loop.time()
            next_at = max(next_at + self.interval_ms / 1000, now + 2 * (now - began))
            await asyncio.sleep(next_at - now)

    def _digest(self, snapshot: Snapshot) -> list[Family]:
        ends = {partition: end for partition, (_, end) in snapshot.offsets.items()}
        groups = {each.group_id: (each.committed, each.assigned) for each in snapshot.groups.values()}
        # What is missing now is not gone: a broker that is away takes no window with it.
        complete = not any(each.what.startswith(("offsets", "groups", "members")) for each in snapshot.missing)
        self.tracker.observe(snapshot.at_ms, ends, groups, complete=complete)
        self.isr_changes.observe(snapshot.partitions)
        if snapshot.requests is not None:
            self.request_rates.observe(snapshot.at_ms, snapshot.requests)
        return families(snapshot, self.tracker, self.isr_changes)

    async def _local_usage(self) -> LocalUsage | None:
        pids = self._pids()
        if not pids:
            return None
        return await asyncio.to_thread(local_usage, pids) if self._threads else local_usage(pids)

    async def _keep(self, snapshot: Snapshot, found: list[Family]) -> None:
        try:
            if self.history is None and self._threads and snapshot.at_ms >= self._look_for_history_at_ms:
                # Whoever holds it now may be gone in a minute.
                self._look_for_history_at_ms = snapshot.at_ms + 60_000
                path = self._history_path(snapshot.cluster_id)
                if path is not None:
                    self.history = await History.open(path, self._limits)
            if self.history is not None:
                await self.history.record(snapshot.at_ms, found)
                self.history_error = None
        except OperatorError as error:
            self.history_error = error
