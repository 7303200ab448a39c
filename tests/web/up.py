"""`stoker up` in a process and a home of its own, for screenshots and benchmarks of the console."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S_MAX = 90


@contextlib.contextmanager
def stoker_up(*options):
    """Runs it for the length of the block; gives what its ready file says: `bootstrap_servers`, `web_url`, `pids`, …"""
    with tempfile.TemporaryDirectory(prefix="stoker-up-") as home:
        ready = Path(home) / "ready.json"
        names = ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR")
        own = {f"XDG_{name}": str(Path(home) / name.lower()) for name in names}
        Path(own["XDG_RUNTIME_DIR"]).mkdir(mode=0o700)
        words = (
            "up",
            "--ephemeral",
            "--port",
            "0",
            "--web-port",
            "0",
            "--no-open",
            "--ready-file",
            str(ready),
            *options,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "console", *words],
            cwd=ROOT,
            env={**os.environ, **own, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )
        try:
            give_up = time.monotonic() + START_S_MAX
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the cluster did not start")
                time.sleep(0.05)
            yield {**json.loads(ready.read_text()), "pid": process.pid}
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
