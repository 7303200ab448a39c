"""SQL in the terminal: the editor, plans, results of any size, charts, history, saved statements, exports."""

import csv
import json
import re
import threading

import pyarrow as pa
import pyarrow.parquet
import pytest

from console.sql.catalog import TableName
from console.sql.results import Page, ResultColumn
from console.sql.saved import load_history, load_saved
from tui.views import sql as sql_view
from tui.widgets import result_rows
from tui.widgets.question import QuestionDialog
from tui.widgets.result_chart import picture_of
from tui.widgets.result_order import ResultOrder
from tui.widgets.result_rows import ArrowRows, ResultModel, value_text
from tui.widgets.sql_editor import spans, suggestions

pytestmark = pytest.mark.anyio

TABLES = [
    TableName("orders", "topic", "", ("partition", "offset", "timestamp", "key", "value")),
    TableName("page-views", "topic", "", ("partition", "offset")),
    TableName("kafka.brokers", "cluster", "", ("broker_id", "host")),
]


def rows_of(kinds, *pages):
    """A result with columns of these types, one record batch for each page of rows."""
    columns = [ResultColumn(f"c{at}", kind) for at, kind in enumerate(kinds)]
    rows = ArrowRows(columns)
    for page in pages:
        arrays = [pa.array(list(values)) for values in zip(*page, strict=True)]
        rows.add(Page(rows.columns, pa.RecordBatch.from_arrays(arrays, names=[each.name for each in columns])))
    return rows


# the editor


def test_words_texts_numbers_and_comments_are_coloured_over_lines():
    found = spans("select 'a\nb', \"x-y\", 12 -- why\nfrom t")

    assert found[0] == [(0, 6, "keyword"), (7, 9, "text")]
    assert (0, 2, "text") in found[1]
    assert any(role == "name" for *_, role in found[1])
    assert any(role == "number" for *_, role in found[1])
    assert any(role == "comment" for *_, role in found[1])
    assert found[2] == [(0, 4, "keyword")]


@pytest.mark.parametrize(
    ("before", "statement", "expected"),
    [
        ("select * from or", "", ["orders"]),
        ("select * from ", "", ["orders", '"page-views"', "kafka.brokers"]),
        ("select * from pa", "", ['"page-views"']),
        ("select of", "select of from orders", ["offset"]),
        ("select ho", "select ho from kafka.brokers", ["host"]),
        ("sel", "", ["select"]),
    ],
)
def test_what_may_come_next(before, statement, expected):
    _, found = suggestions(before, statement or before, TABLES)
    assert [word for word, _ in found] == expected


async def test_tab_completes_and_again_takes_the_next(live):
    live.topic(name="apples-sql")
    live.topic(name="apricots_sql")

    async with live.open("sql") as app:
        await app.type("select * from ap")
        assert "apricots_sql" in app.text
        await app.press("tab")
        first = app.view.editor.text
        await app.press("tab")
        second = app.view.editor.text
        assert {first, second} == {'select * from "apples-sql"', "select * from apricots_sql"}


async def test_the_line_of_the_cursor_has_its_colours_too(live):
    async with live.open("sql", "select 'a' -- why") as app:
        line = app.app.screen._compositor.render_strips()[2]
        colours = {segment.text.strip(): segment.style.color for segment in line if segment.style is not None}
        assert len({str(colours[word]) for word in ("select", "'a'", "-- why")}) == 3


async def test_in_an_empty_editor_a_colon_and_a_question_mark_are_keys_and_in_a_statement_they_are_not(live):
    async with live.open("sql") as app:
        assert {":", "?"} <= set(app.text.splitlines()[-1].split())
        await app.press("question_mark")
        assert app.place == "help sql"
        await app.press("escape")
        await app.press("colon", *"topics", "enter")
        assert app.place == "topics"
        await app.go("sql")
        await app.type("select 1")
        await app.press("colon", "colon", *"int", "question_mark")
        assert app.view.editor.text == "select 1::int?"
        assert not {":", "?"} & set(app.text.splitlines()[-1].split())
        await app.press("f1")
        assert app.place == "help sql"


