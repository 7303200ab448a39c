"""The past of every figure."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from console.errors import OperatorError
from console.history.queries import BUCKETS_MAX, SERIES_MAX, SeriesQuestion
from console.history.tables import MetricsTable
from console.metrics.catalog import METRICS
from web.api.answers import NEVER_KEPT
from web.api.errors import bad_request
from web.api.limits import METRICS_TABLE_ROWS_MAX
from web.api.names import TimeMs, now_ms
from web.api.operations import Asked, Call, Nothing, operation

Label = Annotated[str, msgspec.Meta(max_length=1_000)]

_HOUR_MS = 3_600_000


class HistoryAsked(Asked, kw_only=True):
    """Which figure, of what, and when. `topic`, `partition`, `group` and `broker` are labels with shorter names."""

    metric: Annotated[
        str, msgspec.Meta(max_length=100, description="As in /metrics; GET /api/history/metrics has them.")
    ]
    from_: TimeMs | None = msgspec.field(name="from", default=None)
    to: TimeMs | None = None
    topic: Annotated[str, msgspec.Meta(max_length=1_000, description="Only of that topic.")] | None = None
    partition: Annotated[str, msgspec.Meta(max_length=1_000, description="Only of that partition.")] | None = None
    group: Annotated[str, msgspec.Meta(max_length=1_000, description="Only of that group.")] | None = None
    broker: Annotated[str, msgspec.Meta(max_length=1_000, description="Only of that broker.")] | None = None
    label: Annotated[tuple[Label, ...], msgspec.Meta(max_length=20, description="Others, as name=value.")] = ()
    by: Annotated[
        tuple[Label, ...],
        msgspec.Meta(max_length=10, description="Sum up what agrees in these labels; `-` sums up all."),
    ] = ()
    buckets: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS_MAX, description="Parts of the time.")] = 300
    per_second: Annotated[bool, msgspec.Meta(description="How fast it goes up.")] = False
    series_max: Annotated[int, msgspec.Meta(ge=1, le=SERIES_MAX, description="Lines at most.")] = 100


class SeriesView(msgspec.Struct, kw_only=True):
    """A line: values at `times_ms`, and the lowest and highest of each bucket; null where it is not known."""

    labels: dict[str, str]
    values: list[float | None]
    lows: list[float | None]
    highs: list[float | None]


class HistoryView(msgspec.Struct, kw_only=True):
    """Lines of a chart; `left_out` counts those beyond `series_max`."""

    metric: str
    kind: str
    from_ms: int
    to_ms: int
    times_ms: list[int]
    """Where buckets end, the same for all lines."""
    series: list[SeriesView]
    left_out: int
    series_max: int


@operation("GET", "/api/history", tag="history", summary="A figure over time")
async def get_history(call: Call, asked: HistoryAsked) -> HistoryView:
    """The last hour, unless `from` and `to` (ms since 1970) say otherwise. 409 while no history is kept, with the reason."""
    to_ms = asked.to if asked.to is not None else now_ms()
    from_ms = asked.from_ if asked.from_ is not None else max(0, to_ms - _HOUR_MS)
    by: tuple[str, ...] | None = None
    if asked.by:
        by = () if asked.by == ("-",) else asked.by
    question = SeriesQuestion(
        asked.metric, from_ms, to_ms, _labels(asked), asked.buckets, by, asked.per_second, asked.series_max
    )
    answer = await call.cluster.series(question)
    return HistoryView(
        metric=asked.metric,
        kind=METRICS[asked.metric].kind.value,
        from_ms=from_ms,
        to_ms=to_ms,
        times_ms=list(answer.series[0].times_ms) if answer.series else [],
        series=[
            SeriesView(labels=each.labels, values=each.values, lows=each.lows, highs=each.highs)
            for each in answer.series
        ],
        left_out=answer.left_out,
        series_max=asked.series_max,
    )


def _labels(asked: HistoryAsked) -> dict[str, str]:
    """Raises ApiError."""
    short = {"topic": asked.topic, "partition": asked.partition, "consumergroup": asked.group, "broker": asked.broker}
    labels = {name: value for name, value in short.items() if value is not None}
    for each in asked.label:
        name, separator, value = each.partition("=")
        if not separator or name in labels:
            raise bad_request(f"label: {each[:100]!r} is not name=value, or named twice")
        labels[name] = value
    return labels


class MetricView(msgspec.Struct, kw_only=True):
    """A figure that there is."""

    name: str
    kind: str
    about: str
    labels: list[str]
    is_kept: bool
    """Whether its past is kept."""


@operation("GET", "/api/history/metrics", tag="history", summary="Which figures there are", clusterless=True)
async def list_metrics(call: Call, asked: Nothing) -> list[MetricView]:
    return [
        MetricView(
            name=each.name, kind=each.kind.value, about=each.help, labels=list(each.labels), is_kept=each.is_kept
        )
        for each in METRICS.values()
    ]


class TableAsked(Asked, kw_only=True):
    """How much of it."""

    rows_max: Annotated[int, msgspec.Meta(ge=1, le=METRICS_TABLE_ROWS_MAX, description="The latest.")] = (
        METRICS_TABLE_ROWS_MAX
    )


@operation(
    "GET",
    "/api/history/metrics.arrow",
    tag="history",
    summary="The whole history as a table",
    media={
        "application/vnd.apache.arrow.stream": "The SQL table `metrics`, the latest first; X-Rows-Max is the bound, X-Cluster-Id whose it is."
    },
)
async def get_metrics_table(call: Call, asked: TableAsked) -> Response:
    """For `stoker sql` in another process: only one may open the file."""
    sampler = call.cluster.sampler
    table = MetricsTable(lambda: sampler.history, why_none=lambda: sampler.history_error, rows_max=asked.rows_max)
    try:
        rows = await table.rows()
    except ImportError as error:
        raise OperatorError("this needs pyarrow", str(error)) from error
    data = await asyncio.to_thread(_stream, rows)
    view = await call.cluster.client.known_view()
    headers = {**NEVER_KEPT, "X-Rows-Max": str(asked.rows_max), "X-Cluster-Id": view.cluster_id or ""}
    return Response(data, media_type="application/vnd.apache.arrow.stream", headers=headers)


def _stream(table: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
