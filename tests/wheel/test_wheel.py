"""The wheel, as somebody has it who never saw this directory: built, installed in an environment of its own, run.

Its dependencies come from the package index: where that is out of reach, the tests skip and say so.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "console", "web", "tui", "sample_data")
FILES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
READY_SECONDS_MAX = 60


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """What a wheel is built from, without what building and running leave behind."""
    copied = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__", "*.tmp"))
    for name in FILES:
        shutil.copy(ROOT / name, copied)
    return copied


@pytest.fixture(scope="session")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--python", sys.executable, "-o", str(out), str(source))
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def stoker(wheel, tmp_path_factory):
    """The command of a fresh environment that has only the wheel and what it depends on."""
    home = tmp_path_factory.mktemp("installed")
    uv("venv", "--python", sys.executable, str(home / "venv"))
    python = home / "venv" / "bin" / "python"
    uv("pip", "install", "--python", str(python), str(wheel))
    return home / "venv" / "bin" / "stoker"


@pytest.fixture
def outside(tmp_path):
    """An environment and a directory that know nothing of the checkout."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STOKER", "VIRTUAL_ENV"))
    }
    return {"cwd": tmp_path, "env": clean}


def uv(*words):
    done = subprocess.run(
        [sys.executable, "-m", "uv", *words], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode and re.search(
        r"dns error|error sending request|[Cc]onnection refused|timed out|not found in the cache", done.stderr
    ):
        pytest.skip(f"the package index is out of reach: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]


def run(stoker, *words, outside):
    done = subprocess.run([stoker, *words], capture_output=True, text=True, timeout=60, check=False, **outside)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def running(stoker, tmp_path, outside, *words):
    """`stoker up`; gives its bootstrap servers."""
    ready = tmp_path / "ready"
    log = tmp_path / "up.log"
    command = [stoker, "up", "--ephemeral", "--nodes", "1", "--port", "0", "--ready-file", str(ready), *words]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **outside)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not ready.exists() and time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        assert ready.exists(), log.read_text()
        yield json.loads(ready.read_text())["bootstrap_servers"]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_every_file_of_the_packages_is_in_the_wheel(source, wheel):
    """Schemas, samples, templates, styles: whoever adds a kind of file adds it to package-data."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(source)) for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()
    }
    assert sorted(wanted - inside) == []


def test_tests_and_tools_are_not_in_the_wheel(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_it_says_its_version(stoker, outside):
    assert re.fullmatch(r"stoker \d+\.\d+\.\d+\n", run(stoker, "--version", outside=outside))


def test_a_cluster_with_the_samples_runs_and_is_listed(stoker, tmp_path, outside):
    with running(stoker, tmp_path, outside, "--no-web", "--demo") as servers:
        listed = run(stoker, "topics", "list", "-b", servers, outside=outside)
        counted = run(
            stoker, "sql", "select count(*) > 0 as some from orders", "-b", servers, "-o", "csv", outside=outside
        )
    assert "page-views" in listed
    assert "true" in counted.lower()
