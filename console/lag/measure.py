"""One group measured over the wire, without any history of our own: what `stoker groups describe` shows.

The times of commits come from `__consumer_offsets`, the ends at those times and the rate of production from ListOffsets
by time. Where timestamps are their producers' (CreateTime) and out of order, those are as good as the timestamps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from console.errors import operator_errors
from console.lag.burrow import Commit, LagStatus, group_status, partition_status, window
from console.lag.commit_log import CommitLog, read_commits
from console.lag.lag_time import LagTime, LagTimeSource
from console.lag.rates import Point, drain_ms, rate_per_second
from console.lag.retention import NO_RISK, RetentionRisk, RetentionState, retention_risk
from console.services.configs import ConfigDescription, Resource, ResourceType, describe_configs
from console.services.groups import NO_COMMITS, GroupDescription, GroupPartition
from console.services.offsets import EARLIEST, list_offsets
from console.services.partial import Missing, missing_partitions
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

Number = TypeVar("Number", int, float)

RATE_WINDOW_MS = 60_000
"""Rates are over the last minute, which is also how long a group may be silent after it was level (Burrow: intervals of
offset-refresh)."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How a group does on one partition. What is not known is None; rates are in records per second."""

    topic: str
    partition: int
    committed_offset: int | None
    log_start_offset: int | None
    log_end_offset: int | None
    lag: int | None
    lag_time: LagTime | None
    commit_rate: float | None
    production_rate: float | None
    drain_ms: int | None
    """Until the lag is gone at these rates; None with a lag: never."""
    status: LagStatus | None
    last_commit_ms: int | None
    """When it committed last, in ms since 1970."""
    retention: RetentionRisk


@dataclass(frozen=True, slots=True)
class GroupLag:
    """How a group does. Sums over the partitions where the figure is known, None where it is for none."""

    group_id: str
    status: LagStatus | None
    lag: int | None
    lag_ms: int | None
    """Of the partition that is furthest behind."""
    commit_rate: float | None
    production_rate: float | None
    drain_ms: int | None
    """Until all partitions are level; None when one never will be."""
    lost_records: int
    """Deleted by retention before they were read, at most."""
    retention: RetentionState
    """The worst of its partitions."""
    partitions: tuple[PartitionLag, ...]
    missing: tuple[Missing, ...]


async def measure_group(client: ClusterClient, description: GroupDescription, *, now_ms: int) -> GroupLag:
    """Measures a group that `services.groups.describe_groups` has described. Raises OperatorError."""
    group_id = description.summary.group_id
    committed = {
        TopicPartition(each.topic, each.partition): each
        for each in description.partitions
        if each.committed_offset is not None and each.log_end_offset is not None
    }
    if description.summary.type in NO_COMMITS or not committed:
        return summarize(group_id, [_unknown(each) for each in description.partitions], ())
    missing: list[Missing] = []
    with operator_errors(f"group {group_id}"):
        starts = await list_offsets(client, dict.fromkeys(committed, EARLIEST), patience_ms=2_000)
        missing += missing_partitions("log start offsets", starts.missing)
        logs, more = await read_commits(client, [group_id])
        missing += more
        log = logs.get(group_id)
        earlier = await _ends_at(client, committed, dict.fromkeys(committed, now_ms - RATE_WINDOW_MS))
        windows = {} if log is None else await _windows(client, committed, log)
        retention = await _retention_ms(client, sorted({partition.topic for partition in committed}))
    untimed = [key for key, each in committed.items() if each.lag and each.lag_ms is None]
    missing += missing_partitions("lag in time", dict.fromkeys(untimed, "the next record could not be read"))
    measured = []
    for each in description.partitions:
        partition = TopicPartition(each.topic, each.partition)
        if partition not in committed:
            measured.append(_unknown(each))
            continue
        start = starts.values.get(partition)
        measured.append(
            _measured(
                each,
                now_ms,
                None if start is None else start.offset,
                earlier.get(partition),
                None if log is None else log.commits.get(partition, []),
                windows.get(partition),
                retention.get(each.topic),
            )
        )
    return summarize(group_id, measured, missing)


