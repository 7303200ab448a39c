"""Every test in one time zone, in a folder of its own, on a screen without a terminal."""

import time

import pytest


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def a_place_of_its_own(tmp_path, monkeypatch):
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORFGBG", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def embedded():
    """A cluster of one node, for the views that read from one."""
    from engine.cluster import Cluster

    with Cluster.running(nodes=1) as cluster:
        yield cluster


@pytest.fixture
def live(embedded):
    from tests.tui.live import Live

    return Live(embedded)


@pytest.fixture
def environment(tmp_path):
    from tests.tui.terminal import clean_environment

    return clean_environment(tmp_path)


@pytest.fixture
def terminal(environment):
    from tests.tui.terminal import a_terminal

    with a_terminal(environment) as found:
        yield found
