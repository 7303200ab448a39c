"""Burrow's rules, case by case (linkedin/Burrow, core/internal/evaluator/caching.go and its wiki)."""

from itertools import pairwise

import pytest

from console.lag.burrow import Commit, LagStatus, group_status, partition_status, window

OK, WARN, ERROR = LagStatus.OK, LagStatus.WARN, LagStatus.ERROR
STOP, STALL, REWIND = LagStatus.STOP, LagStatus.STALL, LagStatus.REWIND


def commits(offsets, lags, every_s=100):
    """Commits at 100 s, 200 s, ..."""
    return [
        Commit(every_s * 1000 * number, offset, lag)
        for number, (offset, lag) in enumerate(zip(offsets, lags, strict=True), 1)
    ]


STEADY = [1000, 2000, 3000, 4000, 5000]
SAME = [1000] * 5

CASES = {
    # name: offsets, lags at the commits, recent end offsets, lag now, seconds now, allowed lag, status
    "no lag now is OK whatever came before": (STEADY, [50, 100, 150, 200, 250], [5250], 0, 1000, 0, OK),
    "level once within the window is OK": (STEADY, [0, 50, 100, 150, 200], [5200], 200, 600, 0, OK),
    "level once, silence shorter than the window": (STEADY, [0, 50, 100, 150, 200], [5200], 200, 900, 0, OK),
    "level once, silence longer than the window": (STEADY, [0, 50, 100, 150, 200], [5200], 200, 1000, 0, STOP),
    "never level, silence longer than the window": (STEADY, [50, 100, 150, 200, 250], [5250], 250, 1000, 0, STOP),
    "silent because everything was read until just now": (STEADY, [0] * 5, [5001, 5000, 5000], 1, 1000, 0, OK),
    "silent, and the end was ahead for minutes": (STEADY, [0] * 5, [5900, 5500, 5100], 900, 1000, 0, STOP),
    "the same offset, but level at first": (SAME, [0, 50, 100, 150, 200], [1200], 200, 600, 0, OK),
    "the same offset, lag grows": (SAME, [100, 150, 200, 250, 300], [1300], 300, 600, 0, STALL),
    "the same offset, lag stays": (SAME, [100] * 5, [1100], 100, 600, 0, STALL),
    "back, and ahead again": ([1000, 2000, 3000, 2000, 4000], [100, 150, 200, 1250, 300], [4300], 300, 600, 0, OK),
    "back, and level with before": ([1000, 2000, 3000, 2000, 3000], [9, 8, 7, 1250, 6], [3006], 6, 600, 0, OK),
    "back, not ahead again": ([1000, 2000, 3000, 2000, 2500], [100, 150, 200, 1250, 300], [4300], 300, 600, 0, REWIND),
    "level, then back to the beginning": ([4000, 5000, 6000, 0, 100], [0, 0, 0, 6000, 5900], [6000], 5900, 600, 0, REWIND),
    "ahead, never gaining": (STEADY, [100, 150, 150, 200, 250], [5250], 250, 600, 0, WARN),
    "ahead, lag stays": (STEADY, [100] * 5, [5100], 100, 600, 0, WARN),
    "ahead, gained once": (STEADY, [100, 150, 120, 200, 250], [5250], 250, 600, 0, OK),
    "unknown lags are no evidence": (STEADY, [None, 100, None, 150, None], [5150], 150, 600, 0, WARN),
    "unknown lags do not hide a zero": (STEADY, [0, None, 100, None, None], [5150], 150, 600, 0, OK),
    "within the lag that is allowed": ([1000, 2000, 2000], [2, 1, 1], [2001], 1, 550, 1, OK),
    "beyond the lag that is allowed": (SAME, [100, 150, 200, 250, 300], [1300], 300, 600, 99, STALL),
    "level means up to what is allowed": (SAME, [99, 150, 200, 250, 300], [1300], 300, 600, 99, OK),
    "one commit, not long ago": ([1000], [100], [1100], 100, 399, 0, OK),
    "one commit, long ago": ([1000], [100], [1100], 100, 401, 0, STOP),
    "no commit says nothing": ([], [], [1100], 100, 10_000, 0, OK),
}  # fmt: skip


@pytest.mark.parametrize(
    ("offsets", "lags", "ends", "lag", "now_s", "allowed", "status"), CASES.values(), ids=list(CASES)
)
def test_rule(offsets, lags, ends, lag, now_s, allowed, status):
    got = partition_status(commits(offsets, lags), ends, lag, now_s * 1000, allowed_lag=allowed)

    assert got is status


@pytest.mark.parametrize(
    ("partitions", "status"),
    [
        ([], OK),
        ([OK, OK], OK),
        ([OK, WARN], WARN),
        ([WARN, STOP], ERROR),
        ([OK, STALL], ERROR),
        ([REWIND, WARN], ERROR),
    ],
)
def test_a_group_is_as_its_worst_partition_and_error_is_the_worst_it_can_be(partitions, status):
    """Burrow: evaluateConsumerStatus."""
    assert group_status(partitions) is status


def test_every_status_says_what_it_means():
    assert all(status.meaning for status in LagStatus)
    assert [status.value for status in LagStatus] == [1, 2, 3, 4, 5, 6]


def test_the_window_is_the_last_ten_commits_that_are_a_second_apart():
    """Burrow: storage.inmemory.intervals and min-distance."""
    made = [Commit(400 * number, number, None) for number in range(100)]

    kept = window(made)

    assert len(kept) == 10
    assert all(after.timestamp_ms - before.timestamp_ms >= 1_000 for before, after in pairwise(kept))
    assert kept[-1].offset == 99
    assert window(made[:3]) == [Commit(0, 2, None)]
