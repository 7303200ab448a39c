"""The SQL worker's process: takes one query at a time from the console over its standard input, and answers on its output.

Started by `worker_process`, never by people. What it is told, and what it says (heads of `frames`):

    console   {"do": "run", "sql", "parameters", "page_rows", "rows_max", "bytes_max", "key_partitioner", "plan"}
    worker        {"ask": "tables", "names": [[part, …], …]}                 -> {"tables": [{…}, …]} and one frame of rows each
    worker        {"ask": "offsets", "topic", "partitions", "timestamp"}     -> {"offsets": {partition: offset}}
    worker        {"ask": "scan", "topic", "ranges"}, then {"ask": "next"}   -> {"partition", "start", "next"} + batches,
                                                                                {"done": true} or {"error"}
    worker        {"ask": "schemas", "identities": [id or GUID, …]}          -> JSON: [{"identity", "schema" or "failure"}]
    worker        {"ask": "close"}
    worker    {"columns": [[name, type], …]}
    worker    {"page": rows} + Arrow IPC stream
    worker    {"finished": {…}} or {"failed": {"title", "detail", "hint"}}
    console   {"do": "cancel"}   at any time, as far as the worker listens
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import Any

import duckdb
import pyarrow as pa

from console.decoding.registered import RegisteredSchemas
from console.decoding.rules import Wanted
from console.sql.chunk_cache import ChunkCache
from console.sql.decoding import COLUMNS, decode
from console.sql.json_columns import Extractor, JsonColumn, Rewritten, rewrite
from console.sql.link import Cancelled, Closed, Link
from console.sql.newest import Collected, newest, recognize
from console.sql.planning import plan
from console.sql.sandbox import connect, lock_process
from console.sql.statements import Refused, Statement, let_in, quoted
from console.sql.topic_source import ScanContext, TopicSource, TopicTable
from console.sql.topic_texts import TopicTexts, load_decoders
from engine.protocol.records.record import Record, build_batch

CACHE_BYTES = 256 * 1024 * 1024


class Worker:
    """Runs queries one after the other; the cache outlives them."""

    def __init__(self, link: Link, database: duckdb.DuckDBPyConnection, cache_bytes: int = CACHE_BYTES) -> None:
        self._link = link
        self._database = database
        self._extractor = Extractor(database.cursor())
        self._schemas: set[str] = set()
        self._cache = ChunkCache(cache_bytes)
        self._registered = RegisteredSchemas(None)

    def serve(self) -> None:
        """Until the console closes the pipe."""
        self._link.send({"ready": True})
        while True:
            head, _ = self._link.receive()
            if head.get("do") == "run":
                self._answer(head)

    def _answer(self, request: dict[str, Any]) -> None:
        connection = self._database.cursor()
        try:
            self._run(connection, request)
        except (Closed, Cancelled):
            raise
        except Refused as error:
            self._fail("statement", error.title, error.detail, error.hint)
        except duckdb.Error as error:
            self._fail(type(error).__name__, _text(error))
        except (MemoryError, RecursionError) as error:
            self._fail("OutOfMemoryException", str(error) or type(error).__name__)
        except pa.ArrowException as error:
            self._fail(type(error).__name__, str(error))
        finally:
            with contextlib.suppress(duckdb.Error):
                while self._schemas:
                    connection.execute(f"DROP SCHEMA IF EXISTS {quoted(self._schemas.pop())} CASCADE")
                connection.close()
            del connection
            gc.collect()

    def _fail(self, kind: str, title: str, detail: str = "", hint: str = "") -> None:
        self._link.send({"failed": {"kind": kind, "title": title, "detail": detail, "hint": hint}})

    def _run(self, connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> None:
        statement = let_in(connection, request["sql"])
        context = ScanContext(
            self._link,
            self._cache,
            key_partitioner=bool(request.get("key_partitioner")),
            read_committed=bool(request.get("read_committed")),
        )
        sources, rewritten = self._register(connection, statement, context)
        parameters = request.get("parameters") or None
        if request.get("plan"):
            self._link.send({"finished": plan(connection, statement, parameters, sources, context)})
            return
        self._pages(connection, statement, parameters, request, context, sources, rewritten)

    def _texts(self, table: dict[str, Any]) -> TopicTexts | None:
        """How the topic's keys and values are read, when that is more than text."""
        said = table.get("decode")
        if said is None:
            return None
        schemas = self._registered if said["schemas"] else None
        return TopicTexts(table["name"], Wanted(said["key"], said["value"]), schemas, self._link.ask)

    def _register(
        self, connection: duckdb.DuckDBPyConnection, statement: Statement, context: ScanContext
    ) -> tuple[list[TopicSource], Rewritten | None]:
        """Makes the tables that the statement names, and no others; and the statement over JSON columns, if it gains."""
        sources: list[TopicSource] = []
        if not statement.tables:
            return sources, None
        self._link.send({"ask": "tables", "names": [list(each) for each in statement.tables]})
        head, _ = self._link.receive()
        if head["tables"] is None:
            raise Refused("a table cannot be had")  # the console knows why
        described = list(zip(statement.tables, head["tables"], strict=True))
        topics = {path for path, table in described if table is not None and table["kind"] == "topic"}
        rewritten = None
        if not statement.is_explain and not statement.is_pivot:
            context.extractor = self._extractor
            rewritten = rewrite(connection, statement.sql, topics, self._extractor)
        for number, (path, table) in enumerate(described):
            if table is None:
                continue  # DuckDB's own, or one it will not find
            if table["kind"] == "topic":
                source = TopicSource(
                    TopicTable(
                        table["name"],
                        table["topic_id"] or table["name"],
                        table["partition_count"],
                        {int(each): (start, end) for each, (start, end) in table["offsets"].items()},
                        table["is_dense"],
                        self._texts(table),
                    ),
                    context,
                    rewritten.columns.get(path) if rewritten is not None else None,
                )
                sources.append(source)
                self._define(connection, path, number, source)
            else:
                _, payload = self._link.receive()
                self._define(connection, path, number, pa.ipc.open_stream(payload).read_all())
        return sources, rewritten

    def _define(self, connection: duckdb.DuckDBPyConnection, path: tuple[str, ...], number: int, source: Any) -> None:
        if len(path) == 1:
            connection.register(path[0], source)
            return
        # "kafka.brokers", and topics with a dot whose name was not quoted: orders.v1 is a table v1 in a schema orders.
        hidden = f" table {number}"
        connection.register(hidden, source)
        *schemas, name = path
        if len(schemas) > 1:
            raise Refused(
                f"put the name in double quotes: {quoted('.'.join(path))}",
                "it has too many dots to be understood without",
            )
        self._schemas.add(schemas[0].lower())
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schemas[0])}")
        connection.execute(f"CREATE VIEW {quoted(schemas[0])}.{quoted(name)} AS SELECT * FROM {quoted(hidden)}")

    def _pages(
        self,
        connection: duckdb.DuckDBPyConnection,
        statement: Statement,
        parameters: Any,
        request: dict[str, Any],
        context: ScanContext,
        sources: list[TopicSource],
        rewritten: Rewritten | None,
    ) -> None:
        page_rows, rows_max, bytes_max = request["page_rows"], request["rows_max"], request["bytes_max"]
        relation: Any = newest(connection, statement.sql, parameters, context, sources)
        if relation is None:
            relation = connection.sql(statement.sql, params=parameters)
        if relation is None:
            raise Refused("the statement gives no rows")
        self._link.send(
            {"columns": [[name, str(kind)] for name, kind in zip(relation.columns, relation.types, strict=True)]}
        )
        if rewritten is not None and not isinstance(relation, Collected):
            # Bound as it was written, for its names and whatever is wrong with it; the rows are those of the other.
            relation = connection.sql(rewritten.sql, params=parameters)
        sent_rows = sent_bytes = 0
        truncated = ""
        # Pages are as long as asked for, but the first comes as soon as there is anything.
        reader = relation.to_arrow_reader(page_rows)
        for batch in reader:
            if not batch.num_rows:
                continue
            if rows_max is not None and sent_rows + batch.num_rows > rows_max:
                truncated = "rows"
                batch = batch.slice(0, rows_max - sent_rows)
            if batch.num_rows:
                payload = _ipc(batch)
                if bytes_max is not None and sent_bytes + len(payload) > bytes_max and sent_rows:
                    truncated = "bytes"
                    break
                self._link.send({"page": batch.num_rows}, payload)
                sent_rows += batch.num_rows
                sent_bytes += len(payload)
            if truncated:
                break
        del reader, relation
        self._link.send(
            {
                "finished": {
                    "rows": sent_rows,
                    "truncated": truncated,
                    "cache_bytes": self._cache.size,
                    "notes": sorted({note for scan in context.scans for note in scan.notes}),
                    "counted": any(scan.counted for scan in context.scans),
                }
            }
        )


