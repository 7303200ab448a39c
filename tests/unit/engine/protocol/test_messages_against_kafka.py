"""Our bytes and Apache Kafka's own classes.

`vectors/kafka_4_3.json` holds what the classes of Apache Kafka 4.3.0's jars made of random messages: for every record
that the library kio lacks, in every version, the bytes Kafka wrote and what it said is in them (its JsonConverter).
`python tests/unit/engine/protocol/test_messages_against_kafka.py` writes the file anew; the tests marked `java` ask the
jars again, and about every other message too.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.protocol import messages
from engine.protocol.errors import ProtocolError
from engine.protocol.message import Message
from engine.protocol.schema import FieldSchema, StructSchema, message_schema, message_texts
from engine.protocol.uuids import uuid_from_text

HERE = Path(__file__).parent
VECTORS = HERE / "vectors" / "kafka_4_3.json"
KAFKA_VERSION = "4.3.0"
SEEDS = (1, 2, 3)

_GENERATED = {
    "metadata_records": "org.apache.kafka.common.metadata.",
    "group_records": "org.apache.kafka.coordinator.group.generated.",
    "transaction_records": "org.apache.kafka.coordinator.transaction.generated.",
    "share_records": "org.apache.kafka.coordinator.share.generated.",
    "storage_records": "org.apache.kafka.server.log.remote.metadata.storage.generated.",
}


def families() -> dict[str, str]:
    """The file each message is written in, by the message's name."""
    from engine.protocol.schema import family_heads, schema_files

    return {head.name: stem for stem in schema_files() for head in family_heads(stem)}


def java_class(name: str, family: str) -> str:
    if name == "QuorumStateData":
        return f"org.apache.kafka.raft.generated.{name}"
    if family in _GENERATED:
        return _GENERATED[family] + name
    data = "Data" if message_schema(name).kind in ("request", "response", "header") else ""
    return f"org.apache.kafka.common.message.{name}{data}"


# What kio cannot be asked about.
UNKNOWN_TO_KIO = [name for name, family in families().items() if family in _GENERATED] + ["QuorumStateData"]


def camel(name: str) -> str:
    """Kafka's JSON name of a field."""
    special = {
        "kraft_version": "kRaftVersion",
        "kraft_version_feature": "kRaftVersionFeature",
        "enable_2pc": "enable2Pc",
    }
    first, *rest = name.split("_")
    return special.get(name) or first + "".join(word.capitalize() for word in rest)


def assert_says(ours: Any, theirs: dict[str, Any], schema: StructSchema, version: int, path: str) -> None:
    """Kafka's JSON names exactly the fields that exist and have the values that ours have."""
    expected = {camel(used.name): used for used in schema.fields if version in used.versions}
    assert theirs.keys() <= expected.keys(), f"{path}: {theirs.keys() - expected.keys()}"
    for name, used in expected.items():
        mine = getattr(ours, used.name)
        if name not in theirs:
            # A tagged field that has its default, or that is null where null is the default.
            assert used.tag is not None, f"{path}.{name} is missing"
            assert mine == getattr(type(ours)(), used.name), f"{path}.{name}"
            continue
        assert_value(mine, theirs[name], used, version, f"{path}.{name}")


def assert_value(mine: Any, theirs: Any, used: FieldSchema, version: int, path: str) -> None:
    if mine is None or theirs is None:
        assert mine is theirs, path
    elif used.is_array:
        assert len(mine) == len(theirs), path
        for one, other in zip(mine, theirs, strict=True):
            if used.struct is not None:
                assert_says(one, other, used.struct, version, path)
            else:
                assert one == from_json(other, used), path
    elif used.struct is not None:
        assert_says(mine, theirs, used.struct, version, path)
    elif used.type_name == "records":
        pass  # the converter gives records in Kafka's own way; the bytes are compared anyway
    else:
        assert mine == from_json(theirs, used), path


def from_json(value: Any, used: FieldSchema) -> Any:
    match used.type_name:
        case "uuid":
            return uuid_from_text(value)
        case "bytes":
            return base64.b64decode(value)
        case _:
            return value


def vectors() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(VECTORS.read_text())["vectors"]
    return loaded


@pytest.mark.parametrize("name", UNKNOWN_TO_KIO)
def test_bytes_written_by_kafka_are_read_and_written_back(name: str) -> None:
    """Kafka: the generated class of each record in the jars of Apache Kafka 4.3.0."""
    message_class: type[Message] = getattr(messages, name)
    mine = [vector for vector in vectors() if vector["message"] == name]
    versions = {vector["version"] for vector in mine}
    assert versions == set(range(message_class.MIN_VERSION, message_class.MAX_VERSION + 1))
    for vector in mine:
        version, data = vector["version"], bytes.fromhex(vector["hex"])
        message = message_class.decode(data, version)
        assert message.encode(version) == data
        assert_says(message, vector["says"], message_class.SCHEMA.root, version, name)


Question = tuple[Message, str, int, bytes]


