"""Whether retention takes records away before a group has read them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SOON_SHARE = 0.1
"""The last tenth of the retention time is "soon"."""


class RetentionState(Enum):
    """How close retention is to what a group has not read."""

    SAFE = "safe"
    SOON = "soon"
    """The next record is in the last tenth of its time, or the log's start will reach it within that."""
    LOST = "lost"
    """The committed offset lies before the log's start: records were deleted unread."""


@dataclass(frozen=True, slots=True)
class RetentionRisk:
    """What retention has taken, and when it may take more."""

    state: RetentionState
    lost_records: int
    """Offsets between the committed one and the log's start, at most so many records."""
    remaining_ms: int | None
    """Until the next record may be deleted, at the earliest (retention deletes whole segments); None when it is not
    known, or retention knows no time."""


NO_RISK = RetentionRisk(RetentionState.SAFE, 0, None)


def retention_risk(
    committed: int,
    log_start_offset: int,
    end_offset: int,
    *,
    next_record_age_ms: int | None = None,
    retention_ms: int | None = None,
    start_rate: float | None = None,
    horizon_ms: int = 3_600_000,
) -> RetentionRisk:
    """The risk for a group at `committed`.

    `retention_ms` is the topic's (None or negative: unlimited, or it is compacted), `next_record_age_ms` the age of the
    record at `committed`, `start_rate` how fast the log's start moves (offsets/s): that sees retention by size, too. By
    the rate alone, "soon" is within `horizon_ms`.
    """
    if committed < log_start_offset and committed < end_offset:
        return RetentionRisk(RetentionState.LOST, min(log_start_offset, end_offset) - committed, 0)
    if committed >= end_offset:
        return NO_RISK
    remaining: list[int] = []
    soon = False
    if retention_ms is not None and retention_ms >= 0 and next_record_age_ms is not None:
        left = max(0, retention_ms - next_record_age_ms)
        remaining.append(left)
        soon = left <= retention_ms * SOON_SHARE
    if start_rate:
        reached = round((committed - log_start_offset) * 1000 / start_rate)
        remaining.append(reached)
        soon = soon or reached <= horizon_ms
    return RetentionRisk(RetentionState.SOON if soon else RetentionState.SAFE, 0, min(remaining, default=None))
