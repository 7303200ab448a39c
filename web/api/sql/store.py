"""Results of queries, kept as Arrow for a while, so that half a million rows can be scrolled through and exported."""

from __future__ import annotations

import asyncio
import secrets
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from console.errors import OperatorError
from console.sql.results import Page, Progress, ResultColumn, SqlLimits, Statistics
from web.api.errors import ApiError, not_found
from web.api.limits import SQL_STORE_AGE_MS_MAX, SQL_STORE_BYTES_MAX, SQL_STORE_RESULTS_MAX
from web.api.names import now_ms

if TYPE_CHECKING:
    import pyarrow as pa

    from console.sql.service import SqlService

State = Literal["waiting", "running", "finished", "failed", "cancelled"]


@dataclass(slots=True, eq=False)
class Result:
    """One query, under way or done. Its rows only become more."""

    id: str
    sql: str
    began_ms: int
    limits: SqlLimits
    state: State = "waiting"
    """"waiting": another query has the worker."""
    columns: tuple[ResultColumn, ...] = ()
    batches: list[pa.RecordBatch] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Number of the first row of each batch."""
    rows: int = 0
    bytes: int = 0
    statistics: Statistics = field(default_factory=Statistics)
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0))
    error: OperatorError | None = None
    looked_at_ms: int = 0
    task: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "failed", "cancelled")

    def page(self, start: int, count: int) -> Page:
        """Rows from `start` on, at most `count`; fewer, or none, where there are no more."""
        import pyarrow as pa

        taken = []
        index = max(0, bisect_right(self.starts, start) - 1)
        while index < len(self.batches) and count > 0:
            batch = self.batches[index]
            piece = batch.slice(max(0, start - self.starts[index]), count)
            taken.append(piece)
            count -= piece.num_rows
            index += 1
        if not taken:
            arrays = [pa.array([], pa.string()) for _ in self.columns]
            return Page(self.columns, pa.RecordBatch.from_arrays(arrays, names=[each.name for each in self.columns]))
        table = pa.Table.from_batches(taken).combine_chunks()
        whole = table.to_batches()
        return Page(self.columns, whole[0] if whole else taken[0])

    async def change(self, seconds: float) -> bool:
        """Returns when something is new, or false after so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def add(self, batch: pa.RecordBatch) -> None:
        self.starts.append(self.rows)
        self.batches.append(batch)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        self.tell()

    def tell(self) -> None:
        """Wakes who waits for news."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class ResultStore:
    """Runs queries to their end in the background and keeps what comes, within bounds: the oldest results go first."""

    def __init__(
        self,
        service: Callable[[], SqlService],
        *,
        bytes_max: int = SQL_STORE_BYTES_MAX,
        results_max: int = SQL_STORE_RESULTS_MAX,
        age_ms_max: int = SQL_STORE_AGE_MS_MAX,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._service = service
        self._bytes_max = bytes_max
        self._results_max = results_max
        self._age_ms_max = age_ms_max
        self._clock_ms = clock_ms
        self._results: OrderedDict[str, Result] = OrderedDict()

    def run(self, sql: str, parameters: Mapping[str, Any] | None, limits: SqlLimits) -> Result:
        """Begins a query. Raises ApiError when too many are under way."""
        self._make_room()
        if sum(not each.is_over for each in self._results.values()) >= self._results_max:
            raise ApiError(429, "too many queries are under way", hint="Cancel some, or wait for them.")
        now = self._clock_ms()
        result = Result(secrets.token_hex(8), sql, now, limits, looked_at_ms=now)
        self._results[result.id] = result
        result.task = asyncio.get_running_loop().create_task(self._run(result, parameters))
        return result

    def get(self, result_id: str) -> Result:
        """Raises ApiError when there is none of that id (any more)."""
        self._make_room()
        result = self._results.get(result_id)
        if result is None:
            raise not_found(f"there is no result {result_id[:50]!r} (any more): run the query again")
        result.looked_at_ms = self._clock_ms()
        self._results.move_to_end(result_id)
        return result

    def list(self) -> list[Result]:
        """The newest look first."""
        self._make_room()
        return list(reversed(self._results.values()))

    async def cancel(self, result: Result) -> None:
        """Ends it where it is; what came is kept."""
        if result.task is not None and not result.is_over:
            result.task.cancel()
            await asyncio.gather(result.task, return_exceptions=True)

    async def forget(self, result_id: str) -> None:
        """Cancels it, and takes its rows away. Raises ApiError when there is none."""
        result = self.get(result_id)
        await self.cancel(result)
        self._results.pop(result_id, None)

    async def close(self) -> None:
        """Ends all of them. Idempotent."""
        for result in list(self._results.values()):
            await self.cancel(result)
        self._results.clear()

    async def _run(self, result: Result, parameters: Mapping[str, Any] | None) -> None:
        def on_progress(progress: Progress) -> None:
            result.progress = progress
            result.tell()

        try:
            async with self._service().run(result.sql, parameters, result.limits, on_progress=on_progress) as running:
                result.state = "running"
                result.columns = running.columns
                result.tell()
                async for page in running:
                    if page.batch.num_rows:
                        result.add(page.batch)
                        self._make_room()
                result.statistics = running.statistics
            result.state = "finished"
        except asyncio.CancelledError:
            result.state = "cancelled"
        except OperatorError as error:
            result.state, result.error = "failed", error
        except Exception as error:  # It must not be under way for ever.
            result.state, result.error = "failed", OperatorError("the query failed", f"{type(error).__name__}: {error}")
        finally:
            result.tell()

    def _make_room(self) -> None:
        """What nobody looked at for long goes, then the oldest that are over, until the rest fits."""
        now = self._clock_ms()
        for each in list(self._results.values()):
            if each.is_over and now - each.looked_at_ms > self._age_ms_max:
                del self._results[each.id]
        held = sum(each.bytes for each in self._results.values())
        over = [each for each in self._results.values() if each.is_over]
        for each in over:
            if held <= self._bytes_max and len(self._results) <= self._results_max:
                return
            held -= each.bytes
            del self._results[each.id]


async def pages_of(result: Result, rows: int = 1_000) -> AsyncIterator[Page]:
    """All rows, for an export; waits for those that are still to come. Raises OperatorError when the query failed."""
    start = 0
    while True:
        while start < result.rows:
            page = result.page(start, rows)
            start += page.batch.num_rows
            yield page
        if result.is_over:
            if result.error is not None:
                raise result.error
            if start >= result.rows:
                return
            continue
        await result.change(1.0)
