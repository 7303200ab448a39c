"""A cluster of three nodes for the module, a client and a door for each test."""

import uuid

import pytest

from console.audit import AuditLog
from console.changes import Door
from console.client_config import parse_bootstrap
from console.services.topic_changes import NewTopic, create_topic
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STOKER_READONLY", raising=False)


@pytest.fixture(scope="module")
def cluster():
    with Cluster.running(nodes=3, properties={"min.insync.replicas": "1"}) as running:
        yield running


@pytest.fixture
async def client(anyio_backend, cluster):
    async with ClusterClient(parse_bootstrap(cluster.bootstrap_servers)) as connected:
        yield connected


@pytest.fixture
def audit(tmp_path):
    return AuditLog(tmp_path / "audit")


@pytest.fixture
def door(client, audit):
    return Door(client, face="test", audit=audit, user="ada", now_ms=lambda: 1_800_000_000_000)


@pytest.fixture
def name():
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def group():
    return f"g-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def topic(anyio_backend, client, name):
    """A topic of two partitions, each with one replica."""
    await create_topic(client, NewTopic(name, 2, 1))
    return name
