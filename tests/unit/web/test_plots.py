"""Charts with axes."""

import json

import pytest

from web.plots import draw, nice_seconds, nice_top


def text(value):
    return "-" if value is None else f"{value:g}"


def test_nothing_known_is_no_chart():
    assert draw("Lag", [1, 2], [("lag", [None, None])], text) is None
    assert draw("Lag", [], [("lag", [])], text) is None
    assert draw("Lag", [], [], text) is None


def test_a_chart_begins_just_before_something_is_known():
    chart = draw("Lag", list(range(100)), [("lag", [None] * 90 + [1.0] * 10)], text)
    assert (chart.from_ms, chart.to_ms) == (89, 99)
    assert len(json.loads(chart.data)["times"]) == 11


def test_what_is_not_known_in_between_is_a_gap():
    chart = draw("Lag", [0, 1, 2, 3, 4], [("lag", [1, 2, None, 2, 1])], text)
    assert chart.lines[0].path.count("M") == 2
    assert json.loads(chart.data)["series"][0]["texts"] == ["1", "2", "-", "2", "1"]


def test_a_lone_value_is_seen():
    chart = draw("Lag", [0, 1, 2], [("lag", [None, 3, None])], text)
    assert "L" in chart.lines[0].path
    assert chart.lines[0].last == "3"


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (0.3, 0.4), (1, 1), (5, 6), (7, 8), (12, 20), (430, 600), (9_999, 10_000), (float("inf"), 1)],
)
def test_an_axis_ends_at_a_round_number(value, top):
    assert nice_top(value) == pytest.approx(top)


def test_bytes_are_round_in_units_of_1024():
    assert nice_top(1_500_000, binary=True) == 2 * 1024**2
    assert nice_top(500 * 1024, binary=True) == 600 * 1024


def test_whole_figures_have_no_half_ticks():
    assert [shown for _, shown in draw("Leads", [0, 1], [("x", [0, 1])], text, whole=True).ticks] == ["1", "0"]


@pytest.mark.parametrize(
    ("value", "top"),
    [
        (0, 1),
        (0.3, 0.4),
        (13, 20),
        (41, 60),
        (219, 240),
        (400, 600),
        (3_700, 7_200),
        (50_000, 64_800),
        (1e6, 1_728_000),
    ],
)
def test_times_end_at_a_round_time_with_a_round_half(value, top):
    assert nice_seconds(value) == pytest.approx(top)


def test_a_screen_reader_is_told_the_newest_values():
    assert draw("Lag", [0, 1], [("a", [1, 2]), ("b", [3, None])], text).summary == "Lag: a 2, b 3"
