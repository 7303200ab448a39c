"""`--decode` in every command that shows values: Avro through a schema registry, numbers in keys, and what is neither."""

import base64
import json

import pytest

from tests.unit.console.decoding.fake_registry import fake_registry

ORDER = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"to","type":"string"}]}'


def avro(schema, number, to):
    """Confluent's framing and Avro's zigzag, by hand."""
    return b"\x00" + schema.to_bytes(4) + bytes([number << 1, len(to) << 1]) + to.encode()


def base64_line(key, value):
    fields = {"key": key, "value": value}
    return json.dumps(
        {name: base64.b64encode(data).decode() for name, data in fields.items()}
        | {f"{name}_encoding": "base64" for name in fields}
    )


@pytest.fixture
def orders(stoker, topic, lines, monkeypatch):
    """Four records: keys are 64-bit integers; values Avro for alice, bob and alice again, and one that is broken."""
    name = topic()
    with fake_registry() as registry:
        schema = registry.add(f"{name}-value", ORDER)
        monkeypatch.setenv("STOKER_SCHEMA_REGISTRY", registry.url)
        values = [avro(schema, number, to) for number, to in enumerate(["alice", "bob", "alice"])]
        values.append(b"\x00" + schema.to_bytes(4) + b"\xff")
        stoker("produce", name, "--json", lines(*(base64_line((7 + n).to_bytes(8), v) for n, v in enumerate(values))))
        yield name


def test_tail_shows_what_the_registry_says_and_why_a_value_cannot_be_decoded(stoker, orders):
    rows = stoker("tail", orders, "--from", "beginning", "--exit-at-end", "-d", "key=int64", "-o", "jsonl").records

    assert [row["key_decoded"] for row in rows] == [7, 8, 9, 10]
    assert [row.get("value_decoded") for row in rows[:3]] == [
        {"id": 0, "to": "alice"}, {"id": 1, "to": "bob"}, {"id": 2, "to": "alice"}
    ]  # fmt: skip
    assert rows[0]["value_format"] == "avro"
    assert rows[3]["decode_error"]
    assert base64.b64decode(rows[3]["value"]).endswith(b"\xff")


def test_a_table_shows_decoded_text_instead_of_bytes(stoker, orders):
    out = stoker("tail", orders, "--from", "beginning", "--exit-at-end", "-d", "key=int64").out

    assert '"to": "bob"' in out or '"to":"bob"' in out


def test_search_and_export_see_the_decoded_value(stoker, orders, tmp_path):
    found = stoker("records", "search", orders, "--json", "to=alice", "-d", "key=int64", "-o", "jsonl").records
    assert [row["key_decoded"] for row in found] == [7, 9]

    stoker("records", "export", orders, tmp_path / "out.jsonl", "-d", "key=int64")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row.get("value_decoded", {}).get("to") for row in rows if "decode_error" not in row] == [
        "alice", "bob", "alice"
    ]  # fmt: skip


def test_sql_asks_decoded_values_as_structure(stoker, orders):
    rows = stoker(
        "sql",
        f"select key, value->>'$.to' who, decode_error is null fine from \"{orders}\" order by \"offset\"",
        "-d", "key=int64", "-o", "json",
    ).json  # fmt: skip

    assert [(row["who"], row["fine"]) for row in rows] == [
        ("alice", True), ("bob", True), ("alice", True), (None, False)
    ]  # fmt: skip


def test_a_key_is_found_by_its_number(stoker, orders):
    rows = stoker("records", "search", orders, "--key", "8", "-d", "key=int64", "-o", "jsonl").records
    assert [row["key_decoded"] for row in rows] == [8]


@pytest.mark.parametrize("word", ["nonsense", "key=nonsense", "orders=nonsense"])
def test_a_format_that_does_not_exist_is_named(stoker, topic, word):
    name = topic()
    outcome = stoker("tail", name, "--exit-at-end", "--decode", word, code=2)
    assert word.rpartition("=")[2] in outcome.err
    assert "avro" in outcome.err
