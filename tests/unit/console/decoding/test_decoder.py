"""The choice of a format and its reason, what is shown of what cannot be decoded, and columns."""

import base64
import json
import struct
import subprocess
import sys
import uuid

import pytest

from console.decoding.decoder import RecordDecoder, decoder_for
from console.decoding.model import DECODED_BYTES_MAX, TEXT_CHARACTERS_MAX, Part
from console.decoding.rules import Rules, Wanted, parse_rules, parse_wanted
from console.errors import OperatorError


def auto(data, part=Part.VALUE, **more):
    return RecordDecoder().decode("t", part, data, **more)


def forced(name, data, **more):
    return RecordDecoder(Rules(parse_wanted(name))).decode("t", Part.VALUE, data, **more)


@pytest.mark.parametrize(
    ("data", "name", "value"),
    [
        (None, "null", None),
        (b"", "empty", ""),
        (b"order-17", "utf-8", "order-17"),
        (b"007", "utf-8", "007"),
        (b' {"id": 9007199254740993}', "json", {"id": 9007199254740993}),
        (b'"text"', "json", "text"),
        (b"{not json}", "utf-8", "{not json}"),
        (b"\x00\x07", "int16", 7),
        (b"\x00\x00\x00\x05", "int32", 5),
        (b"\xff\xff\xff\xfb", "int32", -5),
        (struct.pack(">q", 1_700_000_000_000), "int64", 1_700_000_000_000),
        (struct.pack(">d", 3.25), "double", 3.25),
        (uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8").bytes, "uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        (b"\x82\xa1a\x01\xa1b\xc0", "msgpack", {"a": 1, "b": None}),
        (bytes.fromhex("a26161016162820203"), "cbor", {"a": 1, "b": [2, 3]}),
        (b"\x1b[31mred", "utf-8", "\x1b[31mred"),
        (b"\xff\xfe\xfd", "bytes", base64.b64encode(b"\xff\xfe\xfd").decode()),
    ],
)
def test_the_format_is_chosen_by_how_the_bytes_look_and_the_reason_is_told(data, name, value):
    decoded = auto(data)
    assert (decoded.format, decoded.value) == (name, value)
    assert decoded.reason
    assert decoded.error is None
    assert decoded.size_bytes == len(data or b"")


def test_sixteen_bytes_are_a_uuid_as_a_key_only():
    data = b"\xfe" * 16
    assert auto(data, Part.KEY).format == "uuid"
    assert auto(data, Part.VALUE).format == "bytes"


def test_what_cannot_be_decoded_as_asked_is_its_bytes_with_the_error():
    decoded = forced("int64", b"abc\xff\n")
    assert decoded.format == "bytes"
    assert decoded.error == "int64 has 8 bytes, not 5"
    assert decoded.text == "abc\\xff\\n"
    assert base64.b64decode(decoded.value) == b"abc\xff\n"


def test_mostly_binary_bytes_are_shown_in_hexadecimal():
    assert forced("bytes", bytes(range(250, 256)) * 2).text == "fafbfcfdfefffafbfcfdfeff"


@pytest.mark.parametrize(
    "data", [b"\x1b]0;title\x07", "a\u202eb".encode(), b'{"a": "\xc2\x9b31m"}', b"\r\n\x00", "\U000e0041".encode()]
)
def test_no_text_reaches_the_screen_raw(data):
    for decoded in (auto(data), forced("utf-8", data), forced("json", data), forced("bytes", data)):
        assert decoded.text.isprintable()


def test_a_large_value_is_shown_by_its_beginning_until_the_whole_is_asked_for():
    data = b'{"a": "' + b"x" * DECODED_BYTES_MAX + b'"}'
    decoded = auto(data)
    assert decoded.is_preview
    assert decoded.value is None
    assert decoded.size_bytes == len(data)
    assert len(decoded.text) <= TEXT_CHARACTERS_MAX + 1
    whole = auto(data, whole=True)
    assert not whole.is_preview
    assert whole.value == json.loads(data)
    assert whole.text == data.decode()


def test_a_preview_does_not_cut_a_character_in_two_and_stays_short_when_written_out():
    assert "\\x" not in auto("ż".encode() * DECODED_BYTES_MAX).text
    assert "\\x" not in auto("€".encode() * DECODED_BYTES_MAX).text
    assert "\\x" not in auto(b"a" + "😀".encode() * DECODED_BYTES_MAX).text
    noise = auto(b"ab\x01" * 3_000)
    assert noise.is_preview
    assert len(noise.text) <= TEXT_CHARACTERS_MAX + 1
    assert len(auto(b"x" * 10_000).text) == TEXT_CHARACTERS_MAX + 1
    assert auto(b"x" * 10_000).value == "x" * 10_000


def test_ten_thousand_headers_are_no_trouble():
    headers = [(f"h{number}", b"x") for number in range(10_000)]
    assert auto(b"x", headers=headers).value == "x"


def test_for_json_output_there_is_no_more_than_there_is_to_say():
    assert auto(b"x").to_json() == {"value": "x", "format": "utf-8", "reason": "valid UTF-8"}
    assert forced("int16", b"x").to_json()["error"] == "int16 has 2 bytes, not 1"
    large = auto(b"x" * (DECODED_BYTES_MAX + 1)).to_json()
    assert (large["value"], large["size_bytes"], large["preview"][:2]) == (None, DECODED_BYTES_MAX + 1, "xx")


def test_rules_are_read_as_operators_write_them():
    assert parse_wanted("json") == Wanted("auto", "json")
    assert parse_wanted("key=int64") == Wanted("int64", "auto")
    assert parse_wanted("JSON, key=long") == Wanted("int64", "json")
    for wrong in ("jsn", "json,hex", "header=json", "key=json,key=hex", ""):
        with pytest.raises(OperatorError) as failed:
            parse_wanted(wrong)
        assert failed.value.hint


def test_a_topics_own_rule_goes_before_patterns_and_the_longest_pattern_before_shorter_ones():
    rules = parse_rules({"orders-*": "json", "orders-eu-*": "cbor", "orders-1": "key=int64"}, "hex")
    assert rules.of("orders-1") == Wanted("int64", "auto")
    assert rules.of("orders-eu-1").value == "cbor"
    assert rules.of("orders-2").value == "json"
    assert rules.of("other").value == "hex"


def test_a_column_of_one_format_is_decoded_by_it_and_strays_are_told():
    decoder = decoder_for("t", Part.VALUE, [b'{"a": 1}', None, b'{"a": 2}'])
    assert decoder.format == "json"
    assert decoder.reason == "all of 2 samples"
    values, errors = decoder.column([b'{"a": 9007199254740993}', None, b"\xff{", b"[]"])
    assert values == [{"a": 9007199254740993}, None, "\\xff{", []]
    assert list(errors) == [2]


def test_a_column_of_several_formats_takes_what_they_have_in_common():
    assert decoder_for("t", Part.VALUE, [b"x", b"[1]"]).format == "utf-8"
    mixed = decoder_for("t", Part.KEY, [b"x", b"\x00\x00\x00\x01"])
    assert mixed.format == "auto"
    assert mixed.column([b"y", b"\x00\x00\x00\x02", b"", b"\xff\xfe\xfd"]) == (["y", 2, "", "fffefd"], {})
    assert decoder_for("t", Part.KEY, [None, b""]).format == "utf-8"
    assert decoder_for("t", Part.KEY, [], Rules(Wanted("uuid"))).format == "uuid"


def test_decoding_without_a_registry_loads_none_of_its_libraries():
    heavy = "{'fastavro', 'google', 'http', 'ssl', 'pyarrow', 'duckdb'}"
    script = (
        f"import console.decoding.decoder, sys; print({heavy} & {{each.partition('.')[0] for each in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
