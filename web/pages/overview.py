"""`/`: whether the cluster is well, at one glance; and for a new cluster, how to begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from console.history.model import Series, SeriesAnswer
from console.history.snapshot import Snapshot
from console.output.text import count, size
from console.services.topics import is_internal
from web.ask import Ask
from web.charts import Spark, spark
from web.formatting import percent, rate
from web.history import WINDOWS, Past, question, window_of
from web.page import Page, PageRoute
from web.pages.samples import loading
from web.snapshots import current
from web.snippets import snippets


@dataclass(frozen=True, slots=True)
class Figure:
    """A small chart: its key in the JSON, and what it shows."""

    key: str
    title: str
    metric: str
    per_second: bool
    text: Callable[[float], str]
    note: str
    labels: Mapping[str, str] = field(default_factory=dict)
    needs: Literal["", "requests", "no requests", "local"] = ""
    """What must be known for it: brokers that tell of their requests, or a process on this machine."""


def _whole(value: float) -> str:
    return count(round(value))


def _size(value: float) -> str:
    return size(round(value))


def _bytes(value: float) -> str:
    return rate(value, "B")


FIGURES = (
    Figure("records_in", "Records in", "kafka_topic_partition_current_offset", True, rate, "sent to all partitions"),
    Figure("records_out", "Records consumed", "kafka_consumergroup_current_offset", True, rate, "committed by groups"),
    Figure(
        "bytes_in", "Bytes in", "stoker_request_bytes_total", True, _bytes, "from producers",
        {"request": "Produce"}, "requests",
    ),
    Figure(
        "bytes_out", "Bytes out", "stoker_response_bytes_total", True, _bytes, "to consumers",
        {"request": "FetchConsumer"}, "requests",
    ),
    Figure(
        "bytes_written", "Bytes written", "stoker_broker_size_bytes", True, _bytes, "by all replicas", needs="no requests"
    ),
    Figure("lag", "Consumer lag", "kafka_consumergroup_lag", False, _whole, "records, all groups"),
    Figure("isr", "In-sync replicas", "kafka_topic_partition_in_sync_replica", False, _whole, "of all partitions"),
    Figure("cpu", "Processor", "stoker_process_cpu_seconds_total", True, percent, "of one core, local nodes", needs="local"),
    Figure("memory", "Memory", "stoker_process_resident_memory_bytes", False, _size, "local nodes", needs="local"),
    Figure("disk", "Disk writes", "stoker_process_written_bytes_total", True, _bytes, "local nodes", needs="local"),
)  # fmt: skip

ISR_SHRINKS, ISR_EXPANDS = "stoker_isr_shrinks_total", "stoker_isr_expands_total"


def figures_of(snapshot: Snapshot) -> list[Figure]:
    """Those of which something can be known."""
    has = {
        "": True,
        "requests": snapshot.requests is not None,
        "no requests": snapshot.requests is None,
        "local": snapshot.usage is not None,
    }
    return [each for each in FIGURES if has[each.needs]]


async def overview(ask: Ask) -> Page:
    cluster = ask.cluster
    now = await current(cluster)
    snapshot = now.snapshot
    window, window_ms = window_of(ask.get("window"))
    charts: dict[str, Spark] = {}
    wanted = [] if snapshot is None else figures_of(snapshot)
    isr_shrinks = isr_expands = since_ms = None
    if snapshot is not None:
        past: Past = ask.request.app.state.past
        questions = {
            each.key: question(each.metric, snapshot.at_ms, window_ms, labels=each.labels, per_second=each.per_second)
            for each in wanted
        }
        questions |= {name: question(name, snapshot.at_ms, window_ms) for name in (ISR_SHRINKS, ISR_EXPANDS)}
        answers = await past.series(cluster, questions)
        charts = {each.key: spark(_only(answers[each.key]), each.text, each.title) for each in wanted}
        isr_shrinks, isr_expands = isr_changes(answers)
        began = [chart.from_ms for chart in charts.values() if chart.from_ms is not None]
        if began and min(began) > snapshot.at_ms - window_ms + window_ms // 20:
            since_ms = min(began)
    servers = ",".join(f"{host}:{port}" for host, port in cluster.client.bootstrap)
    figures = None if snapshot is None else health(snapshot)
    data: dict[str, Any] = {
        "at_ms": now.at_ms,
        "failure": None if now.failure is None else now.failure.title,
        "bootstrap_servers": servers,
        "health": figures,
        "disks": [] if snapshot is None else disks(snapshot),
        "isr_shrinks": isr_shrinks,
        "isr_expands": isr_expands,
        "window": window,
        "rates": {key: chart.latest for key, chart in charts.items()},
    }
    view = {
        "charts": [(each, charts[each.key]) for each in wanted],
        "since_ms": since_ms,
        "windows": list(WINDOWS),
        "is_new": figures is not None and figures["topic_count"] == 0,
        "snippets": snippets(servers),
        "loading": loading(cluster),
        "has_lab": any(entry.path == "/lab" for entry in ask.request.app.state.navigation),
        "usage": None if snapshot is None else snapshot.usage,
    }
    return Page("Overview", "pages/overview.html", data, missing=now.missing, view=view, nav="/")


def _only(answer: SeriesAnswer | None) -> Series | None:
    return None if answer is None or not answer.series else answer.series[0]


def isr_changes(answers: Mapping[str, SeriesAnswer | None]) -> tuple[int, int] | tuple[None, None]:
    """How many replicas fell out of the ISR and came back in; in the first seconds the history may have only one of both,
    and then neither is told."""
    shrinks, expands = (increase(_only(answers.get(name))) for name in (ISR_SHRINKS, ISR_EXPANDS))
    return (None, None) if shrinks is None or expands is None else (shrinks, expands)


def increase(series: Series | None) -> int | None:
    """How much a counter went up; None when there is no history. Where it began anew, from there on."""
    known = [] if series is None else [value for value in series.values if value is not None]
    return round(sum(max(0.0, after - before) for before, after in pairwise(known))) if known else None


def health(snapshot: Snapshot) -> Mapping[str, Any]:
    """The figures that an operator looks at first."""
    partitions = snapshot.partitions.values()
    names = {partition.topic for partition in snapshot.partitions}
    internal = sum(is_internal(name, False) for name in names)
    total_lag = max_lag = 0
    max_lag_group = None
    has_lag = False
    for group in snapshot.groups.values():
        lags = [lag for each in group.committed if (lag := snapshot.lag(group, each)) is not None]
        if lags:
            has_lag = True
            lag = sum(lags)
            total_lag += lag
            if lag > max_lag:
                max_lag, max_lag_group = lag, group.group_id
    return {
        "cluster_id": snapshot.cluster_id,
        "controller": None if snapshot.quorum is None else snapshot.quorum.leader,
        "controller_epoch": None if snapshot.quorum is None else snapshot.quorum.leader_epoch,
        "broker_count": len(snapshot.brokers),
        "gone_broker_count": len({node for each in partitions for node in each.replicas} - snapshot.brokers.keys()),
        "topic_count": len(names) - internal,
        "internal_topic_count": internal,
        "partition_count": len(snapshot.partitions),
        "unavailable_partitions": sum(each.leader_id < 0 for each in partitions),
        "under_replicated_partitions": sum(len(each.isr) < len(each.replicas) for each in partitions),
        "offline_replicas": sum(len(each.offline_replicas) for each in partitions),
        "group_count": len(snapshot.groups),
        "total_lag": total_lag if has_lag else None,
        "max_lag": max_lag if has_lag else None,
        "max_lag_group": max_lag_group,
        "size_bytes": sum(held for each in snapshot.sizes.values() for held in each.values()),
    }


def disks(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Log directories, the fullest first; `used` is a share, None when the broker does not tell."""
    found: list[dict[str, Any]] = []
    for each in snapshot.log_dirs:
        used = None
        if each.total_bytes and each.usable_bytes is not None:
            used = 1 - each.usable_bytes / each.total_bytes
        found.append(
            {
                "broker": each.node_id,
                "path": each.path,
                "size_bytes": each.size_bytes,
                "total_bytes": each.total_bytes,
                "usable_bytes": each.usable_bytes,
                "used": used,
                "error": each.error,
            }
        )
    # Those that share a volume are as full, however a few bytes more were used between two answers.
    found.sort(key=lambda each: (-round(each["used"] or 0, 2), each["broker"], each["path"]))
    return list(found)


PAGES = (PageRoute("/", overview),)
