"""`/`: whether the cluster is well, at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.history.snapshot import Snapshot
from console.services.topics import is_internal
from web.ask import Ask
from web.page import Page, PageRoute
from web.snapshots import current


async def overview(ask: Ask) -> Page:
    now = await current(ask.cluster)
    snapshot = now.snapshot
    data: dict[str, Any] = {
        "at_ms": now.at_ms,
        "failure": None if now.failure is None else now.failure.title,
        "bootstrap_servers": bootstrap_servers(ask, snapshot),
        "health": None if snapshot is None else health(snapshot),
    }
    return Page("Overview", "pages/overview.html", data, missing=now.missing, nav="/")


def health(snapshot: Snapshot) -> Mapping[str, Any]:
    """The figures that an operator looks at first."""
    partitions = snapshot.partitions.values()
    names = {partition.topic for partition in snapshot.partitions}
    internal = sum(is_internal(name, False) for name in names)
    lags = [
        lag
        for group in snapshot.groups.values()
        for partition in group.committed
        if (lag := snapshot.lag(group, partition)) is not None
    ]
    return {
        "cluster_id": snapshot.cluster_id,
        "controller": None if snapshot.quorum is None else snapshot.quorum.leader,
        "broker_count": len(snapshot.brokers),
        "topic_count": len(names) - internal,
        "internal_topic_count": internal,
        "partition_count": len(snapshot.partitions),
        "unavailable_partitions": sum(each.leader_id < 0 for each in partitions),
        "under_replicated_partitions": sum(len(each.isr) < len(each.replicas) for each in partitions),
        "offline_replicas": sum(len(each.offline_replicas) for each in partitions),
        "group_count": len(snapshot.groups),
        "max_lag": max(lags, default=None),
        "total_lag": sum(lags) if lags else None,
        "size_bytes": sum(size for held in snapshot.sizes.values() for size in held.values()),
    }


def bootstrap_servers(ask: Ask, snapshot: Snapshot | None) -> str:
    """What clients connect to: what this console was given."""
    return ",".join(f"{host}:{port}" for host, port in ask.cluster.client.bootstrap)


PAGES = (PageRoute("/", overview),)
