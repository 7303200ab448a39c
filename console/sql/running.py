"""One query while it runs: the worker's questions are answered, its pages handed on, its limits kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from console.decoding.decoder import RecordDecoder
from console.decoding.registered import failure_text
from console.errors import OperatorError
from console.schema_registry.client import registered_to_json
from console.services.offsets import list_offsets
from console.services.partial import Missing
from console.sql.catalog import Catalog, RowsEntry, TopicEntry
from console.sql.failures import query_failed, seconds_text, worker_gone
from console.sql.results import Page, Progress, ResultColumn, SqlLimits, Statistics
from console.sql.scans import RawChunk, WireScan, batches_holding
from console.sql.segment_files import SegmentScan, partition_directory
from console.sql.worker_process import WorkerGone, WorkerProcess
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

_SCHEMAS_MAX = 100
"""That are asked for at once."""
_LISTEN_SECONDS = 0.3
"""How long a worker has to stop by itself before it is killed."""


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
        decoder: RecordDecoder,
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._worker = worker
        self._limits = limits
        self._on_progress = on_progress
        self._data_dir = data_dir
        self._decoder = decoder
        self._scans: dict[int, _ScanFeed] = {}
        self._began = time.monotonic()
        self._waited = 0.0
        self._sent = False
        self._sql = ""
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

    async def begin(self, sql: str, parameters: Mapping[str, Any] | None) -> None:
        await self._send_request(sql, parameters, plan=False)
        head, _ = await self._until("columns")
        self.columns = tuple(ResultColumn(str(name), str(kind)) for name, kind in head["columns"])

    async def plan(self, sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
        await self._send_request(sql, parameters, plan=True)
        head, _ = await self._until("finished")
        self._finished = True
        return dict(head["finished"])

    async def _send_request(self, sql: str, parameters: Mapping[str, Any] | None, *, plan: bool) -> None:
        limits = self._limits
        self._sql = sql
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
            raise worker_gone(error) from error
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
                            raise self._error or query_failed(head["failed"])
                        for kind in kinds:
                            if kind in head:
                                return head, payload
                        raise OperatorError("the SQL worker said what was not expected", str(sorted(head)))
            except TimeoutError as error:
                raise OperatorError(
                    f"the query took more than {seconds_text(self._limits.time_ms or 0)}",
                    f"{self.statistics.records_read:,} records were read of about {self.statistics.records_expected:,}",
                    "Narrow it down by partition, offset or timestamp, or allow more time.",
                ) from error
            except WorkerGone as error:
                self._finished = True
                raise worker_gone(error) from error
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
            case "schemas":
                await self._send_schemas(head)
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
            entries, notes, missing = await self._catalog.resolve(
                paths, read_committed=self._limits.read_committed, sql=self._sql
            )
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
                        "decode": self._decoding(entry.name),
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

    def _decoding(self, topic: str) -> dict[str, Any] | None:
        decoder = self._decoder
        if not decoder.is_asked(topic):
            return None
        wanted = decoder.wanted(topic)
        return {"key": wanted.key, "value": wanted.value, "schemas": decoder.schemas is not None}

    async def _send_schemas(self, head: dict[str, Any]) -> None:
        """What the registry has under some ids; the worker, which cannot reach it, compiles them."""
        schemas = self._decoder.schemas
        if schemas is None or schemas.registry is None:
            raise OperatorError("the SQL worker asked for schemas, and no schema registry is configured")
        registry = schemas.registry
        identities = [each if isinstance(each, int) else str(each) for each in head["identities"]]

        async def learn(identity: int | str) -> dict[str, Any]:
            try:
                return {"identity": identity, "schema": registered_to_json(await registry.schema(identity))}
            except OperatorError as error:
                return {"identity": identity, "failure": failure_text(error)}

        found = await asyncio.gather(*map(learn, identities[:_SCHEMAS_MAX]))
        await self._worker.send({"scan": head["scan"]}, json.dumps(found).encode())

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
        keys = [str(each).encode() for each in head.get("keys", ())]
        feed = _ScanFeed(self, head["scan"], topic, ranges, keys)
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

    async def end(self) -> bool:
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
                    if head.get("ask") in ("tables", "offsets", "schemas"):
                        return False
                    if head.get("ask") == "scan":
                        await self._worker.send({"scan": head["scan"], "error": "cancelled"})
        except (TimeoutError, WorkerGone, OperatorError):
            return False


class _ScanFeed:
    """Hands one scan's chunks to the worker as it asks for them."""

    def __init__(
        self,
        result: SqlResult,
        number: int,
        topic: TopicEntry,
        ranges: list[tuple[int, int, int]],
        keys: Sequence[bytes],
    ) -> None:
        """With `keys` only batches that may hold one of them are handed over."""
        self._result = result
        self._number = number
        self._keys = keys
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
                await send(head, batches_holding(chunk.data, self._keys) if self._keys else chunk.data)
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
