"""Keys and values with registered schemas. The bytes were written by confluent_kafka.schema_registry 2.16's serializers,
which registered their schemas in the registry of `fake_registry`, Protobuf's as serialized descriptors."""

import asyncio
import json
import uuid
from contextlib import contextmanager

import pytest

from console.decoding.decoder import RecordDecoder, decoder_for
from console.decoding.model import Part
from console.decoding.registered import FAILURES_KEPT_SECONDS, RegisteredSchemas
from console.decoding.rules import Rules, parse_wanted
from console.decoding.wire_format import read_indexes, written_with
from console.errors import Blame, OperatorError
from console.records.model import ConsumedRecord
from console.schema_registry.client import SchemaRegistry
from console.schema_registry.config import registry_config
from engine.protocol.records.batch import TimestampType

ORDER_AVRO = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "note", "type": ["null", "string"]},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "raw", "type": "bytes"},
            {"name": "x", "type": "double"},
        ],
    }
)
AVRO_PAYLOAD = bytes.fromhex("82808080808080802000809088c0ef660404e202ff000000000000f87f")
ORDER = {
    "id": 2**60 + 1,
    "note": None,
    "at": "2026-01-02T00:00:00+00:00",
    "price": "12.50",
    "raw": {"base64": "/w=="},
    "x": "NaN",
}
COMMON_PROTO = "Cgxjb21tb24ucHJvdG8SBHNob3AiKAoFTW9uZXkSDQoFdW5pdHMYASABKAMSEAoIY3VycmVuY3kYAiABKAliBnByb3RvMw=="
ORDER_PROTO = (
    "CgtvcmRlci5wcm90bxIEc2hvcBoMY29tbW9uLnByb3RvGh9nb29nbGUvcHJvdG9idWYvdGltZXN0YW1wLnByb3RvIgcKBU90aGVyIqMCCgVPcmRlchIQ"
    "CghvcmRlcl9pZBgBIAEoBBIaCgVwcmljZRgCIAEoCzILLnNob3AuTW9uZXkSJgoCYXQYAyABKAsyGi5nb29nbGUucHJvdG9idWYuVGltZXN0YW1wEh8K"
    "BWxpbmVzGAQgAygLMhAuc2hvcC5PcmRlci5MaW5lEiAKBXN0YXRlGAUgASgOMhEuc2hvcC5PcmRlci5TdGF0ZRIjCgR0YWdzGAYgAygLMhUuc2hvcC5P"
    "cmRlci5UYWdzRW50cnkaEwoETGluZRILCgNza3UYASABKAkaKwoJVGFnc0VudHJ5EgsKA2tleRgBIAEoCRINCgV2YWx1ZRgCIAEoBToCOAEiGgoFU3Rh"
    "dGUSBwoDTkVXEAASCAoEUEFJRBABYgZwcm90bzM="
)
PROTO_PAYLOAD = bytes.fromhex(
    "08ffffffffffffffffff01121008fbffffffffffffffff0112034555521a060880e2cfaa0622030a0161280132050a01741003"
)
PROTO_ORDER = {
    "order_id": 2**64 - 1,
    "price": {"units": -5, "currency": "EUR"},
    "at": "2023-11-14T22:13:20Z",
    "lines": [{"sku": "a"}],
    "state": "PAID",
    "tags": {"t": 3},
}


def framed(number, payload):
    return b"\x00" + number.to_bytes(4) + payload


def record(value, headers=(), key=None):
    return ConsumedRecord("t", 0, 0, 0, TimestampType.CREATE_TIME, key, value, list(headers))


def decode(registry, value, *, headers=(), wanted="auto", schemas=None):
    schemas = schemas or RegisteredSchemas(SchemaRegistry(registry_config(registry.url)))
    decoder = RecordDecoder(Rules(parse_wanted(wanted)), schemas)
    asyncio.run(asyncio.wait_for(decoder.prepare([record(value, headers)]), 20))
    decoded = decoder.decode("t", Part.VALUE, value, headers=headers)
    json.dumps(decoded.value, allow_nan=False)
    return decoded


def add_protos(registry):
    registry.add("common.proto", COMMON_PROTO, "PROTOBUF")
    return registry.add(
        "orders-value", ORDER_PROTO, "PROTOBUF", [{"name": "common.proto", "subject": "common.proto", "version": 1}]
    )


def test_avro_as_confluents_serializer_writes_it(registry):
    number = registry.add("orders-value", ORDER_AVRO)
    decoded = decode(registry, framed(number, AVRO_PAYLOAD))
    assert decoded.format == "avro"
    assert decoded.value == ORDER
    assert (decoded.schema.kind, decoded.schema.id, decoded.schema.name) == ("AVRO", 1, "shop.Order")
    assert decoded.reason == "schema 1 before the data"
    assert decoded.error is None


def test_a_schema_named_by_its_guid_in_a_header(registry):
    registry.add("orders-value", ORDER_AVRO)
    guid = uuid.UUID(int=(0xABCD << 64) | 1)
    decoded = decode(registry, AVRO_PAYLOAD, headers=[("__value_schema_id", b"\x01" + guid.bytes)])
    assert decoded.value == ORDER
    assert decoded.schema.guid == str(guid)
    assert decoded.reason.endswith("in a header")


