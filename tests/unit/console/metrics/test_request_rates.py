"""Rates and times of requests over the last minute."""

import pytest

from console.metrics.request_rates import RequestTracker, quantile_ms
from engine.net.request_figures import TIME_BOUNDS_S, RequestFigure

CLASSES = len(TIME_BOUNDS_S) + 1


def figure(count, *, request="Produce", size=100, seconds=0.0, in_class=0):
    times = [0] * CLASSES
    times[in_class] = count
    return RequestFigure(request, count, count * size, count * size // 10, seconds, tuple(times))


def test_rates_are_those_of_the_last_minute_not_of_all_time():
    tracker = RequestTracker()
    tracker.observe(0, {1: [figure(0)]})
    tracker.observe(60_000, {1: [figure(600_000, seconds=600)]})
    tracker.observe(90_000, {1: [figure(600_030, seconds=600)]})
    tracker.observe(120_000, {1: [figure(600_060, seconds=600.06)]})
    (rate,) = tracker.rates(1)
    assert rate.count == 600_060
    assert rate.per_second == 1.0
    assert rate.request_bytes_per_second == 100.0
    assert rate.response_bytes_per_second == 10.0
    assert rate.mean_ms == pytest.approx(1.0)


def test_after_the_first_look_only_the_count_is_known():
    tracker = RequestTracker()
    tracker.observe(0, {1: [figure(7)]})
    (rate,) = tracker.rates(1)
    assert (rate.count, rate.per_second, rate.p99_ms) == (7, None, None)


def test_a_broker_that_began_anew_is_compared_with_its_own_life_only():
    tracker = RequestTracker()
    tracker.observe(0, {1: [figure(1_000)]})
    tracker.observe(10_000, {1: [figure(5)]})
    tracker.observe(20_000, {1: [figure(25)]})
    (rate,) = tracker.rates(1)
    assert rate.per_second == 2.0


def test_a_kind_that_is_new_counts_from_nothing_and_a_broker_that_tells_nothing_has_none():
    tracker = RequestTracker()
    tracker.observe(0, {1: [figure(10)]})
    tracker.observe(10_000, {1: [figure(10), figure(50, request="Metadata")]})
    assert [(each.request, each.per_second) for each in tracker.rates(1)] == [("Metadata", 5.0), ("Produce", 0.0)]
    assert tracker.rates(2) == []
    assert RequestTracker().rates(1) == []


def test_without_a_stopwatch_no_time_is_told():
    """In the simulation the stopwatch stands still: every request would seem to have taken nothing."""
    tracker = RequestTracker()
    tracker.observe(0, {1: [figure(0)]})
    tracker.observe(1_000, {1: [figure(10)]})
    (rate,) = tracker.rates(1)
    assert (rate.mean_ms, rate.p50_ms, rate.p99_ms) == (None, None, None)


def test_a_quantile_lies_within_its_class():
    times = [0] * CLASSES
    times[3] = 100  # more than 0.5 ms, at most 1 ms
    assert quantile_ms(times, 0.5) == pytest.approx(0.75)
    times[9] = 2  # more than 50 ms, at most 100 ms
    assert 50 < quantile_ms(times, 0.99) < 100
    times[-1] = 1_000
    assert quantile_ms(times, 0.99) == 1000 * TIME_BOUNDS_S[-1]
    assert quantile_ms([0] * CLASSES, 0.99) is None
