"""How commands find the cluster that runs here, and notice one that is gone."""

import json
import os
import subprocess
import sys

import pytest

from console.errors import OperatorError
from console.local_cluster import (
    LocalCluster,
    LocalClusterRegistration,
    default_data_dir,
    find_local_cluster,
    runtime_file,
)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path


def cluster(directory, servers="127.0.0.1:9092", started_at_ms=0):
    return LocalCluster(servers, None, str(directory), {"1": os.getpid()}, os.getpid(), started_at_ms)


def test_nothing_runs_and_nothing_is_said():
    assert find_local_cluster() == (None, [])


def test_a_running_cluster_is_found_until_it_is_released(tmp_path):
    registration = LocalClusterRegistration.claim(tmp_path / "a")
    registration.announce(cluster(tmp_path / "a"))

    found, notes = find_local_cluster()
    assert (found, notes) == (cluster(tmp_path / "a"), [])
    registration.release()
    assert find_local_cluster() == (None, [])
    registration.release()


def test_whoever_comes_second_is_told_who_holds_the_directory(tmp_path):
    registration = LocalClusterRegistration.claim(tmp_path / "a")
    registration.announce(cluster(tmp_path / "a", "127.0.0.1:1234"))

    with pytest.raises(OperatorError, match="is in use") as raised:
        LocalClusterRegistration.claim(tmp_path / "a")

    assert f"process {os.getpid()}, bootstrap servers 127.0.0.1:1234" in raised.value.detail
    assert find_local_cluster()[0] is not None, "the refused one must not spoil the announcement"
    registration.release()
    LocalClusterRegistration.claim(tmp_path / "a").release()


def test_a_cluster_that_was_killed_is_said_once_and_then_forgotten(tmp_path):
    """The lock went with the process, whatever process has its id by now."""
    script = (
        "import os, sys\n"
        "from console.local_cluster import *\n"
        "r = LocalClusterRegistration.claim(sys.argv[1])\n"
        f"r.announce(LocalCluster('x:1', None, sys.argv[1], {{}}, {os.getpid()}))\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], check=False, timeout=60)
    assert runtime_file(tmp_path / "a").exists()

    found, notes = find_local_cluster()

    assert found is None
    assert "is gone without having stopped" in notes[0]
    assert find_local_cluster() == (None, [])


def test_of_several_the_one_on_the_default_directory_is_meant_else_the_last_started(tmp_path):
    first, last, default = (
        LocalClusterRegistration.claim(directory) for directory in (tmp_path / "a", tmp_path / "b", default_data_dir())
    )
    first.announce(cluster(tmp_path / "a", "first:1", 1))
    last.announce(cluster(tmp_path / "b", "last:1", 2))
    assert find_local_cluster()[0].bootstrap_servers == "last:1"
    default.announce(cluster(default_data_dir(), "default:1", 0))
    assert find_local_cluster()[0].bootstrap_servers == "default:1"
    for registration in (first, last, default):
        registration.release()


def test_a_file_of_nonsense_is_no_cluster(tmp_path):
    registration = LocalClusterRegistration.claim(tmp_path / "a")
    runtime_file(tmp_path / "a").write_text(json.dumps({"bootstrap_servers": "x"}))

    assert find_local_cluster() == (None, [])
    registration.release()


def test_nobody_else_may_read_the_file(tmp_path):
    """It will hold the web console's token."""
    registration = LocalClusterRegistration.claim(tmp_path / "a")

    assert runtime_file(tmp_path / "a").stat().st_mode & 0o077 == 0
    registration.release()