def test_protobuf_with_references_maps_enums_and_integers_of_64_bits(registry):
    number = add_protos(registry)
    decoded = decode(registry, framed(number, b"\x02\x02" + PROTO_PAYLOAD))
    assert decoded.format == "protobuf"
    assert decoded.value == PROTO_ORDER
    assert decoded.schema.name == "shop.Order"


def test_message_indexes_find_nested_messages_and_the_first(registry):
    number = add_protos(registry)
    nested = decode(registry, framed(number, bytes.fromhex("0402000a0162")))
    assert (nested.value, nested.schema.name) == ({"sku": "b"}, "shop.Order.Line")
    first = decode(registry, framed(number, b"\x00"))
    assert (first.value, first.schema.name) == ({}, "shop.Other")


def test_message_indexes_in_a_header(registry):
    number = add_protos(registry)
    guid = uuid.UUID(int=(0xABCD << 64) | number)
    headers = [("__value_schema_id", b"\x01" + guid.bytes + b"\x02\x02")]
    assert decode(registry, PROTO_PAYLOAD, headers=headers).value == PROTO_ORDER


def test_json_schema(registry):
    number = registry.add("orders-j-value", '{"type": "object"}', "JSON")
    decoded = decode(registry, framed(number, b'{"id": 9007199254740993}'))
    assert (decoded.format, decoded.value) == ("json-schema", {"id": 2**53 + 1})


def test_avro_references(registry):
    registry.add("money", '{"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}')
    number = registry.add(
        "bill",
        '{"type": "record", "name": "shop.Bill", "fields": [{"name": "sum", "type": "shop.Money"}]}',
        references=[{"name": "shop.Money", "subject": "money", "version": 1}],
    )
    assert decode(registry, framed(number, b"\x0a")).value == {"sum": {"units": 5}}


def test_a_schema_is_asked_for_once(registry):
    number = registry.add("orders-value", ORDER_AVRO)
    schemas = RegisteredSchemas(SchemaRegistry(registry_config(registry.url)))
    for _ in range(3):
        assert decode(registry, framed(number, AVRO_PAYLOAD), schemas=schemas).format == "avro"
    assert registry.requests == ["/schemas/ids/1"]


def test_a_missing_schema_is_told_and_asked_for_again_only_later(registry):
    now = [0.0]
    schemas = RegisteredSchemas(SchemaRegistry(registry_config(registry.url)), lambda: now[0])
    data = framed(1, AVRO_PAYLOAD)
    missing = decode(registry, data, schemas=schemas)
    assert missing.format == "bytes"
    assert "HTTP 404, Schema not found" in missing.error
    registry.add("orders-value", ORDER_AVRO)
    assert decode(registry, data, schemas=schemas).format == "bytes"
    assert len(registry.requests) == 1
    now[0] = FAILURES_KEPT_SECONDS + 1
    assert decode(registry, data, schemas=schemas).format == "avro"


def test_bytes_that_are_not_of_their_schema_are_shown_with_the_reason(registry):
    number = registry.add("orders-value", ORDER_AVRO)
    for payload in (AVRO_PAYLOAD[:-1], AVRO_PAYLOAD + b"\x00", b"\xff" * 40):
        decoded = decode(registry, framed(number, payload))
        assert decoded.format == "bytes"
        assert "not of the Avro schema" in decoded.error
    protos = add_protos(registry)
    for payload in (b"\x02\x0a", b"\x02\x02\xff\xff", b"\x02", b"\xfe\xff\xff\xff\x0f", b"\x01\x01"):
        assert decode(registry, framed(protos, payload)).error


def test_an_integer_whose_first_bytes_are_a_schemas_id_is_still_an_integer(registry):
    registry.add("orders-value", ORDER_AVRO)
    decoded = decode(registry, (1 << 24 | 5).to_bytes(8))
    assert (decoded.format, decoded.value) == ("int64", 1 << 24 | 5)


def test_another_type_than_asked_for_is_refused(registry):
    number = registry.add("orders-value", ORDER_AVRO)
    assert decode(registry, framed(number, AVRO_PAYLOAD), wanted="protobuf").error == "schema 1 is AVRO"
    assert "names no schema" in decode(registry, b"text", wanted="avro").error


def test_without_a_registry_the_schemas_id_is_told():
    decoder = RecordDecoder()
    asyncio.run(decoder.prepare([record(b"x")]))
    decoded = decoder.decode("t", Part.VALUE, framed(7, AVRO_PAYLOAD))
    assert decoded.format == "bytes"
    assert decoded.error == "it names schema 7, and no schema registry is configured"
    assert decoder_for("t", Part.VALUE, [], Rules(parse_wanted("avro"))).format == "bytes"


