"""Values that are no text are JSON in SQL: by a schema registry, by named formats, and Kafka's own topics by themselves."""

import importlib.util
import json
from pathlib import Path

import pytest

from console.contexts import Context
from console.decoding.configured import configured_decoder

_path = Path(__file__).parents[1] / "decoding" / "fake_registry.py"
_spec = importlib.util.spec_from_file_location("fake_registry_of_sql", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

ORDER = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "id", "type": "long"}, {"name": "state", "type": "string"}],
    }
)
BIG = 2**53 + 1


def order(number, state, schema):
    zigzag, varint = number << 1, b""
    while zigzag > 0x7F:
        varint += bytes([zigzag & 0x7F | 0x80])
        zigzag >>= 7
    return b"\x00" + schema.to_bytes(4) + varint + bytes([zigzag]) + bytes([len(state) << 1]) + state


@pytest.fixture
def registry():
    with _module.fake_registry() as registry:
        yield registry


def test_avro_is_json_and_what_cannot_be_decoded_says_why(ask, registry):
    number = registry.add("orders-value", ORDER)
    topic = ask.topic()
    broken = b"\x00" + number.to_bytes(4) + b"\xff"
    ask.produce(
        topic, (b"a", order(BIG, b"open", number)), (b"b", broken), (b"c", None), (b"d", order(7, b"paid", 99)),
        (b"e", b"plain"),
    )  # fmt: skip
    decoder = configured_decoder(None, Context("x", "x:1", schema_registry=registry.url))
    service = ask.new_service(decoder=decoder)

    answer = ask(
        f"select key, (value->>'$.id')::bigint, value, decode_error, value_size from {topic} order by offset",
        service=service,
    )

    assert [row[:2] for row in answer.rows] == [("a", BIG), ("b", None), ("c", None), ("d", None), ("e", None)]
    assert json.loads(answer.rows[0][2]) == {"id": BIG, "state": "open"}
    assert [row[2] for row in answer.rows[1:]] == [None, None, None, "plain"]
    errors = [row[3] for row in answer.rows]
    assert "not of the Avro schema" in errors[1]
    assert "Schema not found" in errors[3]
    assert errors[0] is errors[2] is errors[4] is None
    assert ask(f"select count(*) from {topic} where value->>'$.state' = 'open'", service=service).rows == [(1,)]


def test_a_query_that_does_not_name_the_value_asks_the_registry_for_nothing(ask, registry):
    number = registry.add("orders-value", ORDER)
    topic = ask.topic()
    ask.produce(topic, (b"a", order(1, b"open", number)))
    service = ask.new_service(decoder=configured_decoder(None, Context("x", "x:1", schema_registry=registry.url)))

    assert ask(f"select key, value_size, value_bytes is null from {topic}", service=service).rows == [("a", 11, False)]
    assert registry.requests == []


def test_formats_by_name_and_a_key_that_is_a_number(ask):
    topic = ask.topic()
    ask.produce(topic, ((5).to_bytes(8), b"\x81\xa1n\x07"), ((6).to_bytes(8), b"\xc1"))
    service = ask.new_service(decoder=configured_decoder([f"{topic}=msgpack,key=int64"]))

    found = ask(f"select key, value->>'$.n', decode_error from {topic} order by offset", service=service)

    assert [row[:2] for row in found.rows] == [("5", "7"), ("6", None)]
    assert found.rows[0][2] is None
    assert "not MessagePack" in found.rows[1][2]
    assert ask(f"select offset from {topic} where key = '6'", service=service, key_partitioner=True).rows == [(1,)]


def test_kafkas_own_topics_are_json_without_any_settings(ask, orders):
    from tests.unit.console.embedded import commit

    ask.do(commit(ask.client, "sql-decoding", {(orders, 0): 4}))

    found = ask(
        "select value->>'$.offset', key->>'$.topic', decode_error from __consumer_offsets"
        " where key->>'$.group' = 'sql-decoding'"
    )

    assert found.rows == [("4", orders, None)]
