"""Tables and text for a terminal."""

import pytest

from console.output.style import Style
from console.output.table import Column, table_lines
from console.output.text import count, duration, fit, moment, plural, safe, size, width

COLUMNS = [Column("name", "NAME", flexible=True), Column("n", "COUNT", count, right=True), Column("ok", "OK")]


def lines(*rows, width_max=None, colours=False):
    return table_lines(COLUMNS, rows, width_max=width_max, colours=colours)


def test_numbers_are_right_and_text_is_left():
    assert lines({"name": "a", "n": 1234, "ok": True}, {"name": "bcd", "n": 5, "ok": False}) == [
        "NAME  COUNT  OK",
        "a     1,234  yes",
        "bcd       5  no",
    ]


def test_what_is_not_known_is_a_dash():
    assert lines({"name": None, "n": None, "ok": None})[1] == "-         -  -"


def test_flexible_columns_give_way_on_a_narrow_terminal():
    shown = lines({"name": "x" * 50, "n": 1, "ok": True}, width_max=30)

    assert all(len(line) <= 30 for line in shown)
    assert "…" in shown[1]
    assert lines({"name": "x" * 50, "n": 1, "ok": True})[1].startswith("x" * 50)


def test_wide_characters_keep_the_columns_straight():
    shown = lines({"name": "日本", "n": 1, "ok": True}, {"name": "abcd", "n": 2, "ok": True})

    assert shown[1] == "日本      1  yes"
    assert shown[2] == "abcd      2  yes"


def test_colours_do_not_count_as_width():
    columns = [Column("state", "STATE", style=lambda value: Style.BAD), Column("x", "X")]

    plain = table_lines(columns, [{"state": "ok", "x": 1}], width_max=None, colours=False)
    coloured = table_lines(columns, [{"state": "ok", "x": 1}], width_max=None, colours=True)

    assert plain[1] == "ok     1"
    assert coloured[1] == "\x1b[31mok\x1b[0m     1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("two\nlines\tx\r", "two\\nlines\\tx\\r"),
        ("\u202eevil", "\\x202eevil"),
        ("naïve 日本", "naïve 日本"),
        ("plain", "plain"),
    ],
)
def test_no_record_can_move_the_cursor(text, shown):
    assert safe(text) == shown


def test_text_is_cut_by_columns_and_not_by_characters():
    assert fit("日本語", 5) == "日本…"
    assert width("日本…") == 5
    assert fit("abc", 3) == "abc"
    assert fit("abcd", 3) == "ab…"


def test_numbers_are_written_for_people():
    assert [size(each) for each in (0, 1023, 1024, 1536, 200 * 1024, 5 * 2**30, None)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 KiB",
        "200 KiB",
        "5.0 GiB",
        "-",
    ]
    assert [duration(each) for each in (0, 999, 12_000, 250_000, 7_500_000, 280_000_000, 60_000, None)] == [
        "0 ms",
        "999 ms",
        "12 s",
        "4m 10s",
        "2h 5m",
        "3d 5h",
        "1m",
        "-",
    ]
    assert (plural(1, "topic"), plural(2000, "topic")) == ("1 topic", "2,000 topics")


def test_timestamps_that_no_calendar_has_are_numbers():
    assert moment(-1) == "-"
    assert moment(10**18) == str(10**18)
    assert moment(1_700_000_000_123).endswith(".123")
