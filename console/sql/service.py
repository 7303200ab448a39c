"""SQL over a cluster, for every face: run a statement and take pages of its rows, or see what it would read.

    service = SqlService(client)
    async with service.run("select count(*) from orders") as result:
        async for page in result:
            print(page.rows())
    print(result.statistics)
    await service.close()

One worker process serves one query at a time; others wait. A worker that goes over its limits, or does not listen to a
cancellation, is killed, and the next query gets a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from console.decoding.decoder import RecordDecoder
from console.errors import OperatorError
from console.services.log_dirs import sizes
from console.sql.catalog import Catalog, TopicEntry
from console.sql.results import PlannedScan, Progress, SqlLimits, SqlPlan
from console.sql.running import SqlResult
from console.sql.system_tables import TableProvider
from console.sql.worker_process import WorkerProcess
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

WORKER_MEMORY_BYTES = 1_280 * 1024 * 1024
"""On top of what its libraries map: DuckDB's 512 MiB, the cache, and room for what is on its way."""
WORKER_PROCESSOR_SECONDS = 1_800
CACHE_BYTES = 256 * 1024 * 1024


class SqlService:
    """SQL over the cluster of `client`. `providers` are tables of other rooms."""

    def __init__(
        self,
        client: ClusterClient,
        *,
        providers: Sequence[TableProvider] = (),
        memory_bytes: int = WORKER_MEMORY_BYTES,
        processor_seconds: int = WORKER_PROCESSOR_SECONDS,
        cache_bytes: int = CACHE_BYTES,
        data_dir: Path | None = None,
        decoder: RecordDecoder | None = None,
    ) -> None:
        """`decoder` says what keys and values are (`RecordDecoder.is_asked`): its formats and its schema registry. Other
        topics are text, and Kafka's own are always decoded. `data_dir` is that of a cluster on this machine (`segment_files.local_data_dir`): its files are then read in
        place of fetching."""
        self._client = client
        self.catalog = Catalog(client, providers, data_dir)
        self._memory_bytes = memory_bytes
        self._processor_seconds = processor_seconds
        self._cache_bytes = cache_bytes
        self._data_dir = data_dir
        self._decoder = decoder or RecordDecoder()
        self._worker: WorkerProcess | None = None
        self._busy = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> SqlService:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the worker. Idempotent."""
        self._closed = True
        await self._drop_worker()

    async def warm_up(self) -> None:
        """Starts the worker ahead of the first query."""
        async with self._busy:
            await self._ready_worker()

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid if self._worker is not None and self._worker.is_alive else None

    async def _ready_worker(self) -> WorkerProcess:
        if self._closed:
            raise OperatorError("the SQL service is closed")
        if self._worker is None or not self._worker.is_alive:
            await self._drop_worker()
            self._worker = await WorkerProcess.start(
                memory_bytes=self._memory_bytes,
                processor_seconds=self._processor_seconds,
                cache_bytes=self._cache_bytes,
                schemas=self._decoder.schemas is not None,
            )
        return self._worker

    async def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.kill()

    @asynccontextmanager
    async def run(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        limits: SqlLimits | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> AsyncIterator[SqlResult]:
        """Runs one statement. Leaving the block early cancels it. `$name` in it stands for `parameters["name"]`.

        Raises OperatorError: at once for what is wrong with the statement, while pages are taken for what goes wrong then.
        """
        limits = limits or SqlLimits()
        async with self._busy:
            worker = await self._ready_worker()
            result = SqlResult(self._client, self.catalog, worker, limits, on_progress, self._data_dir, self._decoder)
            try:
                await result.begin(sql, parameters)
                yield result
            finally:
                await self._ended(result)

    async def _ended(self, result: SqlResult) -> None:
        """Ends it. Who cancels a second time meanwhile gets a new worker: this one may still be at the query."""
        usable = False
        try:
            usable = await result.end()
        finally:
            if not usable:
                await self._drop_worker()

    async def explain(
        self, sql: str, parameters: Mapping[str, Any] | None = None, limits: SqlLimits | None = None
    ) -> SqlPlan:
        """What the statement would read, without reading it. Raises OperatorError."""
        limits = limits or SqlLimits()
        async with self._busy:
            worker = await self._ready_worker()
            result = SqlResult(self._client, self.catalog, worker, limits, None, self._data_dir, self._decoder)
            try:
                plan = await result.plan(sql, parameters)
            finally:
                await self._ended(result)
        topics = {each["topic"] for each in plan["scans"]}
        held = None
        if topics:
            view = await self._client.known_view(sorted(topics))
            held = await sizes(
                self._client, {name: [each.partition for each in view.topics[name].partitions] for name in topics}
            )
        scans = tuple(_planned(each, result.topics[each["topic"]], held, self._client) for each in plan["scans"])
        return SqlPlan(
            scans,
            tuple(result.row_tables),
            tuple(result.statistics.notes),
            tuple(result.statistics.missing),
            plan["duckdb"],
        )


def _planned(scan: Mapping[str, Any], topic: TopicEntry, held: Any, client: ClusterClient) -> PlannedScan:
    ranges = tuple((partition, start, end) for partition, start, end in scan["ranges"])
    total: int | None = 0
    for partition, start, end in ranges:
        first, last = topic.offsets[partition]
        where = TopicPartition(topic.name, partition)
        size = None if held is None else held.of_replica(where, client.view.leader(*where))
        if size is None:
            total = None
        elif total is not None:
            total += round(size * (end - start) / max(last - first, 1))
    return PlannedScan(
        topic.name,
        tuple(scan["columns"]),
        ranges,
        topic.partition_count,
        sum(end - start for _, start, end in ranges),
        0 if scan["counted"] else total,
        scan["cached"],
        scan["counted"],
        tuple(scan["notes"]),
    )
