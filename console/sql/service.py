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
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from console.errors import Blame, OperatorError
from console.services.log_dirs import sizes
from console.services.offsets import list_offsets
from console.services.partial import Missing
from console.sql.catalog import Catalog, RowsEntry, TopicEntry
from console.sql.results import Page, PlannedScan, Progress, ResultColumn, SqlLimits, SqlPlan, Statistics
from console.sql.scans import RawChunk, WireScan
from console.sql.segment_files import SegmentScan, partition_directory
from console.sql.system_tables import TableProvider
from console.sql.worker_process import WorkerGone, WorkerProcess
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

WORKER_MEMORY_BYTES = 1_280 * 1024 * 1024
"""On top of what its libraries map: DuckDB's 512 MiB, the cache, and room for what is on its way."""
WORKER_PROCESSOR_SECONDS = 1_800
CACHE_BYTES = 256 * 1024 * 1024

_LISTEN_SECONDS = 0.3
"""How long a worker has to stop by itself before it is killed."""


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
    ) -> None:
        """`data_dir` is that of a cluster on this machine (`segment_files.local_data_dir`): its files are then read in
        place of fetching."""
        self._client = client
        self.catalog = Catalog(client, providers, data_dir)
        self._memory_bytes = memory_bytes
        self._processor_seconds = processor_seconds
        self._cache_bytes = cache_bytes
        self._data_dir = data_dir
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
            result = SqlResult(self._client, self.catalog, worker, limits, on_progress, self._data_dir)
            try:
                await result._begin(sql, parameters)
                yield result
            finally:
                if not await result._end():
                    await self._drop_worker()

    async def explain(
        self, sql: str, parameters: Mapping[str, Any] | None = None, limits: SqlLimits | None = None
    ) -> SqlPlan:
        """What the statement would read, without reading it. Raises OperatorError."""
        limits = limits or SqlLimits()
        async with self._busy:
            worker = await self._ready_worker()
            result = SqlResult(self._client, self.catalog, worker, limits, None, self._data_dir)
            try:
                plan = await result._plan(sql, parameters)
            finally:
                if not await result._end():
                    await self._drop_worker()
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