def _measured(
    each: GroupPartition,
    now_ms: int,
    start: int | None,
    end_before: int | None,
    commits: Sequence[Commit] | None,
    judged: Sequence[Commit] | None,
    retention_ms: int | None,
) -> PartitionLag:
    committed, end, lag = each.committed_offset, each.log_end_offset, each.lag
    assert committed is not None
    assert end is not None
    assert lag is not None
    production = None if end_before is None else max(0, end - end_before) * 1000 / RATE_WINDOW_MS
    commit_rate = None if commits is None else _commit_rate(commits, now_ms)
    risk = NO_RISK
    if start is not None:
        age = each.lag_ms if lag else None
        risk = retention_risk(committed, start, end, next_record_age_ms=age, retention_ms=retention_ms)
    status = None
    if commits is not None:
        status = partition_status(judged or (), () if end_before is None else (end_before, end), lag, now_ms)
    source = LagTimeSource.RECORD if lag else LagTimeSource.LEVEL
    return PartitionLag(
        each.topic,
        each.partition,
        committed,
        start,
        end,
        lag,
        None if each.lag_ms is None else LagTime(each.lag_ms, source),
        commit_rate,
        production,
        drain_ms(lag, commit_rate, production),
        status,
        commits[-1].timestamp_ms if commits else None,
        risk,
    )


def _commit_rate(commits: Sequence[Commit], now_ms: int) -> float | None:
    """Over the commits of the last minute and the one before; 0 when there was none, None when one says nothing."""
    recent = next((i for i, commit in enumerate(commits) if commit.timestamp_ms >= now_ms - RATE_WINDOW_MS), None)
    if recent is None:
        return 0.0
    return rate_per_second([Point(each.timestamp_ms, each.offset) for each in commits[max(0, recent - 1) :]])


def _unknown(each: GroupPartition) -> PartitionLag:
    return PartitionLag(
        each.topic,
        each.partition,
        each.committed_offset,
        None,
        each.log_end_offset,
        each.lag,
        None,
        None,
        None,
        None,
        None,
        None,
        NO_RISK,
    )


async def _windows(
    client: ClusterClient, committed: Mapping[TopicPartition, GroupPartition], log: CommitLog
) -> dict[TopicPartition, list[Commit]]:
    """The commits to judge, with the lag at each: for partitions that lag now, since the others are OK anyway."""
    windows = {partition: window(log.commits.get(partition, ())) for partition, each in committed.items() if each.lag}
    for partition, commits in windows.items():
        if not commits and log.since_ms is not None:
            # It committed before the oldest record we read.
            commits.append(Commit(log.since_ms, committed[partition].committed_offset or 0, None))
    longest = max(map(len, windows.values()), default=0)
    for index in range(longest):
        times = {partition: each[index].timestamp_ms for partition, each in windows.items() if index < len(each)}
        ends = await _ends_at(client, committed, times)
        for partition, end in ends.items():
            commit = windows[partition][index]
            windows[partition][index] = replace(commit, lag=max(0, end - commit.offset))
    return windows


async def _ends_at(
    client: ClusterClient, committed: Mapping[TopicPartition, GroupPartition], times: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where each log ended at a time, by the timestamps of its records."""
    answers = await list_offsets(client, times, patience_ms=0)
    ends = {}
    for partition, found in answers.values.items():
        end = committed[partition].log_end_offset
        assert end is not None
        ends[partition] = end if found.offset < 0 else min(found.offset, end)
    return ends


async def _retention_ms(client: ClusterClient, topics: Sequence[str]) -> dict[str, int]:
    """retention.ms of the topics that delete by time; none for those that are compacted only, or not ours to see."""
    resources = [Resource(ResourceType.TOPIC, topic) for topic in topics]
    found = await describe_configs(client, resources, names=("retention.ms", "cleanup.policy"))
    times = {}
    for resource, config in found.items():
        if isinstance(config, ConfigDescription) and "delete" in (config.value("cleanup.policy") or "delete"):
            text = config.value("retention.ms")
            if text is not None:
                times[resource.name] = int(text)
    return times


_WORST = (RetentionState.LOST, RetentionState.SOON, RetentionState.SAFE)


def summarize(group_id: str, partitions: Sequence[PartitionLag], missing: Sequence[Missing]) -> GroupLag:
    """The group from its partitions."""
    statuses = [each.status for each in partitions if each.status is not None]
    drains = [each.drain_ms for each in partitions if each.lag is not None]
    never = any(ms is None for ms in drains)
    states = {each.retention.state for each in partitions}
    return GroupLag(
        group_id,
        group_status(statuses) if statuses else None,
        _sum([each.lag for each in partitions]),
        max((each.lag_time.ms for each in partitions if each.lag_time is not None), default=None),
        _sum([each.commit_rate for each in partitions]),
        _sum([each.production_rate for each in partitions]),
        None if never or not drains else max(ms for ms in drains if ms is not None),
        sum(each.retention.lost_records for each in partitions),
        next((state for state in _WORST if state in states), RetentionState.SAFE),
        tuple(partitions),
        tuple(missing),
    )


def _sum(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], start=known[0]) if known else None
