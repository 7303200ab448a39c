"""A topic as DuckDB scans it: predicates become offset ranges, ranges become cached chunks and questions to the console.

This is the only module that knows `duckdb._sources`, which is private: pyproject pins duckdb to the minor version, and
tests hold what is relied on (predicates offered, columns narrowed, scanned afresh each time, stopped by LIMIT).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from duckdb._sources import ArrowScanSource, nodes

from console.records.partitioner import partition_for_key
from console.sql.chunk_cache import Chunk, ChunkCache, Piece
from console.sql.decoding import COLUMNS, SCHEMA, decode
from console.sql.json_columns import Extractor, JsonColumn
from console.sql.link import Frame, Link
from console.sql.predicates import (
    INT64_MAX,
    And,
    Compare,
    In,
    Interval,
    IsNull,
    Not,
    Or,
    Predicate,
    columns_of,
    interval,
    values,
)
from console.sql.topic_texts import TopicTexts

_FILTERABLE = frozenset(
    [
        "partition",
        "offset",
        "timestamp",
        "key",
        "key_size",
        "value_size",
        "leader_epoch",
        "producer_id",
        "producer_epoch",
        "sequence",
    ]
)
"""Columns whose predicates are taken off DuckDB's hands: they tell what to read, or are cheap to test."""

_HEADER_COLUMNS = frozenset(("partition",))
_KEYS_MAX = 16
"""So many keys are looked for in the raw batches; of more, every record is decoded."""
_SYNTHETIC_ROWS = 64 * 1024
_JSON_ROWS = 64 * 1024


@dataclass(frozen=True, slots=True)
class TopicTable:
    """A topic as the console described it: where each partition begins and ends (exclusive) for this query."""

    name: str
    topic_id: str
    partition_count: int
    offsets: Mapping[int, tuple[int, int]]
    is_dense: bool
    """Every offset between the ends is one record: nothing compacted, no transaction markers."""
    texts: TopicTexts | None = None
    """What its keys and values are, where they are more than UTF-8."""


@dataclass(slots=True)
class Scan:
    """One pass over a topic: what is read, for the plan that is shown and for statistics."""

    table: TopicTable
    columns: tuple[str, ...]
    predicates: tuple[Predicate, ...]
    ranges: dict[int, tuple[int, int]]
    counted: bool = False
    """Answered from offsets alone."""
    json_columns: Mapping[str, JsonColumn] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ScanContext:
    """What the sources of one query share."""

    link: Link
    cache: ChunkCache
    key_partitioner: bool = False
    """Keys are where the Java client's default partitioner puts them: the user says so."""
    read_committed: bool = False
    windows: dict[int, int] | None = None
    """Read no offset before these (`newest`), by partition."""
    scans: list[Scan] = field(default_factory=list)
    extractor: Extractor | None = None
    """Fills JSON columns; there must be one where there are any."""


class TopicSource(ArrowScanSource):
    """One topic in one query."""

    schema_is_stable = True

    def __init__(
        self, table: TopicTable, context: ScanContext, json_columns: Mapping[str, JsonColumn] | None = None
    ) -> None:
        """`json_columns` come after the topic's own columns."""
        super().__init__(table)
        self.table = table
        self.context = context
        self.json_columns = dict(json_columns or {})
        self._columns = (*COLUMNS, *self.json_columns)
        self._schema = pa.schema([*SCHEMA, *(pa.field(name, pa.string()) for name in self.json_columns)])
        self.offered: list[tuple[str, Predicate]] = []
        """Accepted predicates in the words that EXPLAIN shows, in the order of the scans."""

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.stream(None, ())[0]

    def rows(self) -> int | None:
        # Taken as an estimate for the order of joins, not for the answer to count(*) (a test holds that).
        return sum(end - start for start, end in self.table.offsets.values())

    def accepts(self, predicate: nodes.Node) -> bool:
        translated = translate(predicate)
        if translated is None or not columns_of([translated]) <= _FILTERABLE:
            return False
        self.offered.append((predicate.fragment(), translated))
        return True

    def stream(self, columns: Sequence[int] | None, filters: Sequence[nodes.Node]) -> tuple[object, bool]:
        names = self._columns if columns is None else tuple(self._columns[index] for index in columns)
        predicates = tuple(each for each in map(translate, filters) if each is not None)
        scan = plan_scan(self.table, names, predicates, self.context)
        scan.json_columns = {name: column for name, column in self.json_columns.items() if name in names}
        self.context.scans.append(scan)
        schema = pa.schema([self._schema.field(name) for name in names])
        reader = pa.RecordBatchReader.from_batches(schema, read(scan, self.context, schema))
        return reader.__arrow_c_stream__(), columns is not None


