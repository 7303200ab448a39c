"""Conditions on keys, values and headers."""

import pytest

from console.errors import OperatorError
from console.records.filters import Condition, Match, Part, RecordFilter, parse_path
from console.records.model import ConsumedRecord
from engine.protocol.records.batch import TimestampType


def record(key=None, value=None, headers=()):
    return ConsumedRecord("t", 0, 0, 0, TimestampType.CREATE_TIME, key, value, list(headers))


def matches(condition, *args, **kwargs):
    """True, False, or None for undecodable."""
    matcher = RecordFilter((condition,)).matcher()
    selected = matcher.select([record(*args, **kwargs)])
    return None if matcher.undecodable else bool(selected)


@pytest.mark.parametrize("part", [Part.KEY, Part.VALUE, Part.HEADERS, Part.ANY])
def test_text_is_looked_for_where_it_is_told(part):
    condition = Condition(part, Match.CONTAINS, "needle")

    assert matches(condition, b"a needle") == (part in (Part.KEY, Part.ANY))
    assert matches(condition, None, b"a needle") == (part in (Part.VALUE, Part.ANY))
    assert matches(condition, None, None, [("h", b"needles")]) == (part in (Part.HEADERS, Part.ANY))
    assert matches(condition, None, None, [("needle", None)]) == (part in (Part.HEADERS, Part.ANY))


def test_a_header_is_named_and_its_value_compared():
    trace = Condition(Part.HEADERS, Match.EQUALS, "7", header="trace")

    assert matches(trace, headers=[("other", b"7"), ("trace", b"1"), ("trace", b"7")])
    assert not matches(trace, headers=[("other", b"7"), ("trace", b"77")])
    assert matches(Condition(Part.HEADERS, Match.PRESENT, header="trace"), headers=[("trace", None)])


def test_case_is_ignored_when_asked_beyond_ascii_too():
    assert not matches(Condition(Part.VALUE, Match.EQUALS, "MÜLLER"), None, "Müller".encode())
    assert matches(Condition(Part.VALUE, Match.EQUALS, "MÜLLER", ignore_case=True), None, "Müller".encode())
    assert not matches(Condition(Part.VALUE, Match.EQUALS, "a.c", ignore_case=True), None, b"ABC")


def test_negation_turns_the_answer_but_not_what_is_unknown():
    assert matches(Condition(Part.VALUE, Match.CONTAINS, "x", negate=True), None, b"y")
    assert matches(Condition(Part.VALUE, Match.JSON, "1", path="a", negate=True), None, b"{") is None


def test_no_expression_takes_more_than_linear_time():
    """Python's own re would take longer than the universe has been there, or at least than a test may."""
    condition = Condition(Part.VALUE, Match.REGEX, "(a+)+(b+)*$")

    assert not matches(condition, None, b"a" * 200_000 + b"!")


def test_expressions_are_compared_with_bytes_that_need_not_be_text():
    assert matches(Condition(Part.VALUE, Match.REGEX, "ü.x"), None, b"\xff\xfe" + "üÄx".encode() + b"\xff")


@pytest.mark.parametrize("text", ["(", "(?=look)", r"(a)\1", "a{1000}{1000}"])
def test_expressions_that_make_no_sense_to_re2_are_refused_with_the_reason(text):
    with pytest.raises(OperatorError, match="cannot read the expression"):
        RecordFilter((Condition(Part.ANY, Match.REGEX, text),)).matcher()


@pytest.mark.parametrize(
    ("path", "text", "value", "expected"),
    [
        ("$.a", "1", b'{"a":1}', True),
        ("a", "1", b'{"a":"1"}', True),
        ("a", "1", b'{"a":true}', False),
        ("a", "true", b'{"a":true}', True),
        ("a", "null", b'{"a":null}', True),
        ("a", "null", b"{}", False),
        ("a.b[1].c", "x", b'{"a":{"b":[0,{"c":"x"}]}}', True),
        ("['odd.name'][\"x y\"]", "2", b'{"odd.name":{"x y":2}}', True),
        ("a", "9007199254740993", b'{"a":9007199254740993}', True),
        ("a", "9007199254740993", b'{"a":9007199254740992}', False),
        ("a", '{"b":[1]}', b'{"a": {"b": [1]}}', True),
        ("$", "7", b"7", True),
        ("a", "1", b"\xff", None),
        ("a", "1", b"", None),
    ],
)
def test_json_paths_lead_to_values_that_are_compared_as_json(path, text, value, expected):
    assert matches(Condition(Part.VALUE, Match.JSON, text, path=path), None, value) is expected


@pytest.mark.parametrize("text", ["a[", "a[x]", "a..b", "['a]"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(OperatorError, match="cannot read the path"):
        parse_path(text)


def test_filters_survive_the_way_through_json():
    import json

    chosen = RecordFilter(
        (Condition(Part.ANY, Match.REGEX, "x", ignore_case=True), Condition(Part.VALUE, Match.JSON, "1", path="a"))
    ).with_key(b"\xff\x00")

    assert RecordFilter.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen
    assert chosen.matcher().select([record(b"\xff\x00", b'{"a":1,"b":"X"}')])


@pytest.mark.parametrize(
    "text",
    ["alice|bob", "a|", "|", "a.c", r"a\.c", "[a-c]x", "[ab]|d", "^a", "c$", "a b", '{"n":1', r"\{x\}", "ab?", "ü"],
)
@pytest.mark.parametrize(
    "value", [b"alice", b"a.c", b"abc", b"bx", b"d", b"a b\n", "ü".encode(), b'{"n":1}', b"{x}", b""]
)
def test_short_cuts_find_what_re2_finds(text, value):
    import re2

    assert matches(Condition(Part.VALUE, Match.REGEX, text), None, value) == bool(re2.search(text, value))
