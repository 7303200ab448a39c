"""`room`: an embedded cluster of three nodes, one for all tests of this folder."""

import pytest

from tests.unit.console.embedded import Room, embedded_cluster


@pytest.fixture(scope="session")
def _history_cluster():
    with embedded_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def room(_history_cluster):
    return Room(_history_cluster)
