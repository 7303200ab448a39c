"""A cluster that a face has open: its client, its past, its SQL, its decoder and the door for changes, started and stopped
together. What a face shows comes from the rooms of the console; what it shares between pages and views is here.

    async with OpenCluster(target, face="web") as cluster:
        cluster.client                     # services: `await list_topics(cluster.client)`
        cluster.latest                     # the newest snapshot, a few seconds old at most; None before the first
        await cluster.series(question)     # the past of a figure
        async with cluster.sql.run(...)    # SQL over all of it
        plan = await cluster.door.plan(...)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.audit import AuditLog
from console.changes.door import Door
from console.client_config import connect
from console.errors import OperatorError
from console.history.sampler import INTERVAL_MS, Sampler, history_file
from console.history.tables import MetricsTable
from console.local_machine import local_pids
from console.target import Target

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.history.model import SeriesAnswer
    from console.history.queries import SeriesQuestion
    from console.history.snapshot import Snapshot
    from console.metrics.request_rates import Figures
    from console.sql.service import SqlService


class OpenCluster:
    """One cluster, open. `face` ("web", "tui") is what the audit log says of changes made here.

    Nothing here fails when the cluster cannot be reached: `failure` says so, and the sampler keeps trying.
    """

    def __init__(
        self,
        target: Target,
        *,
        face: str,
        user: str | None = None,
        audit: AuditLog | None = None,
        interval_ms: int = INTERVAL_MS,
        history_path: Callable[[str | None], Path | None] = history_file,
        pids: Callable[[], Mapping[int, int] | None] | None = None,
        requests: Callable[[], Awaitable[Figures]] | None = None,
        threads: bool = True,
    ) -> None:
        """`pids()`: process ids of the nodes that run on this machine; by default those that `stoker up` announced.
        `requests()`: what the brokers have answered, which only whoever runs them can tell (`Cluster.request_figures`).
        `history_path` and `threads` as `Sampler` has them: `threads=False` is for virtual time."""
        self.target = target
        self.face = face
        self.audit = audit or AuditLog()
        config = target.config
        self.client = connect(config)
        self.door = Door(self.client, face=face, readonly=target.readonly, audit=self.audit, user=user)
        self.decoder: RecordDecoder = target.decoder()
        self.sampler = Sampler(
            self.client,
            interval_ms=interval_ms,
            history_path=history_path,
            pids=pids or (lambda: local_pids(config.bootstrap)),
            requests=requests,
            threads=threads,
        )
        self._sql: SqlService | None = None

    async def __aenter__(self) -> OpenCluster:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begins to sample. Connects when something is asked."""
        self.sampler.start()

    async def close(self) -> None:
        """Ends everything. Idempotent."""
        await self.sampler.stop()
        if self._sql is not None:
            await self._sql.close()
            self._sql = None
        await self.client.close()

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def readonly(self) -> bool:
        return self.target.readonly

    @property
    def latest(self) -> Snapshot | None:
        """The newest pass over the cluster, at most a few seconds old while `failure` is None."""
        return self.sampler.latest

    @property
    def failure(self) -> OperatorError | None:
        """Why the newest pass failed; None when it did not."""
        return self.sampler.failure

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        """After each pass the newest snapshot (None before any succeeded), for as long as it is iterated."""
        while True:
            await self.sampler.next_pass()
            yield self.sampler.latest

    async def snapshot(self) -> Snapshot:
        """The newest snapshot; waits for the first. Raises OperatorError when there is none because nobody answers."""
        while self.sampler.latest is None:
            if self.sampler.failure is not None and self.sampler.passes:
                raise self.sampler.failure
            await self.sampler.next_pass()
        return self.sampler.latest

    async def series(self, question: SeriesQuestion) -> SeriesAnswer:
        """The past of a figure. Raises OperatorError when there is no such figure, or no history, saying why."""
        from console.history.queries import check_question

        check_question(question.metric, question.labels)
        if self.sampler.history is None:
            raise self.sampler.history_error or OperatorError("there is no history yet", "sampling has just begun")
        return await self.sampler.history.series(question)

    @property
    def sql(self) -> SqlService:
        """Made when first asked for; its worker process starts with the first query or `warm_up`."""
        if self._sql is None:
            # DuckDB's room is heavy: who asks nothing does not pay for it.
            from console.sql.segment_files import local_data_dir
            from console.sql.service import SqlService

            metrics = MetricsTable(lambda: self.sampler.history, why_none=lambda: self.sampler.history_error)
            self._sql = SqlService(
                self.client, providers=(metrics,), data_dir=local_data_dir(self.client), decoder=self.decoder
            )
        return self._sql


async def first_snapshot(cluster: OpenCluster, timeout_ms: int) -> Snapshot | None:
    """The first snapshot if it comes in time, for a face that would rather begin empty than wait. Never raises."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await cluster.snapshot()
    except (TimeoutError, OperatorError):
        return None
