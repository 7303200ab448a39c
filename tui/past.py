"""What the snapshots of this session add up to: for charts where there is no history, and for rates of processes. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from console.history.snapshot import Snapshot
from console.local_machine import LocalUsage, ProcessUsage

POINTS_MAX = 2_000
GROUPS_MAX = 500
"""So many groups' lags are kept one by one, those that somebody looks at first."""

Points = list[tuple[float, float | None]]
"""Time (ms) and value."""


@dataclass(frozen=True, slots=True)
class _Moment:
    at_ms: int
    ends: int | None
    """Sum of the end offsets; None when some were missing."""
    lag: int
    """Of all groups together."""
    lags: dict[str, int]
    """Of so many of them as are kept."""


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """A node's process between the two newest looks at it. Rates in bytes/s; `processor` 1.0 is one whole processor."""

    process: ProcessUsage
    processor: float | None
    read_rate: float | None
    write_rate: float | None
    processor_past: tuple[float, ...]


class Past:
    """Fed with every snapshot."""

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque(maxlen=POINTS_MAX)
        self._usage: tuple[int, LocalUsage] | None = None
        self.nodes: dict[int, NodeUsage] = {}
        """By node id; nodes in one process share its figures."""
        self.machine_busy: float | None = None
        """Share of all processors of this machine, 0 to 1."""
        self.known_brokers: set[int] = set()
        """All that were alive at some time of this session."""
        self.watched: set[str] = set()
        """Groups that somebody looked at."""

    def observe(self, snapshot: Snapshot) -> None:
        self.known_brokers |= set(snapshot.brokers)
        complete = len(snapshot.offsets) == len(snapshot.partitions)
        lags = {
            group_id: sum(lag for each in group.committed if (lag := snapshot.lag(group, each)) is not None)
            for group_id, group in snapshot.groups.items()
        }
        total = sum(lags.values())
        if len(lags) > GROUPS_MAX:
            kept = [*(each for each in lags if each in self.watched), *lags]
            lags = {group_id: lags[group_id] for group_id in kept[:GROUPS_MAX]}
        ends = sum(end for _, end in snapshot.offsets.values()) if complete else None
        self._moments.append(_Moment(snapshot.at_ms, ends, total, lags))
        if snapshot.usage is not None:
            self._observe_usage(snapshot.at_ms, snapshot.usage)

    def _observe_usage(self, at_ms: int, usage: LocalUsage) -> None:
        if self._usage is not None and self._usage[1] is usage:
            return
        before = {} if self._usage is None else {each.pid: each for each in self._usage[1].processes}
        seconds = 0.0 if self._usage is None else (at_ms - self._usage[0]) / 1000
        found: dict[int, NodeUsage] = {}
        for process in usage.processes:
            old = before.get(process.pid)
            busy = None
            if old is not None and seconds > 0:
                busy = max(0.0, process.cpu_seconds - old.cpu_seconds) / seconds
            for node_id in process.node_ids:
                past = self.nodes[node_id].processor_past if node_id in self.nodes else ()
                found[node_id] = NodeUsage(
                    process,
                    busy,
                    _per_second(None if old is None else old.read_bytes, process.read_bytes, seconds),
                    _per_second(None if old is None else old.written_bytes, process.written_bytes, seconds),
                    past if busy is None else (*past[-119:], busy),
                )
        if self._usage is not None and seconds > 0:
            spent = usage.machine.cpu_busy_seconds - self._usage[1].machine.cpu_busy_seconds
            self.machine_busy = min(1.0, max(0.0, spent / seconds / max(1, usage.machine.cpu_count)))
        self.nodes = found
        self._usage = (at_ms, usage)

    def records_per_second(self) -> Points:
        """How fast all logs together grew, from look to look."""
        found: Points = []
        for before, after in pairwise(self._moments):
            seconds = (after.at_ms - before.at_ms) / 1000
            known = before.ends is not None and after.ends is not None and seconds > 0
            grown = (after.ends or 0) - (before.ends or 0)
            found.append((after.at_ms, max(0.0, grown / seconds) if known else None))
        return found

    def lag(self, group_id: str | None = None) -> Points:
        """Records behind, of one group or of all."""
        return [
            (each.at_ms, float(each.lag) if group_id is None else each.lags.get(group_id)) for each in self._moments
        ]


def _per_second(before: int | None, after: int | None, seconds: float) -> float | None:
    if before is None or after is None or seconds <= 0:
        return None
    return max(0, after - before) / seconds
