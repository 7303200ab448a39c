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
IDLE_SECONDS = 60
WAIT_SECONDS = 60
TAIL_SECONDS = 8
TAIL_RATE = 5_000
STARTS = 3
PARTITIONS = 10_000
SQL = "select range a, range * 2 b, 'x' || range c from range(500000)"


def start_to_first_table(bootstrap):
    """Seconds from exec to a table on a real terminal (tmux), the processor time of that, and the one of idle seconds
    after it; None without tmux."""
    if shutil.which("tmux") is None:
        return None, None, None
    folder = tempfile.mkdtemp(prefix="stoker-")
    # Modules are compiled once, by the first start, as where the project is installed.
    kept = {key: value for key, value in os.environ.items() if key not in ("TMUX", "PYTHONDONTWRITEBYTECODE")}
    compiled = str(ROOT / ".cache" / "bench" / "modules")
    environment = {
        **kept, "TMUX_TMPDIR": folder, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": compiled, "TERM": "xterm-256color",
    }  # fmt: skip

    def tmux(*words):
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    found, busy, idle = [], [], None
    try:
        # The server ends with its last session: this one stays.
        tmux("new-session", "-d", "-s", "keep", "cat")
        for run in range(STARTS):
            name = f"s{run}"
            began = time.monotonic()
            tmux("new-session", "-d", "-s", name, "-x", "120", "-y", "36", f"exec {sys.executable} -m console tui -b {bootstrap}")  # fmt: skip
            while not re.search(r"^ first ", tmux("capture-pane", "-p", "-t", name), re.MULTILINE):
                assert time.monotonic() - began < WAIT_SECONDS, tmux("capture-pane", "-p", "-t", name)
                time.sleep(0.01)
            found.append(time.monotonic() - began)
            pid = int(tmux("list-panes", "-t", name, "-F", "#{pane_pid}").strip())
            busy.append(processor_seconds(pid))
            if run == STARTS - 1:
                time.sleep(3)
                before = processor_seconds(pid)
                time.sleep(IDLE_SECONDS)
                idle = processor_seconds(pid) - before
            tmux("kill-session", "-t", name)
    finally:
        subprocess.run(["tmux", "kill-server"], env=environment, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    return min(found), min(busy), idle


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
        await until(began, lambda: ready("\n".join(screen_text(app))))
        return time.monotonic() - began


async def sql_painted(source):
    """Seconds from F5 to the first rows, to all 500,000, and from a key to them in another order."""
    from tests.tui.fakes import app_of, screen_text
    from tui.aliases import Place

    app = app_of(source, Place("sql", (SQL,)))
    async with app.run_test(size=(120, 36)) as pilot:
        await source.cluster.sql.warm_up()
        await pilot.pause()
        began = time.monotonic()
        await pilot.press("f5")
        await until(began, lambda: re.search(r"^ +0 +0 +x0", "\n".join(screen_text(app)), re.MULTILINE))
        first = time.monotonic() - began
        await until(began, lambda: "500,000 rows in" in "\n".join(screen_text(app)))
        everything = time.monotonic() - began
        table = app.view.table
        began = time.monotonic()
        table.action_sort_next()
        await until(began, lambda: table.model.row(0).cell(0) == 499_999)
        return first, everything, time.monotonic() - began


async def until(began, holds):
    while not holds():
        assert time.monotonic() - began < WAIT_SECONDS
        await asyncio.sleep(0.002)


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
        await until(time.monotonic(), lambda: view.lines.arrived + view.dropped >= sent)
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
        start, start_busy, idle = start_to_first_table(cluster.bootstrap)
        partitions, (sql_first, sql_all, sql_sorted), (sent, shown, lost, paints, busy) = asyncio.run(
            inside(cluster.bootstrap)
        )
    table = Table("", "measured", "unit")
    table.row("exec to first table (tmux)", start, "s")
    table.row("the same, processor time", start_busy, "s")
    table.row("10,000 partitions, command to screen", partitions, "s")
    table.row("500,000 SQL rows, F5 to first rows", sql_first, "s")
    table.row("500,000 SQL rows, F5 to all", sql_all, "s")
    table.row("500,000 SQL rows, a key to another order", sql_sorted, "s")
    table.row("processor time of an idle minute", idle, "s")
    table.row("tail: records produced", sent, "/s")
    table.row("tail: records on the screen's list", shown, "/s")
    table.row("tail: not shown", lost, "records")
    table.row("tail: paints", paints, "/s")
    table.row("tail: processor time, producer included", busy * 100, "% of one")


if __name__ == "__main__":
    main()
