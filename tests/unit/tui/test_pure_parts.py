"""Cells, charts, navigation, commands, settings and what a session has seen: each by itself."""

import re
import tomllib
from pathlib import Path

import pytest

from console.errors import OperatorError
from console.lag.lag_time import LagTime, LagTimeSource
from tests.tui.fakes import NOW_MS, degraded, huge, ordinary
from tui.aliases import Place, Problem, completions, parse
from tui.header import cluster_line, health_parts, place_line
from tui.navigation import HISTORY_MAX, Navigation
from tui.past import Past
from tui.settings import load_settings, settings_from
from tui.themes import DARK, LIGHT, fitting_theme
from tui.views.timeline import begin_of
from tui.views.words import behind_text, furthest, pairs, rate, whole_number
from tui.widgets.cells import cells, cut, fitted, harmless, in_lines
from tui.widgets.chart import axis_label
from tui.widgets.raster import buckets, draw, nice_ceiling, sparkline

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("text", ["", "plain", "你好世界", "e\u0301galite\u0301", "🎉🎉🎉", "a你b", "x" * 300])
@pytest.mark.parametrize("columns", [0, 1, 2, 3, 5, 8, 40])
def test_text_is_exactly_as_wide_as_its_room(text, columns):
    assert cells(fitted(text, columns)) == columns
    assert cells(fitted(text, columns, right=True)) == columns
    assert cells(cut(text, columns)) <= columns


def test_nothing_in_a_text_can_move_the_cursor_or_turn_it_round():
    found = harmless("a\x1b[2Jb\u202ec\u200bd\ne\r\t\x9bf\ufe0fg\ud800")
    assert found == "a\\x1b[2Jb\\x202ec\\x200bd\\ne\\r\\t\\x9bf\\xfe0fg\\xd800"
    assert found.isprintable()


def test_a_letter_has_no_more_than_two_accents():
    assert harmless("a" + "\u0301" * 50 + "b") == "a\u0301\u0301b"


def test_points_fall_into_buckets_with_the_greatest_of_each():
    assert buckets([(0, 1.0), (1, 5.0), (9, 2.0)], 0, 10, 5) == [5.0, 5.0, 5.0, 5.0, 2.0]


def test_what_was_not_known_is_a_gap():
    assert buckets([(0, 1.0), (3, None), (9, 2.0)], 0, 10, 5) == [1.0, None, None, None, 2.0]


def test_a_rising_line_rises():
    (row,) = draw([[0.0, 1.0, 2.0, 3.0]], 2, 1, 3.0)
    assert "".join(cell.text for cell in row) == "⡠⠊"


def test_the_first_line_that_passes_a_cell_has_it():
    rows = draw([[0.0, 0.0], [0.0, 3.0]], 1, 1, 3.0)
    assert rows[0][0].line == 0


def test_a_sparkline_shows_the_newest():
    assert sparkline([9, 0, 4, 8], 3) == "▁▅█"
    assert sparkline([None, 0], 4) == "   ▁"


@pytest.mark.parametrize(("value", "end"), [(0, 1), (0.3, 0.5), (1, 1), (7, 10), (42, 50), (101, 200), (5_000, 5_000)])
def test_axes_end_at_round_numbers(value, end):
    assert nice_ceiling(value) == pytest.approx(end)


def test_a_chart_of_a_young_session_begins_where_it_does():
    assert begin_of([(500_000.0, 1.0)], 900_000, 1_000_000) == 500_000
    assert begin_of([(990_000.0, 1.0)], 900_000, 1_000_000) == 940_000
    assert begin_of([(1.0, 1.0)], 900_000, 1_000_000) == 100_000
    assert begin_of([], 900_000, 1_000_000) == 940_000


def test_history_forgets_what_lay_ahead_when_one_goes_elsewhere():
    where = Navigation(Place("topics"))
    where.jump(Place("groups"))
    where.earlier()
    where.jump(Place("brokers"))
    assert not where.later()
    assert where.earlier()
    assert where.place == Place("topics")
    assert not where.earlier()


def test_going_into_where_one_came_through_goes_back_there():
    where = Navigation(Place("topics"))
    where.enter(Place("topic", ("a",)))
    where.enter(Place("group", ("g",)))
    where.enter(Place("topic", ("a",)))
    assert where.trail == (Place("topics"), Place("topic", ("a",)))


