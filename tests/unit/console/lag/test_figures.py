"""Rates, time to drain, lag in time and retention."""

import pytest

from console.lag.lag_time import LagTime, LagTimeSource, lag_time_from_ends, lag_time_from_record
from console.lag.rates import Point, drain_ms, rate_per_second
from console.lag.retention import RetentionState, retention_risk


def points(*pairs):
    return [Point(seconds * 1000, offset) for seconds, offset in pairs]


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (points((0, 100), (10, 200)), 10.0),
        (points((0, 100), (5, 100), (10, 200)), 10.0),
        (points((0, 100), (10, 100)), 0.0),
        (points((0, 100), (5, 0), (10, 50)), 5.0),
        (points((0, 100)), None),
        ([], None),
        (points((3, 100), (3, 200)), None),
    ],
)
def test_a_rate_counts_steps_ahead_over_the_time_they_took(samples, rate):
    assert rate_per_second(samples) == rate


@pytest.mark.parametrize(
    ("lag", "commits", "production", "ms"),
    [
        (0, None, None, 0),
        (100, 30.0, 20.0, 10_000),
        (100, 20.0, 20.0, None),
        (100, 0.0, 0.0, None),
        (100, None, 5.0, None),
        (100, 5.0, None, None),
        (10**15, 1.0, 0.999, None),
    ],
)
def test_a_group_drains_by_what_it_gains_on_the_producers(lag, commits, production, ms):
    assert drain_ms(lag, commits, production) == ms


def test_lag_in_time_is_the_age_of_the_first_record_not_committed():
    assert lag_time_from_record(5, 4_000, 10_000) == LagTime(6_000, LagTimeSource.RECORD)
    assert lag_time_from_record(5, 12_000, 10_000) == LagTime(0, LagTimeSource.RECORD)
    assert lag_time_from_record(0, None, 10_000) == LagTime(0, LagTimeSource.LEVEL)
    assert lag_time_from_record(5, None, 10_000) is None


ENDS = points((0, 100), (10, 200), (20, 200), (30, 400))


@pytest.mark.parametrize(
    ("committed", "ms", "source"),
    [
        (400, 0, "level"),
        (500, 0, "level"),
        (199, 30_000, "interpolated"),
        (149, 35_000, "interpolated"),
        (200, 19_950, "interpolated"),
        (100, 39_900, "interpolated"),
        (99, 40_000, "at least"),
    ],
)
def test_lag_in_time_from_samples_is_when_the_end_passed_the_offset(committed, ms, source):
    assert lag_time_from_ends(committed, ENDS, 40_000) == LagTime(ms, LagTimeSource(source))


def test_without_samples_there_is_no_lag_in_time():
    assert lag_time_from_ends(5, [], 40_000) is None


@pytest.mark.parametrize(
    ("committed", "start", "end", "more", "state", "lost", "remaining"),
    [
        (50, 100, 200, {}, "lost", 50, 0),
        (50, 200, 200, {}, "lost", 150, 0),
        (200, 100, 200, {"next_record_age_ms": 99, "retention_ms": 100}, "safe", 0, None),
        (250, 300, 250, {}, "safe", 0, None),
        (150, 100, 200, {"next_record_age_ms": 1_000, "retention_ms": 10_000}, "safe", 0, 9_000),
        (150, 100, 200, {"next_record_age_ms": 9_500, "retention_ms": 10_000}, "soon", 0, 500),
        (150, 100, 200, {"next_record_age_ms": 20_000, "retention_ms": 10_000}, "soon", 0, 0),
        (150, 100, 200, {"next_record_age_ms": 9_500, "retention_ms": -1}, "safe", 0, None),
        (150, 100, 200, {"next_record_age_ms": 9_500}, "safe", 0, None),
        (150, 100, 200, {"start_rate": 5.0}, "soon", 0, 10_000),
        (150, 100, 200, {"start_rate": 0.001}, "safe", 0, 50_000_000),
        (150, 100, 200, {"start_rate": 0.0}, "safe", 0, None),
    ],
)
def test_retention(committed, start, end, more, state, lost, remaining):
    risk = retention_risk(committed, start, end, **more)

    assert (risk.state, risk.lost_records, risk.remaining_ms) == (RetentionState(state), lost, remaining)
