"""`stoker up`, `node` and `format` as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
START_SECONDS_MAX = 40


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory):
    """Compiled once for all processes, also where nothing may be written next to the sources."""
    return str(tmp_path_factory.mktemp("bytecode"))


@pytest.fixture
def environment(tmp_path, bytecode):
    folders = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    folders["XDG_STATE_HOME"] = str(tmp_path / "state")
    dropped = ("XDG_RUNTIME_DIR", "STOKER_BOOTSTRAP_SERVER", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**clean, **folders, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": bytecode}


@pytest.fixture
def stoker(environment, tmp_path):
    """Runs a command to its end."""

    def call(*words, code=0, stdin=None):
        command = [sys.executable, "-m", "console", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path, input=stdin, timeout=60, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.fixture
def up(environment, tmp_path):
    """Starts `stoker up` and returns the process and what its ready file says."""
    processes = []

    def start(*words):
        ready = tmp_path / f"ready-{len(processes)}.json"
        web = ["--no-open"] if "--web-port" in words else ["--no-web"]
        command = [sys.executable, "-m", "console", "up", *web, "--ready-file", str(ready), *map(str, words)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
        )
        processes.append(process)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ready.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "it did not start in time"
            time.sleep(0.02)
        return process, json.loads(ready.read_text()), ready

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    return process.communicate(timeout=30), process.returncode


def test_a_cluster_is_found_by_other_commands_and_its_topics_survive(stoker, up):
    process, ready, ready_file = up("--nodes", 1, "--port", 0)

    assert ready["pids"] == {"1": process.pid}
    assert ready["web_url"] is None
    assert Path(ready["data_dir"]).is_dir()
    stoker("topics", "create", "orders")
    stoker("produce", "orders", "--key-separator", ":", stdin="a:1\nb:2\n")
    (out, err), code = stop(process)
    assert (code, err) == (0, "")
    assert f"Bootstrap servers  {ready['bootstrap_servers']}" in out
    assert not ready_file.exists()
    assert "none runs here" in stoker("topics", "list", code=3).stderr

    process, _, _ = up("--port", 0)
    assert stoker("tail", "orders", "-e", "--format", "%k=%v").stdout == "a=1\nb=2\n"
    assert stop(process, signal.SIGINT)[1] == 130


def test_a_second_one_on_the_same_directory_says_who_holds_it(stoker, up, tmp_path):
    process, ready, _ = up("--nodes", 1, "--port", 0, "--data-dir", tmp_path / "d")

    refused = stoker("up", "--port", 0, "--data-dir", tmp_path / "d", code=1)

    assert f"process {process.pid}, bootstrap servers {ready['bootstrap_servers']}" in refused.stderr


def test_a_port_in_use_is_named_with_the_way_out(stoker, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        refused = stoker("up", "--ephemeral", "--nodes", 1, "--port", port, code=1)

    assert f"error: 127.0.0.1:{port} is in use" in refused.stderr
    assert "--port 0" in refused.stderr


def test_a_directory_keeps_its_number_of_nodes(stoker, up, tmp_path):
    """Each node is a voter of the quorum: with another number the old votes would mean something else."""
    process, _, _ = up("--nodes", 1, "--port", 0, "--data-dir", tmp_path / "d")
    stop(process)

    refused = stoker("up", "--nodes", 3, "--port", 0, "--data-dir", tmp_path / "d", code=2)

    assert "holds a cluster of 1 nodes, not 3" in refused.stderr


def test_an_ephemeral_cluster_leaves_nothing(up, stoker):
    process, ready, _ = up("--ephemeral", "--nodes", 1, "--port", 0)
    assert stoker("cluster", "-o", "json").returncode == 0
    stop(process)

    assert not Path(ready["data_dir"]).exists()


def test_a_demo_has_its_topics_when_it_is_ready_and_they_flow(up, stoker):
    process, ready, _ = up("--demo", "--ephemeral", "--nodes", 1, "--port", 0)

    arriving = stoker("tail", "page-views", "vehicle-positions", "-n", 2, "-o", "jsonl")
    assert {json.loads(line)["topic"] for line in arriving.stdout.splitlines()} <= {"page-views", "vehicle-positions"}
    rows = {row["name"]: row for row in json.loads(stoker("topics", "list", "-o", "json").stdout)}
    assert rows["orders"]["records_at_most"] >= 867
    groups = {row["group_id"] for row in json.loads(stoker("groups", "list", "-o", "json").stdout)}
    assert groups >= {"nightly-report", "article-cleanser"}
    (out, err), code = stop(process)
    assert (code, err) == (0, "")
    assert "stoker tail page-views searches" in out
    assert not Path(ready["data_dir"]).exists()


def test_the_console_keeps_a_past_that_sql_can_ask_and_ends_without_a_word(up, stoker):
    process, ready, _ = up("--ephemeral", "--nodes", 1, "--port", 0, "--web-port", 0)
    assert ready["web_url"].startswith("http://127.0.0.1:")

    asked = stoker("sql", "select count(*) > 0 as kept from metrics", "-o", "csv")
    assert asked.stdout.splitlines()[-1] == "true"
    (_, err), code = stop(process)
    assert (code, err) == (0, "")


def test_a_demo_that_cannot_be_loaded_stops_the_cluster_and_says_why(up, stoker, tmp_path):
    process, _, _ = up("--nodes", 1, "--port", 0)
    stoker("topics", "create", "orders", "--partitions", 7)
    stop(process)

    refused = stoker("up", "--demo", "--port", 0, code=1)

    assert "topic orders is there with 7 partitions" in refused.stderr
    assert "none runs here" in stoker("topics", "list", code=3).stderr


def test_a_killed_cluster_is_noticed_and_its_data_is_there_again(up, stoker):
    process, _, _ = up("--nodes", 1, "--port", 0)
    stoker("produce", "orders", stdin="kept\n")
    process.kill()
    process.wait()

    assert "is gone without having stopped" in stoker("topics", "list", code=3).stderr

    up("--port", 0)
    assert stoker("tail", "orders", "-e", "--format", "%v").stdout == "kept\n"


def test_each_node_may_have_a_process_of_its_own(up, stoker):
    process, ready, _ = up("--ephemeral", "--processes", "--port", 0)
    pids = ready["pids"]
    assert sorted(pids) == ["1", "2", "3"]
    assert len({*pids.values(), process.pid}) == 4

    stoker("topics", "create", "orders", "--replication-factor", 3)
    os.kill(pids["2"], signal.SIGKILL)
    stoker("produce", "orders", stdin="a\nb\n")
    assert stoker("tail", "orders", "-e", "--format", "%v").stdout == "a\nb\n"
    (_, err), code = stop(process)
    assert code == 0
    assert "node 2 stopped by itself" in err


def test_properties_are_kafkas_and_a_wrong_one_is_named(stoker, up):
    refused = stoker("up", "--ephemeral", "--port", 0, "--set", "no.such=1", code=2)
    assert "no.such" in refused.stderr

    process, _, _ = up("--ephemeral", "--nodes", 1, "--port", 0, "--set", "num.partitions=5")
    stoker("topics", "create", "orders")
    assert json.loads(stoker("topics", "describe", "orders", "-o", "json").stdout)["partition_count"] == 5
    stop(process)


def properties_file(tmp_path, controller_port, **more):
    values = {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(tmp_path / "log"),
        **more,
    }
    path = tmp_path / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_node_runs_from_its_properties_once_it_is_formatted(stoker, environment, tmp_path):
    path = properties_file(tmp_path, free_port())
    assert "Run `stoker format`" in stoker("node", path, code=2).stderr

    cluster_id = stoker("format", path).stdout.strip()
    assert len(cluster_id) == 22
    assert "already formatted" in stoker("format", path, code=1).stderr
    stoker("format", path, "--cluster-id", cluster_id, "--ignore-formatted")

    process = subprocess.Popen(
        [sys.executable, "-m", "console", "node", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    line = process.stdout.readline()
    assert line.startswith(f"Ready: node 1 of cluster {cluster_id}, PLAINTEXT://127.0.0.1:")
    (_, err), code = stop(process)
    assert (code, err) == (0, "")


def test_every_wrong_property_is_named_with_its_line(stoker, tmp_path):
    path = properties_file(tmp_path, 1, **{"log.dirz": "/x", "num.partitions": "many"})

    refused = stoker("node", path, code=2)

    assert "line 7: unknown property 'log.dirz'" in refused.stderr
    assert "line 8: " in refused.stderr


def test_a_cluster_id_that_is_none_is_refused(stoker, tmp_path):
    assert "--cluster-id" in stoker("format", properties_file(tmp_path, 1), "-t", "not-an-id", code=2).stderr
