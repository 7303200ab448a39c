"""Nodes as processes: what ties them to their parent, and what it tells of one that does not start."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from engine.cluster import Cluster
from engine.errors import ConfigError
from tests.cluster.conftest import FAST_FAILURES, running
from tests.cluster.waiting import until

PARENT = """
import asyncio
from engine.cluster import Cluster

async def main():
    async with Cluster(2, processes=True, data_dir={directory!r}) as cluster:
        print(*cluster.pids.values(), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def exists(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks processes up in /proc")
def test_nodes_stop_cleanly_when_their_parent_is_killed(tmp_path):
    program = PARENT.format(directory=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(exists, pids))
        parent.kill()
    until(lambda: not any(map(exists, pids)), 25, f"the nodes {pids} end")
    assert (tmp_path / "node-1" / ".kafka_cleanshutdown").exists()


def test_each_node_has_a_process_and_sigkill_is_noticed():
    with running(nodes=2, processes=True) as operator:
        cluster = operator.cluster
        assert len({os.getpid(), *cluster.pids.values()}) == 3
        assert cluster.failures == {}
        os.kill(cluster.pids[2], signal.SIGKILL)
        failure = until(lambda: cluster.failures.get(2), 10, "the cluster says that node 2 is gone")
        assert "node 2 ended by itself (signal 9)" in str(failure)


def test_a_node_in_a_process_of_its_own_tells_what_it_has_answered():
    async def story():
        async with Cluster(2, processes=True) as cluster:
            await cluster.create_topic("t", replication_factor=2)
            together = await asyncio.gather(cluster.request_figures(), cluster.request_figures())
            cluster.kill_node(2)
            return *together, await cluster.request_figures()

    first, second, without = asyncio.run(asyncio.wait_for(story(), 60))
    assert sorted(first) == sorted(second) == [1, 2]
    assert "Metadata" in {each.request for each in first[1]}
    assert sorted(without) == [1]


def test_a_node_that_does_not_start_is_quoted_and_the_others_are_taken_down(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        taken = {2: {"listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:0"}}
        cluster = Cluster(2, processes=True, data_dir=str(tmp_path), properties=FAST_FAILURES, node_properties=taken)
        with pytest.raises(ConfigError, match=rf"node 2 did not start \(exit code 1\).*{port} cannot be taken"):
            asyncio.run(cluster.start())
    assert cluster.pids == {}


def test_properties_are_checked_before_any_process_starts(tmp_path):
    cluster = Cluster(2, processes=True, data_dir=str(tmp_path), properties={"log.retention.hour": "1"})
    with pytest.raises(ConfigError, match=r"unknown property 'log\.retention\.hour'"):
        asyncio.run(cluster.start())


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [("nonsense=1\n", 2, "unknown property 'nonsense'"), (None, 2, "cannot read"), ("", 2, "Missing required")],
    ids=["unknown property", "no file", "empty file"],
)
def test_the_command_says_in_its_exit_code_and_one_line_what_is_wrong(tmp_path, content, code, words):
    path = tmp_path / "node.properties"
    if content is not None:
        path.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "engine.processes", str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
