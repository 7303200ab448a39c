"""Records as JSON and by format strings."""

import pytest

from console.errors import OperatorError
from console.records.format_string import compile_format
from console.records.json_form import record_from_json, record_to_json
from console.records.model import ConsumedRecord
from engine.protocol.records.batch import TimestampType


def consumed(key=b"k", value=b"v", headers=()):
    return ConsumedRecord("orders", 2, 7, 1_700_000_000_000, TimestampType.CREATE_TIME, key, value, list(headers))


def test_a_record_survives_the_way_to_json_and_back():
    import json

    record = consumed(b"\xff\x00", None, [("h", b"1"), ("h", None), ("b", b"\xfe")])

    back = record_from_json(json.dumps(record_to_json(record)))

    assert (back.key, back.value, back.headers) == (record.key, record.value, record.headers)
    assert (back.partition, back.timestamp) == (2, 1_700_000_000_000)


def test_values_of_any_json_are_sent_as_their_text():
    record = record_from_json('{"key": 9007199254740993, "value": {"a": [1, null], "ü": "x"}, "headers": {"n": 5}}')

    assert record.key == b"9007199254740993"
    assert record.value == '{"a":[1,null],"ü":"x"}'.encode()
    assert record.headers == [("n", b"5")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"vaule": 1}', "unknown key 'vaule'"),
        ('{"partition": "1"}', "partition is not a whole number"),
        ('{"value": "%%", "value_encoding": "base64"}', "value is not base64"),
        ('{"value": "x", "value_encoding": "rot13"}', "unknown encoding 'rot13'"),
        ('{"headers": [1]}', "headers are neither"),
    ],
)
def test_what_is_wrong_with_an_object_is_named(text, said):
    with pytest.raises(OperatorError, match=said):
        record_from_json(text)


def test_format_letters_are_kcats():
    write = compile_format(r"%t [%p] at %o: %k=%v (%s) %h %T %K/%S 100%% \x41\t")

    assert write(consumed(headers=[("a", b"1"), ("b", None)])) == (
        b"orders [2] at 7: k=v (v) a=1,b= 1700000000000 1/1 100% A\t\n"
    )


def test_nulls_have_size_minus_one():
    assert compile_format("%K %S")(consumed(None, None)) == b"-1 -1\n"


def test_a_line_break_is_added_unless_the_format_ends_its_lines_itself():
    assert compile_format("%v")(consumed()) == b"v\n"
    assert compile_format(r"%v\n")(consumed()) == b"v\n"
    assert compile_format(r"%v\0")(consumed()) == b"v\0"


@pytest.mark.parametrize("text", ["%x", "%", r"\q"])
def test_letters_that_mean_nothing_are_refused(text):
    with pytest.raises(OperatorError, match="means nothing"):
        compile_format(text)
