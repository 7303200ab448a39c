"""What a query would read, before it reads it. Runs in the worker.

DuckDB optimizes the statement and thereby offers its predicates to the sources; EXPLAIN then says which scans remain, with
which predicates and columns. No scan is opened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb

from console.sql.decoding import COLUMNS
from console.sql.newest import first_starts
from console.sql.predicates import Predicate, values
from console.sql.statements import Statement
from console.sql.topic_source import Scan, ScanContext, TopicSource, pieces_of, plan_scan


def plan(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    parameters: Any,
    sources: list[TopicSource],
    context: ScanContext,
) -> dict[str, Any]:
    """The scans of the statement, and DuckDB's own plan as text."""
    tree_text = ""
    scans: list[Scan] = []
    if statement.is_pivot:
        # Its columns are in the data, so that DuckDB cannot plan it without reading: everything, at most.
        for source in sources:
            scan = plan_scan(source.table, COLUMNS, (), context)
            scan.notes.append(
                "a PIVOT without IN (…) is planned while it reads: at most this, twice, the second time cached"
            )
            scans.append(scan)
    elif not statement.is_explain:
        rows = connection.sql(f"EXPLAIN (FORMAT JSON) {statement.sql}", params=parameters).fetchall()
        tree_text = str(rows[0][1])
        newest = first_starts(connection, statement.sql, sources)
        if newest is not None:
            context.windows = newest[0]
        scans = _scans(json.loads(tree_text), sources, context)
        context.windows = None
        for scan in scans:
            if newest is not None:
                scan.notes.append(newest[1])
            elif _reads_all_for_a_key(scan, context):
                scan.notes.append(
                    "every partition may have the key: --key-partitioner murmur2 trusts that Java's partitioner placed it"
                )
    return {
        "scans": [_described(scan, context) for scan in scans],
        "duckdb": tree_text,
    }


def _reads_all_for_a_key(scan: Scan, context: ScanContext) -> bool:
    if context.key_partitioner or scan.table.texts is not None or len(scan.ranges) < 2:
        return False
    return values(scan.predicates, "key") is not None


def _scans(tree: Any, sources: list[TopicSource], context: ScanContext) -> list[Scan]:
    """Scans of topics in the plan. A scan does not say which table it is of: its predicates do, and where it has none,
    what no other scan accounts for."""
    offered = {id(source): list(source.offered) for source in sources}
    unnamed: list[tuple[str, ...]] = []
    scans: list[Scan] = []
    seen: set[int] = set()
    for info in _arrow_scans(tree):
        projected = info.get("Projections", ())
        columns = tuple(each for each in ([projected] if isinstance(projected, str) else projected) if each in COLUMNS)
        if isinstance(projected, list) and len(columns) != len(projected):
            continue  # one of the cluster's own tables
        filters = info.get("Filters", ())
        found = _accepted_by([filters] if isinstance(filters, str) else filters, sources, offered)
        if found is None:
            unnamed.append(columns)
        else:
            source, predicates = found
            seen.add(id(source))
            scans.append(plan_scan(source.table, columns, predicates, context))
    rest = [source for source in sources if id(source) not in seen] or sources
    for index, columns in enumerate(unnamed):
        if rest:
            scans.append(plan_scan(rest[index % len(rest)].table, columns, (), context))
    return scans


def _arrow_scans(tree: Any) -> list[dict[str, Any]]:
    found = []
    pending = list(tree) if isinstance(tree, list) else [tree]
    while pending:
        node = pending.pop(0)
        if node.get("name") == "PYTHON_ARROW_SCAN":
            found.append(node.get("extra_info", {}))
        pending += node.get("children", ())
    return found


def _accepted_by(
    texts: Sequence[str], sources: list[TopicSource], offered: dict[int, list[tuple[str, Predicate]]]
) -> tuple[TopicSource, list[Predicate]] | None:
    """The source that accepted these predicates, and they; each is accepted once per scan."""
    for source in sources:
        accepted = offered[id(source)]
        taken = [next((pair for pair in accepted if pair[0] == text), None) for text in texts]
        pairs = [pair for pair in taken if pair is not None]
        if pairs and len(pairs) == len(texts):
            for pair in pairs:
                accepted.remove(pair)
            return source, [predicate for _, predicate in pairs]
    return None


def _described(scan: Scan, context: ScanContext) -> dict[str, Any]:
    cached = 0
    if not scan.counted:
        cached = sum(
            piece.end - piece.start for piece in pieces_of(scan, context, scan.columns) if piece.chunk is not None
        )
    return {
        "topic": scan.table.name,
        "columns": list(scan.columns),
        "ranges": [[each, start, end] for each, (start, end) in scan.ranges.items()],
        "counted": scan.counted,
        "cached": cached,
        "notes": scan.notes,
    }
