"""Rows, order, filter and marks, without a picture."""

import random

import pytest

from console.errors import OperatorError
from tui.views.words import number_tail
from tui.widgets.table_filter import matcher
from tui.widgets.table_model import Column, Sort, TableModel, layout_widths

COLUMNS = (
    Column("name", "NAME", lambda row: row[0], letter="N"),
    Column("lag", "LAG", lambda row: row[1], right=True, letter="L"),
)


def model(*rows, **options):
    found = TableModel(COLUMNS, lambda row: row[0], **options)
    found.set_rows(rows)
    return found


def names(found):
    return [found.row(at)[0] for at in range(len(found))]


def test_numbers_are_sorted_from_the_greatest_and_what_is_not_known_comes_last_both_ways():
    found = model(("a", 1), ("b", None), ("c", 3))
    found.sort_by(COLUMNS[1])
    assert names(found) == ["c", "a", "b"]
    found.sort_by(COLUMNS[1])
    assert names(found) == ["a", "c", "b"]


def test_ties_keep_the_order_of_the_rows_both_ways():
    found = model(("x", 1), ("y", 1), ("z", 2), sort=Sort("lag", True))
    assert names(found) == ["z", "x", "y"]
    found.sort_by(COLUMNS[1])
    assert names(found) == ["x", "y", "z"]


def test_without_order_and_filter_no_row_is_looked_at():
    class Rows:
        def __len__(self):
            return 10**9

        def __getitem__(self, index):
            raise AssertionError(index)

    found = TableModel(COLUMNS, lambda row: row[0])
    found.set_rows(Rows())
    assert len(found) == 10**9


def test_marks_of_rows_that_are_gone_go_with_them():
    found = model(("a", 1), ("b", 2))
    found.toggle_mark(0)
    found.toggle_mark(1)
    found.set_rows([("b", 5)])
    assert list(found.marked) == ["b"]
    assert found.chosen(0) == [("b", 5)]


def test_marked_rows_that_are_filtered_out_are_not_acted_on():
    found = model(("orders", 1), ("payments", 2))
    found.toggle_mark(0)
    found.toggle_mark(1)
    found.set_filter("pay")
    assert found.chosen(0) == [("payments", 2)]


def test_a_row_is_found_by_its_key_wherever_it_went():
    rows = [(str(number), number) for number in range(100)]
    found = model(*rows)
    random.Random(7).shuffle(rows)
    found.set_rows(rows)
    assert found.row(found.find("42", near=3))[0] == "42"
    assert found.find("not there") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("or", ["orders", "ORDERS"]),
        ("OR", ["ORDERS"]),
        ("^p.*s$", ["payments"]),
        ("!or", ["payments"]),
        ("-f pmt", ["payments"]),
        ("-f ods", ["orders", "ORDERS"]),
        ("/pay", ["payments"]),
        ("  ", ["orders", "payments", "ORDERS"]),
        ("!", []),
    ],
)
def test_what_the_filter_keeps(text, kept):
    found = matcher(text)
    assert [row for row in ("orders", "payments", "ORDERS") if found is None or found(row)] == kept


def test_an_expression_that_would_take_for_ever_takes_no_longer():
    assert matcher("(a+)+$")("a" * 50_000 + "!") is False


def test_a_bad_expression_says_what_is_wrong_with_it():
    with pytest.raises(OperatorError, match=r"/a\(: missing"):
        matcher("a(")


def test_gaps_grow_with_the_room_but_not_without_end():
    assert layout_widths([5, 5, 5], [True, False, False], 19) == ([5, 5, 5], 2)
    assert layout_widths([5, 5, 5], [True, False, False], 21) == ([5, 5, 5], 3)
    assert layout_widths([5, 5, 5], [True, False, False], 500) == ([5, 5, 5], 5)


def test_flexible_columns_give_way_the_widest_first_and_others_do_not():
    assert layout_widths([30, 20, 5], [True, True, False], 50) == ([21, 20, 5], 2)
    assert layout_widths([30, 20, 5], [True, True, False], 25) == ([8, 8, 5], 2)


def test_where_one_has_to_scroll_anyway_flexible_columns_stay_readable():
    assert layout_widths([30, 20, 5], [True, True, False], 20) == ([24, 20, 5], 2)


def test_a_name_that_is_cut_keeps_what_tells_it_from_others():
    column = Column("partition", "PARTITION", lambda row: row, tail=number_tail)
    found = TableModel((column,), lambda row: row)
    assert [found.cell_fitted(column, "__consumer_offsets-12", width) for width in (24, 16, 8, 4)] == [
        "__consumer_offsets-12   ",
        "__consumer_o…-12",
        "__co…-12",
        "__c…",
    ]
