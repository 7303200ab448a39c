"""Every format: what it makes of its bytes, and that it refuses others in words."""

import json
import math
import random
import re
import struct
import uuid

import msgspec
import pytest

from console.decoding.cbor import cbor_value
from console.decoding.formats import FORMATS
from console.decoding.json_values import json_value, json_with_notes
from console.decoding.model import DEPTH_MAX, DecodeFailure


def decode(name, data):
    return FORMATS[name][0](data)


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("utf-8", "zażółć".encode(), "zażółć"),
        ("int16", b"\xff\xfe", -2),
        ("int32", b"\x00\x00\x01\x00", 256),
        ("int64", struct.pack(">q", -(2**63)), -(2**63)),
        ("float", struct.pack(">f", 1.5), 1.5),
        ("double", struct.pack(">d", -0.1), -0.1),
        ("double", struct.pack(">d", math.nan), "NaN"),
        ("double", struct.pack(">d", -math.inf), "-Infinity"),
        ("uuid", uuid.UUID(int=5).bytes, "00000000-0000-0000-0000-000000000005"),
        ("uuid", b"6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("hex", b"\x00\xab", "00ab"),
        ("base64", b"\x00\xab", "AKs="),
        ("json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("msgpack", msgspec.msgpack.encode({"a": [1, b"x", 2**63]}), {"a": [1, {"base64": "eA=="}, 2**63]}),
        ("msgpack", b"\x82\x01\xa1x\xa11\xa1y", [[1, "x"], ["1", "y"]]),
        ("msgpack", b"\x81\x91\x01\x02", [[[1], 2]]),
        ("msgpack", b"\xd4\x05\xff", {"type": 5, "base64": "/w=="}),
        ("msgpack", b"\xd6\xff\x00\x00\x00\x01", "1970-01-01T00:00:01+00:00"),
        ("cbor", bytes.fromhex("a26161016162820203"), {"a": 1, "b": [2, 3]}),
    ],
)
def test_a_value_is_what_its_bytes_say(name, data, value):
    assert decode(name, data) == value
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("utf-8", b"ab\xff", "no UTF-8: byte 0xff at 2"),
        ("int16", b"\x00", "int16 has 2 bytes, not 1"),
        ("int64", b"\x00" * 9, "int64 has 8 bytes, not 9"),
        ("uuid", b"x" * 15, "16 bytes"),
        ("uuid", b"x" * 36, "no UUID"),
        ("json", b'{"a": ', "not JSON"),
        ("json", b"\xff", "not JSON: no UTF-8 at byte 0"),
        ("json", b"1 2", "not JSON"),
        ("msgpack", b"\x92\x01", "not MessagePack"),
        ("msgpack", b"\x01\x02", "not MessagePack"),
        ("msgpack", b"\xdd\xff\xff\xff\xff", "not MessagePack"),
        ("msgpack", b"\x91" * 100_000, "too deep"),
        ("cbor", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "not CBOR: it ends too early"),
        ("cbor", b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "not CBOR: it ends too early"),
        ("cbor", b"\x81" * 100_000, f"deeper than {DEPTH_MAX}"),
        ("cbor", b"\xc1" * 100_000, f"deeper than {DEPTH_MAX}"),
        ("cbor", b"\x01\x01", "1 bytes follow"),
        ("cbor", b"\xff", "an end where nothing was begun"),
        ("cbor", b"\x61\xff", "no UTF-8"),
        ("cbor", b"", "too early"),
    ],
)
def test_other_bytes_are_refused_in_words(name, data, reason):
    with pytest.raises(DecodeFailure, match=re.escape(reason)):
        decode(name, data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        # RFC 8949, appendix A.
        ("00", 0),
        ("1bffffffffffffffff", 18446744073709551615),
        ("c249010000000000000000", 18446744073709551616),
        ("3bffffffffffffffff", -18446744073709551616),
        ("c349010000000000000000", -18446744073709551617),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("f90001", 5.960464477539063e-8),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("f97c00", "Infinity"),
        ("fa7fc00000", "NaN"),
        ("f4", False),
        ("f6", None),
        ("f7", None),
        ("f0", {"simple": 16}),
        ("f8ff", {"simple": 255}),
        ("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
        ("c11a514b67b0", {"tag": 1, "value": 1363896240}),
        ("d74401020304", {"tag": 23, "value": {"base64": "AQIDBA=="}}),
        ("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "http://www.example.com"),
        ("62c3bc", "ü"),
        ("a201020304", {"1": 2, "3": 4}),
        ("826161a161626163", ["a", {"b": "c"}]),
        ("5f42010243030405ff", {"base64": "AQIDBAU="}),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("d9d9f783010203", [1, 2, 3]),
    ],
)
def test_cbor_reads_the_examples_of_its_rfc(data, value):
    assert cbor_value(bytes.fromhex(data)) == value


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64 + 1, -(2**63) - 1, 10**300 + 7])
def test_integers_of_any_size_survive_json(number):
    assert json_value(b'{"n": %d}' % number) == {"n": number}
    assert json_with_notes(b"[%d]" % number)[0] == [number]


def test_an_integer_beyond_what_python_converts_stays_text():
    value, notes = json_with_notes(b"[" + b"7" * 5_000 + b"]")
    assert value == ["7" * 5_000]
    assert "thousands of digits" in notes[0]
    assert json_value(b"[" + b"7" * 5_000 + b"]") == value


def test_what_readers_of_json_disagree_about_is_told():
    value, notes = json_with_notes(b'\xef\xbb\xbf{"a": 1, "b": NaN, "a": [1e999, "\\ud800"]}')
    assert value == {"a": ["1e999", "\\ud800"], "b": "NaN"}
    assert notes[0] == "duplicate keys (a), the last counts"
    assert any("NaN" in note for note in notes)
    assert any("byte order mark" in note for note in notes)
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize("data", [b"[" * 150 + b"]" * 150, b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300])
def test_json_nested_too_deep_is_refused(data):
    with pytest.raises(DecodeFailure):
        json_value(data)
    with pytest.raises(DecodeFailure):
        json_with_notes(data)


def test_wide_json_is_not_deep():
    assert len(json_value(b"[" + b",".join([b"[[]]"] * 500) + b"]")) == 500


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_random_bytes_are_decoded_or_refused(name):
    chance = random.Random(7)
    for _ in range(2_000):
        data = chance.randbytes(chance.randrange(1, 40))
        try:
            value = decode(name, data)
        except DecodeFailure:
            continue
        json.dumps(value, allow_nan=False).encode()
