"""The terminal console: start to first table, first paint of much, what it costs idle, records shown a second in a tail.

Aims: a table within 0.8 s of `stoker tui`, first paints under 0.5 s.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benching import Stoker, Table, heading

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
IDLE_SECONDS = 20
TAIL_SECONDS = 8
TAIL_RATE = 5_000
STARTS = 3
PARTITIONS = 10_000
SQL = "select range a, range * 2 b, 'x' || range c from range(500000)"


def start_to_first_table(bootstrap):
    """Seconds from exec to a table on a real terminal (tmux), and the processor time of idle seconds after that; None
    without tmux."""
    if shutil.which("tmux") is None:
        return None, None
    folder = tempfile.mkdtemp(prefix="stoker-")
    environment = {**os.environ, "TMUX_TMPDIR": folder, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    environment.pop("TMUX", None)

    def tmux(*words):
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    found, idle = [], None
    try:
        # The server ends with its last session: this one stays.
        tmux("new-session", "-d", "-s", "keep", "cat")
        for run in range(STARTS):
            name = f"s{run}"
            began = time.monotonic()
            tmux("new-session", "-d", "-s", name, "-x", "120", "-y", "36", f"exec {sys.executable} -m console tui -b {bootstrap}")  # fmt: skip
            while not re.search(r"^ first ", tmux("capture-pane", "-p", "-t", name), re.MULTILINE):
                assert time.monotonic() - began < 60, tmux("capture-pane", "-p", "-t", name)
                time.sleep(0.01)
            found.append(time.monotonic() - began)
            if run == STARTS - 1:
                pid = int(tmux("list-panes", "-t", name, "-F", "#{pane_pid}").strip())
                time.sleep(3)
                before = processor_seconds(pid)
                time.sleep(IDLE_SECONDS)
                idle = (processor_seconds(pid) - before) / IDLE_SECONDS
            tmux("kill-session", "-t", name)
    finally:
        subprocess.run(["tmux", "kill-server"], env=environment, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    return min(found), idle


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def painted(source, view, arguments, ready):
    """Seconds from the command to the screen that shows it, in an app that runs already."""
    from tests.tui.fakes import app_of, screen_text
    from tui.aliases import Place

    app = app_of(source, Place("help"))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        began = time.monotonic()
        app.jump(*[view, *arguments])
        while not ready("\n".join(screen_text(app))):
            assert time.monotonic() - began < 60
            await asyncio.sleep(0.002)
        return time.monotonic() - began


async def sql_painted(source):
    """Seconds from F5 to the first rows, and to all 500,000."""
    from tests.tui.fakes import app_of, screen_text
    from tui.aliases import Place

    app = app_of(source, Place("sql", (SQL,)))
    async with app.run_test(size=(120, 36)) as pilot:
        await source.cluster.sql.warm_up()
        await pilot.pause()
        began = time.monotonic()
        await pilot.press("f5")
        while not re.search(r"^ +0 +0 +x0", "\n".join(screen_text(app)), re.MULTILINE):
            await asyncio.sleep(0.002)
        first = time.monotonic() - began
        while "500,000 rows in" not in "\n".join(screen_text(app)):
            await asyncio.sleep(0.002)
        return first, time.monotonic() - began


async def tail_shown(source, topic):
    """Records a second that arrived on the screen, those not shown, and paints a second, while others are produced."""
    from console.records.producer import RecordProducer
    from console.records.producing import NewRecord
    from engine.runtime import SystemClock
    from tests.tui.fakes import app_of
    from tui.aliases import Place

    app = app_of(source, Place("tail", (f"{topic} from=beginning",)))
    value = b'{"status": "paid", "amount": 12.5, "customer": "somebody"}'
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view, client = app.view, source.cluster.client
        async with RecordProducer(client, SystemClock()) as producer:
            began, sent = time.monotonic(), 0
            before = time.process_time()
            while (passed := time.monotonic() - began) < TAIL_SECONDS:
                while sent < passed * TAIL_RATE:
                    await producer.send(topic, NewRecord(b"k", value))
                    sent += 1
                await asyncio.sleep(0.01)
            await producer.flush()
        while view.lines.arrived + view.dropped < sent:
            assert time.monotonic() - began < 60
            await asyncio.sleep(0.02)
        passed = time.monotonic() - began
        busy = (time.process_time() - before) / passed
        return sent / passed, view.lines.arrived / passed, view.not_shown, view.pane.paints / passed, busy


async def inside(bootstrap):
    from console.open_cluster import OpenCluster
    from console.target import find_target
    from tests.tui.fakes import FakeSource, huge
    from tui.source import Source

    def source():
        return Source(OpenCluster(find_target(bootstrap_server=bootstrap), face="tui"))

    partitions = await painted(
        FakeSource(huge(PARTITIONS)), "partitions", ["big"], lambda screen: "10,000" in screen and "big-0" in screen
    )
    return partitions, await sql_painted(source()), await tail_shown(source(), "flow")


def main():
    heading("Terminal console")
    with Stoker(1) as cluster, tempfile.TemporaryDirectory() as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = home
        cluster.create_topic("first", partitions=3, replication_factor=-1)
        cluster.create_topic("flow", partitions=3, replication_factor=-1)
        start, idle = start_to_first_table(cluster.bootstrap)
        partitions, (sql_first, sql_all), (sent, shown, lost, paints, busy) = asyncio.run(inside(cluster.bootstrap))
    table = Table("", "measured", "unit")
    table.row("exec to first table (tmux)", start, "s")
    table.row("10,000 partitions, command to screen", partitions, "s")
    table.row("500,000 SQL rows, F5 to first rows", sql_first, "s")
    table.row("500,000 SQL rows, F5 to all", sql_all, "s")
    table.row(f"idle processor time of {IDLE_SECONDS} s", None if idle is None else idle * 100, "% of one")
    table.row("tail: records produced", sent, "/s")
    table.row("tail: records on the screen's list", shown, "/s")
    table.row("tail: not shown", lost, "records")
    table.row("tail: paints", paints, "/s")
    table.row("tail: processor time, producer included", busy * 100, "% of one")


if __name__ == "__main__":
    main()
