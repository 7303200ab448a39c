"""What a follower does with a leader's answer: cut, restart, or go on (KIP-101, KIP-279, KIP-320).

A follower sends, with each fetch, the epoch of the last record it holds (Fetch v12+, `last_fetched_epoch`). A leader
that sees the logs part ways answers with the diverging epoch and its end offset there; the follower cuts its log to the
point up to which both agree, and fetches again. It never truncates to its high watermark: that lost acknowledged
records when leadership moved quickly (KIP-101).
"""

from __future__ import annotations

from typing import Protocol

from engine.runtime import safeguards


class EpochEnd(Protocol):
    """(epoch, exclusive end offset), both -1 when unknown."""

    @property
    def epoch(self) -> int: ...

    @property
    def end_offset(self) -> int: ...


def truncation_offset(
    diverging_epoch: int,
    diverging_end_offset: int,
    *,
    local_end_for_epoch: EpochEnd,
    log_end_offset: int,
    high_watermark: int,
) -> int:
    """Where to cut the follower's log after the leader reported (diverging_epoch, diverging_end_offset).

    `local_end_for_epoch` is what the follower's own epoch cache answers for `diverging_epoch`: the largest epoch it has
    that is not above it, and where that ends. Kafka: AbstractFetcherThread.getOffsetTruncationState.
    - the leader knows no epoch at all (-1): the only safe point is our high watermark (a leader without epochs);
    - we know nothing of that epoch: cut at the leader's end offset;
    - we know that epoch or a smaller one: cut at the smaller of both ends.
    """
    if diverging_end_offset < 0:
        return min(high_watermark, log_end_offset)
    if not safeguards.truncate_until_epochs_agree:
        return min(diverging_end_offset, log_end_offset)  # what Kafka did before KIP-279
    if local_end_for_epoch.end_offset < 0:
        return min(diverging_end_offset, log_end_offset)
    if local_end_for_epoch.epoch != diverging_epoch:
        # Our largest epoch below the leader's answer ends here; what follows is ours alone.
        return min(local_end_for_epoch.end_offset, log_end_offset)
    return min(diverging_end_offset, local_end_for_epoch.end_offset, log_end_offset)


def diverges(fetch_offset: int, last_fetched_epoch: int, leader_end_for_epoch: EpochEnd) -> bool:
    """Whether a fetch at `fetch_offset` after a record of `last_fetched_epoch` has parted from the leader's log.

    `leader_end_for_epoch` is what the leader's epoch cache answers for `last_fetched_epoch` (KIP-595; Kafka:
    Partition.readRecords).
    """
    return leader_end_for_epoch.epoch < last_fetched_epoch or leader_end_for_epoch.end_offset < fetch_offset