async def test_signs_and_numbers_go_into_the_statement(live):
    async with live.open("sql") as app:
        await app.type("select 5/1 q -- ?:")
        assert app.view.editor.text == "select 5/1 q -- ?:"


# running


async def ran(app):
    await app.until(lambda: not app.view.running)


async def test_a_statement_runs_and_its_rows_are_a_table(live):
    topic = await live.orders(90)

    async with live.open("sql") as app:
        await app.type(f"select value->>'$.status' status, count(*) n from {topic} group by 1 order by 1;")
        await app.press("f5")
        await ran(app)
        table = [line.split() for line in app.text.splitlines()]
        assert ["new", "30"] in [line[:2] for line in table]
        assert "3 rows in" in app.text
        assert "90 records" in app.text
        assert app.view.table.has_focus
        assert [each.sql for each in load_history()][-1].startswith("select value->>'$.status'")


async def test_the_plan_comes_before_anything_is_read(live):
    topic = await live.orders(90)

    async with live.open("sql", f"select value from {topic} where partition = 1 and offset >= 10") as app:
        await app.press("f6")
        await ran(app)
        assert "It would read 20 records" in app.text
        assert "1 of 3" in app.text
        assert "partition 1: 10 to 30" in app.text
        assert app.view.rows is None


async def test_what_would_read_very_much_is_asked_first(live, monkeypatch):
    monkeypatch.setattr(sql_view, "ASK_RECORDS", 50)
    topic = await live.orders(90)

    async with live.open("sql", f"select count(value) from {topic}") as app:
        await app.pilot.press("f5")
        await app.until_shown(QuestionDialog)
        assert "90 records" in app.text
        await app.pilot.press("escape")
        await ran(app)
        assert app.view.rows is None
        await app.pilot.press("f5")
        await app.until_shown(QuestionDialog)
        await app.pilot.press("ctrl+y")
        await ran(app)
        assert "1 row" in app.text


async def test_escape_ends_a_query_that_runs(live):
    async with live.open("sql", "select count(*) from range(100000) a, range(10000000) b where a.range * b.range % 7 = 3") as app:  # fmt: skip
        await app.pilot.press("f5")
        await app.reaches(lambda: app.view.running == "running" and "Waiting for the first row" in app.text)
        assert "Esc ends it" in app.text
        await app.pilot.press("escape")
        await ran(app)
        assert "ended by Esc after" in app.text
        assert "Ended: no row had come yet." in app.text
        assert "Waiting" not in app.text
        app.view.editor.load_text("select 42 answer")
        await app.press("f5")
        await ran(app)
        assert "42" in app.text


async def test_how_long_a_query_runs_is_told_while_it_does(live):
    async with live.open("sql", "select count(*) from range(100000) a, range(10000000) b where a.range * b.range % 7 = 3") as app:  # fmt: skip
        await app.pilot.press("f5")
        await app.reaches(lambda: app.view.running == "running")
        app.view._began -= 75
        await app.reaches(lambda: re.search(r"running … [12]m", app.text))
        await app.pilot.press("escape")
        await ran(app)
        assert re.search(r"ended by Esc after [12]m", app.text)
        app.view.editor.load_text("select 42 answer")
        await app.press("f5")
        await ran(app)
        assert "ended by" not in app.text


async def test_half_a_million_rows_scroll_sort_and_are_filtered(live):
    async with live.open("sql", "select range a, 'x' || range b from range(500000)") as app:
        await app.press("f5")
        await ran(app)
        assert "500,000 rows" in app.text
        await app.press("G")
        assert "499999" in app.text
        assert "row 500,000 of 500,000" in app.view.status()
        await app.press("O", "g")
        await app.until(lambda: app.view.model.row(0).cell(0) == 499_999)
        assert "x499999" in app.text
        await app.press("O", "g")
        await app.until(lambda: app.view.model.row(2).cell(1) == "x10")
        assert "x10000" in app.text
        await app.press("slash")
        await app.type("x7777")
        await app.press("enter")
        await app.until(lambda: len(app.view.model) == 11)
        await app.press("escape")
        await app.until(lambda: len(app.view.model) == 500_000)