class SqlResult:
    """A query under way: `columns`, then pages as they come. `statistics` are complete after the last page."""

    def __init__(
        self,
        client: ClusterClient,
        catalog: Catalog,
        worker: WorkerProcess,
        limits: SqlLimits,
        on_progress: Callable[[Progress], None] | None,
        data_dir: Path | None,
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._worker = worker
        self._limits = limits
        self._on_progress = on_progress
        self._data_dir = data_dir
        self._scans: dict[int, _ScanFeed] = {}
        self._began = time.monotonic()
        self._waited = 0.0
        self._sent = False
        self._finished = False
        self._error: OperatorError | None = None
        """Why the tables could not be had; the worker only knows that."""
        self.columns: tuple[ResultColumn, ...] = ()
        self.statistics = Statistics()
        self.topics: dict[str, TopicEntry] = {}
        self.row_tables: list[str] = []

    def __aiter__(self) -> SqlResult:
        return self

    async def __anext__(self) -> Page:
        if self._finished:
            raise StopAsyncIteration
        head, payload = await self._until("page", "finished")
        if "finished" in head:
            self._complete(head["finished"])
            raise StopAsyncIteration
        import pyarrow as pa

        try:
            batch = pa.ipc.open_stream(payload).read_next_batch()
        except (pa.ArrowException, OSError, StopIteration) as error:
            raise OperatorError("the SQL worker sent a page that cannot be read", str(error)) from error
        self.statistics.rows += batch.num_rows
        return Page(self.columns, batch)

    async def _begin(self, sql: str, parameters: Mapping[str, Any] | None) -> None:
        await self._send_request(sql, parameters, plan=False)
        head, _ = await self._until("columns")
        self.columns = tuple(ResultColumn(str(name), str(kind)) for name, kind in head["columns"])

    async def _plan(self, sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
        await self._send_request(sql, parameters, plan=True)
        head, _ = await self._until("finished")
        self._finished = True
        return dict(head["finished"])

    async def _send_request(self, sql: str, parameters: Mapping[str, Any] | None, *, plan: bool) -> None:
        limits = self._limits
        try:
            await self._worker.send(
                {
                    "do": "run",
                    "sql": sql,
                    "parameters": dict(parameters) if parameters else None,
                    "page_rows": limits.page_rows,
                    "rows_max": limits.rows_max,
                    "bytes_max": limits.bytes_max,
                    "key_partitioner": limits.key_partitioner,
                    "read_committed": limits.read_committed,
                    "plan": plan,
                }
            )
        except WorkerGone as error:
            raise _gone(error) from error
        except TypeError as error:
            raise OperatorError.words(f"a parameter cannot be passed: {error}") from error
        self._sent = True

    async def _until(self, *kinds: str) -> tuple[dict[str, Any], bytes]:
        """The next frame of one of these kinds; questions of the worker are answered on the way."""
        limit = None if self._limits.time_ms is None else self._limits.time_ms / 1000
        while True:
            left = None if limit is None else max(0.0, limit - self._waited)
            began = time.monotonic()
            try:
                async with asyncio.timeout(left):
                    head, payload = await self._worker.receive()
                    if not await self._answer(head):
                        if "failed" in head:
                            self._finished = True
                            raise self._error or _failed(head["failed"])
                        for kind in kinds:
                            if kind in head:
                                return head, payload
                        raise OperatorError("the SQL worker said what was not expected", str(sorted(head)))
            except TimeoutError as error:
                raise OperatorError(
                    f"the query took more than {left_words(self._limits.time_ms or 0)}",
                    f"{self.statistics.records_read:,} records were read of about {self.statistics.records_expected:,}",
                    "Narrow it down by partition, offset or timestamp, or allow more time.",
                ) from error
            except WorkerGone as error:
                self._finished = True
                raise _gone(error) from error
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # It runs what users write, so that it is taken for a stranger; it is not used again.
                raise OperatorError("the SQL worker said what was not expected", repr(error)) from error
            finally:
                self._waited += time.monotonic() - began

    async def _answer(self, head: dict[str, Any]) -> bool:
        match head.get("ask"):
            case None:
                return False
            case "tables":
                await self._send_tables([tuple(each) for each in head["names"]])
            case "offsets":
                await self._send_offsets(head)
            case "scan":
                self._open_scan(head)
            case "next":
                if (scan := self._scans.get(head["scan"])) is not None:
                    scan.wanted.release()
            case "close":
                if (scan := self._scans.pop(head["scan"], None)) is not None:
                    await scan.close()
            case other:
                raise OperatorError("the SQL worker asked for what is not known", str(other))
        return True

    async def _send_tables(self, paths: list[tuple[str, ...]]) -> None:
        try:
            entries, notes, missing = await self._catalog.resolve(paths, read_committed=self._limits.read_committed)
        except OperatorError as error:
            self._error = error
            await self._worker.send({"tables": None})
            return
        self.statistics.notes += notes
        self.statistics.missing += missing
        described: list[Any] = []
        payloads: list[Any] = []
        for entry in entries:
            if isinstance(entry, TopicEntry):
                self.topics[entry.name] = entry
                described.append(
                    {
                        "kind": "topic",
                        "name": entry.name,
                        "topic_id": entry.topic_id,
                        "partition_count": entry.partition_count,
                        "offsets": {str(each): list(ends) for each, ends in entry.offsets.items()},
                        "is_dense": entry.is_dense,
                    }
                )
            elif isinstance(entry, RowsEntry):
                self.row_tables.append(entry.name)
                described.append({"kind": "rows", "name": entry.name})
                payloads.append(_ipc(entry.rows))
            else:
                described.append(None)
        await self._worker.send({"tables": described})
        for payload in payloads:
            await self._worker.send({"rows": True}, payload)

    async def _send_offsets(self, head: dict[str, Any]) -> None:
        topic = self._topic(head["topic"])
        targets = {TopicPartition(topic.name, int(each)): int(head["timestamp"]) for each in head["partitions"]}
        answers = await list_offsets(self._client, targets, patience_ms=2_000)
        offsets = {str(each.partition): found.offset for each, found in answers.values.items()}
        await self._worker.send({"scan": head["scan"], "offsets": offsets})

    def _open_scan(self, head: dict[str, Any]) -> None:
        topic = self._topic(head["topic"])
        ranges = []
        for partition, start, end in head["ranges"]:
            first, last = topic.offsets[partition]
            ranges.append((partition, max(start, first), min(end, last)))
        self.statistics.records_expected += sum(end - start for _, start, end in ranges)
        feed = _ScanFeed(self, head["scan"], topic, ranges)
        self._scans[head["scan"]] = feed

    def _topic(self, name: Any) -> TopicEntry:
        topic = self.topics.get(name)
        if topic is None:
            raise OperatorError("the SQL worker asked for a topic that the statement does not name", str(name))
        return topic

    async def _read(
        self, topic: TopicEntry, ranges: list[tuple[int, int, int]], number: int
    ) -> AsyncGenerator[RawChunk, None]:
        """The ranges from local files where that is possible, the rest from the partitions' leaders."""
        if self._data_dir is not None and not topic.is_compacted and not self._limits.read_committed:
            view = self._client.view
            topic_id = view.topics[topic.name].topic_id
            data_dir = self._data_dir

            def directory(partition: int) -> Path | None:
                leader = view.leader(topic.name, partition)
                return partition_directory(data_dir, leader, topic.name, partition, topic_id)

            files = SegmentScan(ranges, directory)
            async for chunk in files.chunks():
                self.statistics.from_files = True
                yield chunk
            ranges = files.rest
        if not ranges:
            return
        isolation = int(self._limits.read_committed)
        scan = WireScan(self._client, topic.name, ranges, isolation=isolation, channel=f"sql {number % 4}")
        try:
            async for chunk in scan.chunks():
                yield chunk
            for partition, (start, end) in scan.skipped.items():
                self.statistics.missing.append(
                    Missing(
                        f"records of {topic.name}-{partition}", f"offsets {start} to {end - 1} were deleted meanwhile"
                    )
                )
        finally:
            await scan.close()

    def _count(self, chunk: RawChunk) -> None:
        statistics = self.statistics
        statistics.records_read += chunk.records
        statistics.bytes_read += len(chunk.data)
        if self._on_progress is not None:
            self._on_progress(Progress(statistics.records_read, statistics.records_expected, statistics.bytes_read))

    def _complete(self, finished: Mapping[str, Any]) -> None:
        self._finished = True
        self.statistics.truncated = str(finished.get("truncated", ""))
        self.statistics.counted = bool(finished.get("counted"))
        self.statistics.notes += [str(each) for each in finished.get("notes", ())]
        self.statistics.elapsed_ms = round((time.monotonic() - self._began) * 1000)

    async def _end(self) -> bool:
        """Stops what is under way. False when the worker is not to be used again."""
        self.statistics.elapsed_ms = round((time.monotonic() - self._began) * 1000)
        usable = self._finished or not self._sent
        for scan in self._scans.values():
            scan.cancelled = True
        if not usable:
            usable = await self._drain()
        for scan in list(self._scans.values()):
            await scan.close()
        self._scans.clear()
        return usable and self._worker.is_alive

    async def _drain(self) -> bool:
        """Has the scans fail, and waits a moment for the worker to come to its end."""
        for scan in self._scans.values():
            scan.wanted.release()
        try:
            async with asyncio.timeout(_LISTEN_SECONDS):
                while True:
                    head, _ = await self._worker.receive()
                    if "failed" in head or "finished" in head:
                        return True
                    if head.get("ask") in ("tables", "offsets"):
                        return False
                    if head.get("ask") == "scan":
                        await self._worker.send({"scan": head["scan"], "error": "cancelled"})
        except (TimeoutError, WorkerGone, OperatorError):
            return False


class _ScanFeed:
    """Hands one scan's chunks to the worker as it asks for them."""

    def __init__(self, result: SqlResult, number: int, topic: TopicEntry, ranges: list[tuple[int, int, int]]) -> None:
        self._result = result
        self._number = number
        self.wanted = asyncio.Semaphore(0)
        self.cancelled = False
        self._chunks = result._read(topic, ranges, number)
        self._task = asyncio.get_running_loop().create_task(self._feed())

    async def _feed(self) -> None:
        send = self._result._worker.send
        try:
            async for chunk in self._chunks:
                await self.wanted.acquire()
                if self.cancelled:
                    await send({"scan": self._number, "error": "cancelled"})
                    return
                self._result._count(chunk)
                head = {
                    "scan": self._number,
                    "partition": chunk.partition,
                    "start": chunk.start,
                    "next": chunk.next,
                    "aborted": chunk.aborted,
                }
                await send(head, chunk.data)
            await self.wanted.acquire()
            await send({"scan": self._number, "done": True})
        except OperatorError as error:
            words = error.title + (f" ({error.detail})" if error.detail else "")
            await send({"scan": self._number, "error": words})
        except WorkerGone:
            pass  # whoever reads from it is told

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._chunks.aclose()


def _ipc(table: Any) -> memoryview:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def left_words(ms: int) -> str:
    """A time limit in words."""
    return f"{ms / 1000:g} s"


def _gone(error: WorkerGone) -> OperatorError:
    return OperatorError(
        "the query was ended",
        f"the SQL worker is gone: {error}",
        "Ask for less at once: fewer columns, a range of offsets or time, a LIMIT. The next query gets a new worker.",
    )


_KINDS = {
    "ParserException": "the statement cannot be parsed",
    "BinderException": "the statement does not fit the tables",
    "CatalogException": "the statement names what does not exist",
    "OutOfMemoryException": "the query needs more memory than it may have",
    "PermissionException": "the statement wants what is not allowed here",
    "ConversionException": "a value cannot be converted",
    "InterruptException": "the query was ended",
}


def _failed(failure: Mapping[str, Any]) -> OperatorError:
    """What the worker said went wrong."""
    kind, title, detail, hint = (str(failure.get(each, "")) for each in ("kind", "title", "detail", "hint"))
    if kind == "statement":
        return OperatorError(title, detail, hint, blame=Blame.WORDS)
    words = kind in ("ParserException", "BinderException", "CatalogException")
    message = title.partition("Error: ")[2] or title
    if "Malformed JSON" in message:
        hint = "value->>'$.field' is NULL where the value is no JSON; `->` and ::json are not so kind."
    marker = "failed: RuntimeError: "
    if marker in message:
        # What a scan failed with: the cluster's words, not DuckDB's.
        return OperatorError("the topic could not be read to its end", message.partition(marker)[2].strip())
    return OperatorError(
        _KINDS.get(kind, "the query failed"), message, hint, blame=Blame.WORDS if words else Blame.REFUSED
    )
