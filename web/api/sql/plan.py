"""What a statement would read, and what may stand in one."""

from __future__ import annotations

from typing import Any

import msgspec

from console.errors import OperatorError
from console.sql.topic_columns import TOPIC_COLUMNS
from web.api.errors import ApiError, Failure, api_error
from web.api.operations import Call, Nothing, operation
from web.api.records.view import MissingView, missing_views
from web.api.sql.run import SqlAsked, SqlBody, check_text, limits_of


class RangeView(msgspec.Struct, kw_only=True):
    """Offsets of a partition; the end is exclusive."""

    partition: int
    start: int
    end: int


class ScanView(msgspec.Struct, kw_only=True):
    """One pass over a topic."""

    topic: str
    columns: list[str]
    ranges: list[RangeView]
    partition_count: int
    records: int
    records_to_fetch: int
    bytes: int | None
    cached_records: int
    counted: bool
    """Answered from offsets alone."""
    notes: list[str]


class SqlPlanView(msgspec.Struct, kw_only=True):
    """What a statement would read."""

    scans: list[ScanView]
    tables: list[str]
    """Of the cluster's own."""
    records: int
    bytes: int | None
    """Estimated; null where the brokers do not tell."""
    notes: list[str]
    missing: list[MissingView]
    duckdb_plan: str


class SqlCheckView(msgspec.Struct, kw_only=True):
    """Either what a statement would read, or what is wrong with it."""

    plan: SqlPlanView | None = None
    problem: Failure | None = None


@operation("POST", "/api/sql/plan", tag="sql", summary="What a statement would read")
async def plan_sql(call: Call, asked: SqlAsked) -> SqlPlanView:
    """Nothing is read: partitions, offsets and columns as they would be, with records and bytes."""
    return await _planned(call, asked.body)


@operation("POST", "/api/sql/check", tag="sql", summary="A statement while it is typed")
async def check_sql(call: Call, asked: SqlAsked) -> SqlCheckView:
    """As the plan; what is wrong with the statement is no failure of the request, for it is not typed to its end."""
    _ = call.cluster  # that there is none is a failure
    try:
        return SqlCheckView(plan=await _planned(call, asked.body))
    except (OperatorError, ApiError) as error:
        said = api_error(error) if isinstance(error, OperatorError) else error
        if said.status not in (400, 404, 409):
            raise
        return SqlCheckView(problem=said.failure)


async def _planned(call: Call, body: SqlBody) -> SqlPlanView:
    check_text(body.sql)
    plan = await call.cluster.sql.explain(body.sql, body.parameters, limits_of(body))
    return SqlPlanView(
        scans=[
            ScanView(
                topic=each.topic,
                columns=list(each.columns),
                ranges=[RangeView(partition=number, start=start, end=end) for number, start, end in each.ranges],
                partition_count=each.partition_count,
                records=each.records,
                records_to_fetch=each.records_to_fetch,
                bytes=each.bytes,
                cached_records=each.cached_records,
                counted=each.counted,
                notes=list(each.notes),
            )
            for each in plan.scans
        ],
        tables=list(plan.tables),
        records=plan.records,
        bytes=plan.bytes,
        notes=list(plan.notes),
        missing=missing_views(plan.missing),
        duckdb_plan=plan.duckdb_plan,
    )


class TopicColumnView(msgspec.Struct, kw_only=True):
    """A column that every topic has."""

    name: str
    type: str
    about: str


class TableView(msgspec.Struct, kw_only=True):
    """What may stand after FROM. Topics have `topic_columns`."""

    name: str
    kind: str
    """topic, cluster or history"""
    about: str
    columns: list[str]


class TablesView(msgspec.Struct, kw_only=True):
    """For completion."""

    topic_columns: list[TopicColumnView]
    tables: list[TableView]


@operation("GET", "/api/sql/tables", tag="sql", summary="Tables and columns, for completion")
async def list_sql_tables(call: Call, asked: Nothing) -> TablesView:
    tables: list[Any] = await call.cluster.sql.catalog.tables()
    return TablesView(
        topic_columns=[TopicColumnView(name=name, type=kind, about=about) for name, kind, about in TOPIC_COLUMNS],
        tables=[
            TableView(
                name=each.name,
                kind=each.kind,
                about=each.about,
                columns=[] if each.kind == "topic" else list(each.columns),
            )
            for each in tables
        ],
    )
