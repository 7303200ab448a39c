"""What the benchmarks share: the cluster in a process of its own, Apache Kafka beside it, the load, the tables.

A benchmark is a script, `bench_NAME.py`, that `./dev bench NAME` runs: it prints Markdown, takes less than two minutes and
needs nothing but the project. What it can do without, it leaves out and says so: Apache Kafka (a JVM, Maven Central), the
load generator (a C compiler and librdkafka-dev).
"""

import contextlib
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

LOAD_SECONDS_MAX = 110
STOP_SECONDS_MAX = 60


class Measured:
    """A cluster that runs: where it listens, and the processes it consists of."""

    bootstrap: str
    pids: list[int]

    def create_topic(self, name, partitions=1, replication_factor=1, **configs):
        raise NotImplementedError

    def cpu_seconds(self):
        """Of all its processes, user and system."""
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in self.pids)

    def memory_mb(self):
        """Proportional set size (Linux), so that pages its processes share count once."""
        return sum(_memory_bytes(pid) for pid in self.pids) / 1e6


def _environment():
    """Ours, this checkout in front, and modules compiled once, as where the project is installed."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "bench" / "modules")}


def _memory_bytes(pid):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return psutil.Process(pid).memory_info().rss


class Stoker(Measured):
    """Our cluster: `with Stoker(nodes=3, processes=True) as cluster`."""

    def __init__(self, nodes=3, processes=False, data_dir=None, **properties):
        options = {"nodes": nodes, "processes": processes, "data_dir": data_dir, "properties": properties}
        self.spawned = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve.py"), json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment(),
        )  # fmt: skip
        self.times = self._answer()
        self.bootstrap = self.times["bootstrap"]
        self.node_pids = {int(key): value for key, value in self.times["pids"].items()}
        self.pids = sorted(
            {self.process.pid, *self.node_pids.values()} if not processes else {*self.node_pids.values()}
        )

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the cluster ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def do(self, what, **values):
        self.process.stdin.write(json.dumps({"do": what, **values}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def create_topic(self, name, partitions=1, replication_factor=1, **configs):
        self.do("topic", name=name, partitions=partitions, replication_factor=replication_factor, configs=configs)

    def kill_all(self):
        """SIGKILL, every process."""
        for pid in {self.process.pid, *self.pids}:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        self.process.wait()

    def __enter__(self):
        return self

    def stop(self):
        """Stop it cleanly; returns the seconds that took."""
        start = time.monotonic()
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS_MAX)
        return time.monotonic() - start

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill_all()
        self.process.stdout.close()


class ApacheKafka(Measured):
    """Apache Kafka, one node."""

    def __init__(self, bootstrap, pids):
        self.bootstrap, self.pids = bootstrap, pids

    def create_topic(self, name, partitions=1, replication_factor=1, **configs):
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        config = {key: str(value) for key, value in configs.items()}
        made = admin.create_topics(
            [NewTopic(name, partitions, replication_factor, config=config)], operation_timeout=100
        )
        made[name].result(110)


@contextlib.contextmanager
def apache_kafka():
    """Runs it for the length of the block, with 1 GB at most and its whole compiler; None where it cannot be had."""
    import pytest

    from tests.java_kafka.apache_kafka import apache_kafka as running

    before = {child.pid for child in psutil.Process().children()}
    with contextlib.ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(running(jvm_options=("-Xmx1g", "-XX:+UseG1GC")))
        except pytest.skip.Exception as reason:
            print(f"(Apache Kafka is left out: {reason})\n")
            yield None
            return
        pids = [child.pid for child in psutil.Process().children() if child.pid not in before and _is_java(child)]
        yield ApacheKafka(bootstrap, pids)


def _is_java(process):
    with contextlib.suppress(psutil.Error):
        return "java" in process.name()
    return False


# The load


def load_program():
    """The C load generator, compiled; None, with a word, where that cannot be done."""
    program = ROOT / ".cache" / "bench" / "load"
    source = HERE / "load.c"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return str(program)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        print("(left out: there is no C compiler for tests/bench/load.c)\n")
        return None
    program.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [compiler, "-O2", str(source), "-o", str(program), "-lrdkafka"], capture_output=True, text=True
    )
    if done.returncode:
        print(
            "(left out: tests/bench/load.c does not compile here; on Debian and Ubuntu: apt install librdkafka-dev)\n"
        )
        return None
    return str(program)


class Load:
    """One run of the load generator against a cluster."""

    def __init__(self, program, cluster, kind, topic, count, size=None, **settings):
        command = [program, kind, cluster.bootstrap, topic, str(count), *([] if size is None else [str(size)])]
        command += [f"{key}={value}" for key, value in settings.items()]
        server, client = cluster.cpu_seconds(), os.times()
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS_MAX)
        client_after = os.times()
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        records, seconds, failed = done.stdout.split()
        assert int(failed) == 0, f"{' '.join(command)}: {failed} failed"
        self.records, self.seconds = int(records), float(seconds)
        self.rate = self.records / self.seconds
        self.server_us = 1e6 * (cluster.cpu_seconds() - server) / self.records
        """CPU time of the cluster, µs a record."""
        self.client_us = 1e6 * sum(client_after[2:4]) / self.records - 1e6 * sum(client[2:4]) / self.records
        """CPU time of the load generator, µs a record."""


def first_record(bootstrap, topic):
    """Produce one record with acks=all; returns when it is acknowledged: seconds of the monotonic clock."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0, "log_level": 0})
    for _ in range(100):
        outcome = []

        def on_delivery(error, _, outcome=outcome):
            outcome.append((error, time.monotonic()))

        producer.produce(topic, b"first", on_delivery=on_delivery)
        producer.flush(60)
        ((error, at),) = outcome
        if error is None:
            return at
        # The topic was acknowledged before every broker knew it.
        assert error.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "NOT_LEADER_FOR_PARTITION"), error
    raise AssertionError(error)


# What is printed


def heading(title):
    """The title, and the circumstances all figures below hang on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    print(f"## {title}\n")
    print(
        f"{datetime.datetime.now():%Y-%m-%d %H:%M}, {commit or 'no commit'}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores ({_cpu_model()}), load average at the start {load}, yardstick {_yardstick_ms():.0f} ms\n",
        flush=True,
    )


def _yardstick_ms():
    """CPU time of a fixed loop: says how fast a core is just now, with whoever else sits on it."""
    before = time.process_time()
    for number in range(3_000_000):
        number * 2 + 1
    return 1e3 * (time.process_time() - before)


def _cpu_model():
    with contextlib.suppress(OSError, IndexError):
        return Path("/proc/cpuinfo").read_text().split("model name")[1].split("\n")[0].strip(" \t:")
    return platform.machine()


class Table:
    """Prints a Markdown table, each row as soon as it is known."""

    def __init__(self, *columns):
        print("| " + " | ".join(columns) + " |")
        print("|" + "---|" + "--:|" * (len(columns) - 1), flush=True)

    def row(self, *cells):
        print("| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in cells) + " |", flush=True)


def number(value):
    """Three significant digits, thousands apart."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(ours, theirs):
    return None if ours is None or theirs is None else ours / theirs


@contextlib.contextmanager
def temporary_directory():
    path = tempfile.mkdtemp(prefix="stoker-bench-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