def plan_scan(table: TopicTable, columns: Sequence[str], predicates: Sequence[Predicate], context: ScanContext) -> Scan:
    """What has to be read for rows with `columns` that satisfy all `predicates`."""
    scan = Scan(table, tuple(columns), tuple(predicates), {})
    offsets = interval(predicates, "offset")
    partitions = values(predicates, "partition")
    if partitions is None:
        between = interval(predicates, "partition")
        chosen = [each for each in table.offsets if between.low <= each <= between.high]
    else:
        chosen = [each for each in table.offsets if each in partitions]
    keys = values(predicates, "key") if table.texts is None else None
    if keys is not None and context.key_partitioner and all(isinstance(key, str) for key in keys):
        of_keys = {partition_for_key(key.encode(), table.partition_count) for key in keys}
        chosen = [each for each in chosen if each in of_keys]
        scan.notes.append("only the partitions of the keys, as murmur2 has them")
    for partition in chosen:
        start, end = table.offsets[partition]
        start, end = max(start, offsets.low), min(end, offsets.high + 1)
        if context.windows is not None:
            start = max(start, context.windows.get(partition, start))
        if start < end:
            scan.ranges[partition] = (start, end)
    _narrow_by_time(scan, interval(predicates, "timestamp"), context)
    scan.counted = table.is_dense and set(columns) | columns_of(predicates) <= {"partition", "offset"}
    return scan


