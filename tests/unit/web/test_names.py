"""Names as parts of addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.names import name_of, part_of


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("orders", "orders"),
        ("my.topic_1-a", "my.topic_1-a"),
        ("orders.json", "orders~2Ejson"),
        ("orders.csv", "orders~2Ecsv"),
        ("orders.json.x", "orders.json.x"),
        ("a/b", "a~2Fb"),
        ("..", "~2E~2E"),
        (".", "~2E"),
        ("a b%20?#", "a~20b~2520~3F~23"),
        ("~", "~7E"),
        ("ü", "~C3~BC"),
    ],
)
def test_names_are_one_part_whatever_is_in_them(name, part):
    assert part_of(name) == part
    assert name_of(part) == name


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_name_comes_back_and_needs_no_further_escaping(name):
    part = part_of(name)
    assert name_of(part) == name
    assert part.isascii()
    assert not set(part) & set("/?#%&\\\"'<> ")
    assert part not in (".", "..")
    assert not part.endswith((".json", ".csv"))
