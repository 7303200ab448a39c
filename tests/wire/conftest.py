"""One real cluster of three nodes, over loopback, that independent clients judge."""

import uuid

import pytest

from engine.cluster import Cluster


@pytest.fixture(scope="session")
def cluster():
    with Cluster.running(nodes=3) as running:
        yield running


@pytest.fixture
def bootstrap(cluster):
    return cluster.bootstrap_servers


@pytest.fixture
def new_topic(cluster):
    """Make a topic: `new_topic(partitions=3)` returns its name."""

    def make(partitions=1, **configs):
        name = f"t-{uuid.uuid4().hex[:10]}"
        cluster.call(
            cluster.create_topic(
                name,
                partitions=partitions,
                configs={key.replace("_", "."): str(value) for key, value in configs.items()},
            )
        )
        return name

    return make


@pytest.fixture
def group_id():
    return f"g-{uuid.uuid4().hex[:10]}"
