"""The notation of the schema text, the classes and stubs made of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.protocol import indexing, messages, stubs
from engine.protocol.message import Message
from engine.protocol.messages import DeleteTopicsResponse, FetchRequest, ProduceRequest, RequestHeader
from engine.protocol.schema import (
    SCHEMA_DIRECTORY,
    FieldSchema,
    SchemaError,
    Versions,
    message_schema,
    message_texts,
    parse_message,
)

TEXT = """\
request Sample key 200 versions 1-7 flexible 5+ listeners broker,controller latest-unstable
  name: string?3+ = null                     # whom it is about
  counts: [int32] @2-4 ignorable
  parts: [Part] @3+
    id: uuid
    tag_value: int16? @6+ tag 2 = -1
    link: Link?
  limit: int32 = 60000
  struct Link @4+
    host: string
"""


def fields(text: str = TEXT) -> dict[str, FieldSchema]:
    return {used.name: used for used in parse_message(text).root.fields}


def test_the_head_says_kind_key_versions_and_listeners() -> None:
    schema = parse_message(TEXT)
    assert (schema.kind, schema.name, schema.key) == ("request", "Sample", 200)
    assert schema.versions == Versions(1, 7)
    assert schema.flexible_from == 5
    assert schema.listeners == ("broker", "controller")
    assert schema.latest_unstable
    assert not schema.is_flexible(4)
    assert schema.is_flexible(5)


def test_a_field_says_type_versions_null_default_and_meaning() -> None:
    found = fields()
    assert found["name"].versions == Versions(1, 7)
    assert found["name"].nullable == Versions(3, 7)
    assert found["name"].default is None
    assert found["name"].documentation == "whom it is about"
    assert found["counts"].is_array
    assert found["counts"].versions == Versions(2, 4)
    assert found["counts"].ignorable
    assert found["limit"].default == 60000


def test_nested_structs_inherit_versions_and_may_be_shared() -> None:
    schema = parse_message(TEXT)
    part = schema.structs["Part"]
    assert part.versions == Versions(3, 7)
    tagged = part.fields[1]
    assert (tagged.tag, tagged.versions, tagged.nullable, tagged.default) == (2, Versions(6, 7), Versions(6, 7), -1)
    assert part.fields[2].struct is schema.structs["Link"]
    assert list(schema.structs) == ["Link", "Part"]


@pytest.mark.parametrize(
    "text",
    [
        "request Sample versions",
        "request Sample key 1 versions 0 flexible none\n  no type",
        "request Sample key 1 versions 0 flexible none\n  a: [Missing]",
        "request Sample key 1 versions 0 flexible none\n  a: int32\n      b: int32",
    ],
)
def test_text_that_does_not_follow_the_notation_is_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        parse_message(text)


def test_every_message_is_written_once_and_can_be_built() -> None:
    heads = [
        line.split(" ")[1]
        for path in Path(SCHEMA_DIRECTORY).glob("*.txt")
        for line in path.read_text().splitlines()
        if line and line[0] not in "# "
    ]
    assert len(heads) == len(set(heads)) == len(message_texts())
    assert set(dir(messages)) == set(heads)
    for name in heads:
        built = getattr(messages, name)
        assert issubclass(built, Message)
        assert built is getattr(messages, name)
        assert built() == built()


def test_files_of_api_keys_are_named_after_them() -> None:
    for path in Path(SCHEMA_DIRECTORY).glob("[0-9]*.txt"):
        key, _, name = path.stem.partition("_")
        for line in path.read_text().splitlines():
            if line.startswith(("request ", "response ")):
                schema = message_schema(line.split(" ")[1])
                assert schema.key == int(key)
                plain = schema.name.removesuffix("Request").removesuffix("Response").lower()
                assert plain == name.replace("_", "")


def test_tags_are_distinct_and_only_in_flexible_versions() -> None:
    """KIP-482."""
    for name in message_texts():
        schema = message_schema(name)
        for struct in (schema.root, *schema.structs.values()):
            tagged = [used for used in struct.fields if used.tag is not None]
            assert len({used.tag for used in tagged}) == len(tagged)
            assert all(schema.is_flexible(used.versions.lowest) for used in tagged)


def test_nested_structs_are_attributes_under_kafkas_names() -> None:
    assert ProduceRequest.TopicProduceData("a").name == "a"
    assert ProduceRequest.TopicProduceData.__qualname__ == "ProduceRequest.TopicProduceData"
    assert FetchRequest.ReplicaState().replica_id == -1


def test_structs_are_built_by_position_or_name_compared_by_value_and_mutable() -> None:
    a = FetchRequest.FetchPartition(3, fetch_offset=9)
    assert a == FetchRequest.FetchPartition(partition=3, fetch_offset=9)
    a.fetch_offset = 10
    assert a != FetchRequest.FetchPartition(3, fetch_offset=9)


def test_client_id_of_the_request_header_keeps_its_classic_length() -> None:
    """Kafka: "flexibleVersions": "none" in RequestHeader."""
    assert RequestHeader(0, 0, 0, "ab").encode(2) == bytes(8) + b"\x00\x02ab\x00"


def test_a_field_may_become_nullable_in_a_later_version() -> None:
    used = DeleteTopicsResponse.SCHEMA.structs["DeletableTopicResult"].fields[0]
    assert not used.is_nullable(5)
    assert used.is_nullable(6)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchRequest"):
        _ = messages.NoSuchRequest  # type: ignore[attr-defined]


def test_the_stub_file_is_current() -> None:
    assert stubs.STUB_PATH.read_text() == stubs.stub_text(), "run python -m engine.protocol.stubs"


def test_the_index_is_current() -> None:
    """It stands in for the files at every start: what it says of the API keys is what they say."""
    with open(indexing.INDEX_PATH, encoding="ascii") as file:
        assert file.read() == indexing.index_text(), "run ./dev stubs"


def test_a_message_is_made_out_of_its_own_file_alone() -> None:
    script = (
        "import sys, engine.protocol.schema as schema; from engine.protocol.messages import MetadataRequest;"
        "print(schema.texts_in.cache_info().currsize)"
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert made.stdout == "1\n"


def test_importing_messages_compiles_nothing_and_pulls_in_nothing_else_of_the_engine() -> None:
    program = (
        "import sys, engine.protocol.messages as m\n"
        "assert 'ProduceRequest' not in vars(m)\n"
        "from engine.protocol.messages import ProduceRequest\n"
        "assert ProduceRequest._encoders == ProduceRequest._decoders == {}\n"
        "import engine.protocol.headers, engine.protocol.record_values, engine.protocol.consumer_protocol\n"
        "import engine.protocol.records.control\n"
        "mine = [n for n in sys.modules if n.startswith('engine') and not n.startswith('engine.protocol')]\n"
        "assert mine == ['engine'], mine\n"
        "assert not {'asyncio', 'kio', 'aiokafka', 'kafka'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
