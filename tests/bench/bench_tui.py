"""The terminal console: start to the first table, first paint of long tables, and what it costs while nothing happens.

The start is that of `stoker tui -b …` in a terminal of its own (a pty) until a topic's name is on it.
"""

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil
from benching import Stoker, Table, heading, temporary_directory

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
IDLE_SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
RUNS = 5


def in_a_terminal(bootstrap, folder):
    """The process, and our side of its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    variables = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", PYTHONPATH=str(ROOT))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        variables[f"XDG_{name}_HOME"] = str(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "tui", "-b", bootstrap],
        stdin=theirs, stdout=theirs, stderr=theirs, env=variables, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def read_until(ours, wanted, seconds):
    """What came until `wanted` did."""
    found, deadline = b"", time.monotonic() + seconds
    while wanted not in found:
        assert time.monotonic() < deadline, f"{wanted!r} did not come: {found[-500:]!r}"
        if select.select([ours], [], [], 0.05)[0]:
            found += os.read(ours, 65_536)
    return found


def drain(ours, seconds):
    """Bytes that are painted within so long."""
    count, deadline = 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([ours], [], [], left)[0]:
            try:
                count += len(os.read(ours, 65_536))
            except OSError:  # Linux: the other side is gone.
                break
    return count


def start_and_idle(table):
    with Stoker(3) as cluster, temporary_directory() as folder:
        cluster.create_topic("first-topic-of-all", partitions=3, replication_factor=3)
        times = []
        for run in range(RUNS):
            began = time.monotonic()
            process, ours = in_a_terminal(cluster.bootstrap, folder)
            read_until(ours, b"first-topic-of-all", 30)
            times.append(time.monotonic() - began)
            if run == RUNS - 1:
                drain(ours, 5)
                usage = psutil.Process(process.pid)
                before = sum(usage.cpu_times()[:2])
                painted = drain(ours, IDLE_SECONDS)
                spent = sum(usage.cpu_times()[:2]) - before
                table.row("idle processor time, % of one", 100 * spent / IDLE_SECONDS)
                table.row("bytes painted in an idle minute", 60 * painted / IDLE_SECONDS)
                table.row("memory, MB", usage.memory_info().rss / 2**20)
            os.write(ours, b"\x11")
            drain(ours, 0.3)
            process.wait(20)
            os.close(ours)
        table.row("start to the first table, best of 5, s", min(times))


class Rows:
    """As many rows as asked for, made when they are looked at."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return (index, f"customer-{index % 977}", index * 37 % 10_000)


async def first_paints(table):
    from textual.app import App

    from tests.tui.fakes import FakeSource, app_of, huge, settle
    from tui.aliases import Place
    from tui.widgets.table import VirtualTable
    from tui.widgets.table_model import Column, TableModel

    source = FakeSource(huge(10_000))
    app = app_of(source, Place("help"))
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        began = time.perf_counter()
        app.jump("partitions", "big")
        await settle(pilot)
        table.row("first paint of 10,000 partitions, s", time.perf_counter() - began)
        began = time.perf_counter()
        await pilot.press("end")
        await pilot.pause()
        table.row("to their end, s", time.perf_counter() - began)
        began = time.perf_counter()
        source.pass_over(huge(10_000))
        await settle(pilot)
        table.row("a look at the cluster that changes nothing (with making it), s", time.perf_counter() - began)

    columns = [Column("n", "N", lambda row: row[0], right=True), Column("who", "WHO", lambda row: row[1]), Column("sum", "SUM", lambda row: row[2], right=True)]  # fmt: skip
    model = TableModel(columns, lambda row: row[0])

    class Long(App):
        def compose(self):
            yield VirtualTable(model)

    async with Long().run_test(size=(140, 40)) as pilot:
        widget = pilot.app.query_one(VirtualTable)
        await pilot.pause()
        began = time.perf_counter()
        widget.set_rows(Rows(500_000))
        await pilot.pause()
        table.row("first paint of 500,000 rows, s", time.perf_counter() - began)
        widget.focus()
        began = time.perf_counter()
        await pilot.press("end")
        await pilot.pause()
        table.row("to their end, s", time.perf_counter() - began)
        began = time.perf_counter()
        model.set_filter("customer-9$")
        widget.rearrange()
        await pilot.pause()
        table.row("a filter over them, s", time.perf_counter() - began)


def main():
    heading("The terminal console")
    table = Table("", "")
    start_and_idle(table)
    asyncio.run(first_paints(table))


if __name__ == "__main__":
    main()
