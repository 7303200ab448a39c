"""What the faces show of records, what filters see of them, and what is written to files, with a decoder."""

import csv
import importlib.util
import io
import json
from pathlib import Path

import pytest

from console.commands.record_printers import record_printer
from console.contexts import Context
from console.decoding.configured import configured_decoder
from console.decoding.formats import encode_word
from console.decoding.rules import Rules, Wanted, parse_rules, rules_with
from console.errors import OperatorError
from console.records.decoded import HEADERS_MAX, show_records
from console.records.exporting import export_records, record_writer
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.importing import ImportOptions, read_json_lines
from console.records.json_form import record_to_json
from console.records.model import ConsumedRecord
from console.records.positions import BEGINNING
from console.records.producing import NewRecord
from console.records.search import SearchRequest, resume_search, search
from console.records.stream import StreamRequest
from engine.protocol.records.batch import TimestampType
from tests.unit.console.records.conftest import BASE_MS

_path = Path(__file__).parents[1] / "decoding" / "fake_registry.py"
_spec = importlib.util.spec_from_file_location("fake_registry_of_records", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

ORDER = (
    '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}, {"name": "to", "type": "string"}]}'
)


def order(schema, number, to):
    return b"\x00" + schema.to_bytes(4) + bytes([number << 1, len(to) << 1]) + to


def record(key, value, headers=()):
    return ConsumedRecord("t", 0, 7, BASE_MS, TimestampType.CREATE_TIME, key, value, list(headers))


@pytest.fixture
def registry():
    with _module.fake_registry() as registry:
        yield registry


@pytest.fixture
async def orders(topics, registry):
    """Six records: Avro, of which one is broken, and one plain text; and the decoder for them."""
    name, number = topics.make(partitions=2), registry.add("orders-value", ORDER)
    values = [order(number, each, b"alice" if each % 2 else b"bob") for each in range(4)]
    values += [b"\x00" + number.to_bytes(4) + b"\xff", b"alice as text"]
    await topics.fill(
        name, [NewRecord((each).to_bytes(8), value, (), each % 2, BASE_MS + each) for each, value in enumerate(values)]
    )
    context = Context("x", "x:1", schema_registry=registry.url, decode={name: "key=int64"})
    return name, configured_decoder(None, context)


async def matching(live, name, decoder, *conditions, where=None, **request):
    wanted = RecordFilter(conditions, where, decoder)
    steps = [step async for step in search(live, SearchRequest((name,), wanted, **request), BASE_MS)]
    return [int.from_bytes(each.key) for step in steps for each in step.records], steps[-1]


@pytest.mark.anyio
async def test_filters_see_decoded_values_and_count_what_is_undecodable(live, orders):
    name, decoder = orders
    path = Condition(Part.VALUE, Match.JSON, "alice", path="to")
    found, last = await matching(live, name, decoder, path)
    assert (found, last.undecodable) == ([1, 3], 2)

    grep = Condition(Part.ANY, Match.REGEX, '"to": "bob"|as text')
    assert await matching(live, name, decoder, grep) != []
    found, last = await matching(live, name, decoder, grep)
    assert (found, last.undecodable) == ([0, 2, 5], 1)

    found, last = await matching(live, name, decoder, where="value->>'$.id' >= '2' AND key <> '9'")
    assert (found, last.undecodable) == ([2, 3], 1)
    found, last = await matching(live, name, decoder, where="decode_error IS NOT NULL")
    assert found == [4]
    assert (await matching(live, name, decoder, key=encode_word("int64", "3"), all_partitions=True))[0] == [3]


@pytest.mark.anyio
async def test_a_search_that_goes_on_decodes_as_it_did(live, orders):
    name, decoder = orders
    path = RecordFilter((Condition(Part.VALUE, Match.JSON, "alice", path="to"),), None, decoder)
    first = [step async for step in search(live, SearchRequest((name,), path, limit=1), BASE_MS)][-1]
    rest = [step async for step in resume_search(live, first.token, BASE_MS, decoder=decoder)]
    assert [int.from_bytes(each.key) for step in rest for each in step.records] == [3]


@pytest.mark.anyio
async def test_files_have_what_was_decoded_beside_the_bytes_and_can_be_imported(live, orders):
    name, decoder = orders
    request = StreamRequest((name,), BEGINNING, exit_at_end=True)
    stream = io.BytesIO()
    await export_records(live, request, BASE_MS, record_writer("jsonl", stream, decoder), decoder=decoder)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["key_decoded"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert rows[1]["value_decoded"] == {"id": 1, "to": "alice"}
    assert (rows[1]["value_format"], rows[1]["value_reason"]) == ("avro", "schema 1 before the data")
    assert rows[1]["value_schema"]["kind"] == "AVRO"
    assert rows[4]["value_format"] == "bytes"
    assert "not of the Avro schema" in rows[4]["decode_error"]

    async def lines():
        yield stream.getvalue().splitlines()

    back = [each async for some in read_json_lines(lines(), ImportOptions(), "x") for each in some]
    assert [each.key for each in back] == [each.to_bytes(8) for each in range(6)]

    stream = io.BytesIO()
    await export_records(live, request, BASE_MS, record_writer("csv", stream, decoder), decoder=decoder)
    table = list(csv.DictReader(io.StringIO(stream.getvalue().decode())))
    assert json.loads(table[1]["value_decoded"]) == {"id": 1, "to": "alice"}


@pytest.mark.anyio
async def test_faces_get_text_format_reason_error_and_size(orders, live, registry):
    name, decoder = orders
    avro = record((5).to_bytes(8), order(1, 9, b"\x1b[2J\xe2\x80\xae"), [("\x1b", b"\x07"), ("n", None)])
    broken = avro._replace(value=b"\x00\x00\x00\x00\x63abcd")
    many = record(None, b"x" * 2_000_000, [("h", b"v")] * (HEADERS_MAX + 1))

    first, second, third = await show_records([avro._replace(topic=name), broken, many], decoder)

    assert (first.key.text, first.key.format) == ("5", "int64")
    assert (first.value.format, first.value.schema.kind, first.value.value["id"]) == ("avro", "AVRO", 9)
    assert not set(first.value.text + first.headers[0].name + first.headers[0].text) & {"\x1b", "\x07", "\u202e"}
    assert first.headers[1].text is None
    assert second.value.format == "bytes"
    assert "Schema not found" in second.value.error
    assert (third.key.format, third.value.is_truncated, third.value.size_bytes) == ("null", True, 2_000_000)
    assert (len(third.headers), third.headers_count) == (HEADERS_MAX, HEADERS_MAX + 1)
    assert not (await show_records([many], decoder, whole=True))[0].value.is_truncated


def test_nothing_configured_leaves_text_alone_and_looks_into_what_is_none(capsys):
    decoder = configured_decoder(())
    plain, binary = record(b"k", b'{"a":1}'), record((300).to_bytes(8), b"\x81\xa1n\xcf" + b"\xff" * 8)
    assert record_to_json(plain, decoder) == record_to_json(plain)
    row = record_to_json(binary, decoder)
    assert (row["key_decoded"], row["key_format"]) == (300, "int64")
    assert row["value_decoded"] == {"n": 2**64 - 1}

    record_printer("table", None, with_topic=False, decoder=decoder).write([plain, binary])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith('k  {"a":1}')
    assert lines[1].endswith('300  {"n": 18446744073709551615}')


def test_what_was_asked_for_and_is_not_so_is_shown_as_bytes_with_the_reason(capsys):
    decoder = configured_decoder(["json", "key=int64"])
    record_printer("table", None, with_topic=False, decoder=decoder).write([record(b"odd", b"no json")])
    line = capsys.readouterr().out
    assert "odd  no json  [key: int64 has 8 bytes, not 3]" in line
    assert "[value: " in line
    row = record_to_json(record(b"odd", b"no json"), decoder)
    assert row["value"] == "no json"
    assert row["decode_error"].startswith("key: int64 has 8 bytes, not 3; value: ")


def test_words_of_the_command_line_go_before_the_context_part_by_part():
    context = parse_rules({"orders": "avro,key=int64", "m-*": "msgpack"})
    rules = rules_with(["key=uuid", "m-1=cbor", "orders.key=hex", "a.b.value=json,key=int32"], context)
    assert rules.of("orders") == Wanted("hex", "avro")
    assert rules.of("m-1") == Wanted("uuid", "cbor")
    assert rules.of("m-2") == Wanted("uuid", "msgpack")
    assert rules.of("a.b") == Wanted("int32", "json")
    assert rules.of("other") == Wanted("uuid", "auto")
    for words in (["nonsense"], ["json,json"], ["t.key=nonsense"]):
        with pytest.raises(OperatorError):
            rules_with(words, Rules())


def test_asking_for_auto_looks_into_text_too():
    assert not configured_decoder(()).is_asked("t")
    assert configured_decoder(()).is_asked("__consumer_offsets")
    assert configured_decoder(["auto"]).is_asked("t")
    assert configured_decoder(["t=json"]).is_asked("t")
    assert not configured_decoder(["t=json"]).is_asked("u")


@pytest.mark.parametrize(
    ("format", "word", "data"),
    [("int64", "-1", b"\xff" * 8), ("int16", "7", b"\0\7"), ("hex", "0aff", b"\x0a\xff"), ("auto", "é", "é".encode())],
)
def test_a_key_is_written_in_the_format_of_the_topics_keys(format, word, data):
    assert encode_word(format, word) == data


@pytest.mark.parametrize(("format", "word"), [("int16", "70000"), ("int64", "x"), ("uuid", "7"), ("hex", "z")])
def test_a_word_that_is_none_of_the_format_is_refused(format, word):
    with pytest.raises(OperatorError):
        encode_word(format, word)
