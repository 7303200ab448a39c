"""pytest fixtures: a real Kafka cluster for your tests.

`kafka_cluster` is one cluster for the whole session (three nodes, in a thread of its own); `kafka_topic` is the name of
a fresh topic for one test. Options, in pytest's ini file: `kafka_nodes` (default 3), `kafka_partitions` (default 1).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from engine.cluster import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("kafka_nodes", "nodes of the kafka_cluster fixture", default="3")
    parser.addini("kafka_partitions", "partitions of a kafka_topic", default="1")


@pytest.fixture(scope="session")
def kafka_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A running cluster; `kafka_cluster.bootstrap_servers` is what a client needs."""
    from engine.cluster import Cluster

    with Cluster.running(nodes=int(request.config.getini("kafka_nodes"))) as cluster:
        yield cluster


@pytest.fixture
def kafka_topic(kafka_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a topic that exists for this test only."""
    name = f"{request.node.name[:60]}-{uuid.uuid4().hex[:8]}"
    name = "".join(character if character.isalnum() or character in "._-" else "_" for character in name)
    partitions = int(request.config.getini("kafka_partitions"))
    kafka_cluster.call(kafka_cluster.create_topic(name, partitions=partitions))
    yield name
    kafka_cluster.call(kafka_cluster.delete_topic(name))