def _ipc(batch: pa.RecordBatch) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def _text(error: Exception) -> str:
    return str(error)[:8192]


def main(arguments: list[str] | None = None) -> None:
    """`worker MEMORY_BYTES PROCESSOR_SECONDS CACHE_BYTES [schemas]`, the last where a schema registry is configured."""
    memory_bytes, processor_seconds, cache_bytes = (int(each) for each in arguments or sys.argv[1:4])
    link = Link(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what a library prints must not end up between the frames
    os.close(null)
    _settle_optional_modules()
    load_decoders(registered=sys.argv[4:5] == ["schemas"])
    database = connect()
    _warm_up(database.cursor())
    # Every record is an object for a moment: looking for cycles among a million of them takes longer than reading them.
    # What a query leaves is looked through when it is over.
    gc.collect()
    gc.freeze()
    gc.disable()
    lock_process(memory_bytes, processor_seconds)
    with contextlib.suppress(Closed, Cancelled, BrokenPipeError, KeyboardInterrupt):
        Worker(link, database, cache_bytes).serve()
    sys.stdout.flush()
    os._exit(0)  # nothing is to be saved, and DuckDB's bindings complain at a normal exit


def _settle_optional_modules() -> None:
    """pyarrow tries to import dateutil whenever it makes an array. Where it is not installed that searches the whole path
    each time, a millisecond; with None in its place Python knows at once."""
    try:
        import dateutil  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        sys.modules["dateutil"] = None  # type: ignore[assignment]


def _warm_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads everything that is loaded on first use: there will be no files to load it from."""
    try:
        connection.register("t", pa.table({"a": pa.array(["{}"]), "t": pa.array([0], pa.timestamp("us", tz="UTC"))}))
        for sql in (
            "select a->>'$.x', date_trunc('hour', t), now(), json_serialize_sql('select 1') from t where a like '%'",
            "explain (format json) select 1",
            "select timezone('Europe/Paris', t), strftime(t, '%A') from t",
        ):
            relation = connection.sql(sql)
            _ipc(next(iter(relation.to_arrow_reader(10))))
            [str(kind) for kind in relation.types]
        let_in(connection, "select 1")
        extractor = Extractor(connection.cursor())  # a thread, too, and what that imports
        extractor.fill([{"value": pa.array(["{}"])}], [JsonColumn("value", "$.a")]).result()
        recognize(connection, 'select a from t order by "offset" desc limit 1')
        rewrite(connection, "select value->>'$.a' from t", {("t",)}, extractor)
        decode(build_batch([Record(0, 0, b"k", b"v", [])]), 0, 0, 1, COLUMNS)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
