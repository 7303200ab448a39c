"""Random messages, made from the schema, and the other implementations they are compared with."""

import datetime
import io
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.protocol import messages
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.schema import FieldSchema, StructSchema, message_texts

ERROR_CODES = [int(code) for code in ErrorCode]

_RANGES = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
_TEXTS = ["", "a", "orders", "Grüße", "注文", "x" * 126, "y" * 127, "z" * 300, "\0", "🜁" * 40]
_SIZES = (0, 1, 60, 126, 127, 128, 1023, 1024, 3000)


class MessageMaker:
    """Makes a message whose fields that exist in a version have random values, edges included."""

    def __init__(self, seed: int, *, unknown_tags: bool = False, kio_limits: bool = False, small: bool = False) -> None:
        self.random = random.Random(seed)
        self.small = small
        """No long strings, byte strings or arrays."""
        self.unknown_tags = unknown_tags
        self.kio_limits = kio_limits
        """Keep to error codes that exist and times that Python's datetime can hold, which is all that kio reads."""

    def message(self, message_class: type[Message], version: int) -> Message:
        schema = message_class.SCHEMA
        made = self.struct(schema.root, message_class.STRUCTS, version, message_class.is_flexible(version))
        assert isinstance(made, Message)
        return made

    def struct(self, schema: StructSchema, classes: dict[str, type], version: int, flexible: bool) -> Any:
        made = classes[schema.name]()
        for used in schema.fields:
            # Some fields keep their defaults: that is what tagged fields are about.
            if version in used.versions and self.random.random() < 0.85:
                setattr(made, used.name, self.value(used, classes, version, flexible))
        if flexible and self.unknown_tags and self.random.random() < 0.3:
            tags = self.random.sample([100, 127, 128, 5000, 2**31 - 1], self.random.randint(1, 3))
            made.unknown_tags = {tag: self.random.randbytes(self.random.choice((0, 1, 200))) for tag in sorted(tags)}
        return made

    def value(self, used: FieldSchema, classes: dict[str, type], version: int, flexible: bool) -> Any:
        if used.is_nullable(version) and self.random.random() < 0.3:
            return None
        if used.is_array:
            count = self.random.choice((0, 1, 1, 2, 3))
            if used.struct is None and not self.small and self.random.random() < 0.05:
                count = self.random.choice((63, 64, 65, 126, 127, 200))
            return [self.element(used, classes, version, flexible) for _ in range(count)]
        return self.element(used, classes, version, flexible)

    def element(self, used: FieldSchema, classes: dict[str, type], version: int, flexible: bool) -> Any:
        if used.struct is not None:
            return self.struct(used.struct, classes, version, flexible)
        rng = self.random
        match used.type_name:
            case "bool":
                return rng.random() < 0.5
            case "float64":
                return rng.choice((0.0, -1.5, 1e300, rng.random()))
            case "uuid":
                return rng.choice((bytes(16), rng.randbytes(16)))
            case "string":
                return rng.choice(_TEXTS[:5] if self.small else _TEXTS)
            case "bytes" | "records":
                return rng.randbytes(rng.choice((0, 1, 7) if self.small else _SIZES))
            case name:
                return self.integer(used, *_RANGES[name])

    def integer(self, used: FieldSchema, lowest: int, highest: int) -> int:
        rng = self.random
        if self.kio_limits:
            if used.name.endswith("error_code"):
                return rng.choice(ERROR_CODES)
            if used.type_name == "int64" and ("ms" in used.name.split("_") or "timestamp" in used.name):
                return rng.choice((0, 1, rng.randint(0, 2**42)))
        return rng.choice((lowest, highest, 0, 1, -1 if lowest else 0, rng.randint(lowest, highest)))


@pytest.fixture(scope="session")
def make_message() -> Callable[..., Message]:
    """`make_message(message_class, version, seed, **options)`."""

    def make(message_class: type[Message], version: int, seed: int, **options: bool) -> Message:
        return MessageMaker(seed, **options).message(message_class, version)

    return make


