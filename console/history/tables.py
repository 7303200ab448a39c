"""The history as a table for SQL (`console.sql` takes it as a provider)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.errors import OperatorError

if TYPE_CHECKING:
    import pyarrow as pa

    from console.history.store import History

ROWS_MAX = 1_000_000

METRICS_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("time", "time", "when it was seen; a value holds until the next of its series"),
    ("metric", "text", "as in /metrics"),
    ("topic", "text", ""),
    ("partition", "int", ""),
    ("group_id", "text", ""),
    ("node_id", "int", ""),
    ("labels", "text", "all labels, as JSON"),
    ("value", "double", ""),
    ("low", "double", "the lowest of the time a thinned value stands for"),
    ("high", "double", "the highest"),
)
"""Names, types and meanings, as `console.sql.system_tables` has them."""


_DUCKDB_TYPES = {"time": "TIMESTAMP WITH TIME ZONE", "text": "VARCHAR", "int": "INTEGER", "double": "DOUBLE"}


class MetricsTable:
    """The table `metrics`: every value that was written, the latest first, at most `rows_max`."""

    name = "metrics"
    about = "Every figure of the cluster over time, as the sampler saw it."

    def __init__(
        self,
        history: Callable[[], History | None],
        *,
        why_none: Callable[[], OperatorError | None] = lambda: None,
        rows_max: int = ROWS_MAX,
    ) -> None:
        """`history()` is asked each time: one that another process holds now may be had later."""
        self._history = history
        self._why_none = why_none
        self._rows_max = rows_max

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, DuckDB's type) of each column."""
        return tuple((name, _DUCKDB_TYPES[kind]) for name, kind, _ in METRICS_COLUMNS)

    def schema(self) -> pa.Schema:
        """The columns as Arrow has them."""
        import pyarrow as pa

        types = {
            "time": pa.timestamp("ms", tz="UTC"),
            "text": pa.string(),
            "int": pa.int32(),
            "double": pa.float64(),
        }
        return pa.schema([(name, types[kind]) for name, kind, _ in METRICS_COLUMNS])

    async def rows(self) -> pa.Table:
        """Raises OperatorError when there is no history, or it cannot be read."""
        history = self._history()
        if history is None:
            raise self._why_none() or OperatorError("there is no history yet", "sampling has just begun")
        found: pa.Table = await history.table(rows_max=self._rows_max)
        return found.cast(self.schema())
