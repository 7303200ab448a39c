"""`/`: whether the cluster is well, at one glance; and for a new cluster, how to begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from console.history.model import SeriesAnswer
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

CHARTS: tuple[tuple[str, str, str, bool, Callable[[float], str], str], ...] = (
    ("records_in", "Records in", "kafka_topic_partition_current_offset", True, rate, "sent to all partitions"),
    ("records_out", "Records consumed", "kafka_consumergroup_current_offset", True, rate, "committed by groups"),
    ("bytes_in", "Bytes in", "stoker_broker_size_bytes", True, lambda v: rate(v, "B"), "written by all replicas"),
    ("bytes_out", "Bytes out", "stoker_machine_network_sent_bytes_total", True, lambda v: rate(v, "B"), "sent by this machine"),
    ("lag", "Consumer lag", "kafka_consumergroup_lag", False, lambda v: count(round(v)), "records, all groups"),
    ("isr", "In-sync replicas", "kafka_topic_partition_in_sync_replica", False, lambda v: count(round(v)), "of all partitions"),
    ("cpu", "Processor", "stoker_process_cpu_seconds_total", True, percent, "of one core, local nodes"),
    ("memory", "Memory", "stoker_process_resident_memory_bytes", False, lambda v: size(round(v)), "local nodes"),
    ("disk", "Disk writes", "stoker_process_written_bytes_total", True, lambda v: rate(v, "B"), "local nodes"),
)  # fmt: skip
"""Key in the JSON, title, metric, whether per second, how a value is shown, note."""

LOCAL_ONLY = frozenset({"bytes_out", "cpu", "memory", "disk"})
"""Read from this machine: there only while the cluster runs here."""


async def overview(ask: Ask) -> Page:
    cluster = ask.cluster
    now = await current(cluster)
    snapshot = now.snapshot
    window, window_ms = window_of(ask.get("window"))
    charts: dict[str, Spark] = {}
    isr_changes: int | None = None
    if snapshot is not None:
        is_local = snapshot.usage is not None
        wanted = [each for each in CHARTS if is_local or each[0] not in LOCAL_ONLY]
        past: Past = ask.request.app.state.past
        answers = await past.series(
            cluster,
            {
                key: question(metric, snapshot.at_ms, window_ms, per_second=per_second)
                for key, _, metric, per_second, _, _ in wanted
            },
        )
        for key, title, _, _, show, _ in wanted:
            charts[key] = spark(_only(answers[key]), show, title)
        isr_changes = _changes(answers.get("isr"))
    servers = ",".join(f"{host}:{port}" for host, port in cluster.client.bootstrap)
    figures = None if snapshot is None else health(snapshot)
    data: dict[str, Any] = {
        "at_ms": now.at_ms,
        "failure": None if now.failure is None else now.failure.title,
        "bootstrap_servers": servers,
        "health": figures,
        "disks": [] if snapshot is None else disks(snapshot),
        "isr_changes": isr_changes,
        "window": window,
        "rates": {key: chart.latest for key, chart in charts.items()},
    }
    view = {
        "charts": [(title, note, show, charts[key]) for key, title, _, _, show, note in CHARTS if key in charts],
        "windows": list(WINDOWS),
        "is_new": figures is not None and figures["topic_count"] == 0,
        "snippets": snippets(servers),
        "loading": loading(cluster),
        "has_lab": any(entry.path == "/lab" for entry in ask.request.app.state.navigation),
        "usage": None if snapshot is None else snapshot.usage,
    }
    return Page("Overview", "pages/overview.html", data, missing=now.missing, view=view, nav="/")


def _only(answer: SeriesAnswer | None) -> Any:
    return None if answer is None or not answer.series else answer.series[0]


def _changes(answer: SeriesAnswer | None) -> int | None:
    """How often the number of in-sync replicas changed; None when there is no history."""
    if answer is None or not answer.series:
        return None
    known = [value for value in answer.series[0].values if value is not None]
    return sum(a != b for a, b in pairwise(known))


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
    found.sort(key=lambda each: (-(each["used"] or 0), each["broker"], each["path"]))
    return list(found)


PAGES = (PageRoute("/", overview),)