def ask(java: Any, questions: list[tuple[str, int, bytes | None, int]]) -> list[tuple[bytes, dict[str, Any]] | str]:
    """What Kafka writes and says for each (class name, version, bytes or None for a new object, version to write).

    A text instead is the exception Kafka threw.
    """
    text = "".join(
        f"{name} {version} {'default' if data is None else data.hex()} {target}\n"
        for name, version, data, target in questions
    )
    answers: list[tuple[bytes, dict[str, Any]] | str] = []
    for _, line in zip(questions, java.run("Reencode", text), strict=True):
        written, _, said = line.partition(" ")
        answers.append(line if written == "!" else (bytes.fromhex(written), json.loads(said)))
    return answers


def reencode(java: Any, asked: list[Question]) -> list[tuple[bytes, dict[str, Any]]]:
    """What Kafka writes and says after reading each message."""
    answers = []
    for (_, name, version, _), answer in zip(
        asked, ask(java, [(name, version, data, version) for _, name, version, data in asked]), strict=True
    ):
        assert not isinstance(answer, str), f"{name} v{version}: {answer}"
        answers.append(answer)
    return answers


def questions_about(names: list[str], make_message: Callable[..., Message], seeds: tuple[int, ...]) -> list[Question]:
    asked = []
    where = families()
    for name in names:
        message_class: type[Message] = getattr(messages, name)
        for version in range(message_class.MIN_VERSION, message_class.MAX_VERSION + 1):
            for seed in seeds:
                message = make_message(message_class, version, seed)
                asked.append((message, java_class(name, where[name]), version, message.encode(version)))
    return asked


@pytest.mark.java
def test_kafka_reads_and_writes_every_message_as_we_do(java: Any, make_message: Callable[..., Message]) -> None:
    """Kafka: the generated classes of all its messages; every key, version and direction."""
    # The request header has no JSON form for its own field versions; headers are checked elsewhere.
    asked = questions_about(list(message_texts()), make_message, (11, 12, 13, 14))
    answers = reencode(java, asked)
    for (message, _, version, data), (written, said) in zip(asked, answers, strict=True):
        name = type(message).__name__
        assert written == data, f"{name} v{version}"
        assert_says(message, said, message.SCHEMA.root, version, f"{name} v{version}")


@pytest.mark.java
def test_defaults_are_those_of_kafka(java: Any) -> None:
    """Kafka: the constructor of every generated class. Null records that Kafka cannot write are empty with us."""
    where = families()
    asked = [
        (found, java_class(name, where[name]), version)
        for name in message_texts()
        for found in [getattr(messages, name)]
        for version in range(found.MIN_VERSION, found.MAX_VERSION + 1)
    ]
    answers = ask(java, [(name, version, None, version) for _, name, version in asked])
    for (found, _, version), answer in zip(asked, answers, strict=True):
        assert not isinstance(answer, str), f"{found.__name__} v{version}: {answer}"
        assert answer[0] == found().encode(version), f"{found.__name__} v{version}"


@pytest.mark.java
def test_what_a_version_cannot_carry_is_dropped_or_refused_as_kafka_does(
    java: Any, make_message: Callable[..., Message]
) -> None:
    """Kafka: "ignorable" fields. Messages of the newest and oldest version are written in every other."""
    where = families()
    asked: list[tuple[Message, int]] = []
    questions: list[tuple[str, int, bytes | None, int]] = []
    for name in message_texts():
        found: type[Message] = getattr(messages, name)
        for version in {found.MIN_VERSION, found.MAX_VERSION}:
            for target in range(found.MIN_VERSION, found.MAX_VERSION + 1):
                for seed in (21, 22):
                    data = make_message(found, version, seed, small=True).encode(version)
                    asked.append((found.decode(data, version), target))
                    questions.append((java_class(name, where[name]), version, data, target))
    refused = 0
    for (message, target), question, answer in zip(asked, questions, ask(java, questions), strict=True):
        try:
            ours: bytes | None = message.encode(target)
        except ProtocolError:
            ours = None
        theirs = None if isinstance(answer, str) else answer[0]
        assert ours == theirs, f"{question[0]} v{question[1]} as v{target}: {answer}"
        refused += ours is None
    assert refused > 100


def write_vectors() -> None:
    import tempfile

    from conftest import Java, MessageMaker

    def make(message_class: type[Message], version: int, seed: int) -> Message:
        return MessageMaker(seed, small=True).message(message_class, version)

    with tempfile.TemporaryDirectory() as directory:
        asked = questions_about(UNKNOWN_TO_KIO, make, SEEDS)
        answers = reencode(Java(Path(directory)), asked)
    found = [
        {"message": type(message).__name__, "version": version, "hex": written.hex(), "says": said}
        for (message, _, version, _), (written, said) in zip(asked, answers, strict=True)
    ]
    lines = ",\n".join(json.dumps(vector, ensure_ascii=True) for vector in found)
    source = f"written by the message classes and JsonConverters in the jars of Apache Kafka {KAFKA_VERSION}, java/Reencode.java"
    VECTORS.write_text(f'{{"source": {json.dumps(source)},\n"vectors": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    write_vectors()