RECURSIVE = '{"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}'


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        (RECURSIVE, b"\x02" * 900_000 + b"\x00"),
        (RECURSIVE, b"\x02" * 200 + b"\x00"),
        ('{"type": "array", "items": "null"}', b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
        ('{"type": "array", "items": {"type": "record", "name": "E", "fields": []}}', b"\xfe\xff\xff\xff\xff\x01\x00"),
        ('{"type": "bytes"}', b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ('{"type": "nonsense"}', b"xx"),
        ("not json", b"xx"),
        ("[" * 100_000, b"xx"),
    ],
)
def test_hostile_schemas_and_payloads_end_as_bytes(registry, schema, payload):
    number = registry.add("evil", schema)
    decoded = decode(registry, framed(number, payload))
    assert decoded.format == "bytes"
    assert decoded.error


def test_recursive_schemas_are_read_as_deep_as_is_shown(registry):
    number = registry.add("list", RECURSIVE)
    assert decode(registry, framed(number, b"\x02\x02\x00")).value == {"next": {"next": {"next": None}}}


def test_references_in_a_circle_end(registry):
    around = [{"name": "A", "subject": "a", "version": 1}]
    number = registry.add("a", '{"type": "record", "name": "A", "fields": []}', references=around)
    assert "refers to itself" in decode(registry, framed(number, b"xx")).error


def test_a_proto_text_instead_of_a_descriptor_is_told(registry):
    number = registry.add("p", 'syntax = "proto3"; message M {}', "PROTOBUF")
    assert "no Protobuf descriptors" in decode(registry, framed(number, b"\x00x")).error


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "HTTP 302"),
        ((401, {}, b'{"message": "who are you"}'), "who are you"),
        ((200, {}, b"<html>"), "no JSON object"),
        ((200, {}, b"{}"), "without a text"),
        ((200, {}, b'{"schema": "x", "references": [1]}'), "reference without"),
        ((200, {}, b'{"schema": "x", "schemaType": "XML"}'), "XML"),
        ((200, {"Content-Length": "50"}, b"{"), "cannot be reached"),
    ],
)
def test_a_registry_that_answers_oddly_is_told_and_its_redirects_are_not_followed(registry, answer, said):
    registry.override = answer
    decoded = decode(registry, framed(1, AVRO_PAYLOAD))
    assert decoded.format == "bytes"
    assert said in decoded.error
    assert set(registry.requests) == {"/schemas/ids/1"}


def test_an_answer_without_end_is_cut_off(registry, monkeypatch):
    monkeypatch.setattr("console.schema_registry.http.ANSWER_BYTES_MAX", 100)
    registry.add("orders-value", ORDER_AVRO)
    assert "more than 100 bytes" in decode(registry, framed(1, AVRO_PAYLOAD)).error


@contextmanager
def listening_but_silent():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_silent_registry_is_not_waited_for_longer_than_its_time():
    from dataclasses import replace

    with listening_but_silent() as url:
        registry = SchemaRegistry(replace(registry_config(url), timeout_ms=50))
        with pytest.raises(OperatorError) as failed:
            asyncio.run(asyncio.wait_for(registry.schema(1), 10))
    assert failed.value.blame is Blame.UNREACHABLE


def test_credentials_are_sent_and_never_shown(registry):
    registry.add("orders-value", ORDER_AVRO)
    for properties, sent in (
        ({"schema.registry.basic.auth.user.info": "me:s3cret"}, "Basic bWU6czNjcmV0"),
        ({"bearer.auth.token": "s3cret"}, "Bearer s3cret"),
    ):
        config = registry_config(registry.url, properties)
        asyncio.run(SchemaRegistry(config).schema(1))
        assert registry.authorizations[-1] == sent
        assert "s3cret" not in repr(config) + config.url
    with_user = registry_config("https://me:s%33cret@registry.example/api/")
    assert (with_user.user, with_user.password) == ("me", "s3cret")
    assert with_user.url == "https://registry.example:443/api"


@pytest.mark.parametrize(
    "url", ["registry:8081", "ftp://x", "http://", "http://x:y", "http://x/?a=1", "http://x/\r\ny"]
)
def test_what_is_no_url_of_a_registry_is_refused(url):
    with pytest.raises(OperatorError):
        registry_config(url)


def test_how_bytes_name_their_schema():
    assert written_with(b"\x00\x00\x00\x00\x07x", Part.KEY) == (7, b"", b"x", False)
    assert written_with(b"\x00\x00\x00\x00\x00x", Part.KEY) is None
    assert written_with(b"\x00\xff\x00\x00\x00x", Part.KEY) is None
    assert written_with(b"\x00\x00\x00\x00\x07", Part.KEY) is None
    assert written_with(b"x", Part.KEY, [("__key_schema_id", b"\x00\x00\x00\x00\x07")]) == (7, b"", b"x", True)
    assert written_with(b"x", Part.KEY, [("__value_schema_id", b"\x00\x00\x00\x00\x07")]) is None
    assert written_with(b"x", Part.KEY, [("__key_schema_id", b"\x01short"), ("__key_schema_id", None)]) is None
    assert read_indexes(b"\x06\x02\x00\x04rest") == ((1, 0, 2), 4)
    assert read_indexes(b"\x00rest") == ((0,), 1)
