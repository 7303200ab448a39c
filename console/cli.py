"""The `stoker` command: a table of commands that are imported only when they are run, and what their failures become.

Exit codes: 0 done, 1 the cluster said no, 2 the words are off, 3 the cluster cannot be reached, 130 interrupted.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from console.commands.options import cluster_options

EXIT_INTERRUPTED = 130

# Name: where it is, and its line in the help (a test holds that it is the command's own).
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Run a cluster": {
        "up": ("web.commands:up", "Start a cluster here."),
        "node": ("console.commands.node:node", "Run one node from a Kafka properties file."),
        "format": ("console.commands.node:format_directories", "Prepare a node's log directories."),
    },
    "Look at a cluster": {
        "cluster": ("console.commands.cluster:cluster", "What the cluster is, and how it is."),
        "brokers": ("console.commands.cluster:brokers", "Brokers: where they are, what they lead and hold."),
        "quorum": ("console.commands.cluster:quorum", "The metadata quorum: leader, voters, observers, lag."),
        "topics": ("console.commands.topics:topics", "List, describe, create, alter and delete topics."),
        "partitions": ("console.commands.partitions:partitions", "Leader, replicas, offsets and size per partition."),
        "groups": ("console.commands.groups:groups", "Consumer groups: members, offsets, lag."),
        "configs": ("console.commands.configs:configs", "Configuration of topics, brokers and groups."),
    },
    "Records": {
        "produce": ("console.commands.produce:produce", "Send records from a file or the standard input."),
        "tail": ("console.commands.tail:tail", "Read records, and follow as they arrive."),
        "records": ("console.commands.records:records", "Search, browse, count, export and import records."),
        "sql": ("console.commands.sql:sql", "Ask topics and the cluster in SQL."),
    },
    "Consoles": {
        "web": ("web.commands:web", "The web console, on whichever cluster."),
        "tui": ("tui.commands:tui", "The console in this terminal."),
    },
    "Laboratory": {
        "sim": ("console.commands.sim:sim", "The laboratory: clusters in virtual time."),
    },
    "Changes": {
        "audit": ("console.commands.audit:audit", "What was changed, by whom; and undo."),
    },
    "Settings": {
        "contexts": ("console.commands.contexts:contexts", "Named clusters."),
    },
}


class OutputClosed(Exception):
    """Whoever read our output has seen enough (`| head`)."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            # click would make it exit code 1.
            raise OutputClosed from error

    def list_commands(self, context: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if name in section:
                module, _, attribute = section[name][0].partition(":")
                command = getattr(importlib.import_module(module), attribute)
                assert isinstance(command, click.Command)
                return command
        return None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])


EPILOG = """\b
Which cluster:  -b HOST:PORT, else STOKER_BOOTSTRAP_SERVER, else the context in use
                (`stoker contexts`), else the one `stoker up` runs on this machine.
Exit codes:     0 done, 1 the cluster said no, 2 the words are off,
                3 the cluster cannot be reached, 130 interrupted.
Completion:     eval "$(_STOKER_COMPLETE=bash_source stoker)"   (or zsh_source, fish_source)
"""


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"stoker {version('stoker')}")
        except PackageNotFoundError:
            click.echo("stoker (not installed)")
        context.exit()


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@cluster_options
@click.pass_context
def cli(context: click.Context) -> None:
    """Kafka you can pip install: run a cluster here, and operate this or any other Kafka cluster."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; errors are told on stderr."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        outcome = cli.main(None if arguments is None else list(arguments), prog_name="stoker", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except (OutputClosed, BrokenPipeError):
        # Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from console.failures import tell

        if debug:
            raise
        return tell(error)


def main() -> None:
    """The entry point of the `stoker` command."""
    # Importing makes many objects and no garbage: looking for some there, and again at the end, takes a fifth of the time
    # of a short command.
    gc.set_threshold(50_000, 10, 10)
    code = run()
    if "duckdb" in sys.modules:
        # What it holds must go before it does, or it reports every function it has as leaked.
        gc.unfreeze()
    else:
        gc.freeze()
    sys.exit(code)
