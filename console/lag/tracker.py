"""Lag of every group out of what a sampler sees every few seconds: windows of commits and of end offsets in memory.

A sampler sees where a group is, not its commits. So a change is a commit; and while a partition has a member, being seen
at the same offset with records waiting counts as committing it again, which makes a member that hangs STALL. Without a
member it is no commit, which makes a group that is gone STOP. (`commit_log` reads the commits themselves.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from console.lag.burrow import WINDOW_COMMITS_MAX, Commit, LagStatus, group_status, partition_status
from console.lag.lag_time import LagTime, lag_time_from_ends
from console.lag.rates import Point, drain_ms, rate_per_second
from engine.types import TopicPartition

ENDS_KEPT_MAX = 240
"""End offsets kept per partition; the older half is thinned by half when there are more."""

RATE_WINDOW_MS = 60_000
RECENT_MS = 100_000
"""Who was level within this time has not stopped (Burrow: ten intervals of offset-refresh, 10 s)."""

WINDOWS_MAX = 250_000
"""Partitions of groups that are followed; `LagTracker.dropped` counts those beyond."""


@dataclass(frozen=True, slots=True)
class TrackedLag:
    """How a group does on one partition; what is not known yet is None. Rates in records/s."""

    committed_offset: int
    lag: int
    lag_time: LagTime | None
    commit_rate: float | None
    production_rate: float | None
    drain_ms: int | None
    status: LagStatus
    since_ms: int | None
    """When it was first seen at this offset."""


@dataclass(frozen=True, slots=True)
class _EndsNow:
    end: int
    lowest_recent_end: int
    production_rate: float | None


class LagTracker:
    """Fed by `observe`, asked by `partition` and `group`. No clock: time is what was observed last."""

    def __init__(self, *, windows_max: int = WINDOWS_MAX) -> None:
        self.now_ms = 0
        self.dropped = 0
        self._windows_max = windows_max
        self._ends: dict[TopicPartition, list[Point]] = {}
        self._commits: dict[str, dict[TopicPartition, list[Commit]]] = {}
        self._arrived: dict[tuple[str, TopicPartition], int] = {}
        self._count = 0
        self._now: dict[TopicPartition, _EndsNow] = {}
        """What follows from the end offsets alone, until the next observation."""

    def observe(
        self,
        now_ms: int,
        ends: Mapping[TopicPartition, int],
        groups: Mapping[str, tuple[Mapping[TopicPartition, int], Collection[TopicPartition]]],
        *,
        complete: bool = True,
    ) -> None:
        """What was seen at `now_ms`: end offsets, and of each group what it committed and which partitions have a
        member. With `complete`, partitions and groups that are not in it are forgotten."""
        self.now_ms = now_ms
        self._now.clear()
        for partition, end in ends.items():
            _append_end(self._ends.setdefault(partition, []), Point(now_ms, end))
        if complete:
            self._forget(ends, groups)
        self.dropped = 0
        for group_id, (committed, assigned) in groups.items():
            windows = self._commits.setdefault(group_id, {})
            for partition, offset in committed.items():
                commits = windows.get(partition)
                if commits is None:
                    if self._count >= self._windows_max:
                        self.dropped += 1
                        continue
                    self._count += 1
                    commits = windows[partition] = []
                known_end = ends.get(partition)
                lag = None if known_end is None else max(0, known_end - offset)
                if not commits or commits[-1].offset != offset:
                    self._arrived[group_id, partition] = now_ms
                elif not lag:
                    # Level and quiet: one entry is enough, however long that lasts.
                    commits[-1] = Commit(now_ms, offset, commits[-1].lag if lag is None else 0)
                    continue
                elif partition not in assigned:
                    continue
                commits.append(Commit(now_ms, offset, lag))
                if len(commits) > WINDOW_COMMITS_MAX:
                    del commits[0]

    def _forget(
        self,
        ends: Mapping[TopicPartition, int],
        groups: Mapping[str, tuple[Mapping[TopicPartition, int], Collection[TopicPartition]]],
    ) -> None:
        for partition in [each for each in self._ends if each not in ends]:
            del self._ends[partition]
        for group_id in list(self._commits):
            committed = groups[group_id][0] if group_id in groups else {}
            windows = self._commits[group_id]
            if len(windows) == len(committed) and windows.keys() == committed.keys():
                continue
            for partition in [each for each in windows if each not in committed]:
                del windows[partition]
                self._arrived.pop((group_id, partition), None)
                self._count -= 1
            if group_id not in groups:
                del self._commits[group_id]

    def partition(self, group_id: str, partition: TopicPartition) -> TrackedLag | None:
        """How the group does there; None when it, or the partition's end, was never seen."""
        commits = self._commits.get(group_id, {}).get(partition)
        ends = self._ends.get(partition)
        if not commits or not ends:
            return None
        committed, now_ms = commits[-1].offset, self.now_ms
        known = self._now.get(partition)
        if known is None:
            since = bisect_right(ends, now_ms - RECENT_MS, key=lambda point: point.timestamp_ms)
            lowest = min(point.offset for point in ends[max(0, since - 1) :])
            known = self._now[partition] = _EndsNow(ends[-1].offset, lowest, self.production_rate(partition))
        lag = max(0, known.end - committed)
        commit_rate = _commit_rate(commits, now_ms)
        return TrackedLag(
            committed,
            lag,
            lag_time_from_ends(committed, ends, now_ms),
            commit_rate,
            known.production_rate,
            drain_ms(lag, commit_rate, known.production_rate),
            partition_status(commits, (known.lowest_recent_end,), lag, now_ms) if lag else LagStatus.OK,
            self._arrived.get((group_id, partition)),
        )

    def production_rate(self, partition: TopicPartition) -> float | None:
        """Records per second that came in the last minute, or since the partition was first seen."""
        ends = self._ends.get(partition)
        if not ends:
            return None
        start = bisect_right(ends, self.now_ms - RATE_WINDOW_MS, key=lambda point: point.timestamp_ms)
        points = ends[max(0, start - 1) :]
        if start and start < len(ends):
            # The end offset a minute ago, between the two samples around it.
            before, after = ends[start - 1], ends[start]
            share = (self.now_ms - RATE_WINDOW_MS - before.timestamp_ms) / (after.timestamp_ms - before.timestamp_ms)
            offset = before.offset + round(share * (after.offset - before.offset))
            points = [Point(self.now_ms - RATE_WINDOW_MS, offset), *ends[start:]]
        return rate_per_second(points)

    def group(self, group_id: str) -> tuple[LagStatus, dict[TopicPartition, TrackedLag]] | None:
        """The group's status and its partitions; None when it was never seen."""
        windows = self._commits.get(group_id)
        if windows is None:
            return None
        found = {partition: self.partition(group_id, partition) for partition in windows}
        known = {partition: each for partition, each in found.items() if each is not None}
        return group_status(each.status for each in known.values()), known


def _commit_rate(commits: list[Commit], now_ms: int) -> float | None:
    """As `rate_per_second` over the commits and now; a hundred thousand of these are needed in one pass."""
    span_ms = now_ms - commits[0].timestamp_ms
    if span_ms <= 0:
        return None
    ahead = 0
    before = commits[0].offset
    for commit in commits:
        if commit.offset > before:
            ahead += commit.offset - before
        before = commit.offset
    return ahead * 1000 / span_ms


def _append_end(ends: list[Point], point: Point) -> None:
    """Of samples with one end offset only the first and the last are kept."""
    if len(ends) >= 2 and ends[-1].offset == point.offset == ends[-2].offset:
        ends[-1] = point
        return
    if ends and point.offset < ends[-1].offset:
        # Truncated, or made anew under the same name: what was before is another log.
        ends.clear()
    ends.append(point)
    if len(ends) > ENDS_KEPT_MAX:
        half = len(ends) // 2
        ends[:half] = ends[:half:2]
