"""A real terminal: tmux with a window whose screen is read, and into which keys are sent."""

import os
import shutil
import subprocess
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A tmux server of its own with one window of 120 columns and 36 lines."""

    def __init__(self, environment, folder):
        self._name = f"stoker-{uuid.uuid4().hex[:8]}"
        self._environment = {**environment, "TERM": "xterm-256color", "TMUX_TMPDIR": str(folder)}
        self._environment.pop("TMUX", None)

    def tmux(self, *words):
        command = ["tmux", "-L", self._name, "-f", "/dev/null", *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def run(self, command):
        self.tmux("new-session", "-d", "-x", "120", "-y", "36", command)

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def tab(self, times=1):
        """To the next field: what is typed right behind the key would go into the old one."""
        for _ in range(times):
            before = self.tmux("capture-pane", "-p", "-e")
            self.keys("Tab")
            self.until(lambda _, before=before: self.tmux("capture-pane", "-p", "-e") != before, "other field")

    def command(self, line):
        """A `:` command; waits until the line is gone again."""
        self.type(":")
        self.until(lambda screen: any(each.startswith(" :") for each in screen.splitlines()), "the command line")
        self.type(line)
        self.until(lambda screen: f":{line}" in screen, f":{line} on the command line")
        self.keys("Enter")

    @property
    def screen(self):
        return self.tmux("capture-pane", "-p")

    def until(self, holds, what, seconds=WAIT_SECONDS):
        """Until the screen is so; gives it."""
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen
            if holds(screen):
                return screen
            assert time.monotonic() < deadline, f"no {what} on the screen:\n{screen}"
            time.sleep(0.05)

    def sees(self, *texts):
        return self.until(lambda screen: all(text in screen for text in texts), " and ".join(map(repr, texts)))

    def close(self):
        subprocess.run(
            ["tmux", "-L", self._name, "kill-server"], env=self._environment, capture_output=True, check=False
        )


def clean_environment(folder):
    """Of a process whose files are all in `folder`, and which finds no cluster but those that are begun there."""
    dropped = ("XDG_RUNTIME_DIR", "STOKER_BOOTSTRAP_SERVER", "NO_COLOR")
    clean = {name: value for name, value in os.environ.items() if name not in dropped}
    folders = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {**clean, **folders, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


@contextmanager
def a_terminal(environment):
    # Paths of sockets are short.
    folder = Path(f"/tmp/stoker-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o700)
    found = Terminal(environment, folder)
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(folder, ignore_errors=True)
