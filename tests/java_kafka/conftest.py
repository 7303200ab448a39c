"""`kafka`: a cluster to run the commands against, once the embedded one and once Apache Kafka. `stoker`: the command."""

import json
import uuid
from dataclasses import dataclass

import pytest

from console.cli import run
from engine.cluster import Cluster
from tests.java_kafka.apache_kafka import apache_kafka


@dataclass(frozen=True)
class Kafka:
    """A running cluster."""

    bootstrap: str
    is_apache: bool
    broker_count: int


@pytest.fixture(scope="session")
def embedded():
    with Cluster.running(nodes=3, properties={"min.insync.replicas": "1"}) as cluster:
        yield Kafka(cluster.bootstrap_servers, False, 3)


@pytest.fixture(scope="session")
def apache():
    with apache_kafka() as bootstrap:
        yield Kafka(bootstrap, True, 1)


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.java)])
def kafka(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def apache_only(kafka):
    """For what the embedded cluster does not do yet."""
    if not kafka.is_apache:
        pytest.skip("not in the embedded cluster yet")
    return kafka


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def records(self):
        """Of `-o jsonl`."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def stoker(kafka, capfdbinary, monkeypatch, tmp_path):
    """Runs `stoker` with these words and expects that exit code."""
    monkeypatch.setenv("STOKER_BOOTSTRAP_SERVER", kafka.bootstrap)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STOKER_READONLY", raising=False)

    def call(*words, code=0):
        capfdbinary.readouterr()
        got = run([str(word) for word in words])
        captured = capfdbinary.readouterr()
        outcome = Outcome(got, captured.out.decode("utf-8", "surrogateescape"), captured.err.decode())
        assert outcome.code == code, f"exit code {outcome.code}:\n{outcome.out}\n{outcome.err}"
        return outcome

    return call


@pytest.fixture
def name():
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(stoker, name):
    """Makes a topic: `topic(partitions=3)` returns its name."""

    def make(partitions=1, **configs):
        words = [word for key, value in configs.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
        stoker("topics", "create", name, "--partitions", partitions, *words)
        return name

    return make


@pytest.fixture
def lines(tmp_path):
    """A file with these lines."""

    def make(*texts):
        path = tmp_path / f"input-{uuid.uuid4().hex[:6]}"
        path.write_bytes(b"".join((text if isinstance(text, bytes) else text.encode()) + b"\n" for text in texts))
        return path

    return make
