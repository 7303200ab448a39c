"""Burrow's rules: how a consumer does, judged from a window of its commits and without thresholds to set.

The rules are those of linkedin/Burrow, core/internal/evaluator/caching.go (its wiki: "Consumer Lag Evaluation Rules").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

WINDOW_COMMITS_MAX = 10
COMMIT_DISTANCE_MS_MIN = 1_000
"""Burrow's defaults (storage.inmemory: intervals, min-distance): how many commits are judged, and how far apart."""

LONE_COMMIT_SILENCE_MS = 300_000
"""A window of one commit spans no time, so Burrow's rule for STOP would hold at once; here it holds after so long."""


class LagStatus(IntEnum):
    """By severity; the numbers are Burrow's (protocol.StatusConstant)."""

    OK = 1
    WARN = 2
    """It advances, but never gains on the producers."""
    ERROR = 3
    """Of a group only: one of its partitions stops, stalls or rewinds."""
    STOP = 4
    """It commits no more."""
    STALL = 5
    """It commits the same offset over and over, with records waiting."""
    REWIND = 6
    """It went back to an earlier offset and has not caught up with where it was."""

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    LagStatus.OK: "is level, or gained within the window",
    LagStatus.WARN: "reads, but falls further behind",
    LagStatus.ERROR: "has a partition that is stopped, stalled or rewound",
    LagStatus.STOP: "has stopped committing",
    LagStatus.STALL: "commits without getting ahead",
    LagStatus.REWIND: "went back to an earlier offset",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a group for a partition: when, the next offset to read, and the lag at that time where known."""

    timestamp_ms: int
    offset: int
    lag: int | None


def window(commits: Sequence[Commit]) -> list[Commit]:
    """The latest of `commits` (in order of time) that are judged: of several in one second only the last counts, at the
    time of the first (Burrow: InMemoryStorage.addConsumerOffset)."""
    kept: list[Commit] = []
    for commit in commits:
        if kept and commit.timestamp_ms - kept[-1].timestamp_ms < COMMIT_DISTANCE_MS_MIN:
            kept[-1] = Commit(kept[-1].timestamp_ms, commit.offset, commit.lag)
        else:
            kept.append(commit)
    return kept[-WINDOW_COMMITS_MAX:]


def partition_status(
    commits: Sequence[Commit],
    recent_end_offsets: Iterable[int],
    current_lag: int,
    now_ms: int,
    *,
    allowed_lag: int = 0,
) -> LagStatus:
    """The status of one partition. `commits` are in order of time; `recent_end_offsets` those of the last minutes.

    Up to `allowed_lag` records behind counts as not behind.
    """
    if not commits or current_lag <= allowed_lag:
        return LagStatus.OK
    # First, since a consumer that was level long ago and is gone has stopped all the same; one that was level a moment
    # ago has only not committed what just came (Burrow #290, #303).
    if _has_stopped(commits, now_ms) and not any(end <= commits[-1].offset for end in recent_end_offsets):
        return LagStatus.STOP
    # Before the look for zero lag: who was level and went back to the beginning has zero lag in its window.
    if _has_rewound(commits):
        return LagStatus.REWIND
    lags = [commit.lag for commit in commits if commit.lag is not None]
    if len(commits) == 1 or any(lag <= allowed_lag for lag in lags):
        return LagStatus.OK
    if all(commit.offset == commits[0].offset for commit in commits):
        return LagStatus.STALL
    if all(before <= after for before, after in pairwise(lags)):
        return LagStatus.WARN
    return LagStatus.OK


def _has_stopped(commits: Sequence[Commit], now_ms: int) -> bool:
    """Silent for longer than the whole window before was long."""
    first, last = commits[0].timestamp_ms, commits[-1].timestamp_ms
    return now_ms - last > (last - first if len(commits) > 1 else LONE_COMMIT_SILENCE_MS)


def _has_rewound(commits: Sequence[Commit]) -> bool:
    """Went back, and did not come back to where it was (a rebalance may repeat a few commits)."""
    for index in range(1, len(commits)):
        before = commits[index - 1].offset
        if commits[index].offset < before:
            return all(commit.offset < before for commit in commits[index:])
    return False


def group_status(partitions: Iterable[LagStatus]) -> LagStatus:
    """Of a group: the worst of its partitions, where STOP, STALL and REWIND are all ERROR."""
    return min(LagStatus.ERROR, max(partitions, default=LagStatus.OK))
