"""Processes of local nodes and this machine, as psutil sees them."""

import os
import subprocess
import sys

from console.local_cluster import LocalCluster, LocalClusterRegistration
from console.local_machine import local_pids, local_usage


def test_the_process_of_all_nodes_is_told_once_with_their_names():
    usage = local_usage({3: os.getpid(), 1: os.getpid()})

    (process,) = usage.processes
    assert (process.name, process.pid) == ("1,3", os.getpid())
    assert process.cpu_seconds > 0
    assert process.resident_bytes > 1_000_000
    assert process.thread_count >= 1
    assert usage.gone == ()
    assert usage.machine.memory_available_bytes <= usage.machine.memory_total_bytes
    assert usage.machine.cpu_count >= 1


def test_a_process_that_is_gone_is_named_and_the_rest_is_there():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(20)

    usage = local_usage({1: child.pid, 2: os.getpid()})

    assert usage.gone == (1,)
    assert [process.node_ids for process in usage.processes] == [(2,)]


def test_what_is_counted_counts_up():
    before = local_usage({1: os.getpid()})
    sum(range(3_000_000))
    after = local_usage({1: os.getpid()})

    assert after.processes[0].cpu_seconds >= before.processes[0].cpu_seconds
    assert after.machine.cpu_busy_seconds >= before.machine.cpu_busy_seconds


def test_process_ids_come_from_the_runtime_file_of_the_cluster_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert local_pids([("127.0.0.1", 9092)]) is None

    registration = LocalClusterRegistration.claim(tmp_path / "cluster")
    registration.announce(LocalCluster("127.0.0.1:9092,127.0.0.1:9093", None, "d", {"1": 11, "2": 12}, 10))
    try:
        found = local_pids([("10.0.0.1", 9092), ("127.0.0.1", 9093)])
        other = local_pids([("10.0.0.1", 9092)])
    finally:
        registration.release()

    assert found == {1: 11, 2: 12}
    assert other is None