def test_history_has_an_end():
    where = Navigation(Place("topics"))
    for number in range(3 * HISTORY_MAX):
        where.jump(Place("topic", (str(number),)))
    assert len(where.history) == HISTORY_MAX


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (":topics", Place("topics")),
        ("t orders", Place("topic", ("orders",))),
        ("t  two words ", Place("topic", ("two words",))),
        ("gro", Place("groups")),
        ("CTX", Place("contexts")),
        ("configs broker 1", Place("configs", ("broker 1",))),
        ("q", None),
        ("o", Place("topic", ("orders",))),
    ],
)
def test_where_commands_lead(line, found):
    assert parse(line, {"o": "topic orders"}) == found


@pytest.mark.parametrize("line", ["", ":", "zzz", "topic", "pulses of what"])
def test_words_that_lead_nowhere_say_why(line):
    assert isinstance(parse(line), Problem)


def test_completions_begin_with_what_begins_so():
    names = {"topic": ["orders", "old-orders"], "group": ["g"]}
    assert completions("top", names)[:2] == ["topics", "topic"]
    assert completions("t ord", names) == ["t orders", "t old-orders"]
    assert completions("nonsense x", names) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("x", "no table"),
        ({"colour": 1}, "no setting 'colour'"),
        ({"theme": 1}, "theme is no text"),
        ({"keys": {"no.such": "x"}}, "'no.such'"),
        ({"keys": {"table.mark": 1}}, "NAME = TEXT"),
        ({"columns": {"topics": "name"}}, "lists of names"),
        ({"columns": {"topic": ["name"]}}, "'topic', which is no view with columns"),
        ({"columns": {"topics": ["name", "colour"]}}, "topics has 'colour', which is no column"),
        ({"aliases": {"o": "nonsense"}}, "o = 'nonsense': there is no view"),
        ({"aliases": {"o o": "topics"}}, "'o o' should be one word"),
        ({"keys": {"table.mark": "Ctrl-M"}}, "'Ctrl-M', which is no key"),
        ({"keys": {"table.mark": "ctrl+banana"}}, "which is no key"),
        ({"keys": {"table.mark": ""}}, "'', which is no key"),
    ],
)
def test_settings_that_make_no_sense_are_named(data, words):
    with pytest.raises(OperatorError, match=words):
        settings_from(data, "contexts.toml")


@pytest.mark.parametrize(
    "data",
    [
        {"columns": {"topics": ["size", "name"], "records": ["topic", "value"], "lessons": ["title"]}},
        {"aliases": {"o": "topic orders", "t": "tail", "bye": "q"}},
        {
            "keys": {
                "table.mark": "m",
                "topics.new": "ctrl+n,f6",
                "everywhere.copy": "number_sign",
                "table.last": "end,$",
            }
        },
    ],
)
def test_settings_that_make_sense_are_taken(data):
    found = settings_from(data, "contexts.toml")
    assert {name: dict(getattr(found, name)) for name in data} == {
        name: {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        for name, table in data.items()
    }


def test_settings_come_out_of_the_file_of_contexts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings().theme is None
    folder = tmp_path / "stoker"
    folder.mkdir()
    (folder / "contexts.toml").write_text('[tui]\ntheme = "nord"\n[tui.columns]\ntopics = ["name"]\n')
    found = load_settings()
    assert (found.theme, found.columns) == ("nord", {"topics": ("name",)})


@pytest.mark.parametrize(
    ("colours", "environment", "theme"),
    [
        ("truecolor", {}, "stoker-dark"),
        ("256", {"COLORFGBG": "0;15"}, "stoker-light"),
        ("standard", {}, "stoker-16"),
        ("standard", {"COLORFGBG": "0;default;7"}, "ansi-light"),
    ],
)
def test_the_theme_fits_the_terminal(colours, environment, theme):
    assert fitting_theme(colours, environment) == theme


def test_rates_and_processors_follow_from_two_looks():
    past = Past()
    past.observe(ordinary(NOW_MS, 0))
    past.observe(ordinary(NOW_MS + 2_000, 1))
    ((_, speed),) = past.records_per_second()
    assert speed == pytest.approx((3 * 50 + 1 + 6 * 900) / 2)
    assert past.nodes[2].processor == pytest.approx(0.2)
    assert past.machine_busy == pytest.approx(0.5)


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0, "0"), (0.25, "0.25"), (12.34, "12.3"), (1234.5, "1,234")])
def test_rates_are_written_for_people(value, text):
    assert rate(value) == text