def _narrow_by_time(scan: Scan, times: Interval, context: ScanContext) -> None:
    """Begins each range at the first record that is new enough (ListOffsets). Records need not be ordered by time, so the
    end stays where it is."""
    if times.low <= 0 or not scan.ranges:
        return
    earliest_ms = -(-times.low // 1000)
    found = first_offsets(context.link, scan.table, list(scan.ranges), earliest_ms)
    for partition, (start, end) in list(scan.ranges.items()):
        first = found.get(partition)
        if first is not None:
            start = max(start, first)
            if start < end:
                scan.ranges[partition] = (start, end)
            else:
                del scan.ranges[partition]


def first_offsets(link: Link, table: TopicTable, partitions: Sequence[int], timestamp_ms: int) -> dict[int, int]:
    """Per partition the offset of the first record with that timestamp or a later one; past every offset when there is
    none. Partitions that the cluster did not answer for are left out."""
    if timestamp_ms >= 2**62:
        return dict.fromkeys(partitions, INT64_MAX)
    head, _ = link.ask(
        {"ask": "offsets", "topic": table.name, "partitions": list(partitions), "timestamp": timestamp_ms}
    )
    return {int(each): INT64_MAX if offset < 0 else offset for each, offset in head.get("offsets", {}).items()}


def read(scan: Scan, context: ScanContext, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the scan: from the offsets alone, from the cache, from the console."""
    needed = set(scan.columns) | columns_of(scan.predicates)
    if scan.counted:
        batches = _synthetic(scan)
    else:
        batches = _chunks(scan, context, needed)
    for rows, columns in batches:
        mask = _mask(scan.predicates, columns, rows)
        arrays = [columns[name] for name in schema.names]
        if mask is not None:
            if mask.false_count == rows:
                continue
            if mask.false_count:
                arrays = [array.filter(mask) for array in arrays]
        if arrays:
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


Rows = tuple[int, dict[str, pa.Array]]


def _synthetic(scan: Scan) -> Iterator[Rows]:
    with_offsets = "offset" in scan.columns or "offset" in columns_of(scan.predicates)
    for partition, (start, end) in scan.ranges.items():
        full = pa.repeat(pa.scalar(partition, pa.int32()), min(end - start, _SYNTHETIC_ROWS))
        for first in range(start, end, _SYNTHETIC_ROWS):
            rows = min(_SYNTHETIC_ROWS, end - first)
            columns = {"partition": full[:rows]}
            if with_offsets:
                columns["offset"] = pa.array(range(first, first + rows), pa.int64())
            yield rows, columns


def _chunks(scan: Scan, context: ScanContext, needed: set[str]) -> Iterator[Rows]:
    topic = cache_name(scan.table, context)
    json_columns = scan.json_columns
    # The chunks have the JSON; what was taken out of it is added to them.
    needed = {json_columns[name].source if name in json_columns else name for name in needed}
    pieces = pieces_of(scan, context, needed)
    held = [piece for piece in pieces if piece.chunk is not None]
    chunks = [piece.chunk for piece in held if piece.chunk is not None]
    for piece, _ in zip(held, _filled(chunks, context, json_columns), strict=True):
        yield _cut(piece, needed | set(json_columns))
    holes = [(piece.partition, piece.start, piece.end) for piece in pieces if piece.chunk is None]
    if not holes:
        return
    question: dict[str, Any] = {"ask": "scan", "topic": scan.table.name, "ranges": holes}
    keys = _sought(scan)
    decoded = needed
    if keys is not None:
        question["keys"] = sorted(key.decode() for key in keys)
        topic, decoded = _name_of_sought(topic, keys), needed | {"partition", "offset"}
    elif not needed <= _HEADER_COLUMNS:
        # What other queries looked at stays reachable, and later cuts need the offsets.
        decoded = needed | (context.cache.columns_of(topic) & set(COLUMNS)) | {"partition", "offset"}
    with context.link.scan(question) as frames:
        fetched = _decoded(frames, context, topic, decoded, keys, scan.table.texts)
        for chunk in _filled(fetched, context, json_columns):
            yield chunk.rows, chunk.columns


def _decoded(
    frames: Iterable[Frame],
    context: ScanContext,
    topic: str,
    columns: set[str],
    keys: frozenset[bytes] | None,
    texts: TopicTexts | None,
) -> Iterator[Chunk]:
    for head, payload in frames:
        partition, start, end = head["partition"], head["start"], head["next"]
        aborted = [(first, producer_id) for first, producer_id in head["aborted"]]
        arrays = decode(payload, partition, start, end, columns, aborted, keys, texts)
        chunk = Chunk((topic, partition), start, end, len(next(iter(arrays.values()))), arrays)
        if texts is None or not texts.is_passing:
            context.cache.add(chunk)
        yield chunk


def _filled(chunks: Iterable[Chunk], context: ScanContext, json_columns: Mapping[str, JsonColumn]) -> Iterator[Chunk]:
    """The chunks in the same order, with the JSON columns: taken out while the next chunks are decoded, for more and more
    rows at once, so that a LIMIT is soon satisfied."""
    if not json_columns:
        yield from chunks
        return
    extractor = context.extractor
    assert extractor is not None
    waiting: list[tuple[list[Chunk], Future[list[dict[str, pa.Array]]] | None]] = []
    gathered: list[Chunk] = []
    rows, rows_enough = 0, 1

    def submit() -> None:
        nonlocal gathered, rows, rows_enough
        lacking = [name for name in json_columns if not all(name in each.columns for each in gathered)]
        future = None
        if lacking:
            wanted = [json_columns[name] for name in lacking]
            future = extractor.fill([each.columns for each in gathered], wanted)
        waiting.append((gathered, future))
        gathered, rows, rows_enough = [], 0, min(rows_enough * 4 + 8192, _JSON_ROWS)

    for chunk in chunks:
        gathered.append(chunk)
        rows += chunk.rows
        if rows >= rows_enough:
            submit()
            if len(waiting) > 1:
                yield from _taken(*waiting.pop(0), context)
    submit()
    for each in waiting:
        yield from _taken(*each, context)


def _taken(
    chunks: list[Chunk], future: Future[list[dict[str, pa.Array]]] | None, context: ScanContext
) -> Iterator[Chunk]:
    if future is not None:
        for chunk, columns in zip(chunks, future.result(), strict=True):
            context.cache.extend(chunk, columns)
    yield from chunks


def pieces_of(scan: Scan, context: ScanContext, needed: Collection[str]) -> list[Piece]:
    """The scan's ranges, cut into what the cache has with all of `needed` and what it has not."""
    topic, keys = cache_name(scan.table, context), _sought(scan)
    pieces: list[Piece] = []
    for partition, (start, end) in scan.ranges.items():
        for piece in context.cache.pieces((topic, partition), start, end, needed):
            if piece.chunk is None and keys is not None:
                place = (_name_of_sought(topic, keys), partition)
                pieces += context.cache.pieces(place, piece.start, piece.end, needed)
            else:
                pieces.append(piece)
    return pieces


def _sought(scan: Scan) -> frozenset[bytes] | None:
    """The only keys that can match, when they are few: then other records need not be decoded at all. Unknown where a
    key's text is not its bytes."""
    keys = values(scan.predicates, "key") if scan.table.texts is None else None
    if keys is None or len(keys) > _KEYS_MAX or not all(isinstance(key, str) for key in keys):
        return None
    return frozenset(key.encode() for key in keys)


def _name_of_sought(topic: str, keys: frozenset[bytes]) -> str:
    """Under which name the cache has chunks with the records of those keys alone."""
    return f"{topic} keys {sorted(keys)}"


def cache_name(table: TopicTable, context: ScanContext) -> str:
    """Under which name the cache has the topic: what is committed is not all there is."""
    return f"{table.topic_id} committed" if context.read_committed else table.topic_id


def _cut(piece: Piece, needed: set[str]) -> Rows:
    chunk = piece.chunk
    assert chunk is not None
    if (piece.start, piece.end) == (chunk.start, chunk.next):
        return chunk.rows, chunk.columns
    offsets = chunk.columns["offset"]
    first, last = _position(offsets, piece.start), _position(offsets, piece.end)
    return last - first, {name: chunk.columns[name][first:last] for name in needed}


def _position(offsets: pa.Array, offset: int) -> int:
    """How many of the offsets, which ascend, are smaller."""
    low, high = 0, len(offsets)
    while low < high:
        middle = (low + high) // 2
        if offsets[middle].as_py() < offset:
            low = middle + 1
        else:
            high = middle
    return low


# Predicates


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}

_TYPES = {
    "offset": "BIGINT",
    "producer_id": "BIGINT",
    "producer_epoch": "SMALLINT",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "key": "VARCHAR",
}


def translate(node: nodes.Node) -> Predicate | None:
    """DuckDB's predicate in our words; None when it says more than we understand."""
    match node:
        case nodes.Binary(op="AND" | "OR" as op, left=left, right=right):
            a, b = translate(left), translate(right)
            if a is None or b is None:
                return None
            return And(a, b) if op == "AND" else Or(a, b)
        case nodes.Binary(op=op, left=nodes.Col(parts=(name,)), right=nodes.Lit() as literal) if op in _COMPARE:
            return Compare(name, op, literal.value) if _is_exact(name, literal) else None
        case nodes.In(operand=nodes.Col(parts=(name,)), values=listed):
            literals = [each for each in listed if isinstance(each, nodes.Lit) and _is_exact(name, each)]
            return In(name, tuple(each.value for each in literals)) if len(literals) == len(listed) else None
        case nodes.Postfix(op="IS NULL" | "IS NOT NULL" as op, operand=nodes.Col(parts=(name,))):
            return IsNull(name, op == "IS NOT NULL")
        case nodes.Unary(op="NOT", operand=operand):
            inner = translate(operand)
            return None if inner is None else Not(inner)
    return None


def _is_exact(name: str, literal: nodes.Lit) -> bool:
    return name in _FILTERABLE and literal.type == _TYPES.get(name, "INTEGER") and nodes.exact_value(literal)


def _mask(predicates: Sequence[Predicate], columns: Mapping[str, pa.Array], rows: int) -> Any:
    """Which rows satisfy all predicates, as DuckDB would have it (NULL is no); None for all."""
    if not predicates or not rows:
        return None
    mask = reduce(pc.and_kleene, [_evaluate(each, columns) for each in predicates])
    return mask.fill_null(False)


def _evaluate(predicate: Predicate, columns: Mapping[str, pa.Array]) -> Any:
    match predicate:
        case Compare(column=name, op=op, value=value):
            array = columns[name]
            return _COMPARE[op](array, pa.scalar(value, array.type))
        case In(column=name, values=listed):
            array = columns[name]
            found = pc.is_in(array, pa.array(listed, array.type))
            return pc.if_else(array.is_valid(), found, pa.scalar(None, pa.bool_()))
        case IsNull(column=name, negated=negated):
            return columns[name].is_valid() if negated else columns[name].is_null()
        case And(left=left, right=right):
            return pc.and_kleene(_evaluate(left, columns), _evaluate(right, columns))
        case Or(left=left, right=right):
            return pc.or_kleene(_evaluate(left, columns), _evaluate(right, columns))
        case Not(operand=operand):
            return pc.invert(_evaluate(operand, columns))
    raise AssertionError(predicate)
