"""Lag out of samples, every five seconds of time that is only said."""

import pytest

from console.lag.burrow import LagStatus
from console.lag.lag_time import LagTimeSource
from console.lag.tracker import ENDS_KEPT_MAX, LagTracker
from engine.types import TopicPartition

ORDERS = TopicPartition("orders", 0)


def play(steps, *, assigned=True, tracker=None, start=0):
    """`steps` are (end, committed) every five seconds."""
    tracker = tracker or LagTracker()
    for number, (end, committed) in enumerate(steps, start):
        groups = {"g": ({ORDERS: committed}, [ORDERS] if assigned else [])}
        tracker.observe(number * 5000, {ORDERS: end}, groups)
    return tracker


STEADY = [(100 + 50 * n, 50 * n) for n in range(20)]


@pytest.mark.parametrize(
    ("steps", "assigned", "status"),
    [
        ([(100, 100)] * 20, True, "OK"),
        ([(100 + 10 * n, 100 + 10 * n) for n in range(20)], True, "OK"),
        ([(10_000, 50 * n) for n in range(20)], True, "OK"),
        (STEADY, True, "WARN"),
        ([(100 + 60 * n, 50 * n) for n in range(20)], True, "WARN"),
        ([(100, 50)] * 20, True, "STALL"),
        ([(100 + 50 * n, 50) for n in range(20)], True, "STALL"),
        ([(100 + 50 * n, 50 * min(n, 8)) for n in range(40)], False, "STOP"),
        ([(100 + 50 * n, 50 * n if n < 15 else 0) for n in range(20)], True, "REWIND"),
        ([(100, 50)] * 80, False, "STOP"),
        ([(100, 50)] * 10, False, "OK"),
    ],
)
def test_status(steps, assigned, status):
    assert play(steps, assigned=assigned).partition("g", ORDERS).status.name == status


def test_a_group_that_was_level_a_moment_ago_has_not_stopped():
    tracker = play([(100 + n, 100 + n) for n in range(12)] + [(112, 111)] * 3, assigned=False)

    assert tracker.partition("g", ORDERS).status is LagStatus.OK


def test_rates_and_the_time_to_be_level():
    found = play([(1000 + 50 * n, 100 * n) for n in range(15)]).partition("g", ORDERS)

    assert found.production_rate == 10.0
    assert found.commit_rate == 20.0
    assert (found.lag, found.drain_ms) == (300, 30_000)


def test_the_rate_of_production_is_of_the_last_minute():
    found = play([(0, 0)] * 3 + [(100, 0)] + [(100, 0)] * 30 + [(160, 0)])

    assert found.production_rate(ORDERS) == 1.0


def test_lag_in_time_is_when_the_end_passed_the_offset():
    found = play([(10 * n, 40) for n in range(20)]).partition("g", ORDERS)

    assert found.lag_time.source is LagTimeSource.INTERPOLATED
    assert 19 * 5000 - found.lag_time.ms == pytest.approx(4 * 5000, abs=1000)


def test_a_long_silence_does_not_blur_when_records_came():
    found = play([(100, 100)] * 200 + [(200, 100)]).partition("g", ORDERS)

    assert found.lag_time.ms <= 5000


def test_before_the_first_sample_it_is_at_least_so_long():
    found = play([(100 + n, 50) for n in range(5)]).partition("g", ORDERS)

    assert (found.lag_time.source, found.lag_time.ms) == (LagTimeSource.AT_LEAST, 20_000)


def test_what_is_kept_of_a_busy_partition_is_bounded():
    tracker = play([(n, n) for n in range(10_000)])

    assert len(tracker._ends[ORDERS]) <= ENDS_KEPT_MAX
    assert tracker.partition("g", ORDERS).production_rate == pytest.approx(0.2)


def test_a_topic_made_anew_begins_from_nothing():
    tracker = play([(1000 + n, 1000) for n in range(20)])
    play([(5, 0)], tracker=tracker, start=20)

    assert (tracker.partition("g", ORDERS).lag_time.ms, tracker.partition("g", ORDERS).lag) == (0, 5)
    assert tracker.production_rate(ORDERS) is None


def test_what_is_gone_is_forgotten_but_not_what_did_not_answer():
    tracker = play(STEADY)
    tracker.observe(200_000, {}, {}, complete=False)
    assert tracker.partition("g", ORDERS) is not None

    tracker.observe(205_000, {}, {})

    assert tracker.partition("g", ORDERS) is None
    assert tracker.group("g") is None


def test_a_group_is_as_its_worst_partition():
    tracker = LagTracker()
    users = TopicPartition("users", 0)
    for number in range(20):
        tracker.observe(number * 5000, {ORDERS: 100, users: 100}, {"g": ({ORDERS: 100, users: 5}, [ORDERS, users])})

    status, partitions = tracker.group("g")

    assert status is LagStatus.ERROR
    assert {key: each.status.name for key, each in partitions.items()} == {ORDERS: "OK", users: "STALL"}


def test_partitions_beyond_the_most_are_counted():
    tracker = LagTracker(windows_max=1)
    tracker.observe(0, {ORDERS: 1}, {"g": ({ORDERS: 1, TopicPartition("users", 0): 1}, [])})

    assert tracker.dropped == 1
