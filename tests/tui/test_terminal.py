"""One day of an operator in a real terminal: `stoker up` in one, `stoker tui` in tmux, keys in, screens out."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from engine.net.cluster_client import ClusterClient
from tests.tui.terminal import WAIT_SECONDS, needs_tmux
from tests.unit.console.embedded import commit

pytestmark = needs_tmux


@pytest.fixture
def cluster(environment, tmp_path):
    """`stoker up` with three nodes in processes of their own; what its ready file says."""
    ready = tmp_path / "ready.json"
    words = ["up", "--nodes", "3", "--processes", "--ephemeral", "--no-web", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *words], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + WAIT_SECONDS
    while not ready.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not start in time"
        time.sleep(0.02)
    yield json.loads(ready.read_text())
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def commit_at_the_end(bootstrap, group, topic):
    """A group that read two records of a topic's only partition, and is gone."""
    servers = [address.rsplit(":", 1) for address in bootstrap.split(",")]

    async def work():
        async with ClusterClient([(host, int(port)) for host, port in servers]) as client:
            await commit(client, group, {(topic, 0): 2})

    asyncio.run(work())


@pytest.mark.timeout(240)
def test_an_operator_creates_produces_sees_asks_resets_and_watches_a_broker_die(cluster, terminal):
    terminal.run(f"{sys.executable} -m console tui; echo left with $?; cat")
    terminal.sees("healthy", "3 brokers", "topics")

    # A topic
    terminal.keys("n")
    terminal.sees("Create a topic")
    terminal.type("orders")
    terminal.tab()
    terminal.type("1")
    terminal.tab()
    terminal.type("3")
    terminal.keys("C-y")
    terminal.sees("stoker topics create orders")
    terminal.keys("C-y")
    terminal.until(lambda screen: any(line.startswith(" orders ") for line in screen.splitlines()), "topic orders")

    # Live: what is produced here is seen there
    terminal.command("tail orders")
    terminal.sees("Following orders")
    terminal.keys("p")
    terminal.sees("nothing sent yet", "Value is")
    terminal.tab(7)
    for number, word in enumerate(("first", "second")):
        terminal.keys("C-a", "C-k")
        terminal.type(f'{{"word": "{word}"}}')
        terminal.sees(f'"word": "{word}"')
        terminal.keys("C-y")
        terminal.sees(f"partition 0, offset {number}")
    terminal.keys("Escape")
    terminal.sees('"word": "first"', '"word": "second"', "2 arrived", "0 not shown")

    # SQL
    terminal.command("sql")
    terminal.sees("F5 runs the statement")
    terminal.type("select value->>'$.word' as word, offset from ord")
    terminal.sees("Tab", "orders")
    terminal.keys("Tab")
    terminal.sees("from orders")
    terminal.type(" order by offset desc")
    terminal.keys("F5")
    screen = terminal.sees("2 rows in", "second", "first")
    assert screen.index("second") < screen.index("first ")

    # A group is set back
    commit_at_the_end(cluster["bootstrap_servers"], "readers", "orders")
    terminal.command("group readers")
    terminal.sees("group readers", "Empty")
    terminal.keys("e")
    terminal.sees("Set offsets of readers")
    terminal.keys("C-y")
    terminal.sees("stoker groups reset")
    terminal.keys("C-y")
    terminal.sees("lag 2")

    # A broker dies
    os.kill(cluster["pids"]["3"], signal.SIGKILL)
    terminal.command("brokers")
    terminal.sees("1 broker down")

    # And out
    terminal.command("q")
    screen = terminal.sees("left with 0")
    assert "Traceback" not in screen
