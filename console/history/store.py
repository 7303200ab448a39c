"""The history's file: DuckDB in a thread of its own, one writer per file.

    series   id, metric, and the labels as columns: topic, partition, group_id, node_id; `labels` has all of them as JSON
    points   series, at_ms, value, low, high     low and high are of the time a thinned value stands for
    meta     name, value                         version; how far thinning went

A pass is one transaction, so the file is whole whenever the process or the machine dies (DuckDB's write-ahead log). A
file that cannot be opened all the same is set aside, not deleted, and a new one is begun.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from console.errors import OperatorError
from console.history.model import ChangeFilter, HistoryLimits, Key, LastValue, SeriesAnswer
from console.history.queries import SeriesQuestion, last_values, read_series, read_table
from console.history.thinning import Thinning
from console.metrics.catalog import METRICS
from console.metrics.families import Family

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

T = TypeVar("T")

VERSION = 1

_SCHEMA = """
create table series(id integer not null, metric varchar not null, topic varchar, "partition" integer, group_id varchar,
                    node_id integer, labels varchar not null);
create table points(series integer not null, at_ms bigint not null, value double not null, low double, high double);
create table meta(name varchar not null, value bigint not null);
"""


class History:
    """One file. Open with `History.open`, close with `close`; every method may be called from the event loop.

    Raises OperatorError: when another process writes the file, or the disk fails.
    """

    def __init__(self, path: Path, limits: HistoryLimits, lock: IO[str]) -> None:
        self.path = path
        self.limits = limits
        self.notes: list[str] = []
        """What was odd when it was opened."""
        self._lock = lock
        self._writer = ThreadPoolExecutor(1, "history-writer")
        self._reader = ThreadPoolExecutor(1, "history-reader")
        self._connection: DuckDBPyConnection | None = None
        self._changes = ChangeFilter(limits, {})
        self._thinning = Thinning(limits)
        self._closed = False

    @classmethod
    async def open(cls, path: str | os.PathLike[str], limits: HistoryLimits | None = None) -> History:
        """Opens or makes the file."""
        where = Path(path)
        history = cls(where, limits or HistoryLimits(), _claim(where))
        try:
            await history._run(history._writer, history._open)
        except BaseException:
            await history.close()
            raise
        return history

    @property
    def dropped(self) -> int:
        """Values of the last pass that were not kept, because there are too many series."""
        return self._changes.dropped

    async def record(self, at_ms: int, families: Iterable[Family]) -> int:
        """Writes one pass and returns how many values were. Thins out and expires now and then."""
        rows: list[tuple[Key, float]] = [
            ((family.metric.name, labels), value)
            for family in families
            if family.metric.is_kept
            for labels, value in family.rows
        ]
        return await self._run(self._writer, lambda: self._record(at_ms, rows))

    async def series(self, question: SeriesQuestion) -> SeriesAnswer:
        """Lines for a chart."""
        return await self._read(lambda connection: read_series(connection, question, self.limits))

    async def last(self, metric: str, labels: dict[str, str] | None = None) -> list[LastValue]:
        """The latest value of every series of `metric` that has these labels."""
        return await self._read(lambda connection: last_values(connection, metric, labels or {}))

    async def table(self, *, since_ms: int | None = None, rows_max: int = 1_000_000) -> pa.Table:
        """What was written since, the latest first, with the columns of `tables.METRICS_COLUMNS` (`time` in ms)."""
        return await self._read(lambda connection: read_table(connection, since_ms, rows_max))

    async def maintain(self, now_ms: int) -> None:
        """Thins out, expires and shrinks now; `record` does it by itself every ten minutes."""
        await self._run(self._writer, lambda: self._maintain(now_ms))

    async def size_bytes(self) -> int:
        """Of the file and its write-ahead log."""
        return sum(each.stat().st_size for each in (self.path, _wal(self.path)) if each.exists())

    async def close(self) -> None:
        """Finishes what is under way and closes the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reader, lambda: None)
        await loop.run_in_executor(self._writer, self._close)
        self._reader.shutdown(wait=False)
        self._writer.shutdown(wait=False)
        self._lock.close()

    # In the threads

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        def guarded() -> T:
            import duckdb

            try:
                return work()
            except duckdb.Error as error:
                raise OperatorError(f"history {self.path}", str(error).splitlines()[0]) from error

        return await asyncio.get_running_loop().run_in_executor(executor, guarded)

    async def _read(self, work: Callable[[DuckDBPyConnection], T]) -> T:
        def read() -> T:
            assert self._connection is not None
            with self._connection.cursor() as cursor:
                return work(cursor)

        return await self._run(self._reader, read)

    def _open(self) -> None:
        import duckdb

        try:
            self._connection = _connect(self.path)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise OperatorError(
                    f"history {self.path} is in use", str(error).splitlines()[0], _IN_USE_HINT
                ) from error
            self._set_aside(str(error))
        except duckdb.Error as error:
            self._set_aside(str(error))
        assert self._connection is not None
        known: dict[Key, int] = {}
        for series, metric, labels in self._connection.execute("select id, metric, labels from series").fetchall():
            if metric in METRICS:
                values = json.loads(labels)
                if list(values) == list(METRICS[metric].labels):
                    known[metric, tuple(values.values())] = series
        self._changes = ChangeFilter(self.limits, known)
        self._thinning.load(self._connection)

    def _set_aside(self, reason: str) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns() // 1_000_000}")
        for source in (self.path, _wal(self.path)):
            if source.exists():
                source.rename(aside if source == self.path else _wal(aside))
        self.notes.append(f"{self.path} could not be read ({reason.splitlines()[0]}); it is kept as {aside.name}")
        self._connection = _connect(self.path)

    def _record(self, at_ms: int, rows: list[tuple[Key, float]]) -> int:
        connection = self._connection
        assert connection is not None
        plan = self._changes.plan(at_ms, rows)
        if plan.ids:
            with _transaction(connection):
                for start in range(0, len(plan.new), _SERIES_PORTION):
                    portion = plan.new[start : start + _SERIES_PORTION]
                    connection.execute(_INSERT_SERIES, [_series_json(portion)])
                # Texts that DuckDB takes apart are faster to hand over than lists, by a third for numbers and more
                # than tenfold for the columns of series.
                connection.execute(
                    "insert into points select unnest(string_split($1, ',')::integer[]), $2, "
                    "unnest(string_split($3, ',')::double[]), null, null",
                    [",".join(map(str, plan.ids)), at_ms, ",".join(map(repr, map(float, plan.values)))],
                )
        self._changes.written(plan)
        if self._thinning.is_due(at_ms):
            self._maintain(at_ms)
        return len(plan.ids)

    def _maintain(self, now_ms: int) -> None:
        assert self._connection is not None
        with _transaction(self._connection):
            self._thinning.thin(self._connection, now_ms)
            gone = self._thinning.unused_series(self._connection)
            gone = [series for series in gone if not self._changes.is_live(series, now_ms - self.limits.refresh_ms)]
            if gone:
                self._connection.execute("delete from series where id in (select unnest($1::integer[]))", [gone])
        self._changes.forget(gone)
        self._thinning.shrink(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_IN_USE_HINT = "One process keeps the history of a cluster: the other's console shows it."


class _transaction:
    """BEGIN and COMMIT, or ROLLBACK."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.begin()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


def _connect(path: Path) -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(
        str(path),
        config={
            "threads": 1,
            "memory_limit": "400MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        if not tables:
            with _transaction(connection):
                connection.execute(_SCHEMA)
                connection.execute("insert into meta values ('version', $1)", [VERSION])
        found = connection.execute("select value from meta where name = 'version'").fetchone()
        if found is None or found[0] != VERSION:
            raise duckdb.InvalidInputException(f"version {found and found[0]} of the file, this is {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


_SERIES_PORTION = 10_000
"""New series handed over at once: DuckDB needs a few KB for each while it reads the JSON."""

_INSERT_SERIES = """
insert into series select (r->>0)::integer, r->>1, r->>2, (r->>3)::integer, r->>4, (r->>5)::integer, r->>6
from (select unnest(from_json($1, '["JSON"]')) as r)
"""


def _series_json(new: list[tuple[int, Key]]) -> str:
    """The rows of table series."""
    import msgspec

    rows = []
    for series, (name, values) in new:
        labels = dict(zip(METRICS[name].labels, values, strict=True))
        partition, node = labels.get("partition"), labels.get("broker", labels.get("id", labels.get("node")))
        rows.append(
            (
                series,
                name,
                labels.get("topic"),
                None if partition is None else int(partition),
                labels.get("consumergroup"),
                int(node) if node is not None and node.isdecimal() else None,
                json.dumps(labels),
            )
        )
    return msgspec.json.encode(rows).decode()


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _claim(path: Path) -> IO[str]:
    """A lock that goes with this process. DuckDB locks its file as well, but lets one process open it twice."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = open(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise OperatorError(f"cannot write {lock}", error.strerror or str(error)) from error
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: DuckDB's own lock has to do
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = file.read().strip()
        file.close()
        raise OperatorError(
            f"history {path} is in use", f"process {holder or 'unknown'} writes it already", _IN_USE_HINT
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