async def test_many_rows_are_sorted_and_filtered_beside_the_keys_and_escape_ends_it(live, monkeypatch):
    goes_on, make = threading.Event(), ResultOrder.make
    monkeypatch.setattr(result_rows, "BESIDE_ROWS", 1_000)
    monkeypatch.setattr(ResultOrder, "make", lambda self: make(self) if goes_on.wait(60) else None)
    try:
        async with live.open("sql", "select range a, 'x' || range b from range(30000)") as app:
            await app.press("f5")
            await ran(app)
            await app.pilot.press("O")
            await app.reaches(lambda: "sorting 30,000 rows" in app.text and "Esc ends it" in app.text)
            await app.pilot.press("G")
            await app.reaches(lambda: "row 30,000 of 30,000" in app.text)
            await app.pilot.press("escape")
            await app.reaches(lambda: "sorting" not in app.text)
            assert app.view.model.sort is None
            assert app.view.model.row(0).cell(0) == 0

            app.view.set_filter("x7777")
            await app.reaches(lambda: "filtering 30,000 rows" in app.text)
            app.view.set_filter("x77")
            goes_on.set()
            await app.until(lambda: len(app.view.model) == 111)
            await app.press("escape")
            assert len(app.view.model) == 30_000
    finally:
        goes_on.set()


async def test_a_result_that_is_cut_says_so(live, monkeypatch):
    from console.sql.results import SqlLimits

    monkeypatch.setattr(sql_view, "LIMITS", SqlLimits(rows_max=10, page_rows=5))
    async with live.open("sql", "select * from range(11)") as app:
        await app.press("f5")
        await ran(app)
        assert "10 rows of more (rows limit)" in app.text


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * from nowhere", "there is no topic or table nowhere"),
        ("selec 1", "cannot be parsed"),
        ("select 1; select 2", "statement"),
        ("drop table orders", ""),
    ],
)
async def test_what_is_wrong_with_a_statement_is_said(live, sql, said):
    async with live.open("sql", sql) as app:
        await app.press("f5")
        await ran(app)
        assert app.view.has_class("page")
        assert said in app.text


async def test_enter_shows_a_row_in_full_and_c_copies_it(live):
    async with live.open("sql", "select 7 a, {'b': [1, 2]} s, null n, repeat('long ', 100) t, '\x1b[31m'  e") as app:
        await app.press("f5")
        await ran(app)
        assert "\\x1b[31m" in app.text
        await app.press("enter")
        text = app.text
        assert '{"b":[1,2]}' in text
        assert "NULL" in text
        assert text.count("long") > 90
        assert "\x1b" not in text
        await app.press("c", "escape")
        assert app.app.clipboard.splitlines()[0] == "7"
        await app.press("c")
        assert app.app.clipboard.startswith("7\t")


async def test_f2_goes_between_editor_and_result_and_escape_leaves(live):
    async with live.open() as app:
        await app.press("5")
        assert app.place == "sql"
        await app.type("select 1 one")
        await app.press("ctrl+j")
        await ran(app)
        assert app.view.table.has_focus
        await app.press("f2")
        assert app.view.editor.has_focus
        await app.press("escape")
        assert app.view.table.has_focus
        await app.press("minus")
        assert app.place == "topics"


async def test_f7_draws_lines_over_time_and_bars_over_names(live):
    topic = await live.orders(60)

    async with live.open("sql", f"select timestamp, offset from {topic} order by 1") as app:
        await app.press("f5")
        await ran(app)
        await app.press("f7")
        assert "━ offset" in app.text
        assert any("\u2800" < letter < "\u28ff" for letter in app.text)
        app.view.editor.load_text("select * from (values ('a', 2), ('b', 4))")
        await app.press("f5")
        await ran(app)
        await app.press("f7")
        lines = {line.split()[0]: line for line in app.text.splitlines() if line.split()[:1] in (["a"], ["b"])}
        assert lines["b"].count("█") > lines["a"].count("█") > 10
        await app.press("f7")
        assert not app.view.has_class("chart")


