"""The history as a table for SQL: name, columns, rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.history.store import History

METRICS_COLUMNS: tuple[tuple[str, str], ...] = (
    ("at", "TIMESTAMP"),
    ("metric", "VARCHAR"),
    ("topic", "VARCHAR"),
    ("partition", "INTEGER"),
    ("group_id", "VARCHAR"),
    ("node_id", "INTEGER"),
    ("labels", "VARCHAR"),
    ("value", "DOUBLE"),
    ("low", "DOUBLE"),
    ("high", "DOUBLE"),
)
"""Names and DuckDB's types. `at` is UTC; `labels` is JSON with all labels; a value holds until the next of its series."""


class MetricsTable:
    """The table `metrics`: every value that was written, the latest first."""

    name = "metrics"
    columns = METRICS_COLUMNS

    def __init__(self, history: History) -> None:
        self._history = history

    async def rows(self, *, since_ms: int | None = None, rows_max: int = 1_000_000) -> Sequence[tuple[Any, ...]]:
        """At most `rows_max` rows, those before `since_ms` left out."""
        return await self._history.table(since_ms=since_ms, rows_max=rows_max)
