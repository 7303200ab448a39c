"""Addresses of the records' pages: what they say, and the one address for what a form says."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest
from starlette.requests import Request

from web.ask import Ask
from web.pages.records.asked import added_filter, canonical, read_asked
from web.pages.records.produce import _headers_text, form_of, read_headers
from web.pages.records.record import hex_lines


def ask(query, topic="orders"):
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/topics/{topic}/records",
        "raw_path": f"/topics/{topic}/records".encode(),
        "query_string": query.encode(),
        "headers": [],
        "path_params": {"topic": topic},
    }
    return Ask(Request(scope))


def test_an_empty_address_asks_for_the_newest_of_everything():
    asked = read_asked(ask(""))
    assert (asked.start, asked.partitions, asked.filters, asked.query()) == ("end", (), (), {})


def test_what_an_address_says_comes_back_in_the_addresses_of_other_pages():
    query = "start=oldest&partition=2,0&partition=1&key=k&filter=any~a&filter=!key%3Db&committed=1&markers=1"
    asked = read_asked(ask(query))
    assert asked.start == "beginning"
    assert asked.partitions == (0, 1, 2)
    assert asked.query() == {
        "start": "oldest",
        "partition": "0,1,2",
        "key": "k",
        "filter": ["any~a", "!key=b"],
        "committed": "1",
        "markers": "1",
    }


@pytest.mark.parametrize("text", ["-1", "one", "99999999999", "٣", "0x1"])
def test_a_partition_that_is_no_number_stands_there_as_it_was_typed_with_what_is_wrong(text):
    asked = read_asked(ask(f"partition={quote(text)}"))
    assert asked.partition_text == text
    assert text in asked.wrong["partition"]


def test_a_place_that_makes_no_sense_is_told_at_its_field():
    asked = read_asked(ask("start=banana"))
    assert asked.start_word == "banana"
    assert "'banana' is no place" in asked.wrong["start"]
    for word in ("newest", "oldest", "-10", "120", "5m", "2026-05-01T12:00", "@5", ""):
        assert read_asked(ask(f"start={word}")).wrong == {}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ("add_part=any&add_match=contains&add_text=error", "any~error"),
        ("add_part=key&add_match=equals&add_text=42", "key=42"),
        ("add_part=value&add_match=-regex&add_text=^a", "!value~~^a"),
        ("add_part=value&add_match=icontains&add_text=a.b", r"value~~(?i)a\.b"),
        ("add_part=header&add_name=trace&add_match=present", "header:trace?"),
        ("add_part=header&add_match=contains&add_text=x", "headers~x"),
        ("add_part=json&add_name=order.id&add_match=contains&add_text=7", "$.order.id=7"),
        ("add_part=json&add_name=$.a[0]&add_match=-equals&add_text=7", "!$.a[0]=7"),
        ("add_part=any&add_match=contains&add_text=", None),
        ("", None),
    ],
)
def test_the_fields_of_the_form_become_a_word(fields, word):
    assert added_filter(ask(fields)) == word


def test_a_form_is_sent_to_the_address_without_its_empty_fields():
    better = canonical(
        ask("start=&partition=1&key=&filter=any~a&add_part=key&add_match=equals&add_text=b&cursor=n,t:0:1")
    )
    found = urlsplit(better)
    assert found.path == "/topics/orders/records"
    assert parse_qs(found.query) == {"partition": ["1"], "filter": ["any~a", "key=b"]}
    assert canonical(ask(found.query)) is None


def test_headers_are_a_line_each_and_survive_the_way_to_the_form_and_back():
    headers = [
        ("trace", b"abc"),
        ("empty", b""),
        ("null", None),
        ("raw", b"\xff\x00"),
        ("lines", b"a\nb"),
        ("colon", b"a: b"),
    ]
    errors = {}
    assert read_headers(_headers_text(headers), errors) == headers
    assert not errors


def test_what_is_wrong_with_headers_is_said_with_its_line():
    errors = {}
    read_headers("fine: x\n: nameless", errors)
    assert errors == {"headers": "Line 2 has no name before the colon."}
    read_headers("a: base64:***", errors)
    assert errors == {"headers": "Line 1 is not base64."}


def test_a_record_that_text_cannot_carry_is_base64_in_the_form():
    from console.records.model import ConsumedRecord
    from engine.protocol.records.batch import TimestampType

    made = ConsumedRecord("t", 0, 1, 0, TimestampType.CREATE_TIME, b"\xff", b"a\r\nb", [])
    values = form_of(made, "0-1")
    assert (values["key"], values["key_encoding"]) == ("/w==", "base64")
    assert (values["value"], values["value_encoding"]) == ("YQ0KYg==", "base64")
    assert form_of(made._replace(value=None, key=None), "0-1") == {"headers": "", "no_key": "on", "no_value": "on"}
    assert form_of(made._replace(value=b"x" * 600_000), "0-1")["value_of"] == "0-1"


def test_bytes_are_sixteen_a_line_with_their_text():
    assert hex_lines(b"A" * 16 + b"\n").splitlines() == [
        "00000000  " + " ".join(["41"] * 16) + "  " + "A" * 16,
        "00000010  0a" + " " * 45 + "  .",
    ]