async def test_history_and_saved_statements_come_back_into_the_editor(live):
    async with live.open("sql", "select 1 one") as app:
        await app.press("f5")
        await ran(app)
        app.view.editor.load_text("select 2 two")
        await app.press("f5")
        await ran(app)
        await app.press("f8")
        await app.type("one")
        await app.press("enter")
        assert app.view.editor.text == "select 1 one"
        await app.press("f4")
        await app.type("first")
        await app.press("ctrl+y")
        assert load_saved()["first"].sql == "select 1 one"
        app.view.editor.load_text("")
        await app.press("f9", "enter")
        assert app.view.editor.text == "select 1 one"
        await app.press("f9", "ctrl+d", "escape")
        assert load_saved() == {}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "json"])
async def test_a_result_is_exported(live, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    async with live.open("sql", "select range n, 'v' || range v from range(3000)", directory=tmp_path) as app:
        await app.press("f5")
        await ran(app)
        await app.press("ctrl+s")
        app.app.focused.value = path.name
        await app.press("ctrl+y")
        await ran(app)
        assert "3,000 rows" in app.told[-1]

    if ending == "csv":
        with path.open() as file:
            assert sum(1 for _ in csv.reader(file)) == 3001
    elif ending == "parquet":
        assert pyarrow.parquet.read_table(path).num_rows == 3000
    elif ending == "jsonl":
        assert json.loads(path.read_text().splitlines()[-1]) == {"n": 2999, "v": "v2999"}
    else:
        assert len(json.loads(path.read_text())) == 3000


async def test_a_cut_result_is_exported_whole(live, tmp_path, monkeypatch):
    from console.sql.results import SqlLimits

    monkeypatch.setattr(sql_view, "LIMITS", SqlLimits(rows_max=10))
    async with live.open("sql", "select * from range(500)", directory=tmp_path) as app:
        await app.press("f5")
        await ran(app)
        await app.press("ctrl+s")
        assert "without a limit" in app.text
        app.app.focused.value = "out.csv"
        await app.press("ctrl+y")
        await ran(app)

    assert len((tmp_path / "out.csv").read_text().splitlines()) == 501


# results, purely


def test_rows_are_made_of_any_page_and_filtered_and_sorted_without_being_made():
    rows = rows_of(["BIGINT", "VARCHAR"], [(3, "c"), (1, None)], [(2, "B[x]")])
    model = ResultModel(rows.columns)
    model.set_rows(rows)

    assert [model.row(at).cell(0) for at in range(3)] == [3, 1, 2]
    model.sort_by(model.columns[0])
    assert [model.row(at).cell(0) for at in range(3)] == [3, 2, 1]
    model.sort_by(model.columns[1])
    assert [model.row(at).cell(1) for at in range(3)] == ["B[x]", "c", None]
    model.set_filter(r"b\[x")
    assert [model.row(at).number for at in range(len(model))] == [2]
    model.set_filter("!c")
    assert [model.row(at).number for at in range(len(model))] == [2, 1]
    model.set_filter("-f bx")
    assert [model.row(at).number for at in range(len(model))] == [2]
    model.set_filter("NULL")
    assert [model.row(at).number for at in range(len(model))] == [1]
    model.sort = None
    model.set_filter("")
    assert model.find(2) == 2
    assert model.find(3) is None


def test_values_are_texts_that_people_can_read():
    assert [value_text(each) for each in (None, True, 1.5, b"abc", b"\xff", [1, {"a": None}], "x")] == [
        "NULL", "true", "1.5", "abc", '{"base64":"/w=="}', '[1,{"a":null}]', "x",
    ]  # fmt: skip
    assert len(value_text("y" * 5_000)) == 2_000


def test_a_picture_needs_a_column_of_numbers():
    assert picture_of(None).note
    assert picture_of(rows_of(["VARCHAR"], [("a",)])).note
    lines = picture_of(rows_of(["BIGINT", "BIGINT"], [(2, 20), (1, None)]))
    assert lines.lines == (("c1", ((1.0, None), (2.0, 20.0))),)
    assert (lines.begin, lines.end) == ((1.0, "1"), (2.0, "2"))
