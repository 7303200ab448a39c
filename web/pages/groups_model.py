"""Groups as rows, out of a snapshot and the lag tracker beside it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from console.history.snapshot import Snapshot
from console.lag.burrow import LagStatus, group_status
from console.lag.tracker import LagTracker
from console.output.text import duration
from engine.types import TopicPartition
from web.tables import Column, Row

COLUMNS = (
    Column("group_id", "Group", "mono"),
    Column("status", "Status", "text", "Burrow's judgement of the last commits"),
    Column("state", "State", "text", "As the coordinator has it"),
    Column("lag", "Lag", "number", "Records behind, at most"),
    Column("lag_ms", "Behind", "duration", "In time, of the partition that is furthest behind"),
    Column("commit_rate", "Reads", "rate", "Records per second", narrow=False),
    Column(
        "drain_ms", "Drains in", "duration", "At the rates of the last minute; never: it does not gain", narrow=False
    ),
    Column("member_count", "Members", "number"),
    Column("topic_count", "Topics", "number", narrow=False),
    Column("type", "Type", narrow=False),
    Column("coordinator", "Coordinator", "number", narrow=False),
)


def drains_in(row: Row) -> str:
    """When the lag of a group or a partition will be gone, in words. A group that reads as fast as records come and is well
    keeps up: that its last few records are never "drained" is no trouble."""
    lag, drain_ms = row["lag"], row["drain_ms"]
    if lag is None:
        return "-"
    if lag == 0:
        return "level"
    if isinstance(drain_ms, int):
        return duration(drain_ms)
    if row["commit_rate"] is None:
        return "-"
    return "keeps up" if row["status"] == "OK" and row["commit_rate"] else "never"


STATUS_KINDS = {"OK": "ok", "WARN": "warn", "ERROR": "bad", "STOP": "bad", "STALL": "bad", "REWIND": "bad"}
STATE_KINDS = {"Stable": "ok", "Dead": "bad", "PreparingRebalance": "warn", "CompletingRebalance": "warn"}
MEANINGS = {status.name: status.meaning for status in LagStatus}


def group_row(
    snapshot: Snapshot, tracker: LagTracker, group_id: str, only: Collection[TopicPartition] | None = None
) -> Row:
    """One group, over all of its partitions or `only` some. What is not known is None."""
    group = snapshot.groups[group_id]
    committed = [each for each in group.committed if only is None or each in only]
    known = [lag for each in committed if (lag := snapshot.lag(group, each)) is not None]
    tracked = [found for each in committed if (found := tracker.partition(group_id, each)) is not None]
    times = [found.lag_time.ms for found in tracked if found.lag_time is not None]
    speeds = [found.commit_rate for found in tracked if found.commit_rate is not None]
    drains = [found.drain_ms for found in tracked]
    status = group_status(found.status for found in tracked) if tracked else None
    return {
        "group_id": group_id,
        "status": None if status is None else status.name,
        "state": group.state,
        "lag": sum(known) if known or not committed else None,
        "lag_ms": max(times, default=None),
        "commit_rate": sum(speeds) if speeds else None,
        "drain_ms": None if None in drains else max((each for each in drains if each is not None), default=None),
        "member_count": group.member_count,
        "topic_count": len({each.topic for each in committed}),
        "type": group.type,
        "coordinator": group.coordinator,
    }


def group_rows(snapshot: Snapshot, tracker: LagTracker) -> list[Row]:
    """All groups."""
    return [group_row(snapshot, tracker, group_id) for group_id in snapshot.groups]
