"""However it ends, the terminal is as it was, a cluster inside has stopped as it should, and a bug is told in a line."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.tui.fakes import FakeSource, app_of, ordinary, screen_text, settle
from tests.tui.terminal import WAIT_SECONDS, needs_tmux
from tui.aliases import Place
from tui.views.quorum import QuorumView

STOKER = f"{sys.executable} -m console"


def fail(self, *arguments):
    raise RuntimeError("a bug \x1b[31m")


@pytest.mark.anyio
async def test_a_view_that_fails_says_so_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(QuorumView, "rows", fail)
    app = app_of(FakeSource(ordinary()), Place("quorum"), debug=False)

    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        text = "\n".join(screen_text(app))
        assert "this failed: RuntimeError: a bug \\x1b[31m" in text
        app.run_command("topics")
        await settle(pilot)
        assert "orders" in "\n".join(screen_text(app))


@pytest.mark.anyio
async def test_when_asked_to_debug_it_ends_with_what_failed(monkeypatch):
    monkeypatch.setattr(QuorumView, "rows", fail)
    app = app_of(FakeSource(ordinary()), Place("quorum"), debug=True)

    with pytest.raises(Exception, match="a bug"):
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)

    assert isinstance(app.crash, RuntimeError)


def begun(terminal, command):
    """The command in the window, with the terminal's settings before and behind it."""
    terminal.run(f"stty -g > before; {command}; code=$?; stty -g > behind; echo left with $code; cat")


def process_of(terminal):
    """The one of stoker in the window."""
    (shell,) = terminal.tmux("list-panes", "-F", "#{pane_pid}").split()
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    return int(children[0] if children else shell)


def is_given_back(terminal, tmp_path):
    """Nothing of the application is left in the terminal."""
    modes = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
    terminal.until(lambda _: terminal.tmux("display", "-p", modes).split() == ["0", "0", "1"], "ordinary screen")
    assert (tmp_path / "behind").read_text() == (tmp_path / "before").read_text()


@needs_tmux
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
def test_a_signal_gives_the_terminal_back(terminal, tmp_path, monkeypatch, number, code):
    monkeypatch.chdir(tmp_path)
    begun(terminal, f"{STOKER} tui -b 127.0.0.1:1")
    terminal.sees("cannot be reached")
    if number == signal.SIGINT:
        terminal.keys("C-c")
    else:
        os.kill(process_of(terminal), number)

    terminal.sees(f"left with {code}")

    is_given_back(terminal, tmp_path)


@needs_tmux
def test_a_crash_gives_the_terminal_back_and_is_one_line(terminal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = """
import sys
from console.cli import main
from tui.widgets.bars import KeyBar
def fail(self, y):
    raise RuntimeError("it broke")
KeyBar.render_line = fail
sys.argv = ["stoker", "tui", "-b", "127.0.0.1:1"]
main()
"""
    (tmp_path / "crash.py").write_text(program)
    begun(terminal, f"{sys.executable} {shlex.quote(str(tmp_path / 'crash.py'))}")

    screen = terminal.sees("left with 1", "RuntimeError: it broke", "--debug")

    assert "Traceback" not in screen
    is_given_back(terminal, tmp_path)


@needs_tmux
def test_a_window_that_is_closed_stops_the_cluster_inside_as_it_should(terminal, environment):
    terminal.run(f"{STOKER} tui --embedded --nodes 1")
    terminal.sees("healthy", "1 broker")
    terminal.close()

    data = Path(environment["XDG_DATA_HOME"])
    deadline = time.monotonic() + WAIT_SECONDS
    while not list(data.rglob(".kafka_cleanshutdown")):
        assert time.monotonic() < deadline, "it did not stop as it should"
        time.sleep(0.05)
