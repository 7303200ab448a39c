"""What the pages of one topic know of it, out of a snapshot. Pure but for `found_topic`."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from console.errors import operator_errors
from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.services.partitions import raise_topic_error
from engine.net.cluster_view import ClusterView
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition
from web.ask import Ask
from web.changes import just_done
from web.derived import derived
from web.pages.groups_model import group_row
from web.snapshots import Current, current
from web.tables import Row

APPEARS_S = 5.0
"""So long a topic that was just made may take until every broker knows it."""


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic that exists. `snapshot` has its partitions, even when the newest pass was before it was made."""

    name: str
    now: Current
    snapshot: Snapshot
    partitions: Sequence[TopicPartition]


async def found_topic(ask: Ask, name: str) -> FoundTopic:
    """The topic. Raises OperatorError when there is none of that name, or nobody can say."""
    now = await current(ask.cluster)
    if now.snapshot is not None:
        known = derived(ask.cluster, now.snapshot, "partitions by topic", lambda: by_topic(now.snapshot))  # type: ignore[arg-type]
        if name in known:
            return FoundTopic(name, now, now.snapshot, known[name])
    with operator_errors(f"topic {name}"):
        view = await ask.cluster.client.metadata([name])
        if just_done(ask) is not None:
            # Whoever made it a moment ago is sent here, and not every broker has heard of it yet.
            deadline = time.monotonic() + APPEARS_S
            while not _knows(view, name) and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
                view = await ask.cluster.client.metadata([name])
        raise_topic_error(view, name)
    partitions = {TopicPartition(name, each.partition): each for each in view.topics[name].partitions}
    base = now.snapshot or Snapshot(0, view.cluster_id, dict(view.brokers), {}, {}, {}, (), {}, None, None)
    return FoundTopic(name, now, replace(base, partitions=partitions), sorted(partitions))


def _knows(view: ClusterView, name: str) -> bool:
    found = view.topics.get(name)
    return found is not None and found.error_code is not ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def by_topic(snapshot: Snapshot) -> dict[str, list[TopicPartition]]:
    """Partitions of each topic in their order."""
    found: dict[str, list[TopicPartition]] = {}
    for partition in sorted(snapshot.partitions):
        found.setdefault(partition.topic, []).append(partition)
    return found


def partition_rows(snapshot: Snapshot, tracker: LagTracker, partitions: Sequence[TopicPartition]) -> list[Row]:
    """A row for each partition; what nobody answered is None."""
    rows: list[Row] = []
    for partition in partitions:
        view = snapshot.partitions[partition]
        ends = snapshot.offsets.get(partition)
        held = snapshot.sizes.get(partition, {})
        leader = view.leader_id if view.leader_id >= 0 else None
        rows.append(
            {
                "partition": partition.partition,
                "state": partition_state(view.leader_id, len(view.isr), len(view.replicas)),
                "leader": leader,
                "replicas": list(view.replicas),
                "isr": list(view.isr),
                "offline_replicas": list(view.offline_replicas),
                "log_start_offset": None if ends is None else ends[0],
                "high_watermark": None if ends is None else ends[1],
                "records_at_most": None if ends is None else ends[1] - ends[0],
                "size_bytes": None if leader is None else held.get(leader),
                "production_rate": tracker.production_rate(partition),
                "leader_epoch": view.leader_epoch if view.leader_epoch >= 0 else None,
                "is_preferred_leader": bool(view.replicas) and view.leader_id == view.replicas[0],
            }
        )
    return rows


def partition_state(leader_id: int, in_sync: int, replicas: int) -> str:
    """unavailable (no leader), under-replicated, or ok."""
    return "unavailable" if leader_id < 0 else "under-replicated" if in_sync < replicas else "ok"


def summary(rows: Sequence[Row], group_count: int) -> dict[str, Any]:
    """The topic in figures."""
    sizes = [row["size_bytes"] for row in rows]
    records = [row["records_at_most"] for row in rows]
    return {
        "partition_count": len(rows),
        "replication_factor": len(rows[0]["replicas"]) if rows else 0,  # type: ignore[arg-type]
        "unavailable_partitions": sum(row["state"] == "unavailable" for row in rows),
        "under_replicated_partitions": sum(
            len(row["isr"]) < len(row["replicas"])  # type: ignore[arg-type]
            for row in rows
        ),
        "records_at_most": _sum(records),
        "size_bytes": _sum(sizes),
        "production_rate": _sum([row["production_rate"] for row in rows]),
        "group_count": group_count,
        "not_preferred_leaders": sum(row["leader"] is not None and not row["is_preferred_leader"] for row in rows),
        "size_skew": skew(sizes),
        "record_skew": skew(records),
    }


def _sum(values: Sequence[Any]) -> Any:
    """None when a part is not known."""
    return None if any(value is None for value in values) else sum(values)


def skew(values: Sequence[Any]) -> dict[str, float] | None:
    """How uneven: the largest over the mean, and the coefficient of variation. None for fewer than two, or nothing."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2 or not sum(known):
        return None
    mean = statistics.fmean(known)
    return {
        "max_over_mean": round(max(known) / mean, 3),
        "coefficient_of_variation": round(statistics.pstdev(known) / mean, 3),
    }


def bars(values: Sequence[Any], most: int = 400) -> list[tuple[float, float, float]]:
    """Bars in a box of 100 x 1 for values in their order: (x, width, height); neighbours share one when there are many."""
    known = [0.0 if value is None else float(value) for value in values]
    if not known:
        return []
    share = -(-len(known) // most)
    grouped = [max(known[start : start + share]) for start in range(0, len(known), share)]
    top = max(grouped) or 1.0
    width = 100 / len(grouped)
    return [(index * width, width * 0.86, value / top) for index, value in enumerate(grouped)]


def readers(snapshot: Snapshot, tracker: LagTracker, name: str) -> list[Row]:
    """The groups that have committed offsets for the topic, or read it now; figures are those of this topic alone."""
    rows: list[Row] = []
    for group_id, group in snapshot.groups.items():
        committed = [each for each in group.committed if each.topic == name]
        assigned = [each for each in group.assigned if each.topic == name]
        if not committed and not assigned:
            continue
        row = group_row(snapshot, tracker, group_id, frozenset({*committed, *assigned}))
        rows.append({**row, "partition_count": len({*committed, *assigned})})
    return rows
