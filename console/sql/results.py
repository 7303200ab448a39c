"""What a query gives: pages of rows as Arrow, what they cost, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from console.services.partial import Missing

if TYPE_CHECKING:
    import pyarrow as pa


BYTES_MAX = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """How far one query may go. None: no such limit."""

    rows_max: int | None = 10_000
    """Rows of the result."""
    bytes_max: int | None = BYTES_MAX
    """Bytes of the result, as Arrow."""
    time_ms: int | None = 60_000
    page_rows: int = 1_000
    key_partitioner: bool = False
    """Trust that keys are where the Java client's default partitioner puts them, so that `key = 'x'` reads one
    partition. Records that other partitioners put elsewhere are then not found: off unless asked for."""
    read_committed: bool = False
    """Leave out records of transactions that were aborted or are still open, as consumers with that isolation do."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column: `type` as DuckDB writes it (BIGINT, TIMESTAMP WITH TIME ZONE, ...)."""

    name: str
    type: str


@dataclass(slots=True)
class Page:
    """Some rows of the result."""

    columns: tuple[ResultColumn, ...]
    batch: pa.RecordBatch

    def rows(self) -> list[tuple[Any, ...]]:
        """The rows in Python's types: int for HUGEINT, datetime in UTC, list of pairs for MAP."""
        from decimal import Decimal

        taken: list[list[Any]] = []
        for column, array in zip(self.columns, self.batch.columns, strict=True):
            values = array.to_pylist()
            if column.type in ("HUGEINT", "UHUGEINT"):
                values = [int(each) if isinstance(each, Decimal) else each for each in values]
            taken.append(values)
        return list(zip(*taken, strict=True)) if taken else [()] * self.batch.num_rows


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading is. `expected` grows as scans are opened."""

    records: int
    """Read so far, of the cluster; what was in the cache is not in it."""
    expected: int
    bytes: int


@dataclass(slots=True)
class Statistics:
    """How it went; complete once the last page was taken."""

    rows: int = 0
    truncated: str = ""
    """"rows" or "bytes": which limit cut the result; "" when it is whole."""
    elapsed_ms: int = 0
    records_read: int = 0
    bytes_read: int = 0
    records_expected: int = 0
    from_files: bool = False
    counted: bool = False
    """Some scan was answered from offsets alone."""
    notes: list[str] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """One pass over a topic. Ranges are (partition, start, end exclusive)."""

    topic: str
    columns: tuple[str, ...]
    ranges: tuple[tuple[int, int, int], ...]
    partition_count: int
    records: int
    """At most: offsets between start and end."""
    bytes: int | None
    """Estimated of the sizes on disk; None where the brokers do not tell."""
    cached_records: int
    counted: bool
    notes: tuple[str, ...]

    @property
    def records_to_fetch(self) -> int:
        return 0 if self.counted else max(0, self.records - self.cached_records)

    @property
    def bytes_to_fetch(self) -> int | None:
        """As much of `bytes` as `records_to_fetch` are of `records`."""
        if self.bytes is None or not self.records:
            return self.bytes
        return self.bytes * self.records_to_fetch // self.records


@dataclass(frozen=True, slots=True)
class SqlPlan:
    """What a query would read."""

    scans: tuple[PlannedScan, ...]
    tables: tuple[str, ...]
    """Of the cluster's own."""
    notes: tuple[str, ...]
    missing: tuple[Missing, ...]
    duckdb_plan: str
    """DuckDB's, as JSON."""

    @property
    def records(self) -> int:
        return sum(scan.records_to_fetch for scan in self.scans)

    @property
    def bytes(self) -> int | None:
        known = [scan.bytes_to_fetch for scan in self.scans]
        return None if any(each is None for each in known) else sum(each or 0 for each in known)
