"""Keeping the history small: fine values become coarse with age, the oldest go, and the file gives room back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.history.model import HistoryLimits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EVERY_MS = 600_000
MINUTE_MS = 60_000
QUARTER_MS = 900_000

_USED_SHARE = 0.45
"""The file may be filled so far: rewriting it takes the same room once more."""


class Thinning:
    """What was thinned so far, and when it is due again. Used in the writer's thread only."""

    def __init__(self, limits: HistoryLimits) -> None:
        self._limits = limits
        self._due_ms: int | None = None
        self._reached = {MINUTE_MS: 0, QUARTER_MS: 0}
        """Bucket width to the time before which all is thinned to it."""

    def load(self, connection: DuckDBPyConnection) -> None:
        """Takes up where the file was left."""
        for name, value in connection.execute("select name, value from meta where name like 'thinned_%'").fetchall():
            self._reached[int(name.removeprefix("thinned_"))] = value

    def is_due(self, now_ms: int) -> bool:
        if self._due_ms is None:
            self._due_ms = now_ms + EVERY_MS
        return now_ms >= self._due_ms

    def thin(self, connection: DuckDBPyConnection, now_ms: int) -> None:
        """One value per bucket where it is old enough, nothing where it is too old. In the caller's transaction."""
        self._due_ms = now_ms + EVERY_MS
        for width, age_ms in ((MINUTE_MS, self._limits.fine_ms), (QUARTER_MS, self._limits.coarse_ms)):
            until = (now_ms - age_ms) // width * width
            since = self._reached[width]
            if until <= since:
                continue
            connection.execute(
                "create or replace temp table thinned as "
                "select series, max(at_ms) as at_ms, arg_max(value, at_ms) as value, "
                "min(coalesce(low, if(isnan(value), null, value))) as low, "
                "max(coalesce(high, if(isnan(value), null, value))) as high "
                "from points where at_ms >= $1 and at_ms < $2 group by series, at_ms // $3",
                [since, until, width],
            )
            connection.execute("delete from points where at_ms >= $1 and at_ms < $2", [since, until])
            connection.execute("insert into points select * from thinned order by at_ms")
            connection.execute("drop table thinned")
            name = f"thinned_{width}"
            connection.execute("delete from meta where name = $1", [name])
            connection.execute("insert into meta values ($1, $2)", [name, until])
            self._reached[width] = until
        connection.execute("delete from points where at_ms < $1", [now_ms - self._limits.age_ms_max])

    def unused_series(self, connection: DuckDBPyConnection) -> list[int]:
        """Series without points."""
        found = connection.execute("select id from series where id not in (select distinct series from points)")
        return [series for (series,) in found.fetchall()]

    def shrink(self, connection: DuckDBPyConnection) -> None:
        """Drops the oldest quarter of the points until what is used fits, and gives the room back to the file."""
        connection.execute("checkpoint")
        for _ in range(20):
            row = connection.execute("select used_blocks * block_size from pragma_database_size()").fetchone()
            if row is None or row[0] <= self._limits.bytes_max * _USED_SHARE:
                return
            cut = connection.execute("select approx_quantile(at_ms, 0.25) from points").fetchone()
            if cut is None or cut[0] is None:
                return
            # Rewritten: rows that are only deleted keep their blocks for as long as a neighbour lives.
            connection.execute(
                "create or replace table kept as select * from points where at_ms > $1 order by at_ms", [int(cut[0])]
            )
            connection.begin()
            connection.execute("drop table points")
            connection.execute("alter table kept rename to points")
            connection.commit()
            connection.execute("checkpoint")