def test_fields_take_numbers_and_pairs():
    assert whole_number(1, 10)("7") == 7
    assert whole_number(1, 10, empty=-1)("") == -1
    assert pairs("a=1 b='x y'") == {"a": "1", "b": "x y"}
    for parse_field, text in ((whole_number(1, 10), "11"), (whole_number(1, 10), "٣"), (pairs, "a"), (pairs, "a='")):
        with pytest.raises(ValueError):
            parse_field(text)


def texts(parts):
    return "".join(text for text, _ in parts)


TRAIL = (Place("topics"), Place("partitions", ("orders",)), Place("record", ("orders 0 3",)))


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
@pytest.mark.parametrize("status", ["", "3 partitions", "32 arrived · 6.4/s · 0 not shown · following"])
def test_the_view_that_is_shown_is_in_the_trail_however_narrow_it_is(width, status):
    line = place_line(TRAIL, "", status, width=width)
    assert "record orders" in texts(line.left)
    assert cells(texts(line.left)) + cells(texts(line.right)) <= width
    if width == 200:
        assert texts(line.left) == " topics › partitions orders › record orders 0 3"  # noqa: RUF001


def test_what_is_left_out_of_the_trail_is_its_beginning():
    line = place_line(TRAIL, "", "3 partitions", width=60)
    assert texts(line.left) == " … › partitions orders › record orders 0 3"  # noqa: RUF001


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_cluster_and_that_it_is_read_only_are_always_there(width):
    health = health_parts(degraded(), False, NOW_MS, width=width)
    line = cluster_line("production-" * 4, "kafka:9092 +2", health, readonly=True, width=width)
    shown = texts(line.left)[: width - cells(texts(line.right)) - 1]
    assert shown.startswith(" stoker product")
    assert "read-only" in shown


def test_health_has_fewer_words_on_a_narrow_screen():
    words = "● 1 offline ● 1 broker down ● 2 under-replicated 2 brokers "
    assert texts(health_parts(degraded(), False, NOW_MS, width=160)) == words
    assert texts(health_parts(degraded(), False, NOW_MS, width=80)) == "● 1 offline ● 1 down ● 2 under "
    assert texts(health_parts(ordinary(), False, NOW_MS, width=40)) == "● healthy 3 brokers "
    assert (
        texts(health_parts(ordinary(), True, NOW_MS + 61_000, width=80)) == "● cannot be reached, last seen 1m 1s ago "
    )


def test_lag_in_time_says_when_it_is_only_known_to_be_at_least_so_much():
    exact = LagTime(4_000, LagTimeSource.INTERPOLATED)
    assert behind_text(furthest([exact, None])) == "4 s"
    assert behind_text(furthest([exact, LagTime(10_000, LagTimeSource.AT_LEAST)])) == "≥10 s"
    assert behind_text(furthest([LagTime(0, LagTimeSource.AT_LEAST)])) == "-"
    assert behind_text(furthest([LagTime(0, LagTimeSource.LEVEL)])) == "0 ms"


def test_lag_of_all_groups_is_of_all_and_one_that_is_looked_at_is_kept():
    past = Past()
    past.watched.add("group-00777")
    past.observe(huge(1_000))
    assert past.lag()[-1][1] == sum(n % 1_000 * 10 - n for n in range(2_000) if n % 1_000 * 10 > n)
    assert past.lag("group-00777")[-1][1] == 7_770 - 777
    assert past.lag("group-00778")[-1][1] is None


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.0, "0"), (5_000.0, "5,000"), (1_000_000.0, "1,000,000"), (20_000_000.0, "20M"), (2.5e9, "2.5G")],
)
def test_what_stands_beside_an_axis_is_never_cut(value, label):
    assert axis_label(value, f"{value:,.0f}") == label


def test_a_text_is_broken_between_words_and_loses_none():
    text = "cannot read /a/very/long/path/that/has/no/space: Permission denied 你好世界 and more"
    for columns in (8, 12, 20, 40, 200):
        lines = in_lines(text, columns)
        assert all(cells(line) <= columns for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())
    assert in_lines("one two three", 7) == ["one two", "three"]
    assert in_lines("", 10) == [""]


def test_the_settings_of_the_readme_are_taken():
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    found = settings_from(tomllib.loads(example)["tui"], "README.md")
    assert found.theme in {DARK.name, LIGHT.name}
    assert found.keys
    assert found.aliases
    assert found.columns
