"""What the pages of one group know of it, out of a snapshot, the tracker and what was asked about members. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.history.snapshot import Snapshot
from console.lag.retention import NO_RISK, RetentionState, retention_risk
from console.lag.tracker import LagTracker
from console.services.group_members import GroupMember
from engine.types import TopicPartition
from web.tables import Row

PARTITIONS_SHOWN_OF_MEMBER = 20


def group_partitions(snapshot: Snapshot, group_id: str) -> list[TopicPartition]:
    """Committed or assigned, by topic and number."""
    group = snapshot.groups[group_id]
    return sorted({*group.committed, *group.assigned})


def group_partition_rows(
    snapshot: Snapshot,
    tracker: LagTracker,
    group_id: str,
    members: Sequence[GroupMember],
    retention_ms: Mapping[str, int],
) -> list[Row]:
    """A row for each partition; what nobody answered is None. `retention_ms` by topic, where time deletes."""
    group = snapshot.groups[group_id]
    owners = {partition: member for member in members for partition in member.assignment}
    rows: list[Row] = []
    for partition in group_partitions(snapshot, group_id):
        tracked = tracker.partition(group_id, partition)
        ends = snapshot.offsets.get(partition)
        committed = group.committed.get(partition)
        lag_ms = tracked.lag_time.ms if tracked is not None and tracked.lag_time is not None else None
        risk = NO_RISK
        if ends is not None and committed is not None:
            age = lag_ms if committed < ends[1] else None
            risk = retention_risk(
                committed, *ends, next_record_age_ms=age, retention_ms=retention_ms.get(partition.topic)
            )
        owner = owners.get(partition)
        rows.append(
            {
                "topic_partition": str(partition),
                "topic": partition.topic,
                "partition": partition.partition,
                "status": None if tracked is None else tracked.status.name,
                "committed_offset": committed,
                "log_start_offset": None if ends is None else ends[0],
                "log_end_offset": None if ends is None else ends[1],
                "lag": snapshot.lag(group, partition),
                "lag_ms": lag_ms,
                "commit_rate": None if tracked is None else tracked.commit_rate,
                "production_rate": None if tracked is None else tracked.production_rate,
                "drain_ms": None if tracked is None else tracked.drain_ms,
                "retention": risk.state.value,
                "lost_records": risk.lost_records,
                "remaining_ms": risk.remaining_ms,
                "client_id": None if owner is None else owner.client_id,
                "client_host": None if owner is None else owner.client_host,
                "member_id": None if owner is None else owner.member_id,
                "is_assigned": partition in group.assigned,
            }
        )
    return rows


def retention_summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The worst of the partitions, in words."""
    lost = sum(int(str(row["lost_records"])) for row in rows)
    soon = [row for row in rows if row["retention"] == RetentionState.SOON.value]
    if lost:
        return {"retention": RetentionState.LOST.value, "lost_records": lost, "remaining_ms": 0}
    remaining = [int(str(row["remaining_ms"])) for row in rows if row["remaining_ms"] is not None]
    state = RetentionState.SOON if soon else RetentionState.SAFE
    return {"retention": state.value, "lost_records": 0, "remaining_ms": min(remaining, default=None)}


def member_rows(members: Sequence[GroupMember], lags: Mapping[TopicPartition, int]) -> list[Row]:
    """The members, with what is assigned to each and the lag on it; `lags` where they are known."""
    rows: list[Row] = []
    for member in members:
        known = [lags[each] for each in member.assignment if each in lags]
        rows.append(
            {
                "member_id": member.member_id,
                "client_id": member.client_id,
                "client_host": member.client_host,
                "group_instance_id": member.group_instance_id,
                "rack": member.rack,
                "partition_count": len(member.assignment),
                "lag": sum(known) if known or not member.assignment else None,
                "assignment": [str(each) for each in member.assignment],
                "assignment_error": member.assignment_error,
            }
        )
    return rows


def short_assignment(names: Sequence[str]) -> str:
    """Not more of them than one looks at."""
    shown = ", ".join(names[:PARTITIONS_SHOWN_OF_MEMBER])
    more = len(names) - PARTITIONS_SHOWN_OF_MEMBER
    return f"{shown} and {more} more" if more > 0 else shown