class Kio:
    """The library kio, an independent implementation made from the same definitions."""

    HEADERS = ("RequestHeader", "ResponseHeader")

    def entity(self, message_class: type[Message], version: int) -> Any:
        """kio's class for a message, None when it has none."""
        from kio.index import load_entity_schema, load_request_schema, load_response_schema
        from kio.static.constants import EntityType

        schema = message_class.SCHEMA
        match schema.kind:
            case "request":
                return load_request_schema(schema.key, version)
            case "response":
                return load_response_schema(schema.key, version)
            case "header":
                return load_entity_schema(snake(schema.name), version, EntityType.header)
            case "data":
                try:
                    return load_entity_schema(snake(schema.name), version, EntityType.data)
                except Exception:
                    return None
        return None

    def decode(self, entity: Any, data: bytes) -> Any:
        from kio.serial import entity_reader

        value, size = entity_reader(entity)(data, 0)
        assert size == len(data)
        return value

    def encode(self, value: Any) -> bytes:
        from kio.serial import entity_writer

        buffer = io.BytesIO()
        entity_writer(type(value))(buffer, value)
        return buffer.getvalue()

    def assert_same(self, ours: Any, theirs: Any, schema: StructSchema, version: int, path: str = "") -> None:
        """Every field of kio's value is the one of ours under the same name."""
        import dataclasses

        present = [used for used in schema.fields if version in used.versions]
        names = [field.name for field in dataclasses.fields(theirs)]
        assert len(present) == len(names), (path, names)
        by_name = {plain(name): name for name in names}
        for used in present:
            there = f"{path}.{used.name}"
            name = by_name[plain(used.name)]
            self.assert_same_value(getattr(ours, used.name), getattr(theirs, name), used, version, there)

    def assert_same_value(self, ours: Any, theirs: Any, used: FieldSchema, version: int, path: str) -> None:
        if ours is None or (used.is_array and theirs is None):
            assert ours is theirs, path
        elif used.is_array:
            assert len(ours) == len(theirs), path
            for mine, other in zip(ours, theirs, strict=True):
                if used.struct is not None:
                    self.assert_same(mine, other, used.struct, version, path)
                else:
                    assert mine == native(other, used), path
        elif used.struct is not None:
            self.assert_same(ours, theirs, used.struct, version, path)
        else:
            assert ours == native(theirs, used), path


def native(value: Any, used: FieldSchema) -> Any:
    """kio's value in our types."""
    import uuid

    if isinstance(value, datetime.timedelta):
        return round(value / datetime.timedelta(milliseconds=1))
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, uuid.UUID):
        return value.bytes
    if value is None and used.type_name == "uuid":
        return bytes(16)
    if value is None and used.type_name == "int64":
        return -1
    return value


def plain(name: str) -> str:
    """A field name without what kio changes: `_ms` and underscores."""
    return name.removesuffix("_ms").replace("_", "")


def snake(name: str) -> str:
    import re

    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.fixture(scope="session")
def kio() -> Kio:
    return Kio()


KAFKA_VERSION = "4.3.0"
_JARS = [
    *(
        f"org/apache/kafka/kafka-{name}/{KAFKA_VERSION}/kafka-{name}-{KAFKA_VERSION}.jar"
        for name in (
            "clients", "metadata", "raft", "storage", "server-common",
            "group-coordinator", "transaction-coordinator", "share-coordinator",
        )
    ),
    "com/fasterxml/jackson/core/jackson-databind/*/*.jar",
    "com/fasterxml/jackson/core/jackson-core/*/*.jar",
    "com/fasterxml/jackson/core/jackson-annotations/*/*.jar",
    "org/slf4j/slf4j-api/*/*.jar",
    "org/xerial/snappy/snappy-java/*/*.jar",
    "at/yawk/lz4/lz4-java/*/*.jar",
    "com/github/luben/zstd-jni/*/*.jar",
]  # fmt: skip


class Java:
    """Apache Kafka's own classes, out of the local Maven repository, behind small programs of ours in `java/`."""

    def __init__(self, directory: Path) -> None:
        repository = Path(os.environ.get("MAVEN_REPOSITORY", Path.home() / ".m2" / "repository"))
        if shutil.which("javac") is None:
            pytest.skip("needs a JDK: there is no javac")
        jars = []
        for pattern in _JARS:
            found = sorted(repository.glob(pattern))
            if not found:
                pytest.skip(f"needs {pattern} in the local Maven repository")
            jars.append(str(found[-1]))
        self.classpath = os.pathsep.join([str(directory), *jars])
        sources = [str(path) for path in sorted((Path(__file__).parent / "java").glob("*.java"))]
        subprocess.run(["javac", "-cp", self.classpath, "-d", str(directory), *sources], check=True, timeout=120)

    def run(self, main_class: str, text: str) -> list[str]:
        """The lines a program answers to the lines of `text`."""
        ran = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "-cp", self.classpath, main_class],
            input=text, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stdout.splitlines()


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    return Java(tmp_path_factory.mktemp("java"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `message_class` and `version` run for every message in every version."""
    if "version" in metafunc.fixturenames and "message_class" in metafunc.fixturenames:
        classes: list[type[Message]] = [getattr(messages, name) for name in message_texts()]
        metafunc.parametrize(
            ("message_class", "version"),
            [
                pytest.param(found, version, id=f"{found.__name__}-v{version}")
                for found in classes
                for version in range(found.MIN_VERSION, found.MAX_VERSION + 1)
            ],
        )
    elif "message_class" in metafunc.fixturenames:
        metafunc.parametrize("message_class", [getattr(messages, name) for name in message_texts()])
