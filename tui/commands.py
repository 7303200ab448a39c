"""`stoker tui`: the terminal console on whichever cluster is meant, or on one that it starts inside itself."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import click

from console.commands.options import Invocation, cluster_options, invocation
from console.errors import Blame, OperatorError

if TYPE_CHECKING:
    from console.commands.up import ClusterService
    from console.target import Target
    from tui.app import StokerApp
    from tui.source import Source

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Somebody ends the process; the terminal is gone (its window was closed, the line to it broke)."""


@click.command()
@click.argument("words", nargs=-1, metavar="[VIEW [NAME …]]")
@click.option("--theme", metavar="NAME", help="How it looks; default: what fits the terminal, or the settings.")
@click.option("--embedded", is_flag=True, help="Start a cluster inside, on the data directory of `stoker up`.")
@click.option("--ephemeral", is_flag=True, help="Start a cluster inside that keeps nothing.")
@click.option("--nodes", type=click.IntRange(1, 50), help="Nodes of the cluster inside; default: 3.")
@click.option("--demo", is_flag=True, help="The cluster inside comes with sample topics that keep flowing.")
@cluster_options
def tui(
    words: tuple[str, ...],
    theme: str | None,
    embedded: bool,
    ephemeral: bool,
    nodes: int | None,
    demo: bool,
) -> int:
    """Open the terminal console, on a VIEW (topics, groups, pulses, …) if one is named.

    It attaches to the cluster that is meant, as every command does; where there is none, it offers to start one inside
    itself, which ends with it. ? inside is the help. Keys, commands of your own, columns and the theme are
    set in [tui] of contexts.toml; the help says where that is.

    \b
    Examples:
      stoker tui
      stoker tui topic orders
      stoker tui tail orders from=5m
      stoker tui --ephemeral --demo
      stoker tui -b kafka-1:9092 --readonly
    """
    from console.target import find_target

    # Textual paints on the standard error, and reads from the standard input.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise OperatorError.words("the terminal console needs a terminal", "`stoker --help` has commands for scripts.")
    call = invocation()
    inside = Inside(embedded, ephemeral, nodes, demo)
    inside.check(call)
    target: Target | None = None
    if not inside.is_wanted:
        try:
            target = find_target(
                bootstrap_server=call.bootstrap_server,
                command_config=call.command_config,
                context_name=call.context,
                readonly=call.readonly,
            )
        except OperatorError as error:
            if error.blame is not Blame.UNREACHABLE or call.bootstrap_server or call.context:
                raise
            inside = _offer(inside)
        else:
            inside.check_is_there(target)
    return run_face(call, target, inside, words=words, theme=theme)


@dataclass(frozen=True, slots=True)
class Inside:
    """What was said of a cluster inside."""

    embedded: bool = False
    """On the data directory of `stoker up`."""
    ephemeral: bool = False
    nodes: int | None = None
    demo: bool = False

    @property
    def is_wanted(self) -> bool:
        return self.embedded or self.ephemeral or self.demo

    def check(self, call: Invocation) -> None:
        """Raises OperatorError for what cannot be meant together."""
        if self.embedded and self.ephemeral:
            raise OperatorError.words("--embedded keeps its topics, --ephemeral does not", "Name one of them.")
        other = call.bootstrap_server or call.context or call.command_config
        if self.is_wanted and other:
            raise OperatorError.words(
                f"a cluster inside was asked for, and {other}",
                "--embedded, --ephemeral and --demo start one of their own.",
            )

    def check_is_there(self, target: Target) -> None:
        """Raises OperatorError when something was said of a cluster inside, and there is another."""
        if self.nodes is not None:
            raise OperatorError.words(
                f"--nodes is for a cluster inside, and there is {target.name}", "--embedded or --ephemeral starts one."
            )


