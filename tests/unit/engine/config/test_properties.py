"""Java .properties text (java.util.Properties)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.properties import format_properties, parse_properties
from engine.errors import ConfigError


def test_separators_comments_and_blanks_are_read_as_java_reads_them() -> None:
    text = "# a comment\n! another\n\n  node.id = 1\nprocess.roles:broker\nlistener.names   A , B  \nempty\nequals==\n"

    assert parse_properties(text) == {
        "node.id": "1",
        "process.roles": "broker",
        "listener.names": "A , B  ",
        "empty": "",
        "equals": "=",
    }


def test_a_line_ending_in_a_backslash_goes_on_in_the_next() -> None:
    assert parse_properties("voters=1@a:1,\\\n    2@b:2\nlast=\\\\\nnext=1") == {
        "voters": "1@a:1,2@b:2",
        "last": "\\",
        "next": "1",
    }


def test_a_hash_within_a_continuation_is_no_comment() -> None:
    assert parse_properties("a=1\\\n#2") == {"a": "1#2"}


def test_escapes_are_undone_in_keys_and_values() -> None:
    assert parse_properties("a\\ key\\=x=tab\\tnewline\\nletter\\q\\u00e4\\ud83d\\ude00") == {
        "a key=x": "tab\tnewline\nletterqä\U0001f600"
    }


def test_each_property_knows_the_line_it_began_on() -> None:
    properties = parse_properties("# one\na=1\\\n  2\nb=3\r\nc=4", "server.properties")

    assert properties.lines == {"a": 2, "b": 4, "c": 5}
    assert properties.place("b") == "server.properties line 4"


def test_the_last_of_two_equal_keys_counts() -> None:
    properties = parse_properties("a=1\na=2")

    assert properties == {"a": "2"}
    assert properties.lines["a"] == 2


def test_a_broken_unicode_escape_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"f line 2: malformed .*\\u12"):
        parse_properties("a=1\nb=\\u12", "f")


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))))
def test_what_is_written_is_read_back(values: dict[str, str]) -> None:
    assert parse_properties(format_properties(values, "by us\nand nobody else")) == values
