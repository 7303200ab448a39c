"""What the tests of the web face share: a cluster of one node for each module, and a console on it."""

import pytest

from engine.cluster import Cluster
from tests.unit.web.consoles import run


@pytest.fixture(scope="module")
def cluster():
    with Cluster.running(nodes=1) as running:
        yield running


@pytest.fixture
def ask(cluster, tmp_path):
    return lambda story, **options: run(story, cluster, tmp_path, **options)


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
