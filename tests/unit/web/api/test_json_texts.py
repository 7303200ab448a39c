"""Bodies of many JSON objects are cut where one ends, however the pieces come in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.api.errors import ApiError
from web.api.json_texts import JsonTexts

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[] \n\x1eé€', max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a"\\{}', max_size=5), inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.text('k"\\{}', max_size=5), values, max_size=5)


def cut(data, sizes, bytes_max=1_000_000):
    texts = JsonTexts(bytes_max)
    found, at = [], 0
    for size in [*sizes, len(data)]:
        found += texts.feed(data[at : at + size])
        at += size
    texts.finish()
    return found


@given(
    st.lists(objects, max_size=6),
    st.sampled_from(["", " ", "\n", "\r\n\t", "\x1e"]),
    st.lists(st.integers(0, 7), max_size=60),
    st.booleans(),
)
def test_each_object_comes_out_as_it_went_in(wanted, between, sizes, ascii_only):
    data = between.join(json.dumps(each, ensure_ascii=ascii_only) for each in wanted) + between
    found = cut(data.encode(), sizes)
    assert [json.loads(each) for each in found] == wanted


def test_a_text_is_given_as_soon_as_it_is_whole():
    texts = JsonTexts(100)
    assert list(texts.feed(b' {"a": "}')) == []
    assert list(texts.feed(b'\\"{"')) == []
    assert list(texts.feed(b'} {"b"')) == [b'{"a": "}\\"{"}']


@pytest.mark.parametrize("data", [b"[]", b"1", b'"{}"', b"{}x{}", b"}", b"{}, {}", b"\x00"])
def test_what_is_no_object_is_refused_where_it_stands(data):
    with pytest.raises(ApiError, match="not JSON objects"):
        cut(data, [])


@pytest.mark.parametrize("data", [b"{", b'{"a": "', b'{"a": "\\', b"{{}"])
def test_half_an_object_is_refused_at_the_end(data):
    with pytest.raises(ApiError, match="not whole"):
        cut(data, [])


def test_one_object_has_a_bound_and_all_of_them_together_have_none():
    small = b'{"a": 1}'
    assert len(cut(small * 1_000, [], bytes_max=10)) == 1_000
    for sizes in ([], [1] * 20):
        with pytest.raises(ApiError) as refused:
            cut(b'{"a": "0123456789"}', sizes, bytes_max=10)
        assert refused.value.status == 413