def _offer(said: Inside) -> Inside:
    """Which cluster is to be started inside, where there is none. Raises click.exceptions.Exit when none is wanted."""
    click.echo("No cluster was named, and none runs here. Start one inside?")
    chosen = click.prompt(
        "  k  keep its topics, in the data folder of `stoker up`\n"
        "  e  ephemeral: keep nothing\n"
        "  d  demo: sample topics that keep flowing; keep nothing\n"
        "  q  quit\n",
        type=click.Choice(["k", "e", "d", "q"]),
        default="k",
        show_choices=False,
    )
    if chosen == "q":
        raise click.exceptions.Exit(0)
    return replace(said, embedded=chosen == "k", ephemeral=chosen != "k", demo=chosen == "d")


def run_face(
    call: Invocation,
    target: Target | None,
    inside: Inside = Inside(),
    *,
    words: Sequence[str] = (),
    theme: str | None = None,
) -> int:
    """Runs it until it is left. `target` None: a cluster is started inside. Raises OperatorError."""
    # Textual's modules are a few hundred small ones: the collector would look at each again and again.
    import gc

    gc.disable()
    # Esc is known by nothing following it: Textual waits 100 ms, in which one who types fast has typed the next key, and Esc
    # and that become another one. 50 ms is what vim waits.
    os.environ.setdefault("ESCDELAY", "50")
    from tui.aliases import Place, Problem, parse
    from tui.app import StokerApp
    from tui.settings import load_settings

    gc.enable()
    gc.freeze()
    settings = load_settings()
    start: Place | None = None
    if words:
        found = parse(" ".join(words), dict(settings.aliases))
        if not isinstance(found, Place):
            raise OperatorError.words(found.text if isinstance(found, Problem) else f"there is no view {words[0]!r}")
        start = found

    async def main() -> int:
        service = None
        meant = target
        if meant is None:
            service, meant = await _start_inside(call, inside)
        with EndingSignals() as told:
            try:
                app = StokerApp(
                    open_source(meant),
                    settings=settings,
                    start=start,
                    theme=theme,
                    open_source=context_opener(call),
                    debug=call.debug,
                )
                app.notes += meant.notes
                told.app = app
                result = await app.run_async()
                if app.crash is not None:
                    raise app.crash
                return result or 0
            finally:
                if service is not None:
                    _say("Stopping the cluster inside …")
                    await service.stop()

    from engine.cluster import new_event_loop

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())


class EndingSignals:
    """While it is entered, signals that end a process leave the application instead, so that the terminal is given back as it
    was and a cluster inside stops as it should. The exit code is then the shell's for that signal."""

    def __init__(self) -> None:
        self.app: StokerApp | None = None

    def __enter__(self) -> Self:
        for number in ENDING_SIGNALS:
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(number, self._end, number)
        return self

    def __exit__(self, *error: object) -> None:
        for number in ENDING_SIGNALS:
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().remove_signal_handler(number)

    def _end(self, number: int) -> None:
        # A terminal that is gone says so more than once.
        if self.app is not None and not self.app.is_leaving:
            self.app.exit(128 + number)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(text, file=sys.stderr)


async def _start_inside(call: Invocation, inside: Inside) -> tuple[ClusterService, Target]:
    """A cluster on this loop, which other commands find while it runs."""
    from console.client_config import client_config
    from console.commands.up import ClusterService, UpOptions
    from console.local_cluster import default_data_dir
    from console.target import Target

    directory = None if inside.ephemeral else str(default_data_dir())
    options = UpOptions(inside.nodes, "127.0.0.1", 0, directory, False, None, {}, inside.demo)
    service = ClusterService(options)
    _say("Starting a cluster inside …")
    await service.start()
    with contextlib.redirect_stdout(io.StringIO()):
        # It tells other commands, and us what we show ourselves.
        await service.announce()
    assert service.cluster is not None
    config = client_config(service.cluster.bootstrap_servers, {})
    return service, Target("inside", config, call.readonly)


def open_source(target: Target) -> Source:
    """The cluster, for the views. Nothing is connected yet."""
    from console.open_cluster import OpenCluster
    from tui.source import Source

    return Source(OpenCluster(target, face="tui"))


def context_opener(call: Invocation) -> Callable[[str], Source]:
    """Opens a context by its name; what was said on the command line of read-only holds for it too."""

    def open_context(name: str) -> Source:
        from console.target import find_target

        return open_source(find_target(context_name=name, readonly=call.readonly))

    return open_context
