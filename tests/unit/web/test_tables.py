"""Tables: filter, order, window, and cells of CSV files."""

import pytest

from web.tables import Column, Table, TableState, csv_cell, parse_filter

COLUMNS = (
    Column("name", "Name", "mono"),
    Column("size_bytes", "Size", "bytes"),
    Column("is_internal", "Internal", "flag"),
)
ROWS = [
    {"name": "orders-10", "size_bytes": 5, "is_internal": False},
    {"name": "orders-9", "size_bytes": None, "is_internal": False},
    {"name": "__offsets", "size_bytes": 2_000_000, "is_internal": True},
    {"name": "two words", "size_bytes": 5, "is_internal": False},
]


def table(**options):
    return Table(COLUMNS, ROWS, key="name", sort="name", **options)


def names(arranged):
    return [row["name"] for row in arranged.rows]


def kept(text):
    test = parse_filter(text, COLUMNS)
    return [row["name"] for row in ROWS if test(row)]


def test_numbers_within_names_count_as_numbers():
    assert names(table().arranged(TableState()))[:3] == ["__offsets", "orders-9", "orders-10"]


def test_what_is_not_known_comes_last_in_either_order():
    assert names(table().arranged(TableState(sort="size_bytes")))[-1] == "orders-9"
    assert names(table().arranged(TableState(sort="size_bytes", descending=True)))[-1] == "orders-9"


def test_equal_rows_keep_the_tables_own_order():
    assert names(table().arranged(TableState(sort="size_bytes")))[:2] == ["orders-10", "two words"]


def test_a_column_that_is_none_means_the_tables_own_order():
    assert table().arranged(TableState(sort="nothing")).state.sort == "name"


def test_the_window_is_cut_after_counting():
    arranged = table().arranged(TableState(filter="o", start=1, count=1))
    assert (arranged.total, arranged.matching, len(arranged.rows)) == (4, 4, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ORDERS", ["orders-10", "orders-9"]),
        ("orders !9", ["orders-10"]),
        ('"two words"', ["two words"]),
        ("name:off", ["__offsets"]),
        ("name=orders-9", ["orders-9"]),
        ("size_bytes>=5", ["orders-10", "__offsets", "two words"]),
        ("size_bytes>1m", ["__offsets"]),
        ("size_bytes<1KiB", ["orders-10", "two words"]),
        ("is_internal=yes", ["__offsets"]),
        ("a:b", []),
        ("", ["orders-10", "orders-9", "__offsets", "two words"]),
    ],
)
def test_filters(text, expected):
    assert kept(text) == expected


@pytest.mark.parametrize("text", ["size_bytes>many", "nothing>5"])
def test_words_that_make_no_sense_are_named_and_nothing_is_hidden(text):
    arranged = table().arranged(TableState(filter=text))
    assert arranged.problem
    assert len(arranged.rows) == 4


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "=cmd|' /C calc'!A0"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(text):
    cell = csv_cell(text)
    assert not str(cell).lstrip().startswith(("=", "+", "-", "@"))


def test_numbers_stay_numbers_in_csv():
    assert csv_cell(-5) == -5
    assert csv_cell(None) is None
    assert csv_cell("orders") == "orders"


OPTIONAL = (
    Column("name", "Name", "mono"),
    Column("rack", "Rack", "mono", optional=True),
    Column("errors", "Errors", "list", optional=True),
    Column("type", "Type", on_page=False),
)


def shown(rows, text=""):
    arranged = Table(OPTIONAL, rows, key="name").arranged(TableState(text))
    return [each.name for each in arranged.shown]


def test_an_optional_column_is_on_the_page_only_where_a_row_has_something_in_it():
    assert shown([{"name": "1", "rack": None, "errors": [], "type": "x"}]) == ["name"]
    assert shown([{"name": "1", "rack": "", "errors": ["gone"], "type": "x"}]) == ["name", "errors"]


def test_headings_do_not_come_and_go_while_one_filters():
    rows = [{"name": "one", "rack": "a"}, {"name": "two", "rack": None}]
    assert shown(rows, "two") == shown(rows) == ["name", "rack"]


def test_json_and_csv_have_every_column():
    table = Table(OPTIONAL, [{"name": "1", "rack": None, "errors": [], "type": "x"}], key="name")
    assert [each.name for each in table.arranged(TableState()).columns] == ["name", "rack", "errors", "type"]


def test_nouns_have_their_own_plural_where_an_s_will_not_do():
    table = Table(COLUMNS, ROWS, key="name", noun="property", nouns="properties")
    assert [table.counted(1), table.counted(2_000)] == ["1 property", "2,000 properties"]
    assert Table(COLUMNS, ROWS, key="name", noun="topic").counted(3) == "3 topics"
